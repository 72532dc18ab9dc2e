//! What a durable run writes into its log, and when.

use super::entry::{self, ABANDONED, ASKED, DIGEST, HANDLER, INPUTS, PIECE};
use super::{Durable, DurableError, Intent, spans};
use crate::tape::{Input, read_inputs};
use motet_log::span::SpanEdge;
use motet_machine::EffectCoordinate;
use motet_types::{Digester, Planted, planted};

impl<E> Durable<E> {
    /// What the next turn will ask the host is written down, and the log synced past it.
    pub(super) fn gate(&mut self) -> Result<(), DurableError> {
        if self.runtime.to_ask().is_empty() {
            return Ok(());
        }
        self.write()?;
        let fresh = self.runtime.to_ask().iter().map(|ask| ask.coordinate);
        let machine = self.runtime.machine();
        // What is overdue is not asked any more.
        let asked = |at: &EffectCoordinate| machine.is_pending(at) && !machine.is_overdue(at);
        let fresh = fresh.filter(|at| asked(at) && !self.intended.contains(at));
        let intents: Vec<Intent> = fresh.map(|at| self.intent(at)).collect();
        if intents.is_empty() {
            return Ok(());
        }
        self.intended.extend(intents.iter().map(|intent| intent.at));
        if !planted(Planted::DurableForgetsAsked) {
            self.append_intents(ASKED, &intents, spans::opens)?;
        }
        if planted(Planted::DurableAsksEarly) { Ok(()) } else { self.sync() }
    }

    pub(super) fn intent(&self, at: EffectCoordinate) -> Intent {
        Intent { at, id: at.effect_id(&self.runtime.machine().config().run_id) }
    }

    /// Hands the log everything that has happened since the last call.
    pub(super) fn write(&mut self) -> Result<(), DurableError> {
        if !self.handler
            && let Some(identity) = self.runtime.handler()
        {
            let handler = entry::encode_handler(identity, self.runtime.wants());
            self.handler = true;
            self.append(HANDLER, &handler, &[])?;
        }
        let waves = self.runtime.machine().tally().waves;
        let tape = self.runtime.tape_mut().map(crate::tape::Tape::drain).unwrap_or_default();
        if !tape.is_empty() {
            if let Some(unrecorded) = &mut self.unrecorded {
                unrecorded.extend_from_slice(&tape);
            }
            self.write_tape(waves, &tape)?;
        }
        self.write_abandoned()?;
        let boundary = self.runtime.machine().boundary();
        if boundary.wave > self.digested {
            self.digested = boundary.wave;
            self.append(DIGEST, &entry::encode_digest(&boundary), &[])?;
        }
        Ok(())
    }

    /// The same, and how far the run has come.
    pub(super) fn write_reached(&mut self) -> Result<(), DurableError> {
        self.write()?;
        self.write_waves()
    }

    /// How far the run has come, should nothing have come in since that was last written: recovery goes as far.
    fn write_waves(&mut self) -> Result<(), DurableError> {
        let waves = self.runtime.machine().tally().waves;
        if waves > self.waves { self.write_tape(waves, &[]) } else { Ok(()) }
    }

    fn write_tape(&mut self, waves: u64, tape: &[u8]) -> Result<(), DurableError> {
        self.waves = waves;
        // A record must fit a segment; what is longer goes in pieces of half of one.
        let most = (self.log.most() / 2).max(64);
        let pieces = tape.len().saturating_sub(1) / most;
        let (before, last) = tape.split_at(pieces * most);
        for piece in before.chunks(most) {
            self.append(PIECE, piece, &[])?;
        }
        let mut inputs = Vec::with_capacity(last.len() + 12);
        inputs.u64(waves);
        inputs.u32(pieces as u32);
        inputs.extend_from_slice(last);
        let edges = self.answered(tape);
        self.append(INPUTS, &inputs, &edges)
    }

    /// The ends of the effects that a tape answers. The tape is only looked at when one is open.
    fn answered(&mut self, tape: &[u8]) -> Vec<SpanEdge> {
        if self.intended.is_empty() {
            return Vec::new();
        }
        let mut edges = Vec::new();
        for (_, input) in read_inputs(tape).unwrap_or_default() {
            if let Input::Answer { at, .. } = input
                && self.intended.remove(&at)
            {
                edges.push(spans::closes(&self.intent(at)));
            }
        }
        edges
    }

    /// Effects that nobody waits for any more, because their session has ended or they have timed out, end here.
    fn write_abandoned(&mut self) -> Result<(), DurableError> {
        if self.intended.is_empty() {
            return Ok(());
        }
        let machine = self.runtime.machine();
        let gone: Vec<EffectCoordinate> = self.intended.iter().filter(|at| !machine.is_pending(at)).copied().collect();
        if gone.is_empty() {
            return Ok(());
        }
        let gone: Vec<Intent> = gone.into_iter().map(|at| self.intent(at)).collect();
        self.intended.retain(|at| gone.iter().all(|intent| intent.at != *at));
        self.append_intents(ABANDONED, &gone, spans::closes)
    }

    /// Appends effects, in as many records as it takes: each must fit a segment. Before them stands how far the run has
    /// come: one that was recovered to less would open and close them again.
    fn append_intents(
        &mut self,
        kind: u16,
        intents: &[Intent],
        edge: fn(&Intent) -> SpanEdge,
    ) -> Result<(), DurableError> {
        self.write_waves()?;
        for part in intents.chunks(entry::asked_within(self.log.most())) {
            let edges: Vec<SpanEdge> = part.iter().map(edge).collect();
            self.append(kind, &entry::encode_asked(part), &edges)?;
        }
        Ok(())
    }
}
