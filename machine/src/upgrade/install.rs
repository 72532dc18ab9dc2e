//! Deciding and moving, as the machine does it: between turns, all sessions that are named or none.

use super::carry::Carried;
use super::{UpgradeDecision, UpgradeObstacle, UpgradeOptions, UpgradePlan};
use crate::effect::EffectCoordinate;
use crate::machine::{ImageId, PARKED, Place, ProtocolMachine};
use crate::outbox::Ask;
use crate::state::decode::{SessionState, StateError};
use crate::state::encode::encode_session;
use crate::state::rebuild::Home;
use crate::verify::VerifyError;
use crate::wave::{IslandId, Pick};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_types::{Digest, Planted, SessionId, TypeTablesError, planted};

/// Why an upgrade is refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeRefusal {
    /// No such image.
    #[error("there is no image {}; load it first", .0.0)]
    NoImage(ImageId),
    /// Sessions move while every island is at home.
    #[error("{out} waves are out; sessions move between turns")]
    WavesOut {
        /// How many.
        out: u64,
    },
    /// Other roles take part, or in another order.
    #[error("the new protocol has the roles {new}, the old one {old}; an upgrade keeps roles and their order")]
    Roles {
        /// The old image's.
        old: String,
        /// The new image's.
        new: String,
    },
    /// The types cannot be compared.
    #[error(transparent)]
    Types(#[from] TypeTablesError),
    /// An image cannot be followed.
    #[error(transparent)]
    Image(#[from] VerifyError),
    /// There is no such session, or it has ended.
    #[error("{0} is not alive")]
    NotAlive(SessionId),
    /// One of the sessions cannot move.
    #[error("{session} cannot move: {obstacle}")]
    Session {
        /// Which.
        session: SessionId,
        /// Why.
        obstacle: Box<UpgradeObstacle>,
    },
    /// An effect that is to be given up belongs to no session that stays behind and is at home, or waits for nothing.
    #[error("{0} cannot be given up: it does not wait, or its session moves or is parked")]
    NotLeftBehind(EffectCoordinate),
    /// Bytes that are no session.
    #[error("the bytes are no parked session: {0}")]
    Malformed(#[from] StateError),
}

/// Effects that an upgrade gives up: sessions wait for them that stay behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The digest of the upgrade, which everything that it invalidates names.
    pub upgrade: Digest,
    /// Which effects, each once.
    pub effects: Vec<EffectCoordinate>,
}

/// What an upgrade changed for whoever plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpgradeOutcome {
    /// How many sessions moved.
    pub moved: u64,
    /// Islands that are ready and were not.
    pub ready: Vec<Pick>,
    /// Sessions that were ready and wait now.
    pub resting: Vec<SessionId>,
    /// Effects that wait for an answer, as the new image asks for them.
    pub asks: Vec<Ask>,
    /// Effects that it gave up, in order.
    pub invalidated: Vec<EffectCoordinate>,
}

/// The plans of one upgrade, by the image that sessions come from.
#[derive(Debug)]
pub struct UpgradePlans {
    to: ImageId,
    options: UpgradeOptions,
    plans: BTreeMap<u32, UpgradePlan>,
}

impl UpgradePlans {
    /// To which image.
    pub const fn to(&self) -> ImageId {
        self.to
    }

    /// How.
    pub const fn options(&self) -> UpgradeOptions {
        self.options
    }
}

impl ProtocolMachine {
    /// Prepares an upgrade of all images' sessions to one that is loaded.
    ///
    /// # Errors
    /// The image is not loaded.
    pub fn plan_upgrade(&self, to: ImageId, options: UpgradeOptions) -> Result<UpgradePlans, UpgradeRefusal> {
        self.image(to).ok_or(UpgradeRefusal::NoImage(to))?;
        Ok(UpgradePlans { to, options, plans: BTreeMap::new() })
    }

    /// What would become of a session, as it stands now. Nothing changes.
    ///
    /// # Errors
    /// The session has ended, is out in a wave, or its image has other roles.
    pub fn consider_upgrade(
        &self,
        plans: &mut UpgradePlans,
        session: SessionId,
    ) -> Result<UpgradeDecision, UpgradeRefusal> {
        Ok(match self.moved(plans, session)? {
            Ok(_) => UpgradeDecision::Moves,
            Err(decision) => decision,
        })
    }

    /// What would become of a parked session once it is resumed, from its bytes.
    ///
    /// # Errors
    /// The session is not parked here, or these are not its bytes' form.
    pub fn consider_parked(&self, plans: &mut UpgradePlans, bytes: &[u8]) -> Result<UpgradeDecision, UpgradeRefusal> {
        let state = SessionState::decode(bytes)?;
        let parked = *self.parked.get(&state.id.0).ok_or(UpgradeRefusal::NotAlive(state.id))?;
        Ok(match self.moved_state(plans, parked.image, state)? {
            Ok(_) => UpgradeDecision::Moves,
            Err(decision) => decision,
        })
    }

    /// Moves sessions to a loaded image: all of them, or none.
    ///
    /// # Errors
    /// See [`UpgradeRefusal`]; the first session that cannot move is named.
    pub fn upgrade(
        &mut self,
        plans: &mut UpgradePlans,
        sessions: &[SessionId],
    ) -> Result<UpgradeOutcome, UpgradeRefusal> {
        self.cut_over(plans, sessions, None)
    }

    /// The same, and gives up effects for which sessions wait that stay behind: whoever waits has failed for want of
    /// authority, and what comes later is late. All of it happens, or nothing.
    ///
    /// # Errors
    /// As [`ProtocolMachine::upgrade`]; and an effect that cannot be given up is named.
    pub fn cut_over(
        &mut self,
        plans: &mut UpgradePlans,
        sessions: &[SessionId],
        given_up: Option<&GivenUp>,
    ) -> Result<UpgradeOutcome, UpgradeRefusal> {
        if self.out > 0 {
            return Err(UpgradeRefusal::WavesOut { out: self.out });
        }
        let mut moved = BTreeMap::new();
        for session in sessions {
            match self.moved(plans, *session)? {
                Ok(carried) => _ = moved.insert(*session, carried),
                Err(_) if planted(Planted::UpgradeByHalves) => {}
                Err(decision) => {
                    let obstacle = decision.obstacle().cloned().unwrap_or(UpgradeObstacle::Already);
                    return Err(UpgradeRefusal::Session { session: *session, obstacle: Box::new(obstacle) });
                }
            }
        }
        let mut seen = BTreeSet::new();
        for at in given_up.iter().flat_map(|given_up| &given_up.effects) {
            let behind = !moved.contains_key(&at.session) && !self.is_parked(at.session);
            if !behind || !self.is_pending(at) || !seen.insert(*at) {
                return Err(UpgradeRefusal::NotLeftBehind(*at));
            }
        }
        let mut outcome = UpgradeOutcome::default();
        for (session, carried) in moved {
            self.install(session, carried, &mut outcome);
        }
        if let Some(given_up) = given_up {
            self.give_up(given_up, &mut outcome);
        }
        Ok(outcome)
    }

    fn give_up(&mut self, given_up: &GivenUp, outcome: &mut UpgradeOutcome) {
        if self.semantics.is_some() && !planted(Planted::UpgradeHidesGivenUp) {
            self.given_up_happened(given_up);
        }
        let woken = self.invalidate(&given_up.effects, "the upgrade invalidated what its session waited for");
        outcome.ready.extend(woken);
        outcome.invalidated.clone_from(&given_up.effects);
    }

    fn moved(
        &self,
        plans: &mut UpgradePlans,
        session: SessionId,
    ) -> Result<Result<Carried, UpgradeDecision>, UpgradeRefusal> {
        if self.index.get(session.0) == PARKED {
            return Ok(Err(UpgradeDecision::Waits(UpgradeObstacle::Parked)));
        }
        let (live, image) = self.live(session).ok_or(UpgradeRefusal::NotAlive(session))?;
        if live.image == plans.to.0 {
            return Ok(Err(UpgradeDecision::Finishes(UpgradeObstacle::Already)));
        }
        let mut bytes = Vec::with_capacity(256);
        encode_session(&mut bytes, live, image, &self.deadlines);
        let state = SessionState::decode(&bytes)?;
        self.moved_state(plans, live.image, state)
    }

    fn moved_state(
        &self,
        plans: &mut UpgradePlans,
        from: u32,
        state: SessionState,
    ) -> Result<Result<Carried, UpgradeDecision>, UpgradeRefusal> {
        let UpgradePlans { to, options, plans } = plans;
        let image = |id: ImageId| self.image(id).ok_or(UpgradeRefusal::NoImage(id));
        let new = image(*to)?;
        if from == to.0 {
            return Ok(Err(UpgradeDecision::Finishes(UpgradeObstacle::Already)));
        }
        let plan = match plans.entry(from) {
            alloc::collections::btree_map::Entry::Occupied(plan) => plan.into_mut(),
            alloc::collections::btree_map::Entry::Vacant(none) => {
                none.insert(UpgradePlan::new(Arc::clone(image(ImageId(from))?), Arc::clone(new), *options)?)
            }
        };
        let home = Home { image: new, image_id: to.0, images: &self.images, buffer: &self.config.buffer };
        let session = state.id;
        Ok(plan.moved(state, &home).and_then(|carried| match self.other_question(session, &carried.1, plan) {
            Some(role) => Err(UpgradeDecision::Waits(UpgradeObstacle::Question { role })),
            None => Ok(carried),
        }))
    }

    /// The role of an effect that waits for an answer and would be another question.
    fn other_question(&self, session: SessionId, asks: &[Ask], plan: &UpgradePlan) -> Option<String> {
        let same = |(old, new): (&Ask, &Ask)| old.coordinate == new.coordinate && plan.asks_the_same(old, new);
        let differs = self.asks_of(session).zip(asks).find(|pair| !same(*pair)).map(|(old, _)| old.role);
        let differs = differs.or_else(|| match self.asks_of(session).count() == asks.len() {
            true => None,
            false => self.asks_of(session).chain(asks).next().map(|ask| ask.role),
        });
        differs.filter(|_| !planted(Planted::UpgradeAsksAnew)).map(|role| plan.new.role_name(role).into())
    }

    fn install(&mut self, id: SessionId, (session, asks): Carried, outcome: &mut UpgradeOutcome) {
        let Some(at) = self.slot_of(id) else { return };
        self.copy_first(at);
        let layout = &self.images[session.image as usize].layout;
        let ready = session.is_ready(layout);
        let slot = &mut self.slots[at as usize];
        self.digests.changed(slot, at);
        slot.session = session;
        match (slot.place, ready) {
            (Place::Waiting, true) => {
                slot.place = Place::Ready;
                outcome.ready.push(Pick { island: IslandId(at), footprint: id });
            }
            (Place::Ready, false) => {
                slot.place = Place::Waiting;
                outcome.resting.push(id);
            }
            _ => {}
        }
        if outcome.ready.last().is_some_and(|pick| pick.footprint == id) || outcome.resting.last() == Some(&id) {
            // Readers of the trace know by it who may be picked.
            self.tell(id, &[], None);
        }
        for ask in asks {
            self.pending.insert(ask.coordinate, ask.clone());
            outcome.asks.push(ask);
        }
        outcome.moved += 1;
    }
}
