//! Interleaved runs: every peer takes its turn in every lap, so that a noisy minute hits all of them alike.

use crate::workload::{Peer, Sample, Workload};

/// What all runs of one peer at one size of one workload gave.
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

/// One peer at one size, with its turns still to come.
struct Turn<'a> {
    peer: &'a dyn Peer,
    size: usize,
    runs: usize,
    outcome: Result<Vec<Sample>, String>,
}

/// Measure `workload` on all `peers`, `runs` laps; sizes above `largest` are left out.
///
/// A peer that fails once is not asked again at that size.
pub(crate) fn measure(workload: Workload, peers: &[Box<dyn Peer>], runs: usize, largest: usize) -> Vec<Measurement> {
    let mut turns: Vec<Turn<'_>> = peers
        .iter()
        .flat_map(|peer| {
            let sizes = peer.sizes(workload).into_iter();
            sizes.filter(|size| *size <= largest).map(|size| Turn {
                peer: peer.as_ref(),
                size,
                runs: peer.runs(runs),
                outcome: Ok(Vec::new()),
            })
        })
        .collect();
    for lap in 0..runs {
        for turn in &mut turns {
            if lap >= turn.runs {
                continue;
            }
            if let Ok(samples) = &mut turn.outcome {
                match turn.peer.run(workload, turn.size) {
                    Ok(sample) => samples.push(sample),
                    Err(reason) => turn.outcome = Err(reason),
                }
            }
        }
    }
    turns
        .into_iter()
        .map(|turn| Measurement {
            workload,
            peer: turn.peer.name(),
            threads: turn.peer.threads(),
            size: turn.size,
            outcome: turn.outcome,
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;

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
            Ok(Sample { messages: size, open: None, run: Duration::from_nanos(10) })
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
}
