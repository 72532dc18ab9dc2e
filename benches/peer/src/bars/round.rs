//! What a round of probes found.

use std::collections::BTreeMap;

/// The figures of one round, by probe.
#[derive(Debug, Clone, Default)]
pub(crate) struct Round {
    figures: BTreeMap<String, Result<f64, String>>,
}

impl Round {
    pub(crate) fn put(&mut self, probe: &str, figure: Result<f64, String>) {
        self.figures.insert(probe.to_owned(), figure);
    }

    /// A probe's figure; why there is none, where there is none.
    pub(crate) fn get(&self, probe: &str) -> Result<f64, String> {
        self.figures.get(probe).cloned().unwrap_or_else(|| Err(format!("`{probe}` was not measured")))
    }

    /// How many times larger one figure is than another.
    pub(crate) fn ratio(&self, over: &str, under: &str) -> Result<f64, String> {
        Ok(self.get(over)? / self.get(under)?)
    }

    /// How much larger one figure is than another.
    pub(crate) fn more(&self, this: &str, than: &str) -> Result<f64, String> {
        Ok(self.get(this)? - self.get(than)?)
    }
}
