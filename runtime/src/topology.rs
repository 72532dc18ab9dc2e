//! What happens to sites and links, as a runtime takes it: between turns, and as an input of the run.
//!
//! Time is counted in waves, and where nothing is ready no wave comes. So that a run does not wait for ever on a site that
//! has timed out, a turn that finds nothing to do, and nobody outside to wait for, lets the time pass up to the next timeout's end.
//! That it did is an input too: whether anything would have come in meanwhile is not the machine's to know.

use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::tape::Input;
use motet_machine::{TopologyOutcome, TopologyPerturbation};
use motet_types::SessionId;
use std::collections::BTreeSet;

impl<E> Runtime<E> {
    /// Takes what has happened to sites and links, between turns; see
    /// [`ProtocolMachine::perturb`](motet_machine::ProtocolMachine::perturb). It is an input of the run.
    ///
    /// ```
    /// # use motet_choreo::{Source, compile, load};
    /// # use motet_machine::{CodeImage, NoHost, ProtocolMachineConfig, TopologyPerturbation};
    /// # use motet_runtime::{GuestRuntime, RunStatus, Schedule};
    /// # let text = "protocol Ask =\n  roles A, B\n  A -> B : Question\n  B -> A : Answer\n";
    /// # let image = CodeImage::verify(compile(&load(&Source::from_text("ask.tell", text)?)?)?)?;
    /// let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), Schedule::default())?;
    /// let image = runtime.load(image)?;
    /// runtime.open(image)?;
    /// let cut = TopologyPerturbation::Partition { from: "A".into(), to: "B".into() };
    /// assert_eq!(runtime.perturb(&[cut])?.sessions, 1);
    /// assert_eq!(runtime.run(&NoHost)?, RunStatus::Stuck);
    /// let heal = TopologyPerturbation::Heal { from: "A".into(), to: "B".into() };
    /// assert_eq!(runtime.perturb(&[heal])?.ready.len(), 1);
    /// assert_eq!(runtime.run(&NoHost)?, RunStatus::Completed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn perturb(&mut self, perturbations: &[TopologyPerturbation]) -> Result<TopologyOutcome, RuntimeError> {
        let outcome = self.take_perturbations(perturbations)?;
        self.record(|| Input::Perturb { perturbations: perturbations.to_vec() });
        Ok(outcome)
    }

    /// The same, and no input: whoever calls it records one.
    pub(crate) fn take_perturbations(
        &mut self,
        perturbations: &[TopologyPerturbation],
    ) -> Result<TopologyOutcome, RuntimeError> {
        self.sound()?;
        let outcome = self.machine.perturb(perturbations)?;
        self.act_on(&outcome);
        Ok(outcome)
    }

    /// Plans what is ready now, and forgets what is not any more.
    fn act_on(&mut self, outcome: &TopologyOutcome) {
        if !outcome.resting.is_empty() {
            let resting: BTreeSet<SessionId> = outcome.resting.iter().copied().collect();
            self.planner.forget_all(&resting);
        }
        let step = self.machine.planner_step();
        outcome.ready.iter().for_each(|pick| self.planner.ready(*pick, step));
        self.faults.extend(outcome.faults.iter().cloned());
    }

    /// Ends the timeouts that are over: at the end of a turn.
    pub(crate) fn expire_timeouts(&mut self) {
        if self.machine.has_expired_timeouts() {
            let outcome = self.machine.expire_timeouts();
            self.act_on(&outcome);
        }
    }

    /// Lets time pass to the end of the next timeout.
    pub(crate) fn elapse(&mut self) {
        self.record(|| Input::Elapse);
        let outcome = self.machine.elapse();
        self.act_on(&outcome);
    }

    /// Lets time pass as long as nothing else can happen.
    pub(crate) fn pass_time(&mut self) {
        while self.planner.depth() == 0 && self.to_ask.is_empty() && self.machine.waits_for_time() {
            self.elapse();
        }
    }
}
