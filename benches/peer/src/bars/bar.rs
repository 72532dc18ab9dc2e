//! Bars: what is to be reached, and from which probes it is read.

use serde::Serialize;

use super::probe::{PREDECESSOR, THREADED, WORKERS, predecessor_name, threaded_name};
use super::round::Round;

/// What a figure must be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// Between these.
    Between(f64, f64),
    /// Shown for comparison.
    None,
}

impl Goal {
    /// Whether the figure is good; none where nothing is asked.
    pub(crate) fn met(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(figure <= most),
            Self::AtLeast(least) => Some(figure >= least),
            Self::Between(low, high) => Some((low..=high).contains(&figure)),
            Self::None => None,
        }
    }
}

/// Reads a bar's figure from a round.
pub(crate) type Read = Box<dyn Fn(&Round) -> Result<f64, String>>;

/// One bar.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) goal: Goal,
    pub(crate) unit: &'static str,
    /// The probes it is read from; their own medians are shown beside it.
    pub(crate) probes: Vec<String>,
    /// How it is read. Where it is read in several ways, the one with the lowest median over the rounds counts.
    pub(crate) reads: Vec<Read>,
}

fn plain(name: &str, goal: Goal, unit: &'static str, probe: &'static str) -> Bar {
    let read: Read = Box::new(move |round| round.get(probe));
    Bar { name: name.to_owned(), goal, unit, probes: vec![probe.to_owned()], reads: vec![read] }
}

/// How many times larger the one probe is than the other.
fn times(name: &str, goal: Goal, over: &'static str, under: &'static str) -> Bar {
    let read: Read = Box::new(move |round| round.ratio(over, under));
    Bar { name: name.to_owned(), goal, unit: "x", probes: vec![over.to_owned(), under.to_owned()], reads: vec![read] }
}

/// How much larger.
fn more(name: &str, goal: Goal, unit: &'static str, this: &'static str, than: &'static str) -> Bar {
    let read: Read = Box::new(move |round| round.more(this, than));
    Bar { name: name.to_owned(), goal, unit, probes: vec![this.to_owned(), than.to_owned()], reads: vec![read] }
}

/// All bars, in the order in which they are printed.
pub(crate) fn bars() -> Vec<Bar> {
    use Goal::{AtLeast, AtMost, Between};
    let mut all = vec![
        plain("typed message, one worker, no trace", AtMost(25.0), "ns", "message"),
        plain("typed message, full trace kept in memory", AtMost(45.0), "ns", "message, trace kept"),
        plain("typed message, full trace drained", AtMost(45.0), "ns", "message, trace drained"),
        more("effect for each send and receive, dyn: added", AtMost(20.0), "ns", "message, dyn effects", "message"),
        more("the same, generic: added", AtMost(5.0), "ns", "message, generic effects", "message"),
        plain("control instruction", AtMost(2.5), "ns", "control"),
        times("tokio mpsc tasks over Motet, one pair", AtLeast(3.0), "tokio pair", "message"),
        times("the same, 100,000 pairs", AtLeast(3.0), "tokio 100,000 pairs", "100,000 sessions"),
        times("the same, ring of 64", AtLeast(3.0), "tokio ring of 64", "ring of 64"),
        times("Erlang processes over Motet, one pair", AtLeast(5.0), "erlang pair", "message"),
        times("the same, 100,000 pairs", AtLeast(5.0), "erlang 100,000 pairs", "100,000 sessions"),
        times("the same, ring of 64", AtLeast(5.0), "erlang ring of 64", "ring of 64"),
        times("rumpsteak in one task over Motet", AtLeast(1.3), "rumpsteak pair", "message"),
        plain("message, 1,000,000 sessions picked shuffled", AtMost(120.0), "ns", "1,000,000 shuffled"),
        plain("message, 1,000,000 sessions woken shuffled", AtMost(120.0), "ns", "1,000,000 woken"),
        plain("canonical schedule, traced: step", AtMost(80.0), "ns", "canonical"),
        plain("the same, a state digest every 1,024 steps", AtMost(80.0), "ns", "canonical, digests"),
        plain("canonical schedule, no trace: step", Goal::None, "ns", "canonical, no trace"),
        times("two workers, waves of 0.5 ms and more", AtLeast(1.85), "wide", "wide, 2 workers"),
        times("two workers, tiny bursts", AtLeast(1.4), "tiny", "tiny, 2 workers"),
        more("inline burst", AtMost(40.0), "ns", "a step a burst", "steps in bursts"),
        more("inline wave", AtMost(50.0), "ns", "a step a wave", "a step a burst"),
        plain("certifier's share at F = 64", AtMost(5.0), "%", "certifier share"),
        plain("all scheduling's share at F = 64", AtMost(8.0), "%", "scheduling share"),
        plain("parked two-role session, resident", AtMost(320.0), "B", "parked"),
        plain("growth exponent in messages", Between(0.95, 1.05), "", "growth in messages"),
        plain("growth exponent in sessions", Between(0.95, 1.05), "", "growth in sessions"),
        plain("telltale's growth exponent in messages", Goal::None, "", "telltale in messages"),
        plain("telltale's growth exponent in sessions", Goal::None, "", "telltale in sessions"),
    ];
    all.push(Bar {
        name: "10,000,000 parked sessions".to_owned(),
        goal: AtMost(4.0),
        unit: "GiB",
        probes: vec!["parked".to_owned()],
        reads: vec![Box::new(|round| Ok(round.get("parked")? * 1e7 / f64::from(1 << 30)))],
    });
    let ratio = |name: String, goal, probes: Vec<String>| {
        let read = |probe: &String| {
            let of = probe.clone();
            Box::new(move |round: &Round| round.get(&of)) as Read
        };
        Bar { name, goal, unit: "x", reads: probes.iter().map(read).collect(), probes }
    };
    all.extend(THREADED.map(|workload| {
        let name = format!("1, 2 or 4 workers, the slowest, against inline: {workload}");
        ratio(name, AtLeast(0.97), WORKERS.map(|workers| threaded_name(workload, workers)).to_vec())
    }));
    all.extend(PREDECESSOR.map(|(workload, size)| {
        let name = format!("telltale 22 over Motet, traced, effects: {} {size}", workload.name());
        ratio(name, AtLeast(1_000.0), vec![predecessor_name((workload, size))])
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bars::probe::probes;

    #[test]
    fn every_bar_has_its_probes_and_every_probe_a_bar() {
        let known: Vec<String> = probes(1).into_iter().map(|probe| probe.name).collect();
        let used: Vec<String> = bars().into_iter().flat_map(|bar| bar.probes).collect();
        for name in &used {
            assert!(known.contains(name), "no probe `{name}`");
        }
        for name in &known {
            assert!(used.contains(name), "no bar reads `{name}`");
        }
    }

    #[test]
    fn goals() {
        assert_eq!(Goal::AtMost(2.0).met(2.0), Some(true));
        assert_eq!(Goal::AtMost(2.0).met(2.1), Some(false));
        assert_eq!(Goal::AtLeast(2.0).met(1.9), Some(false));
        assert_eq!(Goal::Between(0.95, 1.05).met(1.06), Some(false));
        assert_eq!(Goal::None.met(1.0), None);
    }

    #[test]
    fn a_bar_reads_its_own_round() {
        let mut round = Round::default();
        for (probe, figure) in [("tokio pair", 90.0), ("message", 30.0), ("message, dyn effects", 45.0)] {
            round.put(probe, Ok(figure));
        }
        let read =
            |name: &str| bars().into_iter().find(|bar| bar.name.starts_with(name)).map(|bar| (bar.reads[0])(&round));
        assert_eq!(read("tokio mpsc tasks"), Some(Ok(3.0)));
        assert_eq!(read("effect for each send"), Some(Ok(15.0)));
        assert!(read("Erlang processes").is_some_and(|figure| figure.is_err()));
    }
}
