//! Results that come after their effect was invalidated: refused, and on record.

use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::tape::Input;
use motet_machine::{EffectCoordinate, EffectId, EffectOutcome};

impl<E> Runtime<E> {
    /// An answer that nobody waits for is refused. One for an effect that was invalidated is on record as rejected, and an
    /// input of the run.
    pub(crate) fn refuse(&mut self, effect: EffectId, outcome: EffectOutcome) -> RuntimeError {
        match self.machine.invalidated_effect(effect) {
            Some(at) => self.reject_late(at, outcome).err().unwrap_or(RuntimeError::LateResult(effect)),
            None => RuntimeError::UnknownEffect(effect),
        }
    }

    /// A result that came after its effect was invalidated is rejected. It is an input where it leaves a record.
    pub(crate) fn reject_late(&mut self, at: EffectCoordinate, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        let outcome = outcome.bounded();
        if self.machine.reject_late(at, &outcome)? {
            self.record(|| Input::Late { at, outcome });
        }
        Ok(())
    }
}
