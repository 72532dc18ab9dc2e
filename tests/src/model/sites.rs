//! Sites and links, as the model has them: what was said of them, looked up by name every time.

use super::code::Code;
use super::island::{Island, Last, Waits, World};
use motet_machine::{Cancellation, CorruptionType, TopologyPerturbation};
use motet_types::{CoroutineId, EdgeId, Event, EventKind, FaultClass, LabelId, Terminal, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of sites and links.
#[derive(Clone, Debug, Default)]
pub(super) struct Sites {
    crashed: BTreeSet<String>,
    cut: BTreeSet<(String, String)>,
    corrupt: BTreeMap<(String, String), CorruptionType>,
    /// Until when each timeout holds, by its number.
    pub(super) timeouts: BTreeMap<u64, (String, u64)>,
    issued: u64,
    pub(super) tampered: bool,
    pub(super) changed: u64,
    rule: Cancellation,
}

fn ends(code: &Code, edge: EdgeId) -> (String, String) {
    let part = code.parts.edges[edge.index()];
    let name = |role: u16| code.parts.roles[usize::from(role)].name.clone();
    (name(part.sender), name(part.receiver))
}

/// What arrives of a payload.
fn arrives(value: &Value, how: CorruptionType, number: u64) -> Value {
    match how {
        CorruptionType::PayloadErase => Value::Unit,
        CorruptionType::BitFlip => match value {
            Value::Nat(n) => Value::Nat(n ^ (1 << (number % 64))),
            Value::Bool(truth) => Value::Bool(!truth),
            Value::Str(text) if !text.is_empty() => {
                let mut bytes = text.clone().into_bytes();
                let at = (number % bytes.len() as u64) as usize;
                bytes[at] ^= 1;
                String::from_utf8(bytes).map_or(Value::Unit, Value::Str)
            }
            Value::Prod(pair) => match arrives(&pair.0, how, number) {
                same if same == pair.0 => Value::Prod(Box::new((pair.0.clone(), arrives(&pair.1, how, number)))),
                other => Value::Prod(Box::new((other, pair.1.clone()))),
            },
            other => other.clone(),
        },
        CorruptionType::Truncation => match value {
            Value::Nat(n) => Value::Nat(n % (1 << 32)),
            Value::Str(text) => Value::Str(text.chars().take(text.chars().count() / 2).collect()),
            Value::Prod(pair) => pair.0.clone(),
            _ => Value::Unit,
        },
    }
}

impl Sites {
    pub(super) fn new(rule: Cancellation) -> Self {
        Self { rule, ..Self::default() }
    }

    fn is_timed_out(&self, site: &str) -> bool {
        self.timeouts.values().any(|(late, _)| late == site)
    }

    /// Whether a program has a role whose site has crashed.
    pub(super) fn has_crashed(&self, code: &Code) -> bool {
        code.parts.roles.iter().any(|role| self.crashed.contains(&role.name))
    }

    /// Whether nothing can be sent on an edge.
    pub(super) fn is_down(&self, code: &Code, edge: EdgeId) -> bool {
        let (from, to) = ends(code, edge);
        self.crashed.contains(&to)
            || self.is_timed_out(&from)
            || self.is_timed_out(&to)
            || self.cut.contains(&(from, to))
    }

    /// What goes on the edge for a payload.
    pub(super) fn on_its_way(&mut self, code: &Code, edge: EdgeId, number: u64, value: Value) -> Value {
        let Some(how) = self.corrupt.get(&ends(code, edge)) else { return value };
        let other = arrives(&value, *how, number);
        self.changed += u64::from(other != value);
        other
    }

    fn take(&mut self, one: &TopologyPerturbation, tick: u64) {
        let link = |from: &String, to: &String| (from.clone(), to.clone());
        match one {
            TopologyPerturbation::Crash { site } => {
                self.crashed.insert(site.clone());
            }
            TopologyPerturbation::Partition { from, to } => {
                self.cut.insert(link(from, to));
            }
            TopologyPerturbation::Heal { from, to } => {
                self.cut.remove(&link(from, to));
                self.corrupt.remove(&link(from, to));
            }
            TopologyPerturbation::Corrupt { from, to, corruption } => {
                self.corrupt.insert(link(from, to), *corruption);
                self.tampered = true;
            }
            TopologyPerturbation::Timeout { site, duration } => {
                self.issued += 1;
                self.timeouts.insert(self.issued, (site.clone(), tick + (*duration).max(1)));
            }
        }
    }
}

impl Island {
    fn role_name(&self, world: &World, talk: u32, role: usize) -> String {
        world.codes[self.talks[&talk].code].parts.roles[role].name.clone()
    }

    /// The talks with a role of a name, and which.
    fn roles_named(&self, world: &World, name: &str) -> Vec<(u32, u16)> {
        let talks = self.talks.iter().filter_map(|(number, talk)| {
            let at = world.codes[talk.code].parts.roles.iter().position(|role| role.name == name)?;
            Some((*number, at as u16))
        });
        talks.collect()
    }

    /// Whether a perturbation names a site or link of the island.
    pub(super) fn is_named(&self, world: &World, one: &TopologyPerturbation) -> bool {
        match one {
            // What a speculation may bring back has its sites as well.
            TopologyPerturbation::Crash { site } => {
                let named = |island: &Self| !island.roles_named(world, site).is_empty();
                named(self) || self.levels.iter().any(|level| named(&level.before))
            }
            TopologyPerturbation::Timeout { site, .. } => !self.roles_named(world, site).is_empty(),
            TopologyPerturbation::Partition { from, to }
            | TopologyPerturbation::Heal { from, to }
            | TopologyPerturbation::Corrupt { from, to, .. } => self.talks.values().any(|talk| {
                let code = &world.codes[talk.code];
                let all = 0..code.parts.edges.len() as u16;
                all.into_iter().any(|edge| ends(code, EdgeId(edge)) == (from.clone(), to.clone()))
            }),
        }
    }

    /// Where a coroutine is: the sites whose role's code it runs or whose endpoint it owns.
    fn sites_of(&self, world: &World, at: u16) -> BTreeSet<String> {
        let mut sites = BTreeSet::from([self.role_name(world, 0, usize::from(self.crew[&at].role))]);
        for (number, talk) in &self.talks {
            let owned = (0..talk.roles.len()).filter(|role| talk.roles[*role].owner == at);
            sites.extend(owned.map(|role| self.role_name(world, *number, role)));
        }
        sites
    }

    fn waits_in_vain(&self, world: &World, at: u16) -> bool {
        let one = &self.crew[&at];
        let receives = match one.waits {
            _ if one.ready => return false,
            Waits::Message | Waits::Guest(true) => true,
            Waits::Room | Waits::Guest(false) | Waits::Link => false,
            _ => return false,
        };
        let (talk, edge) = one.at;
        let Some(there) = self.talks.get(&talk) else { return false };
        let part = world.codes[there.code].parts.edges[edge.index()];
        let other = usize::from(if receives { part.sender } else { part.receiver });
        let name = self.role_name(world, talk, other);
        let gone = |one: &super::island::Coroutine| matches!(one.waits, Waits::Crashed | Waits::Cancelled);
        world.sites.crashed.contains(&name)
            || receives && world.sites.is_timed_out(&name)
            || self.crew.get(&there.roles[other].owner).is_some_and(gone)
    }

    fn fail(&mut self, at: u16, waits: Waits) {
        if let Some(one) = self.crew.get_mut(&at) {
            (one.waits, one.ready) = (waits, false);
        }
        for queue in self.talks.values_mut().flat_map(|talk| &mut talk.edges) {
            for waiting in [&mut queue.receiver, &mut queue.sender] {
                if *waiting == Some(at) {
                    *waiting = None;
                }
            }
        }
        self.answers.retain(|(of, _)| *of != at);
        self.knowledge.retain(|fact| fact.0 != at);
    }

    /// How an island has ended none of whose coroutines goes on.
    pub(super) fn last(&self) -> Last {
        let any = |waits: Waits| self.crew.values().any(|one| one.waits == waits);
        if any(Waits::Cancelled) {
            Last::Failed(Terminal::Cancelled)
        } else if any(Waits::Crashed) {
            Last::Failed(Terminal::Faulted)
        } else {
            Last::Done
        }
    }

    /// Who was at a crashed site faults, and who waits on somebody that has failed is cancelled. Answers how the island
    /// ends, if it does.
    pub(super) fn examine(&mut self, world: &mut World, crash: bool) -> Option<Last> {
        let coarse = world.sites.rule == Cancellation::Coarse;
        let speculates = !self.levels.is_empty();
        let mut victims = Vec::new();
        let mut ends = false;
        if crash {
            let all: Vec<u16> = self.crew.iter().filter(|(_, one)| !one.waits.is_over()).map(|(at, _)| *at).collect();
            let crashed = |at: &u16| self.sites_of(world, *at).iter().any(|site| world.sites.crashed.contains(site));
            victims = all.into_iter().filter(crashed).collect();
            ends = coarse || speculates;
            if ends && victims.is_empty() {
                let all = self.talks.iter().chain(self.levels.iter().flat_map(|level| &level.before.talks));
                let hit = all.filter_map(|(number, talk)| {
                    let roles = &world.codes[talk.code].parts.roles;
                    let role = roles.iter().position(|role| world.sites.crashed.contains(&role.name))?;
                    // Of a session that is there only in what may be taken back, the role's own coroutine is named.
                    let owner = self.talks.get(number).map_or(role as u16, |talk| talk.roles[role].owner);
                    Some(owner)
                });
                victims.extend(hit.take(1));
            }
        }
        let pcs: Vec<u32> = victims.iter().map(|at| self.crew.get(at).map_or(0, |one| one.pc)).collect();
        for at in &victims {
            if !self.crew.get(at).is_some_and(|one| one.waits.is_over()) {
                self.fail(*at, Waits::Crashed);
            }
        }
        let failures = !world.sites.crashed.is_empty() || world.sites.issued > 0;
        let mut cancelled: Vec<u16> = Vec::new();
        if failures && !coarse && !ends {
            loop {
                let round: Vec<u16> = self.crew.keys().copied().filter(|at| self.waits_in_vain(world, *at)).collect();
                if round.is_empty() {
                    break;
                }
                round.iter().for_each(|at| self.fail(*at, Waits::Cancelled));
                cancelled.extend(round);
            }
        }
        for kind in [EventKind::CancellationRequested, EventKind::Cancelled] {
            world.told.extend(cancelled.iter().map(|at| Event::plain(kind, CoroutineId(*at), 0)));
        }
        for (at, pc) in victims.iter().zip(pcs) {
            let class = FaultClass::Topology;
            for kind in [EventKind::FailureBranchEntered, EventKind::Faulted] {
                world.told.push(Event::plain(kind, CoroutineId(*at), class as u8));
            }
            world.faulted.push((self.id, class, *at, pc));
        }
        world.gone.extend(victims.iter().chain(&cancelled).map(|at| (self.id, *at)));
        let failed = !victims.is_empty() || !cancelled.is_empty();
        if ends || speculates && failed {
            Some(Last::Failed(if victims.is_empty() { Terminal::Cancelled } else { Terminal::Faulted }))
        } else if failures && self.live() == 0 {
            Some(self.last())
        } else {
            None
        }
    }

    /// Wakes who waits for a link that is whole, now or in what may be taken back; whether anybody was.
    fn wake_links(&mut self, world: &World) -> bool {
        let mut woken = false;
        let talks = &self.talks;
        for one in self.crew.values_mut().filter(|one| one.waits == Waits::Link && !one.ready) {
            let (talk, edge) = one.at;
            let down = talks.get(&talk).is_some_and(|there| world.sites.is_down(&world.codes[there.code], edge));
            one.ready = !down;
            woken |= one.ready;
        }
        for level in &mut self.levels {
            level.before.wake_links(world);
        }
        woken
    }
}

impl super::Model {
    /// What happens to sites and links. Answers how many islands it concerns.
    pub fn perturb(&mut self, perturbations: &[TopologyPerturbation]) -> u64 {
        let mut list = perturbations.to_vec();
        list.sort();
        list.dedup();
        let crashed = &self.world.sites.crashed;
        list.retain(|one| !matches!(one, TopologyPerturbation::Crash { site } if crashed.contains(site)));
        self.expire(self.tick());
        let first = self.world.sites.issued + 1;
        for one in &list {
            self.world.sites.take(one, self.tick());
        }
        let issued: Vec<(u64, String)> = (first..)
            .zip(self.world.sites.timeouts.range(first..))
            .map(|(_, (id, (site, _)))| (*id, site.clone()))
            .collect();
        let mut concerned = 0;
        for id in self.sessions().collect::<Vec<_>>() {
            let Some(mut island) = self.islands.remove(&id) else { continue };
            let named: Vec<_> = list.iter().filter(|one| island.is_named(&self.world, one)).collect();
            concerned += u64::from(!named.is_empty());
            let mut last = None;
            if named.iter().any(|one| one.fails().is_some()) {
                for (witness, site) in &issued {
                    for (talk, role) in island.roles_named(&self.world, site) {
                        if talk > 0 {
                            self.world.told.push(Event::guest(talk));
                        }
                        let (low, high) = (EdgeId(*witness as u16), LabelId((*witness >> 16) as u16));
                        let event = Event::message(EventKind::TimeoutIssued, CoroutineId(role), low, high);
                        self.world.told.push(event);
                    }
                }
                let crash = named.iter().any(|one| matches!(one, TopologyPerturbation::Crash { .. }));
                last = island.examine(&mut self.world, crash);
                if let Some(last) = last {
                    island.finish(&mut self.world, last);
                }
                self.faults.append(&mut self.world.faulted);
            }
            self.keep_events(id);
            let ready = island.crew.values().any(|one| one.ready);
            if last.is_some() || !ready {
                self.queue.retain(|queued| *queued != id);
            }
            match last {
                Some(last) => self.ended(id, last),
                None => {
                    self.islands.insert(id, island);
                    self.forget_gone();
                    self.wake(id);
                }
            }
        }
        concerned
    }

    /// What coroutines that are gone had asked is not waited for any more.
    pub(super) fn forget_gone(&mut self) {
        for (session, at) in std::mem::take(&mut self.world.gone) {
            self.pending.retain(|asked, _| asked.session != session || asked.coroutine.0 != at);
        }
    }

    fn wake(&mut self, id: motet_types::SessionId) {
        let Some(island) = self.islands.get_mut(&id) else { return };
        let was_ready = island.crew.values().any(|one| one.ready);
        if island.wake_links(&self.world) && !was_ready {
            self.queue.push_back(id);
        }
    }

    /// Timeouts that are over end.
    pub(super) fn expire(&mut self, over: u64) {
        let before = self.world.sites.timeouts.len();
        self.world.sites.timeouts.retain(|_, (_, until)| *until > over);
        if self.world.sites.timeouts.len() < before {
            for id in self.sessions().collect::<Vec<_>>() {
                self.wake(id);
            }
        }
    }

    /// Where nothing else can happen, time passes.
    pub(super) fn pass_time(&mut self) {
        while self.queue.is_empty() && self.to_ask.is_empty() && self.pending.is_empty() {
            let Some(earliest) = self.world.sites.timeouts.values().map(|(_, until)| *until).min() else { return };
            self.expire(earliest.max(self.tick()));
        }
    }

    /// Whether a program has a role whose site has crashed.
    pub fn has_crashed(&self, code: usize) -> bool {
        self.world.sites.has_crashed(&self.world.codes[code])
    }

    /// How many payloads were changed on their way.
    pub const fn corrupted(&self) -> u64 {
        self.world.sites.changed
    }
}
