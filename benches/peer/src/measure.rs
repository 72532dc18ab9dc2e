//! Interleaved runs: every peer takes its turn in every lap, so that a noisy minute hits all of them alike.
//!
//! Three rules keep the figures honest. A turn repeats a short run until it has measured [`TURN`] and keeps the run in
//! the middle, so that microseconds are not measured cold. A row that has used up [`BUDGET`] gets no more turns, so that
//! a peer of quadratic cost does not run for minutes; how many it had is in the table. A peer that has failed once is
//! not asked again at that size.

use std::time::Duration;

use crate::workload::{Peer, Sample, Workload};

/// What a turn measures at least, in sum of its runs.
const TURN: Duration = Duration::from_millis(2);

/// The most runs in a turn.
const MOST_RUNS: usize = 99;

/// A row that has taken this long is done, however many laps there are.
const BUDGET: Duration = Duration::from_secs(2);

/// What all turns of one peer at one size of one workload gave.
#[derive(Debug, Clone)]
pub(crate) struct Measurement {
    /// The workload.
    pub(crate) workload: Workload,
    /// The peer's name.
    pub(crate) peer: &'static str,
    /// The peer's threads.
    pub(crate) threads: usize,
    /// Size along the workload's axis.
    pub(crate) size: usize,
    /// The samples in the order taken, or why there are none.
    pub(crate) outcome: Result<Vec<Sample>, String>,
}

impl Measurement {
    /// Time per message of the fastest turn in nanoseconds, opening excluded; `None` where there is no sample.
    pub(crate) fn fastest_ns_per_message(&self) -> Option<f64> {
        self.outcome.as_ref().ok()?.iter().map(Sample::ns_per_message).reduce(f64::min)
    }
}

/// Measure `workload` on all `peers`, `laps` times; sizes above `largest` are left out.
pub(crate) fn measure(workload: Workload, peers: &[Box<dyn Peer>], laps: usize, largest: usize) -> Vec<Measurement> {
    let mut rows: Vec<(&dyn Peer, Measurement)> = Vec::new();
    for peer in peers {
        for size in peer.sizes(workload).into_iter().filter(|size| *size <= largest) {
            let row =
                Measurement { workload, peer: peer.name(), threads: peer.threads(), size, outcome: Ok(Vec::new()) };
            rows.push((peer.as_ref(), row));
        }
    }
    for _ in 0..laps {
        for (peer, row) in &mut rows {
            let Ok(samples) = &mut row.outcome else {
                continue;
            };
            if samples.iter().map(|s| s.run).sum::<Duration>() >= BUDGET {
                continue;
            }
            match turn(*peer, workload, row.size) {
                Ok(sample) => samples.push(sample),
                Err(reason) => row.outcome = Err(reason),
            }
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Run until enough time has been measured; the run in the middle, by time per message.
pub(crate) fn turn(peer: &dyn Peer, workload: Workload, size: usize) -> Result<Sample, String> {
    let mut samples = vec![peer.run(workload, size)?];
    let mut measured = samples[0].run;
    while measured < TURN && samples.len() < MOST_RUNS {
        let sample = peer.run(workload, size)?;
        measured += sample.run;
        samples.push(sample);
    }
    samples.sort_by(|a, b| a.ns_per_message().total_cmp(&b.ns_per_message()));
    Ok(samples[samples.len() / 2])
}

/// The middle of `values`; the mean of the two middle ones if their number is even; 0 for none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(half)) {
        (_, None) => 0.0,
        (1, Some(middle)) => *middle,
        (_, Some(upper)) => f64::midpoint(sorted[half - 1], *upper),
    }
}

/// A row of `PingPong` with three equal samples: what the tests of tables are made of.
#[cfg(test)]
pub(crate) fn sampled(peer: &'static str, threads: usize, size: usize, run_us: u64) -> Measurement {
    let run = Duration::from_micros(run_us);
    let sample = Sample { messages: size, open: Some(Duration::ZERO), run };
    Measurement { workload: Workload::PingPong, peer, threads, size, outcome: Ok(vec![sample; 3]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn median_of_odd_even_and_nothing() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }

    struct Logged {
        name: &'static str,
        log: &'static std::thread::LocalKey<RefCell<Vec<(&'static str, usize)>>>,
        fails_at: usize,
    }

    thread_local! {
        static LOG: RefCell<Vec<(&'static str, usize)>> = const { RefCell::new(Vec::new()) };
    }

    impl Peer for Logged {
        fn name(&self) -> &'static str {
            self.name
        }
        fn sizes(&self, _: Workload) -> Vec<usize> {
            vec![1, 2]
        }
        fn run(&self, _: Workload, size: usize) -> Result<Sample, String> {
            self.log.with_borrow_mut(|log| log.push((self.name, size)));
            if size == self.fails_at {
                return Err("refused".to_owned());
            }
            Ok(Sample { messages: size, open: None, run: TURN })
        }
    }

    #[test]
    fn laps_interleave_and_a_failure_is_not_repeated() {
        let peer = |name, fails_at| -> Box<dyn Peer> { Box::new(Logged { name, log: &LOG, fails_at }) };
        let peers = [peer("x", 0), peer("y", 2)];
        let rows = measure(Workload::PingPong, &peers, 2, usize::MAX);
        let order = LOG.take();
        let first = [("x", 1), ("x", 2), ("y", 1), ("y", 2)];
        let second = [("x", 1), ("x", 2), ("y", 1)];
        assert_eq!(order, [first.as_slice(), &second].concat());
        assert_eq!(rows[0].outcome.as_ref().map(Vec::len), Ok(2));
        assert_eq!(rows[3].outcome.as_ref().err().map(String::as_str), Some("refused"));
    }

    struct Steady {
        run: Duration,
    }

    impl Peer for Steady {
        fn name(&self) -> &'static str {
            "steady"
        }
        fn sizes(&self, _: Workload) -> Vec<usize> {
            vec![7]
        }
        fn run(&self, _: Workload, size: usize) -> Result<Sample, String> {
            LOG.with_borrow_mut(|log| log.push(("steady", size)));
            Ok(Sample { messages: size, open: None, run: self.run })
        }
    }

    #[test]
    fn a_short_run_is_repeated_within_its_turn() {
        let peers: [Box<dyn Peer>; 1] = [Box::new(Steady { run: TURN / 4 })];
        let rows = measure(Workload::PingPong, &peers, 3, usize::MAX);
        assert_eq!(LOG.take().len(), 12);
        assert_eq!(rows[0].outcome.as_ref().map(Vec::len), Ok(3));
    }

    #[test]
    fn a_long_run_ends_its_row() {
        let peers: [Box<dyn Peer>; 1] = [Box::new(Steady { run: BUDGET })];
        let rows = measure(Workload::PingPong, &peers, 3, usize::MAX);
        assert_eq!(rows[0].outcome.as_ref().map(Vec::len), Ok(1));
        assert!(measure(Workload::PingPong, &peers, 3, 6).is_empty(), "too large to be asked for");
    }
}
