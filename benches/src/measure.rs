//! Measuring: one run, medians of several, and the process's memory.

use std::time::Duration;

/// What one run of a workload gave.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The workload's name.
    pub name: &'static str,
    /// How many workers carried out the waves.
    pub workers: usize,
    /// Messages received.
    pub messages: u64,
    /// Instructions executed.
    pub steps: u64,
    /// How long the run took, set-up not included.
    pub wall: Duration,
    /// Bytes that one parked session takes, where the workload keeps sessions.
    pub bytes_per_session: Option<usize>,
}

impl Measured {
    /// Nanoseconds for each message.
    pub fn ns_per_message(&self) -> f64 {
        self.wall.as_nanos() as f64 / self.messages.max(1) as f64
    }
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The process's resident memory in bytes, as Linux reports it; none elsewhere.
pub fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
