//! Where a wave's time goes: certifying, running, committing, timed apart.
//!
//! The machine is driven by hand, with a first-come queue as the plan, and the clock is read only between phases; so
//! this says something for waves that take many times longer than reading a clock (F >= 64), and nothing for others.

use crate::protocols::{PING_PONG, image};
use motet_machine::{
    CommitReport, NoHost, Pick, ProtocolMachine, ProtocolMachineConfig, TraceMode, WaveCertificate, WavePlan,
};
use motet_types::EffectKinds;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time of a run by phase.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phases {
    /// Choosing the islands.
    pub plan: Duration,
    /// Certifying them, and moving them out of the machine.
    pub certify: Duration,
    /// The bursts.
    pub run: Duration,
    /// Committing them.
    pub commit: Duration,
}

impl Phases {
    fn all(&self) -> f64 {
        (self.plan + self.certify + self.run + self.commit).as_secs_f64()
    }

    /// The certifier's share of the run.
    pub fn certifier_share(&self) -> f64 {
        self.certify.as_secs_f64() / self.all()
    }

    /// The share of everything that is not a burst.
    pub fn scheduling_share(&self) -> f64 {
        1.0 - self.run.as_secs_f64() / self.all()
    }
}

/// Runs endless two-role sessions in waves of the given width and fuel, for about `steps` steps, on this thread.
///
/// # Panics
/// When the machine refuses its own sessions; it does not.
pub fn phases(sessions: u32, width: usize, fuel: u32, steps: u64) -> Phases {
    let config = ProtocolMachineConfig { trace: TraceMode::Disabled, ..ProtocolMachineConfig::default() };
    let mut machine = ProtocolMachine::new(config).expect("the configuration is valid");
    let id = machine.load(Arc::new(image(PING_PONG))).expect("the image loads");
    let open = |machine: &mut ProtocolMachine| machine.open(id).expect("a session opens");
    let mut ready: VecDeque<Pick> = (0..sessions).map(|_| open(&mut machine)).collect();
    let mut phases = Phases::default();
    let mut report = CommitReport::default();
    let mut since = Instant::now();
    let mut lap = |into: &mut Duration| {
        let now = Instant::now();
        *into += now - since;
        since = now;
    };
    while machine.tally().steps < steps {
        let mut picks = std::mem::take(&mut report.picks);
        picks.clear();
        picks.extend(ready.drain(..width.min(ready.len())));
        let (wave, planner_step, boundary) = (machine.next_wave(), machine.planner_step(), machine.boundary());
        let plan = WavePlan { claim: WaveCertificate { wave, planner_step, boundary, picks }, fuel, chunk: 64 };
        lap(&mut phases.plan);
        let wave = machine.certify(plan, EffectKinds::NONE).expect("the plan is good");
        lap(&mut phases.certify);
        let finished = wave.run(&NoHost);
        lap(&mut phases.run);
        machine.commit(finished, &mut report);
        ready.extend(&report.ready);
        lap(&mut phases.commit);
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_seen() {
        let phases = phases(8, 4, 64, 10_000);
        assert!(phases.run > Duration::ZERO && phases.certify > Duration::ZERO && phases.commit > Duration::ZERO);
        assert!(phases.certifier_share() <= phases.scheduling_share() && phases.scheduling_share() < 1.0);
    }
}
