//! `--topology`: what happens to sites and links while a run goes on, from a file.

use crate::failure::{Failure, Outcome};
use crate::input;
use motet_machine::{Tally, TopologyPerturbation};
use serde::Deserialize;
use std::collections::VecDeque;
use std::path::Path;

/// What happens together, and when: at the first turn's beginning at which so many steps were taken, or so many waves committed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with events, and at_step or at_wave")]
struct Entry {
    at_step: Option<u64>,
    at_wave: Option<u64>,
    events: Vec<TopologyPerturbation>,
}

/// What will happen, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Timetable(VecDeque<Entry>);

impl Timetable {
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let bytes = input::read_json(path)?;
        let name = path.display().to_string();
        let refused =
            |why: String| Failure::refused("bad_topology", format!("{name}: {why}")).field("file", name.clone());
        let entries: VecDeque<Entry> = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        match entries.iter().position(|entry| entry.at_step.is_some() == entry.at_wave.is_some()) {
            Some(at) => Err(refused(format!("entry {at} needs either `at_step` or `at_wave`"))),
            None => Ok(Self(entries)),
        }
    }

    /// What is to happen now, if anything is.
    pub(crate) fn due(&mut self, tally: &Tally) -> Option<Vec<TopologyPerturbation>> {
        let reached = |at: Option<u64>, now: u64| at.is_some_and(|at| at <= now);
        let now = |entry: &mut Entry| reached(entry.at_step, tally.steps) || reached(entry.at_wave, tally.waves);
        self.0.pop_front_if(now).map(|entry| entry.events)
    }

    /// What happens next, though its time has not come: where nothing can happen before it, it never would.
    pub(crate) fn next(&mut self) -> Option<Vec<TopologyPerturbation>> {
        self.0.pop_front().map(|entry| entry.events)
    }
}
