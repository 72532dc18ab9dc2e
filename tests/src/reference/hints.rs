//! A host that says of outputs under which condition they stand.

use crate::dice::Dice;
use motet_machine::{
    EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, OutputConditionHint,
};
use motet_types::{EffectKind, EffectKinds};

/// Conditions that hosts name.
const NAMES: [&str; 3] = ["paid", "receipt.signed", "protocol_machine.observable_output"];

/// Some of the names, at least one, each once.
pub(super) fn some_names(dice: &mut Dice) -> Vec<String> {
    let first = dice.below(NAMES.len());
    (first..first + 1 + dice.below(NAMES.len())).map(|at| NAMES[at % NAMES.len()].to_owned()).collect()
}

/// Asks another host for everything but conditions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hinting<H> {
    /// The other host.
    pub inner: H,
    /// From what the conditions are drawn.
    pub seed: u64,
}

impl<H: EffectHandler> EffectHandler for Hinting<H> {
    fn identity(&self) -> &str {
        self.inner.identity()
    }

    fn wants(&self) -> EffectKinds {
        self.inner.wants().with(EffectKind::OutputConditionHint)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let EffectRequestBody::OutputConditionHint { .. } = request.body else {
            return self.inner.handle_effect(request);
        };
        let at = request.coordinate;
        let place = at.session.0 << 32 | u64::from(at.coroutine.0) << 20 | u64::from(at.counter);
        let mut dice = Dice::new(self.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let hint = (!dice.one_in(4)).then(|| {
            // Now and then a name that is none, which faults.
            let predicate = if dice.one_in(24) { "" } else { *dice.pick(&NAMES) };
            let witness = dice.one_in(2).then(|| format!("witness {}", dice.below(3)));
            Box::new(OutputConditionHint { predicate: predicate.into(), witness })
        });
        EffectOutcome::Success(EffectResponse::OutputConditionHint(hint))
    }
}
