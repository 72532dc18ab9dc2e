//! The report: rows, growth and ratios, as text in columns or as one JSON document.

use std::fmt::{self, Display};

use serde::Serialize;

use crate::growth::{Growth, growth};
use crate::measure::{Measurement, median};
use crate::ratio::{Ratio, outermost, ratios};
use crate::workload::{Sample, Workload};

/// Everything that a run of this program found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Logical cores that the system offers this process.
    cores: usize,
    /// Turns asked for; rows that take long make fewer.
    turns: usize,
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
        turns: usize,
        /// Median.
        wall_s: f64,
        /// Median.
        ns_per_message: f64,
        /// Of the turn that other programs disturbed least.
        fastest_ns_per_message: f64,
        /// Median time to open one session; absent where opening is part of the run.
        open_ns_per_session: Option<f64>,
    },
    Refused {
        error: String,
    },
}

impl Report {
    /// Sum up.
    pub(crate) fn new(cores: usize, turns: usize, measurements: &[Measurement]) -> Self {
        Self {
            cores,
            turns,
            rows: measurements.iter().map(Row::new).collect(),
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
            "{} cores; medians of {} interleaved turns (fewer where the turns column says so)\n\n\
             {:<14} {:<27} {:>9} {:<8} {:>9} {:>5} {:>12} {:>12} {:>12} {:>11}\n",
            self.cores,
            self.turns,
            "workload",
            "peer",
            "size",
            "of",
            "messages",
            "turns",
            "wall ms",
            "ns/message",
            "fastest",
            "open ns/s'n"
        );
        for (at, row) in self.rows.iter().enumerate() {
            // A gap between the blocks that belong together.
            let gap = at > 0 && (self.rows[at - 1].workload, self.rows[at - 1].peer) != (row.workload, row.peer);
            text.push_str(if gap { "\n" } else { "" });
            push_line(&mut text, row);
        }
        push_line(
            &mut text,
            "\ngrowth: time ~ size ^ exponent, least squares on logarithms, upper half of the sizes, fastest turns",
        );
        self.growth.iter().for_each(|growth| push_line(&mut text, growth));
        if !self.ratios.is_empty() {
            push_line(
                &mut text,
                "\nratio: the peer's ns/message over Motet's, at the smallest and the largest size (all: --json)",
            );
            outermost(&self.ratios).for_each(|ratio| push_line(&mut text, ratio));
        }
        text
    }
}

fn push_line(text: &mut String, line: impl Display) {
    text.push_str(&line.to_string());
    text.push('\n');
}

impl Row {
    fn new(measurement: &Measurement) -> Self {
        let result = match &measurement.outcome {
            Err(error) => RowResult::Refused { error: error.clone() },
            Ok(samples) => RowResult::measured(samples, measurement.workload.sessions(measurement.size)),
        };
        Self {
            workload: measurement.workload,
            peer: measurement.peer,
            threads: measurement.threads,
            axis: measurement.workload.axis(),
            size: measurement.size,
            result,
        }
    }
}

impl RowResult {
    fn measured(samples: &[Sample], sessions: usize) -> Self {
        let per_message = || samples.iter().map(Sample::ns_per_message);
        let opens: Option<Vec<f64>> = samples.iter().map(|s| s.open.map(|open| open.as_secs_f64())).collect();
        Self::Measured {
            messages: samples.first().map_or(0, |s| s.messages),
            turns: samples.len(),
            wall_s: median(samples.iter().map(|s| s.run.as_secs_f64())),
            ns_per_message: median(per_message()),
            fastest_ns_per_message: per_message().reduce(f64::min).unwrap_or(0.0),
            open_ns_per_session: opens.map(|opens| median(opens) * 1e9 / sessions as f64),
        }
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, axis, size, .. } = self;
        write!(f, "{:<14} {peer:<27} {size:>9} {axis:<8} {}", self.workload.name(), self.result)
    }
}

impl Display for RowResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { error } => write!(f, "cannot: {error}"),
            Self::Measured {
                messages,
                turns,
                wall_s,
                ns_per_message,
                fastest_ns_per_message: fastest,
                open_ns_per_session,
            } => {
                let wall_ms = wall_s * 1e3;
                let open = open_ns_per_session.map_or_else(|| "in run".to_owned(), |ns| format!("{ns:.0}"));
                write!(f, "{messages:>9} {turns:>5} {wall_ms:>12.4} {ns_per_message:>12.1} {fastest:>12.1} {open:>11}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sampled;

    #[test]
    fn a_refusal_is_a_row() {
        let mut row = sampled("other", 1, 100, 1);
        row.outcome = Err("no such label".to_owned());
        let report = Report::new(1, 3, &[row]);
        assert!(report.to_text().contains("cannot: no such label"));
        assert!(report.to_json().expect("json").contains(r#""error": "no such label""#));
    }

    #[test]
    fn the_tables_are_all_there() {
        let sizes = [100, 200, 400];
        let rows = sizes.map(|n| [sampled("motet", 1, n, n as u64), sampled("other", 1, n, 3 * n as u64)]);
        let report = Report::new(2, 3, rows.as_flattened());
        let text = report.to_text();
        assert!(text.starts_with("2 cores; medians of 3 "));
        assert_eq!(text.matches("exponent  1.00").count(), 2);
        assert_eq!(text.matches("3.0x motet").count(), 2);
        let json: serde_json::Value = serde_json::from_str(&report.to_json().expect("json")).expect("valid");
        assert_eq!(json["rows"][5]["ns_per_message"], 3000.0);
        assert_eq!(json["ratios"].as_array().map(Vec::len), Some(3));
    }
}
