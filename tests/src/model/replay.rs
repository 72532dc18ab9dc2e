//! Messages that are received once and in their order, as the replay modes have it.

use super::island::{Island, World};
use motet_machine::{BufferMode, CommunicationReplayMode, Ledger};
use motet_types::{EdgeId, FaultClass, LabelId, SessionId, Value};

impl Island {
    /// The message may be received; answers what it is called.
    pub(super) fn expect(
        &self,
        world: &World,
        talk: u32,
        edge: EdgeId,
        (number, label, value): &(u32, LabelId, Value),
    ) -> Result<String, FaultClass> {
        let there = &self.talks[&talk];
        let code = &world.codes[there.code];
        let ends = code.parts.edges[edge.index()];
        let (sender, receiver) = (ends.sender, ends.receiver);
        let (session, label) = (self.id.guest(talk), &code.parts.labels[label.index()].name);
        let called = format!("{session:?}: {number} {sender} -> {receiver} {label} {value:?}");
        if world.config.authentication.keys().is_some() && there.edges[edge.index()].spoilt.contains(number) {
            return Err(FaultClass::Verification);
        }
        let next = there.edges[edge.index()].next;
        let in_order = match world.config.buffer.mode {
            BufferMode::Fifo => u64::from(*number) == next,
            BufferMode::LatestValue => u64::from(*number) >= next,
        };
        match world.config.communication_replay_mode {
            CommunicationReplayMode::Sequence if !in_order => Err(FaultClass::Verification),
            CommunicationReplayMode::Nullifier if world.taken.contains(&called) || self.taken.contains(&called) => {
                Err(FaultClass::Verification)
            }
            _ => Ok(called),
        }
    }

    /// It has been received.
    pub(super) fn took(&mut self, world: &mut World, called: String) {
        if world.config.communication_replay_mode != CommunicationReplayMode::Nullifier {
            return;
        }
        if self.levels.is_empty() {
            world.taken.insert(called);
        } else {
            self.taken.insert(called);
        }
    }

    /// Holds what the machine keeps of the island's messages against the messages.
    pub(super) fn keeps(&self, world: &World, ledger: Option<&Ledger>) -> Result<(), String> {
        let off = world.config.communication_replay_mode == CommunicationReplayMode::Off;
        let signed = world.config.authentication.keys().is_some();
        if off && !signed {
            return ledger.map_or(Ok(()), |ledger| Err(format!("it keeps {ledger:?}")));
        }
        let none = Ledger::default();
        let ledger = ledger.unwrap_or(&none);
        for (number, talk) in &self.talks {
            for (at, queue) in talk.edges.iter().enumerate() {
                let edge = EdgeId(at as u16);
                let found = [
                    ledger.next(*number, edge).unwrap_or(0),
                    ledger.signatures(*number, edge) as u64,
                    ledger.history(*number, edge).map_or(0, |(count, _)| count),
                ];
                let signatures = if signed { queue.messages.len() as u64 } else { 0 };
                let expected = [queue.next, signatures, if signed { queue.sent } else { 0 }];
                let session: SessionId = self.id.guest(*number);
                let what = "next number, signatures, history";
                ensure!(found == expected, "{what} of {edge} of {session}: {found:?}, in the model {expected:?}");
            }
        }
        if world.config.communication_replay_mode == CommunicationReplayMode::Nullifier {
            let (found, expected) = (ledger.withheld(), self.taken.len());
            ensure!(found == expected, "{found} are withheld as consumed, in the model {expected}");
        }
        Ok(())
    }
}
