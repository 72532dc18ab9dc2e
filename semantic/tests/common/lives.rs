//! Random histories: live objects are told what happens, and a list remembers it.

use super::history::{Ask, Happened, KEEP, recompute};
use motet_semantic::*;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What every effect asks, and what is answered.
static ASKED: LazyLock<ShortBytes> = LazyLock::new(|| b"[1,2]"[..].into());
static SEVEN: LazyLock<ShortBytes> = LazyLock::new(|| b"7"[..].into());
pub(crate) static ONE: LazyLock<ShortBytes> = LazyLock::new(|| b"1"[..].into());

/// Numbers as the tests name them.
pub(crate) struct Names;

pub(crate) fn key(session: u64, coroutine: u16, counter: u32) -> EffectKey {
    EffectKey { session, coroutine, counter }
}

fn name(effect: EffectKey) -> String {
    // Not in the order of the keys.
    format!("{:x}-{}.{}", effect.counter * 7 % 16, effect.session, effect.counter * 100 + u32::from(effect.coroutine))
}

impl Describe for Names {
    fn effect_id(&self, effect: EffectKey) -> String {
        name(effect)
    }

    fn handler(&self, _: u64) -> String {
        "host".into()
    }

    fn interface(&self, image: u32, wanted: Wanted) -> Option<(String, String)> {
        match wanted {
            Wanted::Operation(row) => Some((format!("I{image}"), format!("op{row}"))),
            Wanted::Guard(_) => None,
        }
    }

    fn inputs(&self, _: u32, _: Wanted, bytes: &[u8]) -> Shown {
        Shown::Written(String::from_utf8_lossy(bytes).into())
    }

    fn outputs(&self, image: u32, wanted: Wanted, bytes: &[u8]) -> Shown {
        self.inputs(image, wanted, bytes)
    }
}

const ROLES: [&str; 3] = ["A", "B", "C"];
const OWNERS: [&str; 3] = ["ada", "bob", "eve"];

/// An effect of a coroutine that plays the role of its number.
pub(crate) fn asked(effect: EffectKey, budget_ticks: Option<u64>) -> AskedEffect<'static> {
    let wanted = if effect.counter % 3 == 1 { Wanted::Guard(4) } else { Wanted::Operation(2) };
    let role = effect.coroutine % 3;
    let role_name = ROLES[usize::from(role)];
    AskedEffect { effect, image: 1, wanted, role, role_name, inputs: &*ASKED, budget_ticks }
}

/// A session's ownership as this generator knows it.
#[derive(Clone, Default)]
struct Held {
    owner: Option<String>,
    generation: u64,
    claims: u64,
    witnesses: u64,
    scope: Option<OwnershipScope>,
    staged: Option<OwnershipReceipt>,
    ready: Vec<ReadinessWitness>,
    moved: u64,
    ended: bool,
}

/// Live objects beside their history.
pub(crate) struct Lives {
    pub(crate) live: Live,
    pub(crate) history: Vec<(u64, Happened)>,
    pub(crate) said: Vec<Noted>,
    keep: u32,
    word: u64,
    tick: u64,
    sessions: Vec<Held>,
    effects: Vec<EffectKey>,
}

impl Lives {
    pub(crate) fn new(seed: u64, keep: u32) -> Self {
        let word = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let (history, said, effects) = (Vec::new(), Vec::new(), Vec::new());
        Self { live: Live::new(keep), history, said, keep, word, tick: 0, sessions: Vec::new(), effects }
    }

    pub(crate) fn export(&self) -> ProtocolMachineSemanticObjects {
        self.live.export(&Names)
    }

    /// Holds the live objects against those of the history, and against the rules of a whole bundle.
    pub(crate) fn compare(&self, at: &str) {
        KEEP.set(self.keep as usize);
        let (found, expected) = (self.export(), recompute(&self.history, self.keep as usize));
        if found != expected {
            let (found, expected) = (found.to_json().unwrap(), expected.to_json().unwrap());
            let same = found.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
            let around = |text: &str| text[same.saturating_sub(300)..(same + 300).min(text.len())].to_owned();
            let last = &self.history[self.history.len().saturating_sub(6)..];
            panic!("{at}: live\n{}\nagain\n{}\nafter {last:#?}", around(&found), around(&expected));
        }
        if let Err(violation) = check(&found) {
            panic!("{at}: {violation}");
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        // xorshift: seeded, and good enough for choices.
        self.word ^= self.word << 13;
        self.word ^= self.word >> 7;
        self.word ^= self.word << 17;
        (self.word >> 11) as usize % limit.max(1)
    }

    /// Tells the live objects; what they refuse has not happened, and changes nothing.
    fn tell(&mut self, occurrence: Occurrence<'_>, happened: Happened) -> bool {
        let before = self.live.clone();
        let said = &mut self.said;
        match self.live.apply(self.tick, occurrence, |noted| said.push(noted)) {
            Ok(()) => {
                self.history.push((self.tick, happened));
                true
            }
            Err(LiveViolation::Effect { effect, error: EffectError::LateResult }) => {
                if let Occurrence::Answered(answered) = occurrence {
                    let what = match (answered.overdue, answered.failure) {
                        (true, _) => "effect.timed_out",
                        (false, Some(_)) => "effect.failed",
                        (false, None) => "effect.succeeded",
                    };
                    self.history.push((self.tick, Happened::Late(name(effect), what)));
                }
                false
            }
            Err(violation) => {
                let (now, then) = (self.live.export(&Names), before.export(&Names));
                assert_eq!(now, then, "refused, and changed: {violation}");
                false
            }
        }
    }

    fn authority(
        &mut self,
        session: Option<u64>,
        artifact: AuthorityArtifact,
        event: AuthorityAuditEvent,
        why: Option<&str>,
        transports: bool,
    ) {
        let record = AuthorityAuditRecord { tick: self.tick, artifact, event, reason: why.map(String::from) };
        let taken = self.tell(
            Occurrence::Authority { session, record: &record, transports },
            Happened::Authority(session, record.clone(), transports),
        );
        assert!(taken, "the generator makes no nonsense: {record:?}");
    }

    /// One thing happens.
    pub(crate) fn act(&mut self) {
        self.tick += self.below(3) as u64;
        let session = self.below(self.sessions.len());
        let id = session as u64;
        let alive = self.sessions.get(session).is_some_and(|held| !held.ended);
        match self.below(24) {
            _ if self.sessions.is_empty() => self.open(),
            0 => self.open(),
            1..=5 if alive => self.ask(id),
            6..=11 => self.on_effect(),
            12 if alive => {
                let (from, to) = (self.below(3) as u16, self.below(3) as u16);
                let guest = if self.below(3) == 0 { id | 1 << 44 } else { id };
                self.sessions[session].moved += 1;
                let (number, role) = (self.sessions[session].moved, ROLES[self.below(3)]);
                let moved = MovedEndpoint { island: id, session: guest, number, role, from, to };
                let role = role.into();
                let happened = Happened::Moved { island: id, session: guest, number, role, from, to };
                self.tell(Occurrence::Moved(moved), happened);
            }
            13 | 14 if alive => {
                let (digest, passed) = (self.below(3) as u8 + id as u8 * 8, self.below(4) > 0);
                let (predicate, witness) = (["p", "q"][self.below(2)], [None, Some("w")][self.below(2)]);
                let text = format!("{digest:02x}").repeat(32);
                let checked = CheckedOutput { session: id, predicate, witness, digest: [digest; 32], passed };
                let (predicate, witness) = (predicate.into(), witness.map(String::from));
                let happened = Happened::Checked { session: id, predicate, witness, digest: text, passed };
                self.tell(Occurrence::Checked(checked), happened);
            }
            15 if alive && self.below(3) == 0 => self.end(session),
            16 => {
                let witness =
                    TimeoutWitness { witness_id: self.tick, site: "A".into(), issued_at_tick: 0, until_tick: 9 };
                let known = self.history.iter().any(|(_, one)| {
                    matches!(one, Happened::Authority(None, record, _)
                        if record.artifact == AuthorityArtifact::Timeout(witness.clone()))
                });
                if !known {
                    let artifact = AuthorityArtifact::Timeout(witness);
                    self.authority(None, artifact.clone(), AuthorityAuditEvent::Issued, None, true);
                    if self.below(2) == 0 {
                        self.authority(None, artifact, AuthorityAuditEvent::Expired, None, true);
                    }
                }
            }
            _ if alive => self.own(session),
            _ => {}
        }
    }

    fn open(&mut self) {
        if self.sessions.len() < 8 {
            let session = self.sessions.len() as u64;
            self.sessions.push(Held::default());
            self.tell(Occurrence::Opened { session }, Happened::Opened(session));
        }
    }

    fn ask(&mut self, session: u64) {
        let coroutine = self.below(3) as u16;
        let counter = self.effects.iter().filter(|one| (one.session, one.coroutine) == (session, coroutine)).count();
        let effect = key(session, coroutine, counter as u32);
        let budget = [None, Some(0), Some(1), Some(3), Some(10)][self.below(5)];
        let one = asked(effect, budget);
        self.effects.push(effect);
        let happened = Happened::Asked(Ask {
            id: name(effect),
            session,
            coroutine,
            role: one.role_name.into(),
            guard: !one.wanted.is_observed(),
            interface: Names.interface(1, one.wanted),
            handler: "host".into(),
            inputs: Json::from(vec![1, 2]),
            budget,
        });
        self.tell(Occurrence::Asked(one), happened);
    }

    fn on_effect(&mut self) {
        if self.effects.is_empty() {
            return;
        }
        // Mostly what was asked lately: it waits still.
        let recent = self.effects.len().min([4, usize::MAX][usize::from(self.below(3) == 0)]);
        let at = self.effects.len() - 1 - self.below(recent);
        let effect = self.effects[at];
        match self.below(12) {
            0 | 1 => self.tell(Occurrence::Begun { effect }, Happened::Begun(name(effect))),
            2..=5 => self.tell(Occurrence::Elapsed, Happened::Elapsed),
            6 | 7 => {
                let answered = AnsweredEffect { effect, failure: Some("timeout"), outputs: &*SEVEN, overdue: true };
                self.tell(Occurrence::Answered(answered), Happened::Overdue(name(effect), Json::from(7)))
            }
            8 if self.below(3) == 0 => {
                let (upgrade, id) = (UpgradeKey([3; 32]), format!("upgrade:{}", "03".repeat(32)));
                self.tell(Occurrence::GivenUp { effect, upgrade }, Happened::GivenUp(name(effect), id))
            }
            8 => self.tell(Occurrence::Cancelled { effect }, Happened::Cancelled(name(effect))),
            _ => {
                let failure = [None, None, Some("timeout")][self.below(3)];
                let answered = AnsweredEffect { effect, failure, outputs: &*SEVEN, overdue: false };
                let happened = Happened::Answered(name(effect), failure.map(String::from), Json::from(7));
                self.tell(Occurrence::Answered(answered), happened)
            }
        };
    }

    fn capability(&self, session: usize) -> AuthorityArtifact {
        let held = &self.sessions[session];
        AuthorityArtifact::OwnershipCapability(OwnershipCapability {
            session_id: session as u64,
            owner_id: held.owner.clone().unwrap_or_default(),
            generation: held.generation,
            scope: held.scope.clone().unwrap_or(OwnershipScope::Session),
        })
    }

    /// One thing happens to a session's ownership, as the machine's audit tells it.
    fn own(&mut self, session: usize) {
        use AuthorityAuditEvent as Event;
        let (id, mut held) = (Some(session as u64), self.sessions[session].clone());
        let heir = OWNERS[self.below(3)];
        match (&held.owner, held.staged.clone()) {
            (None, _) => {
                let roles = ROLES[..1 + self.below(2)].iter().map(|role| String::from(*role));
                let scopes = [OwnershipScope::Session, OwnershipScope::Fragments(roles.collect::<BTreeSet<_>>())];
                held.scope = Some(scopes[self.below(2)].clone());
                held.owner = Some(heir.into());
                held.claims += 1;
                self.sessions[session] = held;
                self.authority(id, self.capability(session), Event::Issued, None, true);
            }
            (Some(_), Some(receipt)) if self.below(2) == 0 => {
                let artifact = AuthorityArtifact::OwnershipReceipt(receipt.clone());
                let (back, along) = (self.below(3) == 0, self.below(3) > 0);
                held.staged = None;
                if back {
                    self.sessions[session] = held;
                    self.authority(id, artifact, Event::RolledBack, Some("no"), true);
                    return;
                }
                self.authority(id, artifact, Event::Committed, None, along);
                self.authority(id, self.capability(session), Event::Invalidated, Some("transferred"), true);
                (held.owner, held.generation) = (Some(receipt.to_owner_id), receipt.to_generation);
                self.sessions[session] = held;
                self.authority(id, self.capability(session), Event::Issued, None, true);
            }
            (Some(owner), None) if self.below(2) == 0 => {
                held.claims += 1;
                let receipt = OwnershipReceipt {
                    session_id: session as u64,
                    claim_id: held.claims,
                    from_owner_id: owner.clone(),
                    from_generation: held.generation,
                    to_owner_id: heir.into(),
                    to_generation: held.generation + 1,
                    scope: held.scope.clone().unwrap_or(OwnershipScope::Session),
                };
                held.staged = Some(receipt.clone());
                self.sessions[session] = held;
                self.authority(id, AuthorityArtifact::OwnershipReceipt(receipt), Event::Issued, None, true);
            }
            (Some(owner), staged) => match self.below(5) {
                0 if staged.is_none() => {
                    self.authority(id, self.capability(session), Event::Invalidated, Some("released"), true);
                    (held.owner, held.generation) = (None, held.generation + 1);
                    self.sessions[session] = held;
                }
                1 => self.authority(id, self.capability(session), Event::Issued, None, true),
                2 | 3 => {
                    held.witnesses += 1;
                    let witness = ReadinessWitness {
                        witness_id: held.witnesses,
                        session_id: session as u64,
                        owner_id: owner.clone(),
                        generation: held.generation,
                        scope: OwnershipScope::Session,
                        predicate_ref: "ready".into(),
                    };
                    held.ready.push(witness.clone());
                    self.sessions[session] = held;
                    self.authority(id, AuthorityArtifact::Readiness(witness), Event::Issued, None, true);
                }
                _ => {
                    let Some(witness) = held.ready.pop() else { return };
                    let (at, keeps) = (self.below(4), held.ready.clone());
                    self.sessions[session] = held;
                    let artifact = AuthorityArtifact::Readiness(witness.clone());
                    match at {
                        0 => self.authority(id, artifact, Event::Invalidated, Some("transferred"), true),
                        1 => {
                            self.authority(id, artifact, Event::Rejected, Some("refused"), true);
                            self.sessions[session].ready = [keeps, vec![witness]].concat();
                        }
                        _ => self.authority(id, artifact, Event::Consumed, None, true),
                    }
                }
            },
        }
    }

    /// A session ends; what its owner holds loses its force first.
    fn end(&mut self, session: usize) {
        use AuthorityAuditEvent as Event;
        let (id, held) = (Some(session as u64), self.sessions[session].clone());
        if self.below(2) == 0
            && let Some(owner_id) = held.owner.clone()
        {
            let witness = AuthorityArtifact::Cancellation(CancellationWitness {
                witness_id: held.witnesses + 1,
                session_id: session as u64,
                owner_id,
                generation: held.generation,
                scope: OwnershipScope::Session,
                reason: "so it goes".into(),
            });
            self.authority(id, witness.clone(), Event::Issued, Some("so it goes"), true);
            self.authority(id, witness, Event::Consumed, Some("so it goes"), true);
        }
        if let Some(receipt) = held.staged {
            let artifact = AuthorityArtifact::OwnershipReceipt(receipt);
            self.authority(id, artifact, Event::RolledBack, Some("session_ended"), true);
        }
        for witness in held.ready {
            let artifact = AuthorityArtifact::Readiness(witness);
            self.authority(id, artifact, Event::Invalidated, Some("session_ended"), true);
        }
        self.sessions[session].ended = true;
        let ended = session as u64;
        self.tell(Occurrence::Ended { session: ended, terminal: "closed" }, Happened::Ended(ended));
    }
}
