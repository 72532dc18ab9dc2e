//! What a run asks of its host: which hosts may serve it, effects that may block, and their answers.

use crate::contained::Contained;
use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::tape::Input;
use motet_machine::{Ask, CodeImage, EffectCoordinate, EffectHandler, EffectId, EffectOutcome};
use motet_types::{EffectKind, EffectKinds, Planted, ReentrancyPolicy, SortId, ValType, planted};
use std::collections::{BTreeMap, BTreeSet};

/// Whether a host that wants these kinds of effects may serve an image.
pub(crate) fn served(image: &CodeImage, wants: EffectKinds) -> Result<(), RuntimeError> {
    if !wants.contains(EffectKind::Choose)
        && let Some(role) = image.deciders().next()
    {
        return Err(RuntimeError::NobodyChooses { role: image.role_name(role).into() });
    }
    let silent = |answer: u16| image.sorts().val_type(SortId(answer)) == Some(ValType::Unit);
    let unanswered = image.effects().iter().find(|effect| effect.may_block || !silent(effect.answer));
    if !wants.contains(EffectKind::InvokeStep)
        && let Some(effect) = unanswered
    {
        let effect = format!("{}.{}", effect.interface, effect.operation);
        return Err(RuntimeError::NobodyAnswers { effect });
    }
    if !wants.contains(EffectKind::Acquire)
        && let Some(layer) = image.guards().first().copied()
    {
        return Err(RuntimeError::NobodyGuards { layer });
    }
    Ok(())
}

impl<E> Runtime<E> {
    /// Whether this host may serve the loaded images: looked at once, and again when either changes.
    pub(crate) fn admit<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<EffectKinds, RuntimeError> {
        if let Some(began) = &self.handler
            && began != host.identity()
        {
            return Err(RuntimeError::HandlerChanged { began: began.clone(), now: host.identity().into() });
        }
        let now = (self.machine.images().len(), host.wants());
        match self.admitted {
            Some(admitted) if admitted == now => return Ok(now.1),
            Some((_, wants)) if wants != now.1 => {
                return Err(RuntimeError::WantsChanged { handler: host.identity().into() });
            }
            _ => {}
        }
        for image in self.machine.images() {
            served(image, now.1)?;
        }
        // A handler that was refused has not begun the run.
        self.handler.get_or_insert_with(|| host.identity().into());
        self.admitted = Some(now);
        Ok(now.1)
    }

    /// Asks the effects that may block, outside any wave.
    pub(crate) fn ask<H: EffectHandler + ?Sized>(&mut self, host: &H) -> Result<(), RuntimeError> {
        if self.to_ask.is_empty() {
            return Ok(());
        }
        let run = self.machine.config().run_id;
        for ask in std::mem::take(&mut self.to_ask) {
            if !self.machine.is_pending(&ask.coordinate) {
                continue;
            }
            let overdue = self.machine.is_overdue(&ask.coordinate) && !planted(Planted::DeadlineAsksOverdue);
            if overdue || self.is_shut_out(&ask) {
                self.to_ask.push(ask);
                continue;
            }
            match self.machine.ask(&ask, &Contained(host)) {
                // The session has ended meanwhile: nobody waits for the answer.
                None => {}
                Some(EffectOutcome::Blocked) => {
                    // A host that had taken it on in an earlier process has not now.
                    self.asked.remove(&ask.coordinate.effect_id(&run));
                    self.to_ask.push(ask);
                }
                Some(EffectOutcome::Pending) => {
                    self.asked.insert(ask.coordinate.effect_id(&run), ask.coordinate);
                }
                Some(answer) => self.answer(ask.coordinate, answer)?,
            }
        }
        Ok(())
    }

    /// Whether the host has taken on an effect beside which this one may not go out: it then waits for that one's answer.
    fn is_shut_out(&self, ask: &Ask) -> bool {
        let policy = ask.metadata().reentrancy_policy;
        // An operation goes out again only when it is asked again.
        if policy != ReentrancyPolicy::RejectSameFragment || planted(Planted::AskReenters) {
            return false;
        }
        let (mine, run) = (ask.responsibility(), self.machine.config().run_id);
        self.machine.asks_of(ask.coordinate.session).any(|other| {
            let out = other.coordinate != ask.coordinate && self.asked.contains_key(&other.coordinate.effect_id(&run));
            out && mine.is_shut_out_by(policy, &other.responsibility())
        })
    }

    pub(crate) fn answer(&mut self, at: EffectCoordinate, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        let outcome = outcome.bounded();
        let recorded = self.tape.is_some().then(|| outcome.clone());
        let pick = self.machine.answer(at, outcome)?;
        if let Some(outcome) = recorded {
            self.record(|| Input::Answer { at, outcome });
        }
        if let Some(pick) = pick {
            self.planner.ready(pick, self.machine.planner_step());
        }
        Ok(())
    }

    /// Hands in the answer to an effect that the host had taken on.
    ///
    /// # Errors
    /// Nobody waits for it. [`RuntimeError::LateResult`] where the effect was invalidated and semantic objects are kept: they
    /// have the result as rejected.
    pub fn complete(&mut self, effect: EffectId, outcome: EffectOutcome) -> Result<(), RuntimeError> {
        let Some(at) = self.asked.get(&effect).copied() else { return Err(self.refuse(effect, outcome)) };
        let taken = self.answer(at, outcome);
        if !self.machine.is_pending(&at) {
            // Answered now, or its session ended before: nobody waits for it any more.
            self.asked.remove(&effect);
        }
        taken
    }

    /// Effects that the next turn will ask, in order.
    pub(crate) fn to_ask(&self) -> &[Ask] {
        &self.to_ask
    }

    /// Has every effect asked again that waits for an answer: the host may have forgotten them. Their ids are the same.
    /// Those of `asked` come first, in that order, which should be the one in which they were asked before.
    pub(crate) fn ask_again(&mut self, asked: &[EffectCoordinate]) {
        let pending: BTreeMap<EffectCoordinate, Ask> =
            self.machine.pending_effects().map(|ask| (ask.coordinate, ask.clone())).collect();
        let fresh = std::mem::take(&mut self.to_ask);
        let order = asked.iter().copied().chain(fresh.iter().map(|ask| ask.coordinate)).chain(pending.keys().copied());
        let mut seen = BTreeSet::new();
        self.to_ask.extend(order.filter(|at| seen.insert(*at)).filter_map(|at| pending.get(&at).cloned()));
    }

    /// Effects that the host has taken on and not answered.
    pub fn outstanding(&self) -> impl Iterator<Item = (EffectId, EffectCoordinate)> {
        let waited_for = |(_, at): &(&EffectId, &EffectCoordinate)| self.machine.is_pending(at);
        self.asked.iter().filter(waited_for).map(|(id, at)| (*id, *at))
    }

    /// The identity of the handler that serves this run.
    pub fn handler(&self) -> Option<&str> {
        self.handler.as_deref()
    }

    /// The handler with which the run began elsewhere. The images are looked at again when it comes, and it must want the
    /// same kinds.
    pub(crate) fn began_with(&mut self, handler: String, wants: EffectKinds) {
        (self.handler, self.admitted) = (Some(handler), Some((usize::MAX, wants)));
    }

    /// The kinds that the run's handler wants.
    pub fn wants(&self) -> EffectKinds {
        self.admitted.map_or(EffectKinds::NONE, |(_, wants)| wants)
    }
}
