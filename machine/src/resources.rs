//! The heap as the sessions of a chunk see it: the machine's heap as it stood when their wave was certified, and what each
//! of them does to it.
//!
//! A session makes resources under its own number and consumes only what it made, so what sessions do never collides and
//! is folded into the machine's heap in pick order. Numbers below a session's path are a coroutine and its effect counter:
//! what an effect brings is final when it is made, and no session keeps a counter of its own.

use crate::auth::identity::{CommunicationIdentity, NULLIFIER_COUNTER};
use alloc::boxed::Box;
use alloc::vec::Vec;
use motet_heap::{Heap, HeapError, IdSource, Overlay, Resource, ResourceId};
use motet_types::{Planted, SessionId, planted};

/// A chunk's view of the heap.
#[derive(Debug)]
pub(crate) struct Resources {
    base: Heap,
    /// In pick order; a session whose burst touched no resource has none.
    overlays: Vec<(SessionId, Overlay)>,
}

/// How far a session had come in a chunk's view.
#[derive(Debug)]
pub(crate) struct Mark {
    overlays: usize,
    own: Option<Overlay>,
}

impl Resources {
    /// What there is now, and what of it the session has made.
    pub(crate) fn mark(&self, session: SessionId) -> Mark {
        let own = self.overlays.last().filter(|(last, _)| *last == session);
        Mark { overlays: self.overlays.len(), own: own.map(|(_, overlay)| overlay.clone()) }
    }

    /// Takes back what the session has done since.
    pub(crate) fn back_to(&mut self, mark: Mark, session: SessionId) {
        self.overlays.truncate(mark.overlays);
        if let (Some(own), Some((last, overlay))) = (mark.own, self.overlays.last_mut())
            && *last == session
        {
            *overlay = own;
        }
    }

    /// A view of this heap.
    pub(crate) fn over(base: &Heap) -> Box<Self> {
        Box::new(Self { base: base.clone(), overlays: Vec::new() })
    }

    /// A view of a heap that was never touched.
    pub(crate) fn untouched() -> Box<Self> {
        Self::over(&Heap::new())
    }

    /// What the sessions did, in pick order.
    pub(crate) fn into_overlays(self) -> impl Iterator<Item = Overlay> {
        self.overlays.into_iter().map(|(_, overlay)| overlay)
    }

    /// What a session did in this burst: sessions come one after another, each once.
    fn overlay(&mut self, session: SessionId) -> Result<(&Heap, &mut Overlay), HeapError> {
        if self.overlays.last().is_none_or(|(last, _)| *last != session) {
            let ids = IdSource::new(&session.0.to_le_bytes()).ok_or(HeapError::CounterExhausted)?;
            self.overlays.push((session, Overlay::new(ids)));
        }
        let overlay = self.overlays.last_mut().map(|(_, overlay)| overlay).ok_or(HeapError::CounterExhausted)?;
        Ok((&self.base, overlay))
    }

    /// Makes a resource: the one that this coroutine's effect of this number brings.
    pub(crate) fn make(
        &mut self,
        session: SessionId,
        coroutine: u16,
        counter: u32,
        resource: &Resource,
    ) -> Result<ResourceId, HeapError> {
        let (base, overlay) = self.overlay(session)?;
        let counter = if planted(Planted::GuardCounterStays) { 0 } else { counter };
        overlay.alloc_as(base, u64::from(coroutine) << 32 | u64::from(counter), resource)
    }

    /// A live resource, as the session sees it.
    pub(crate) fn read(&self, session: SessionId, id: &ResourceId) -> Result<Resource, HeapError> {
        match self.overlays.last() {
            Some((last, overlay)) if *last == session => overlay.read(&self.base, id),
            _ => self.base.read(id),
        }
    }

    /// Whether a resource is consumed, as the session sees it.
    pub(crate) fn is_consumed(&self, session: SessionId, id: &ResourceId) -> bool {
        match self.overlays.last() {
            Some((last, overlay)) if *last == session => overlay.is_consumed(&self.base, id),
            _ => self.base.is_consumed(id),
        }
    }

    /// Consumes a message's nullifier, which is made for that: nobody sees it live.
    pub(crate) fn nullify(&mut self, session: SessionId, identity: &CommunicationIdentity) -> Result<(), HeapError> {
        let (base, overlay) = self.overlay(session)?;
        let id = overlay.alloc_as(base, NULLIFIER_COUNTER, &identity.nullifier_resource())?;
        overlay.consume(base, &id).map(drop)
    }

    /// Consumes a live resource.
    pub(crate) fn consume(&mut self, session: SessionId, id: &ResourceId) -> Result<(), HeapError> {
        let (base, overlay) = self.overlay(session)?;
        overlay.consume(base, id).map(drop)
    }
}
