//! How long turns take: a sample of the runtime's turns, timed from outside, so that no clock is read inside a burst.

use std::time::Duration;

/// The most turns that are kept. When there are more, every second one is left out from then on, and so forth: the
/// sample stays even over the run.
const KEPT: usize = 1 << 16;

/// A sample of turns.
#[derive(Clone, Debug)]
pub struct Turns {
    /// (the turn, a burst of it on average), in nanoseconds.
    kept: Vec<(u64, u64)>,
    seen: u64,
    stride: u64,
}

impl Default for Turns {
    fn default() -> Self {
        Self { kept: Vec::new(), seen: 0, stride: 1 }
    }
}

/// Quantiles of the turns of a run. A turn is as many waves as the schedule says, each planned, certified, run and
/// committed; a schedule with one wave a turn times waves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnTimes {
    /// How many turns there were.
    pub turns: u64,
    /// Half of the turns took at most this long.
    pub turn_p50: Duration,
    /// All but one in a hundred took at most this long.
    pub turn_p99: Duration,
    /// The same of a burst, the scheduling around it included: a turn's time over its bursts.
    pub burst_p50: Duration,
    /// See `burst_p50`.
    pub burst_p99: Duration,
}

impl Turns {
    /// Adds a turn that ran so many bursts; one without bursts is not counted.
    pub fn add(&mut self, took: Duration, bursts: u64) {
        if bursts == 0 {
            return;
        }
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == KEPT {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
            let took = took.as_nanos() as u64;
            self.kept.push((took, took / bursts));
        }
        self.seen += 1;
    }

    /// The quantiles; none when there was no turn.
    pub fn times(&self) -> Option<TurnTimes> {
        let quantiles = |pick: fn(&(u64, u64)) -> u64| {
            let mut sorted: Vec<u64> = self.kept.iter().map(pick).collect();
            sorted.sort_unstable();
            let at = |percent: usize| {
                let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
                sorted.get(rank).map(|ns| Duration::from_nanos(*ns))
            };
            Some((at(50)?, at(99)?))
        };
        let (turn_p50, turn_p99) = quantiles(|kept| kept.0)?;
        let (burst_p50, burst_p99) = quantiles(|kept| kept.1)?;
        Some(TurnTimes { turns: self.seen, turn_p50, turn_p99, burst_p50, burst_p99 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks() {
        let mut turns = Turns::default();
        (1..=100).rev().for_each(|ns| turns.add(Duration::from_nanos(ns * 10), 10));
        turns.add(Duration::from_secs(1), 0);
        let times = turns.times().expect("there were turns");
        assert_eq!((times.turns, times.turn_p50.as_nanos(), times.turn_p99.as_nanos()), (100, 500, 990));
        assert_eq!((times.burst_p50.as_nanos(), times.burst_p99.as_nanos()), (50, 99));
        assert_eq!(Turns::default().times(), None);
    }

    #[test]
    fn a_long_run_is_sampled_evenly() {
        let mut turns = Turns::default();
        let many = 5 * KEPT as u64;
        (0..many).for_each(|ns| turns.add(Duration::from_nanos(ns), 1));
        assert!(turns.kept.len() <= KEPT);
        assert!(turns.kept.windows(2).all(|pair| pair[1].0 - pair[0].0 == turns.stride));
        let middle = turns.times().expect("there were turns").turn_p50.as_nanos() as f64 / many as f64;
        assert!((0.49..0.51).contains(&middle), "{middle}");
    }
}
