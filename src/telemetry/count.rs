//! What happened, for the metrics: one function for each thing that is counted.
//! Each costs an atomic operation or two.

use std::time::Instant;

use super::metrics::metrics;

/// All metrics as Prometheus reads them.
pub fn render() -> String {
    // Nothing but a reader wants this one, so it is looked at only here.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let alive = runtime.metrics().num_alive_tasks();
        metrics().tasks.set(gauge(alive));
    }
    metrics().render()
}

/// Folds what clocks gathered, so that it takes no memory when nobody reads
/// the metrics. Once in five seconds is enough.
pub fn run_upkeep() {
    metrics().run_upkeep();
}

/// So many connections are open now.
pub fn connections(now: usize) {
    metrics().connections.set(gauge(now));
}

/// A connection was opened.
pub fn connection_opened() {
    metrics().connections_opened.increment(1);
}

/// So many polls are held now.
pub fn polling(now: usize) {
    metrics().polling.set(gauge(now));
}

/// So many rooms have a member on this instance now.
pub fn rooms(now: usize) {
    metrics().rooms.set(gauge(now));
}

/// Whether probes come back through the broker.
pub fn broker_up(is_up: bool) {
    metrics().broker_up.set(f64::from(u8::from(is_up)));
}

/// Whether this instance takes nobody new.
pub fn draining(is_draining: bool) {
    metrics().draining.set(f64::from(u8::from(is_draining)));
}

/// A frame came from a client.
pub fn frame_in() {
    metrics().frames_in.increment(1);
}

/// So many frames went to a client.
pub fn frames_out(frames: usize) {
    metrics().frames_out.increment(frames as u64);
}

/// A client asked to send a message, or to change one.
pub fn send() {
    metrics().sends.increment(1);
}

/// A message, or a change of one, was stored and acknowledged; a duplicate had
/// been stored before.
pub fn ack(is_duplicate: bool) {
    metrics().acks.increment(1);
    if is_duplicate {
        metrics().duplicates.increment(1);
    }
}

/// A room frame was handed to so many members.
pub fn deliveries(members: u64) {
    metrics().deliveries.increment(members);
}

/// A room had a hole and read its log.
pub fn repair() {
    metrics().repairs.increment(1);
}

/// A client was told that history is no longer there.
pub fn gap() {
    metrics().gaps.increment(1);
}

/// A client was told that entries it had seen are gone.
pub fn rollback() {
    metrics().rollbacks.increment(1);
}

/// A slow client fell behind in a room.
pub fn fell_behind() {
    metrics().outbox_dropped.increment(1);
}

/// A frame or a request was refused because of a rate.
pub fn rate_limited() {
    metrics().rate_limited.increment(1);
}

/// A poll was answered.
pub fn poll() {
    metrics().polls.increment(1);
}

/// A session began.
pub fn sign_in() {
    metrics().sign_ins.increment(1);
}

/// A request was answered with this status.
pub fn http_request(status: u16) {
    metrics().http_request(status);
}

/// A call to the broker failed or took too long.
pub fn broker_error() {
    metrics().broker_errors.increment(1);
}

/// Times storing a message.
pub fn append_timer() -> AppendTimer {
    AppendTimer(Instant::now())
}

/// A running clock, see [`append_timer`]. Dropped without being stopped, it
/// counts nothing.
#[must_use = "it counts when it is stopped"]
#[derive(Debug)]
pub struct AppendTimer(Instant);

impl AppendTimer {
    /// Counts the time since it was made.
    pub fn stop(self) {
        metrics().broker_append.record(self.0.elapsed());
    }
}

/// Times reading from a log.
pub fn read_timer() -> ReadTimer {
    ReadTimer(Instant::now())
}

/// A running clock, see [`read_timer`]. Dropped without being stopped, it
/// counts nothing.
#[must_use = "it counts when it is stopped"]
#[derive(Debug)]
pub struct ReadTimer(Instant);

impl ReadTimer {
    /// Counts the time since it was made.
    pub fn stop(self) {
        metrics().broker_read.record(self.0.elapsed());
    }
}

/// A count as a gauge wants it.
fn gauge(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> f64 {
        let text = render();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix("hubbub_tasks "));
        value.unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn tasks_that_live_are_counted_whenever_somebody_asks() {
        let before = tasks();
        let waiting = tokio::spawn(std::future::pending::<()>());
        assert!((tasks() - before - 1.0).abs() < f64::EPSILON);
        waiting.abort();
        let _ = waiting.await;
        assert!((tasks() - before).abs() < f64::EPSILON);
    }
}
