//! Runs that keep semantic objects, beside the same runs without.

use crate::hosts::Answering;
use motet_machine::{CodeImage, ProtocolMachineConfig, TraceMode};
use motet_runtime::{GuestRuntime, Schedule};
use std::sync::Arc;

/// A run of one image that asks its host.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What every session runs.
    pub image: Arc<CodeImage>,
    /// How many sessions are open at once.
    pub sessions: u32,
    /// The most steps of all together.
    pub steps: u64,
    /// How many objects that have ended are kept; none, and there are no objects.
    pub kept: Option<u32>,
    /// The budget of each effect, in ticks.
    pub budget: Option<u64>,
}

impl Asked {
    /// Opens the sessions and runs them; `begin` is called when everything is loaded.
    pub fn run(&self, begin: impl FnOnce()) -> GuestRuntime {
        let config = ProtocolMachineConfig {
            max_sessions: self.sessions,
            trace: TraceMode::Disabled,
            semantic_objects: self.kept,
            effect_budget: self.budget,
            ..ProtocolMachineConfig::default()
        };
        let mut runtime = GuestRuntime::new(config, Schedule::throughput()).expect("the configuration makes sense");
        let id = runtime.load(Arc::clone(&self.image)).expect("it loads");
        begin();
        for _ in 0..self.sessions {
            runtime.open(id).expect("there is room");
        }
        runtime.limit_steps(self.steps);
        runtime.run(&Answering).expect("nothing goes wrong");
        runtime
    }
}
