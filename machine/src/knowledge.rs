//! What coroutines know: facts about endpoints, each a text. `Tag` adds one, `Check` asks for one, and `Transfer` takes
//! those about its endpoint along.
//!
//! Knowledge is a coroutine's own and a set: what is known is known once. It ends with whoever knows it and with the
//! session that it is about, so it never outlives what could ask for it.

use crate::ext::{TAG_BOOL, ValueRef, view};
use crate::flow::{FlowPolicy, KnowledgeFact};
use crate::frame::{Frame, Outcome, Step};
use crate::image::CodeImage;
use crate::reply::Respondent;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use motet_types::{CoroutineId, EdgeId, Event, EventKind, Fault, LabelId, Planted, RoleId, planted};

/// Texts about one endpoint.
pub(crate) type Facts = BTreeSet<Box<str>>;

/// An endpoint of the island, and who knows something of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct About {
    pub(crate) coroutine: u16,
    /// The number of the endpoint's session, 0 for the main one.
    pub(crate) number: u32,
    pub(crate) role: RoleId,
}

/// What the coroutines of an island know. No set in it is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knowledge {
    facts: BTreeMap<About, Facts>,
}

/// What the configuration says of knowledge.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnowledgeRules {
    pub(crate) policy: FlowPolicy,
    /// How many facts an island's coroutines may know in all.
    pub(crate) max_facts: usize,
    /// How many bytes a fact may have.
    pub(crate) max_fact_bytes: usize,
}

impl Knowledge {
    /// All of it, in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&About, &Facts)> + DoubleEndedIterator {
        self.facts.iter()
    }

    /// Facts in all.
    pub(crate) fn count(&self) -> usize {
        self.facts.values().map(BTreeSet::len).sum()
    }

    /// Bytes that it holds beside itself.
    pub(crate) fn bytes(&self) -> usize {
        let set = |facts: &Facts| 64 + facts.iter().map(|fact| 32 + fact.len()).sum::<usize>();
        self.facts.values().map(set).sum()
    }

    pub(crate) fn knows(&self, about: About, fact: &str) -> bool {
        self.facts.get(&about).is_some_and(|facts| facts.contains(fact))
    }

    /// What is known of an endpoint.
    pub(crate) fn of(&self, about: About) -> impl Iterator<Item = &Box<str>> {
        self.facts.get(&about).into_iter().flatten()
    }

    pub(crate) fn learn(&mut self, about: About, facts: impl IntoIterator<Item = Box<str>>) {
        let mut facts = facts.into_iter().peekable();
        if facts.peek().is_some() {
            self.facts.entry(about).or_default().extend(facts);
        }
    }

    /// Forgets what is known of an endpoint, and answers it.
    pub(crate) fn forget(&mut self, about: About) -> Facts {
        match planted(Planted::TransferCopiesKnowledge) {
            true => self.facts.get(&about).cloned().unwrap_or_default(),
            false => self.facts.remove(&about).unwrap_or_default(),
        }
    }

    /// A session has ended.
    pub(crate) fn forget_session(&mut self, number: u32) {
        if !planted(Planted::KnowledgeOutlives) {
            self.facts.retain(|about, _| about.number != number);
        }
    }

    /// A coroutine has ended.
    pub(crate) fn forget_coroutine(&mut self, coroutine: u16) {
        self.facts.retain(|about, _| about.coroutine != coroutine);
    }
}

impl Frame<'_> {
    /// The text that a register holds.
    fn text(&self, register: u16) -> Result<Box<str>, Box<Fault>> {
        let (tag, word) = self.read(register);
        match view(self.ext.as_deref(), self.session, tag, word) {
            ValueRef::Str(text) => Ok(text.into()),
            _ => Err(Box::new(Fault::NoText { found: crate::comm::val_type(tag) })),
        }
    }

    /// The image of a session that has not ended, if it has the role.
    fn image_of(&self, number: u32, role: RoleId) -> Option<&CodeImage> {
        let growth = self.ext.as_deref().and_then(|ext| ext.growth.as_deref());
        let at = match number {
            0 => self.image_at,
            number => growth.and_then(|growth| growth.place(number).map(|at| growth.guests[at].image))?,
        };
        let images = self.images;
        images.get(at as usize).map(|image| &**image).filter(|image| role.index() < image.role_count())
    }

    /// Whether a fact about an endpoint may flow to the role of that name.
    pub(crate) fn may_flow<H: Respondent + ?Sized>(
        &self,
        host: &H,
        about: About,
        fact: &str,
        target: &str,
    ) -> Result<bool, Box<Fault>> {
        let Some(image) = self.image_of(about.number, about.role) else { return Ok(false) };
        let (session, role) = (self.session.guest(about.number), image.role_name(about.role));
        let (policy, fact) = (&self.images.knowledge.policy, KnowledgeFact { session, role, fact });
        let reason = "the host's predicate panicked";
        host.judge(&|| policy.allows(&fact, target)).ok_or_else(|| Box::new(Fault::Flow { reason }))
    }

    /// An event about an endpoint and a text.
    fn tell_of(&mut self, about: About, kind: EventKind, detail: u8, text: &str) {
        if !self.tracing {
            return;
        }
        let text = if planted(Planted::TaggedWithoutFact) { "" } else { text };
        Event::text(text).for_each(|word| self.out.event(word));
        if about.number > 0 {
            self.out.event(Event::guest(about.number));
        }
        let (coroutine, edge) = (CoroutineId(about.coroutine), EdgeId(about.role.0));
        self.out.event(Event { kind, detail, coroutine, edge, label: LabelId(0) });
    }
}

/// `Tag`: everything is checked, and then the fact is known.
pub(crate) fn tag(frame: &mut Frame<'_>, fact: u16, dst: u16, pc: u32) -> Step {
    let refused = |reason| Err(Box::new(Fault::Flow { reason }));
    let (number, role) = frame.endpoint(fact)?;
    let text = frame.text(fact + 1)?;
    let about = About { coroutine: frame.coroutine, number, role };
    if frame.image_of(number, role).is_none() {
        return Err(frame.closed(number, role));
    }
    let rules = &frame.images.knowledge;
    let (count, new) = match frame.growth() {
        Some(growth) => (growth.knowledge.count(), !growth.knowledge.knows(about, &text)),
        None => (0, true),
    };
    if new && !planted(Planted::TagWithoutLimit) {
        if text.len() > rules.max_fact_bytes {
            return refused("the fact is longer than the configuration allows");
        }
        if count >= rules.max_facts {
            return refused("the island knows as many facts as the configuration allows");
        }
    }
    let growth = frame.ext.get_or_insert_default().growth.get_or_insert_default();
    growth.knowledge.learn(about, [text.clone()]);
    frame.write(dst, TAG_BOOL, 1);
    frame.pc = pc;
    frame.tell_of(about, EventKind::Tagged, 0, &text);
    Ok(Outcome::Ran)
}

/// `Check`: it asks, and changes nothing but its register.
pub(crate) fn check<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    knowledge: u16,
    target: u16,
    dst: u16,
    pc: u32,
) -> Step {
    let (number, role) = frame.endpoint(knowledge)?;
    let (fact, target) = (frame.text(knowledge + 1)?, frame.text(target)?);
    let about = About { coroutine: frame.coroutine, number, role };
    let known = frame.growth().is_some_and(|growth| growth.knowledge.knows(about, &fact));
    let permitted = (known || planted(Planted::CheckUnknown))
        && (planted(Planted::CheckAnyFlow) || frame.may_flow(host, about, &fact, &target)?);
    frame.write(dst, TAG_BOOL, u64::from(permitted));
    frame.pc = pc;
    frame.tell_of(about, EventKind::Checked, u8::from(permitted), &target);
    Ok(Outcome::Ran)
}
