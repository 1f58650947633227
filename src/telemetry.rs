//! What is counted.
/// A room had a hole and reads its log.
pub fn repair() {}
/// A member's outbox was full.
pub fn fell_behind() {}
/// An entry went to so many members.
pub fn deliveries(_count: u64) {}
/// So many connections now.
pub fn connections(_count: usize) {}
/// So many rooms now.
pub fn rooms(_count: usize) {}
/// Times one append.
pub fn append_timer() -> AppendTimer {
    AppendTimer
}
/// A running clock.
pub struct AppendTimer;
impl AppendTimer {
    /// Stops it.
    pub fn stop(self) {}
}
/// f
pub fn frames_out(_n: usize) {}
/// f
pub fn frame_in() {}
/// f
pub fn poll() {}
/// f
pub fn broker_up(_: bool) {}
/// f
pub fn http_request(_: u16) {}
/// f
pub fn render() -> String {
    String::new()
}
/// m
#[derive(Default)]
pub struct Machine {
    /// l
    pub load_average: [f64; 3],
    /// r
    pub resident_bytes: u64,
    /// t
    pub total_bytes: u64,
    /// a
    pub available_bytes: u64,
}
/// m
pub fn machine() -> Machine {
    Machine::default()
}
