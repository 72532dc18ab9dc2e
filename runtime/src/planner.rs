//! The planner: proposes waves from what the machine's commits made ready. It may be clever and may be replaced; the
//! machine's certifier does not trust it.

use crate::schedule::{PriorityPolicy, Schedule, SchedulerPolicy};
use crate::seeded::mix;
use motet_machine::{Pick, ProtocolMachine, WaveCertificate, WavePlan};
use motet_types::{Planted, SessionId, planted};
use std::collections::{BTreeSet, VecDeque};

/// An island that waits to be picked, and since which planner step.
#[derive(Clone, Copy, Debug)]
struct Entry {
    pick: Pick,
    since: u64,
}

/// The ready islands, in the order in which they became ready.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planner {
    queue: VecDeque<Entry>,
    /// Buffers for picks, used again.
    spare: Vec<Vec<Pick>>,
}

/// The fewest islands of a wave, where there are so many: less work than this is not worth handing out.
const NARROW: usize = 16;

impl Planner {
    pub(crate) fn ready(&mut self, pick: Pick, since: u64) {
        self.queue.push_back(Entry { pick, since });
    }

    /// A session has ended that nobody took out of the queue.
    pub(crate) fn forget(&mut self, session: SessionId) {
        if !planted(Planted::OwnershipStaysPlanned) {
            self.queue.retain(|entry| entry.pick.footprint != session);
        }
    }

    /// Sessions are not ready any more, or have ended.
    pub(crate) fn forget_all(&mut self, sessions: &BTreeSet<SessionId>) {
        self.queue.retain(|entry| !sessions.contains(&entry.pick.footprint));
    }

    /// Takes back a buffer of picks.
    pub(crate) fn recycle(&mut self, picks: Vec<Pick>) {
        self.spare.push(picks);
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> usize {
        let spare = self.spare.iter().map(Vec::capacity).sum::<usize>() * size_of::<Pick>();
        self.queue.capacity() * size_of::<Entry>() + self.spare.capacity() * size_of::<Vec<Pick>>() + spare
    }

    /// The queue, first come first: sessions, and since which planner step each waits.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (SessionId, u64)> {
        self.queue.iter().map(|entry| (entry.pick.footprint, entry.since))
    }

    pub(crate) fn depth(&self) -> usize {
        self.queue.len()
    }

    /// The next wave, of at most `steps` steps; none when nothing is ready.
    ///
    /// What is ready is spread over the waves that may be out at once, so that a few sessions with much to do keep
    /// several workers busy; but no wave is so narrow that handing it out costs more than running it.
    pub(crate) fn plan(&mut self, machine: &ProtocolMachine, schedule: &Schedule, steps: u64) -> Option<WavePlan> {
        if self.queue.is_empty() || steps == 0 {
            return None;
        }
        // Near the limit the wave narrows, so that it is met exactly and still depends on state alone.
        let fuel = u64::from(schedule.fuel).min(steps).max(1);
        let widest = u64::from(schedule.wave).min(steps / fuel).max(1).min(self.queue.len() as u64) as usize;
        let width = self.queue.len().div_ceil(schedule.window as usize).max(NARROW).min(widest);
        let mut picks = self.spare.pop().unwrap_or_default();
        match &schedule.policy {
            SchedulerPolicy::Cooperative | SchedulerPolicy::RoundRobin => {
                picks.extend(self.queue.drain(..width).map(|entry| entry.pick));
            }
            SchedulerPolicy::Priority(policy) => {
                let now = machine.planner_step();
                self.best(width, &mut picks, |entry| priority(machine, policy, now, entry));
            }
            SchedulerPolicy::Random { seed } => {
                let step = mix(seed ^ machine.next_wave());
                let draw = |at: usize, len: usize| (mix(step ^ at as u64) % len as u64) as usize;
                let drawn = (0..width).filter_map(|at| self.queue.swap_remove_back(draw(at, self.queue.len())));
                picks.extend(drawn.map(|entry| entry.pick));
            }
            SchedulerPolicy::ProgressAware => {
                self.best(width, &mut picks, |entry| u64::from(machine.in_flight(entry.pick.island) > 0));
            }
        }
        if planted(Planted::PlannerTwice) && picks.len() > 1 {
            picks[1] = picks[0];
        }
        if planted(Planted::PlannerForgets) && picks.len() > 1 {
            picks.pop();
        }
        let (wave, planner_step) = (machine.next_wave(), machine.planner_step());
        let claim = WaveCertificate { wave, planner_step, boundary: machine.boundary(), picks };
        Some(WavePlan { claim, fuel: fuel as u32, chunk: schedule.chunk })
    }

    /// Takes the `width` entries of the highest weight, first come first among equals.
    fn best(&mut self, width: usize, picks: &mut Vec<Pick>, weight: impl Fn(&Entry) -> u64) {
        let mut order: Vec<(u64, usize)> =
            self.queue.iter().enumerate().map(|(at, entry)| (u64::MAX - weight(entry), at)).collect();
        if width < order.len() {
            order.select_nth_unstable(width);
            order.truncate(width);
        }
        order.sort_unstable();
        picks.extend(order.iter().map(|(_, at)| self.queue[*at].pick));
        let mut taken: Vec<usize> = order.into_iter().map(|(_, at)| at).collect();
        taken.sort_unstable();
        let mut taken = taken.into_iter().peekable();
        let mut at = 0;
        self.queue.retain(|_| {
            let keep = taken.next_if_eq(&at).is_none();
            at += 1;
            keep
        });
    }
}

fn priority(machine: &ProtocolMachine, policy: &PriorityPolicy, now: u64, entry: &Entry) -> u64 {
    let fixed = |map: &std::collections::BTreeMap<_, u32>| map.get(&entry.pick.footprint).copied().map_or(0, u64::from);
    match policy {
        PriorityPolicy::FixedMap(map) => fixed(map),
        PriorityPolicy::Aging(map) => fixed(map).saturating_add(now.saturating_sub(entry.since)),
        PriorityPolicy::TokenWeighted => machine.in_flight(entry.pick.island) as u64,
    }
}
