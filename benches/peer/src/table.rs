//! From measurements to tables: medians, growth exponents, ratios; for people or as one JSON document.

use std::fmt::Write as _;

use serde::Serialize;

use crate::measure::{Measurement, median};
use crate::workload::{Sample, Workload};

/// Names of Motet's own peers start with this; the ratios are taken against them.
pub(crate) const OWN: &str = "motet";

/// Everything a run of this program found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Logical cores that the system offers this process.
    cores: usize,
    /// Runs asked for; quadratic peers make fewer, see each row.
    runs: usize,
    rows: Vec<Row>,
    growth: Vec<Growth>,
    ratios: Vec<Ratio>,
}

/// One peer at one size.
#[derive(Debug, Serialize)]
struct Row {
    workload: Workload,
    peer: &'static str,
    threads: usize,
    axis: &'static str,
    size: usize,
    #[serde(flatten)]
    result: RowResult,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RowResult {
    Measured {
        messages: usize,
        runs: usize,
        /// Median.
        wall_s: f64,
        /// Median.
        ns_per_message: f64,
        /// Slowest minus fastest run, in per cent of the median.
        spread_percent: f64,
        /// Median time to open one session; absent where opening is part of the run.
        open_ns_per_session: Option<f64>,
    },
    Refused {
        error: String,
    },
}

/// How a peer's time grows along the axis: time ~ size ^ exponent.
#[derive(Debug, Serialize)]
struct Growth {
    workload: Workload,
    peer: &'static str,
    axis: &'static str,
    from: usize,
    to: usize,
    points: usize,
    exponent: f64,
}

/// A peer's time per message over Motet's.
#[derive(Debug, Serialize)]
struct Ratio {
    workload: Workload,
    peer: &'static str,
    own: &'static str,
    size: usize,
    /// Whether both times contain the opening of the sessions.
    with_open: bool,
    peer_ns: f64,
    own_ns: f64,
    ratio: f64,
}

impl Report {
    /// Sum up.
    pub(crate) fn new(cores: usize, runs: usize, measurements: &[Measurement]) -> Self {
        Self {
            cores,
            runs,
            rows: measurements.iter().map(row).collect(),
            growth: growth(measurements),
            ratios: ratios(measurements),
        }
    }

    /// As one JSON document.
    ///
    /// # Errors
    ///
    /// If a number cannot be written, which no measurement produces.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// As text in columns.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "{} cores; medians of {} interleaved runs (fewer where the runs column says so)\n\n",
            self.cores, self.runs
        );
        self.write_rows(&mut text);
        self.write_growth(&mut text);
        self.write_ratios(&mut text);
        text
    }

    fn write_rows(&self, text: &mut String) {
        line(
            text,
            format_args!(
                "{:<14} {:<27} {:>9} {:<8} {:>9} {:>4} {:>12} {:>12} {:>7} {:>11}",
                "workload", "peer", "size", "of", "messages", "runs", "wall ms", "ns/message", "spread", "open ns/s'n"
            ),
        );
        let mut last = None;
        for row in &self.rows {
            // A gap between the blocks that belong together.
            if last.replace((row.workload, row.peer)).is_some_and(|last| last != (row.workload, row.peer)) {
                text.push('\n');
            }
            let head = format!("{:<14} {:<27} {:>9} {:<8}", row.workload.name(), row.peer, row.size, row.axis);
            match &row.result {
                RowResult::Refused { error } => line(text, format_args!("{head} cannot: {error}")),
                RowResult::Measured { messages, runs, wall_s, ns_per_message, spread_percent, open_ns_per_session } => {
                    let open = open_ns_per_session.map_or_else(|| "in run".to_owned(), |ns| format!("{ns:.0}"));
                    line(
                        text,
                        format_args!(
                            "{head} {messages:>9} {runs:>4} {:>12.4} {ns_per_message:>12.1} {spread_percent:>6.0}% {open:>11}",
                            wall_s * 1e3
                        ),
                    );
                }
            }
        }
    }

    fn write_growth(&self, text: &mut String) {
        text.push_str(
            "\ngrowth: time ~ size ^ exponent, least squares on logarithms over the upper half of the sizes\n",
        );
        for growth in &self.growth {
            line(
                text,
                format_args!(
                    "{:<14} {:<27} exponent {:>5.2}   {} {} to {}, {} points",
                    growth.workload.name(),
                    growth.peer,
                    growth.exponent,
                    growth.axis,
                    growth.from,
                    growth.to,
                    growth.points
                ),
            );
        }
    }

    fn write_ratios(&self, text: &mut String) {
        if self.ratios.is_empty() {
            return;
        }
        text.push_str("\nratio: the peer's ns/message over Motet's, same workload, size and threads\n");
        for ratio in &self.ratios {
            line(
                text,
                format_args!(
                    "{:<14} {:<27} {:>9} {:<9} {:>12.1} / {:>8.1} ns ({}) = {:>10.1}x",
                    ratio.workload.name(),
                    ratio.peer,
                    ratio.size,
                    if ratio.with_open { "with open" } else { "run" },
                    ratio.peer_ns,
                    ratio.own_ns,
                    ratio.own,
                    ratio.ratio
                ),
            );
        }
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    if writeln!(text, "{arguments}").is_err() {
        text.push('\n');
    }
}

fn row(measurement: &Measurement) -> Row {
    let result = match &measurement.outcome {
        Err(error) => RowResult::Refused { error: error.clone() },
        Ok(samples) => measured(measurement, samples),
    };
    Row {
        workload: measurement.workload,
        peer: measurement.peer,
        threads: measurement.threads,
        axis: measurement.workload.axis(),
        size: measurement.size,
        result,
    }
}

fn measured(measurement: &Measurement, samples: &[Sample]) -> RowResult {
    let walls: Vec<f64> = samples.iter().map(|s| s.run.as_secs_f64()).collect();
    let middle = median(walls.iter().copied());
    let slowest = walls.iter().copied().fold(0.0, f64::max);
    let fastest = walls.iter().copied().fold(f64::INFINITY, f64::min);
    let opens: Option<Vec<f64>> = samples.iter().map(|s| s.open.map(|open| open.as_secs_f64())).collect();
    let sessions = measurement.workload.sessions(measurement.size) as f64;
    RowResult::Measured {
        messages: samples.first().map_or(0, |s| s.messages),
        runs: samples.len(),
        wall_s: middle,
        ns_per_message: time_per_message(samples),
        spread_percent: if middle > 0.0 { (slowest - fastest) / middle * 100.0 } else { 0.0 },
        open_ns_per_session: opens.map(|opens| median(opens) * 1e9 / sessions),
    }
}

fn time_per_message(samples: &[Sample]) -> f64 {
    median(samples.iter().map(Sample::ns_per_message))
}

/// Sizes, messages and median times of one peer on one workload.
type Series = Vec<(usize, f64)>;

/// Group what succeeded by workload and peer, in order, sizes ascending.
fn series(measurements: &[Measurement]) -> Vec<(Workload, &'static str, Series)> {
    let mut groups: Vec<(Workload, &'static str, Series)> = Vec::new();
    for measurement in measurements {
        let Ok(samples) = &measurement.outcome else {
            continue;
        };
        let point = (measurement.size, median(samples.iter().map(|s| s.run.as_secs_f64())));
        match groups
            .iter_mut()
            .find(|(workload, peer, _)| (*workload, *peer) == (measurement.workload, measurement.peer))
        {
            Some((_, _, points)) => points.push(point),
            None => groups.push((measurement.workload, measurement.peer, vec![point])),
        }
    }
    for (_, _, points) in &mut groups {
        points.sort_by_key(|(size, _)| *size);
    }
    groups
}

fn growth(measurements: &[Measurement]) -> Vec<Growth> {
    series(measurements)
        .into_iter()
        .filter_map(|(workload, peer, points)| {
            // Fixed costs flatten the small sizes; the upper half shows the growth. Three points at least.
            let tail = &points[(points.len() / 2).min(points.len().saturating_sub(3))..];
            let exponent = exponent(tail)?;
            Some(Growth {
                workload,
                peer,
                axis: workload.axis(),
                from: tail.first()?.0,
                to: tail.last()?.0,
                points: tail.len(),
                exponent,
            })
        })
        .collect()
}

/// Slope of the least-squares line through (ln size, ln time); `None` for fewer than two distinct sizes.
fn exponent(points: &[(usize, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(size, time)| *size > 0 && *time > 0.0)
        .map(|(size, time)| ((*size as f64).ln(), time.ln()))
        .collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let shared: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (logs.len() >= 2 && spread > 0.0).then(|| shared / spread)
}

fn ratios(measurements: &[Measurement]) -> Vec<Ratio> {
    let of_pair = |theirs: &Measurement| {
        let own = measurements.iter().find(|own| {
            own.peer.starts_with(OWN)
                && (own.workload, own.size, own.threads) == (theirs.workload, theirs.size, theirs.threads)
        })?;
        let (peer_samples, own_samples) = (theirs.outcome.as_ref().ok()?, own.outcome.as_ref().ok()?);
        let separable = peer_samples.iter().chain(own_samples).all(|s| s.open.is_some());
        // Opening matters where there are many sessions, and is unavoidable where a peer cannot take it apart.
        let bases: &[bool] = match (separable, theirs.workload) {
            (false, _) => &[true],
            (true, Workload::ManySessions) => &[false, true],
            (true, _) => &[false],
        };
        let ratio = |with_open: &bool| {
            let time = |samples: &[Sample]| {
                median(samples.iter().map(
                    |s| {
                        if *with_open { s.ns_per_message_with_open() } else { s.ns_per_message() }
                    },
                ))
            };
            let (peer_ns, own_ns) = (time(peer_samples), time(own_samples));
            Ratio {
                workload: theirs.workload,
                peer: theirs.peer,
                own: own.peer,
                size: theirs.size,
                with_open: *with_open,
                peer_ns,
                own_ns,
                ratio: peer_ns / own_ns,
            }
        };
        Some(bases.iter().map(ratio).collect::<Vec<_>>())
    };
    measurements.iter().filter(|theirs| !theirs.peer.starts_with(OWN)).filter_map(of_pair).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn measurement(peer: &'static str, size: usize, run_us: u64) -> Measurement {
        let sample = Sample { messages: size, open: None, run: Duration::from_micros(run_us) };
        Measurement { workload: Workload::PingPong, peer, threads: 1, size, outcome: Ok(vec![sample; 3]) }
    }

    #[test]
    fn a_power_law_is_recovered() {
        let square: Series = (1..6).map(|n| (n * 10, (n * n) as f64 * 0.25)).collect();
        let slope = exponent(&square).expect("five distinct sizes");
        assert!((slope - 2.0).abs() < 1e-9, "{slope}");
        assert_eq!(exponent(&square[..1]), None);
        assert_eq!(exponent(&[]), None);
    }

    #[test]
    fn growth_uses_the_upper_half() {
        // Flat up to 400, square from there.
        let rows: Vec<_> = [(100, 10), (200, 10), (400, 10), (800, 40), (1600, 160)]
            .map(|(size, us)| measurement("other", size, us))
            .into();
        let report = Report::new(1, 3, &rows);
        assert_eq!((report.growth[0].from, report.growth[0].points), (400, 3));
        assert!((report.growth[0].exponent - 2.0).abs() < 1e-9);
    }

    #[test]
    fn ratios_need_the_same_size() {
        let rows = [measurement("motet", 100, 2), measurement("other", 100, 20), measurement("other", 200, 80)];
        let report = Report::new(1, 3, &rows);
        assert_eq!(report.ratios.len(), 1);
        assert!((report.ratios[0].ratio - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_refusal_is_a_row() {
        let mut row = measurement("other", 100, 1);
        row.outcome = Err("no such label".to_owned());
        let report = Report::new(1, 3, &[row]);
        assert!(report.to_text().contains("cannot: no such label"));
        assert!(report.to_json().expect("json").contains(r#""error": "no such label""#));
    }
}
