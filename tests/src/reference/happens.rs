//! What happens to sites and links in a run: links are cut and made whole again, and now and then a site crashes.

use crate::dice::Dice;
use motet_bridge::ScriptedPerturbation;
use motet_machine::{CodeImage, TopologyPerturbation};
use motet_runtime::GuestRuntime;
use motet_types::RoleId;
use std::sync::Arc;

/// What happens, drawn from a seed, and what has happened so far.
#[derive(Debug)]
pub(super) struct Happens {
    sites: Vec<String>,
    fails: bool,
    dice: Dice,
    /// Links that are cut, oldest first.
    cut: Vec<(String, String)>,
    script: Vec<ScriptedPerturbation>,
}

impl Happens {
    /// Something, where it `fails`, or nothing.
    pub(super) fn new(image: &CodeImage, plans: &[Arc<CodeImage>], fails: bool, seed: u64) -> Self {
        let images = std::iter::once(image).chain(plans.iter().map(Arc::as_ref));
        let names = |image: &CodeImage| -> Vec<String> {
            (0..image.role_count()).map(|at| image.role_name(RoleId(at as u16)).to_owned()).collect()
        };
        let sites = images.flat_map(names).collect();
        Self { sites, fails, dice: Dice::new(seed ^ 0x7369_7465_7331_3131), cut: Vec::new(), script: Vec::new() }
    }

    fn take(&mut self, one: TopologyPerturbation, runtime: &mut GuestRuntime, answers: u64) -> Result<(), String> {
        let tick = runtime.machine().tick().0;
        runtime.perturb(std::slice::from_ref(&one)).map(drop).map_err(|error| error.to_string())?;
        let perturbation = serde_json::to_value(&one).map_err(|error| error.to_string())?;
        self.script.push(ScriptedPerturbation { tick, answers, perturbation });
        Ok(())
    }

    /// Now and then something happens. `answers` is how many words of the host about effects that may block there were.
    pub(super) fn now(&mut self, runtime: &mut GuestRuntime, answers: u64) -> Result<(), String> {
        if !self.fails || !self.dice.one_in(4) {
            return Ok(());
        }
        let (from, to) = (self.dice.pick(&self.sites).clone(), self.dice.pick(&self.sites).clone());
        match self.dice.below(10) {
            0 => self.take(TopologyPerturbation::Crash { site: from }, runtime, answers),
            1..=3 if !self.cut.is_empty() => self.heals(runtime, answers).map(drop),
            _ if from == to => Ok(()),
            _ => {
                self.cut.push((from.clone(), to.clone()));
                self.take(TopologyPerturbation::Partition { from, to }, runtime, answers)
            }
        }
    }

    /// The link that was cut longest ago is whole again; whether there was one.
    pub(super) fn heals(&mut self, runtime: &mut GuestRuntime, answers: u64) -> Result<bool, String> {
        if self.cut.is_empty() {
            return Ok(false);
        }
        let (from, to) = self.cut.remove(0);
        self.cut.retain(|link| *link != (from.clone(), to.clone()));
        self.take(TopologyPerturbation::Heal { from, to }, runtime, answers).map(|()| true)
    }

    /// How much has happened.
    pub(super) fn count(&self) -> u64 {
        self.script.len() as u64
    }

    /// What has happened, as a runner is told.
    pub(super) fn into_script(self) -> Vec<ScriptedPerturbation> {
        self.script
    }
}

/// How often links were cut, were made whole, and sites crashed.
pub(super) fn happened(script: &[ScriptedPerturbation]) -> [u64; 3] {
    let count = |kind: &str| script.iter().filter(|one| one.perturbation["kind"] == kind).count() as u64;
    ["partition", "heal", "crash"].map(count)
}
