//! Progress on long runs: nothing for a second, then one line on a terminal's standard error, gone at the end.

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Runs shorter than this show nothing.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Progress {
    started: Instant,
    wanted: bool,
    total: Option<u64>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress towards `total` steps, where that is known.
    pub(crate) fn new(wanted: bool, total: Option<u64>) -> Self {
        Self { started: Instant::now(), wanted: wanted && io::stderr().is_terminal(), total, bar: None }
    }

    /// How long it has been.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells where the run is.
    pub(crate) fn at(&mut self, steps: u64, messages: u64) {
        if !self.wanted || self.bar.is_none() && self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = match self.total {
                Some(total) => ProgressBar::new(total).with_style(style("{bar:30} {percent}% {msg} {elapsed}")),
                None => ProgressBar::new_spinner().with_style(style("{spinner} {msg} {elapsed}")),
            };
            bar.with_elapsed(self.started.elapsed())
        });
        bar.set_position(steps);
        bar.set_message(format!("{} steps, {} messages", HumanCount(steps), HumanCount(messages)));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
