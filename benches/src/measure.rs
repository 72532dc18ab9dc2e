//! Measuring: what one run gives, medians of several, and the process's memory.

use crate::turns::TurnTimes;
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
    /// Bursts executed.
    pub bursts: u64,
    /// Waves committed.
    pub waves: u64,
    /// How long the run took, set-up not included.
    pub wall: Duration,
    /// Bytes that one parked session takes, where the workload keeps sessions.
    pub bytes_per_session: Option<usize>,
    /// How long turns took, where that was asked for.
    pub turns: Option<TurnTimes>,
}

impl Measured {
    /// Nanoseconds for each message.
    pub fn ns_per_message(&self) -> f64 {
        self.wall.as_nanos() as f64 / self.messages.max(1) as f64
    }

    /// Nanoseconds for each instruction.
    pub fn ns_per_step(&self) -> f64 {
        self.wall.as_nanos() as f64 / self.steps.max(1) as f64
    }

    /// Messages in a second.
    pub fn messages_per_s(&self) -> f64 {
        self.messages as f64 / self.wall.as_secs_f64().max(1e-9)
    }
}

/// The middle of some figures; the mean of the two middle ones where their number is even.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.get(half) {
        None => f64::NAN,
        Some(upper) if figures.len().is_multiple_of(2) => f64::midpoint(figures[half - 1], *upper),
        Some(middle) => *middle,
    }
}

/// The process's resident memory in bytes, as Linux reports it; none elsewhere.
pub fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn resident_memory_is_seen() {
        let Some(before) = resident_bytes() else { return };
        let taken = vec![1u8; 64 << 20];
        let after = resident_bytes().expect("it was there before");
        assert!(after >= before + (taken.len() / 2), "{before} to {after}");
    }
}
