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
