//! What the model's coroutines know: a set of facts, each with who knows it and what it is about.

use super::island::{Island, Step, World};
use motet_machine::{FlowPolicy, FlowPredicate, KnowledgeState};
use motet_types::{CoroutineId, EdgeId, Event, EventKind, FaultClass, LabelId, RoleId, Value};
use std::collections::BTreeSet;

/// Who knows it, the session and the role of the endpoint that it is about, and what it is.
pub(super) type Fact = (u16, u32, u16, String);

/// What a policy says, read from the specification's names.
fn allows(policy: &FlowPolicy, of: &str, fact: &str, target: &str) -> bool {
    fn holds(predicate: &FlowPredicate, of: &str, fact: &str, target: &str) -> bool {
        match predicate {
            FlowPredicate::TargetRolePrefix(prefix) => target.strip_prefix(prefix.as_str()).is_some(),
            FlowPredicate::FactContains(part) => fact.find(part.as_str()).is_some(),
            FlowPredicate::EndpointRoleMatchesTarget => of == target,
            FlowPredicate::All(parts) => !parts.iter().any(|part| !holds(part, of, fact, target)),
            FlowPredicate::Any(parts) => !parts.iter().all(|part| !holds(part, of, fact, target)),
        }
    }
    match policy {
        FlowPolicy::AllowAll => true,
        FlowPolicy::DenyAll | FlowPolicy::Predicate(_) => false,
        FlowPolicy::AllowRoles(roles) => roles.iter().any(|role| role == target),
        FlowPolicy::DenyRoles(roles) => roles.iter().all(|role| role != target),
        FlowPolicy::PredicateExpr(predicate) => holds(predicate, of, fact, target),
    }
}

impl Island {
    /// An endpoint in a register and the text in the next one.
    fn fact(&self, by: u16, register: u16) -> Result<(u32, RoleId, String), FaultClass> {
        match (self.read(by, register), self.read(by, register + 1)) {
            (Value::Endpoint { session, role }, Value::Str(fact)) => Ok((session.number(), role, fact)),
            _ => Err(FaultClass::Type),
        }
    }

    fn may_flow(&self, world: &World, talk: u32, role: RoleId, fact: &str, target: &str) -> bool {
        let Some(there) = self.talks.get(&talk) else { return false };
        let of = &world.codes[there.code].parts.roles[role.index()].name;
        allows(&world.config.flow_policy, of, fact, target)
    }

    fn tell_of(&mut self, world: &mut World, (talk, text): (u32, &str), event: Event) {
        let to = if self.levels.is_empty() { &mut world.told } else { &mut self.withheld };
        to.extend(Event::text(text));
        world.of_step.extend(Event::text(text));
        self.tell(world, talk, event);
    }

    pub(super) fn tag(&mut self, world: &mut World, by: u16, register: u16, dst: u16, pc: u32) -> Step {
        let (talk, role, fact) = self.fact(by, register)?;
        if !self.talks.contains_key(&talk) {
            return Err(FaultClass::Channel);
        }
        let one = (by, talk, role.0, fact.clone());
        let full = self.knowledge.len() >= usize::from(world.config.max_facts);
        let long = fact.len() > usize::from(world.config.max_fact_bytes);
        if (full || long) && !self.knowledge.contains(&one) {
            return Err(FaultClass::Flow);
        }
        self.knowledge.insert(one);
        self.grown = true;
        self.write(by, dst, Value::Bool(true));
        let event = Event::message(EventKind::Tagged, CoroutineId(by), EdgeId(role.0), LabelId(0));
        self.tell_of(world, (talk, &fact), event);
        self.go(world, by, pc + 1)
    }

    pub(super) fn check(&mut self, world: &mut World, by: u16, registers: [u16; 3], pc: u32) -> Step {
        let [knowledge, target, dst] = registers;
        let (talk, role, fact) = self.fact(by, knowledge)?;
        let Value::Str(target) = self.read(by, target) else { return Err(FaultClass::Type) };
        let known = self.knowledge.contains(&(by, talk, role.0, fact.clone()));
        let permitted = known && self.may_flow(world, talk, role, &fact, &target);
        self.write(by, dst, Value::Bool(permitted));
        let event = Event::message(EventKind::Checked, CoroutineId(by), EdgeId(role.0), LabelId(0));
        self.tell_of(world, (talk, &target), Event { detail: u8::from(permitted), ..event });
        self.go(world, by, pc + 1)
    }

    /// What a coroutine knows of an endpoint becomes another's, and only that one's; answers what it is.
    pub(super) fn hand_over(
        &mut self,
        world: &World,
        by: u16,
        to: u16,
        (talk, role): (u32, RoleId),
    ) -> Result<Vec<String>, FaultClass> {
        let target = &self.code(world).parts.roles[usize::from(self.crew[&to].role)].name.clone();
        let about = |one: &&Fact| (one.0, one.1, one.2) == (by, talk, role.0);
        let moved: Vec<Fact> = self.knowledge.iter().filter(about).cloned().collect();
        if !moved.iter().all(|one| self.may_flow(world, talk, role, &one.3, target)) {
            return Err(FaultClass::Flow);
        }
        for one in &moved {
            self.knowledge.remove(one);
            self.knowledge.insert((to, one.1, one.2, one.3.clone()));
        }
        Ok(moved.into_iter().map(|one| one.3).collect())
    }

    /// Knowledge as the machine's state says it.
    pub(super) fn known(&self) -> Vec<KnowledgeState> {
        let abouts: BTreeSet<_> = self.knowledge.iter().map(|one| (one.0, one.1, one.2)).collect();
        let known = abouts.into_iter().map(|(by, guest, role)| {
            let facts = self.knowledge.iter().filter(|one| (one.0, one.1, one.2) == (by, guest, role));
            let facts = facts.map(|one| one.3.clone()).collect();
            KnowledgeState { coroutine: CoroutineId(by), guest, role: RoleId(role), facts }
        });
        known.collect()
    }
}
