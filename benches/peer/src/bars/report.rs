//! The table of bars, as text or as one JSON document.

use serde::Serialize;

use super::bar::{Bar, Goal, Read};
use super::round::Round;
use crate::measure::median;

/// Above this many runnable threads before the run, times say little.
const BUSY: f64 = 0.5;

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    cores: usize,
    rounds: usize,
    /// The load average of the minute before the run; absent where the system does not tell.
    load: Option<f64>,
    bars: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    bar: String,
    goal: Goal,
    unit: &'static str,
    /// Median over the rounds.
    measured: Option<f64>,
    /// The lowest and the highest of the rounds.
    range: Option<(f64, f64)>,
    met: Option<bool>,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The medians of the probes that the bar is read from.
    from: Vec<(String, Option<f64>)>,
}

/// The load average of the last minute.
pub(crate) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

impl Report {
    /// Sums the rounds up.
    pub(crate) fn new(bars: &[Bar], rounds: &[Round], load: Option<f64>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores, rounds: rounds.len(), load, bars: bars.iter().map(|bar| Row::new(bar, rounds)).collect() }
    }

    /// As one JSON document.
    ///
    /// # Errors
    ///
    /// If a number cannot be written, which no measurement produces.
    pub(crate) fn to_json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|error| error.to_string())
    }

    /// As a table for people, and for a Markdown document.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{} cores; medians of {} interleaved rounds", self.cores, self.rounds);
        if let Some(load) = self.load {
            text += &format!("; load {load:.2} before");
            text += if load > BUSY { ": the machine is busy, do not trust the figures" } else { "" };
        }
        text += "\n\n| bar | goal | measured | rounds | from | |\n|---|---|---|---|---|---|\n";
        self.bars.iter().for_each(|row| text += &row.to_text());
        let judged = || self.bars.iter().filter(|row| !matches!(row.goal, Goal::None));
        let met = judged().filter(|row| row.met == Some(true)).count();
        text + &format!("\n{met} of {} met\n", judged().count())
    }
}

impl Row {
    fn new(bar: &Bar, rounds: &[Round]) -> Self {
        let read = |read: &Read| rounds.iter().map(read).collect::<Result<Vec<f64>, String>>();
        let ways: Result<Vec<Vec<f64>>, String> = bar.reads.iter().map(read).collect();
        let (ways, error) = match ways {
            Ok(ways) => (ways, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let middle = |figures: &Vec<f64>| median(figures.iter().copied());
        let figures = ways.into_iter().min_by(|a, b| middle(a).total_cmp(&middle(b))).unwrap_or_default();
        let measured = (!figures.is_empty()).then(|| median(figures.iter().copied()));
        let least = figures.iter().copied().reduce(f64::min);
        let probe = |name: &String| {
            let figures: Vec<f64> = rounds.iter().filter_map(|round| round.get(name).ok()).collect();
            (name.clone(), (!figures.is_empty()).then(|| median(figures)))
        };
        Self {
            bar: bar.name.clone(),
            goal: bar.goal,
            unit: bar.unit,
            measured,
            range: least.zip(figures.iter().copied().reduce(f64::max)),
            met: measured.and_then(|figure| bar.goal.met(figure)),
            error,
            from: bar.probes.iter().map(probe).collect(),
        }
    }

    fn to_text(&self) -> String {
        let goal = match self.goal {
            Goal::AtMost(most) => format!("<= {most}"),
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::Between(low, high) => format!("{low} to {high}"),
            Goal::None => String::new(),
        };
        let figure = |figure: f64| match figure.abs() {
            ..10.0 => format!("{figure:.2}"),
            ..1000.0 => format!("{figure:.1}"),
            _ => format!("{figure:.0}"),
        };
        let measured = match (self.measured, &self.error) {
            (Some(measured), _) => format!("{} {}", figure(measured), self.unit),
            (None, Some(error)) => format!("cannot: {error}"),
            (None, None) => String::new(),
        };
        let range = self.range.map_or_else(String::new, |(low, high)| format!("{} to {}", figure(low), figure(high)));
        // One probe is the figure itself; it is worth naming where there are two.
        let from: Vec<String> = match &self.from[..] {
            [_] => Vec::new(),
            several => several.iter().map(|(name, ns)| format!("{name} {}", ns.map_or("-".into(), figure))).collect(),
        };
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        format!("| {} | {goal} | {} | {range} | {} | {met} |\n", self.bar, measured.trim(), from.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bars::bar::bars;

    fn report(rounds: &[&[(&str, Result<f64, String>)]]) -> Report {
        let rounds: Vec<Round> = rounds
            .iter()
            .map(|figures| {
                let mut round = Round::default();
                figures.iter().for_each(|(probe, figure)| round.put(probe, figure.clone()));
                round
            })
            .collect();
        let chosen: Vec<Bar> = bars().into_iter().filter(|bar| bar.name.starts_with("tokio mpsc")).collect();
        Report::new(&chosen, &rounds, Some(9.0))
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round is slow for both: the ratio of medians would be 5.
        let round = |tokio: f64, own: f64| [("tokio pair", Ok(tokio)), ("message", Ok(own))];
        let report = report(&[&round(90.0, 30.0), &round(300.0, 100.0), &round(150.0, 50.0)]);
        assert_eq!((report.bars[0].measured, report.bars[0].met), (Some(3.0), Some(true)));
        let text = report.to_text();
        assert!(text.contains("| >= 3 | 3.00 x | 3.00 to 3.00 | tokio pair 150.0, message 50.0 | met |"), "{text}");
        assert!(text.contains("busy") && text.contains("1 of 1 met"), "{text}");
    }

    #[test]
    fn a_missing_peer_is_a_row() {
        let report = report(&[&[("tokio pair", Err("it is missing".to_owned())), ("message", Ok(30.0))]]);
        assert!(report.to_text().contains("cannot: it is missing"));
        let json: serde_json::Value = serde_json::from_str(&report.to_json().expect("json")).expect("valid");
        assert_eq!(json["bars"][0]["met"], serde_json::Value::Null);
        assert_eq!(json["bars"][0]["error"], "it is missing");
    }
}
