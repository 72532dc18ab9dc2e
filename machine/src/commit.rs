//! The commit: a finished wave comes back, in pick order.

use crate::effect::EffectCoordinate;
use crate::machine::{GONE, Place, ProtocolMachine, Slot};
use crate::outbox::{Ask, FaultReport};
use crate::trace::BurstEnd;
use crate::wave::{FinishedWave, IslandId};
use alloc::vec::Vec;
use motet_types::{CoroutineId, Planted, SessionId, Terminal, planted};

/// What a commit made known.
#[derive(Debug, Default)]
pub struct CommitReport {
    /// Islands that are ready now, in commit order.
    pub ready: Vec<IslandId>,
    /// Effects that may be asked now.
    pub asks: Vec<Ask>,
    /// Faults, in commit order.
    pub faults: Vec<FaultReport>,
    /// Recorded answers, in commit order; see [`RecordedEffect`](crate::RecordedEffect).
    pub inputs: Vec<u8>,
    /// Steps that the wave took.
    pub steps: u64,
}

impl ProtocolMachine {
    /// Takes a finished wave back, in pick order.
    ///
    /// # Panics
    /// When the wave is another machine's: only a bug in an executor can mix them up, and going on would mix up
    /// sessions.
    pub fn commit(&mut self, wave: FinishedWave) -> CommitReport {
        assert_eq!(wave.certificate.planner_step, self.planner_step, "a wave is committed to the machine it came from");
        let mut report = CommitReport::default();
        for chunk in wave.chunks {
            let mut chunk = chunk.0;
            if chunk.context.trace {
                self.trace.add(&chunk.outbox.events, chunk.digest);
            }
            for (island, burst) in chunk.islands.drain(..).zip(chunk.reports.drain(..)) {
                self.tally.bursts += 1;
                self.tally.steps += u64::from(burst.steps);
                self.tally.messages += u64::from(burst.received);
                report.steps += u64::from(burst.steps);
                let slot = &mut self.slots[island.slot as usize];
                match burst.end {
                    BurstEnd::Ready => {
                        *slot = Slot { session: island.session, place: Place::Ready };
                        report.ready.push(IslandId(island.slot));
                    }
                    BurstEnd::Waiting => *slot = Slot { session: island.session, place: Place::Waiting },
                    BurstEnd::Ended(terminal) => {
                        slot.place = Place::Free;
                        self.free.push(island.slot);
                        self.end(island.session.id(), terminal);
                    }
                }
            }
            report.asks.append(&mut chunk.outbox.asks);
            report.faults.append(&mut chunk.outbox.faults);
            report.inputs.append(&mut chunk.outbox.inputs);
            self.tally.dropped += chunk.outbox.dropped;
            chunk.outbox.clear();
            chunk.digest = None;
            self.pool.push(chunk);
        }
        for ask in &report.asks {
            if self.slot_of(ask.coordinate.session).is_some() {
                self.pending.insert(ask.coordinate, ask.clone());
            }
        }
        self.tally.waves += 1;
        self.planner_step += 1;
        self.tick.0 += 1;
        report
    }

    fn end(&mut self, session: SessionId, terminal: Terminal) {
        match terminal {
            Terminal::Faulted if !planted(Planted::CommitFaultUncounted) => self.tally.faulted += 1,
            _ => self.tally.closed += 1,
        }
        if let Some(at) = session.0.checked_sub(self.index_base) {
            self.index[at as usize] = GONE;
        }
        while self.index.front() == Some(&GONE) {
            self.index.pop_front();
            self.index_base += 1;
        }
        let first = EffectCoordinate { session, coroutine: CoroutineId(0), counter: 0 };
        while let Some((at, _)) = self.pending.range(first..).next()
            && at.session == session
        {
            let at = *at;
            self.pending.remove(&at);
        }
    }
}
