//! The planner: proposes waves from what the machine's commits made ready. It may be clever and may be replaced; the
//! machine's certifier does not trust it.

use crate::schedule::{PriorityPolicy, Schedule, SchedulerPolicy};
use crate::seeded::mix;
use motet_machine::{IslandId, ProtocolMachine, WavePlan};
use motet_types::{Planted, planted};
use std::collections::VecDeque;

/// An island that waits to be picked, and since which planner step.
#[derive(Clone, Copy, Debug)]
struct Entry {
    island: IslandId,
    since: u64,
}

/// The ready islands, in the order in which they became ready.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planner {
    queue: VecDeque<Entry>,
}

impl Planner {
    pub(crate) fn ready(&mut self, island: IslandId, since: u64) {
        self.queue.push_back(Entry { island, since });
    }

    pub(crate) fn depth(&self) -> usize {
        self.queue.len()
    }

    /// The next wave, of at most `steps` steps; none when nothing is ready.
    pub(crate) fn plan(&mut self, machine: &ProtocolMachine, schedule: &Schedule, steps: u64) -> Option<WavePlan> {
        if self.queue.is_empty() || steps == 0 {
            return None;
        }
        // Near the limit the wave narrows, so that it is met exactly and still depends on state alone.
        let fuel = u64::from(schedule.fuel).min(steps).max(1);
        let width = u64::from(schedule.wave).min(steps / fuel).max(1).min(self.queue.len() as u64) as usize;
        let mut picks: Vec<IslandId> = match &schedule.policy {
            SchedulerPolicy::Cooperative | SchedulerPolicy::RoundRobin => {
                self.queue.drain(..width).map(|entry| entry.island).collect()
            }
            SchedulerPolicy::Priority(policy) => {
                let now = machine.planner_step();
                self.best(width, |entry| priority(machine, policy, now, entry))
            }
            SchedulerPolicy::Random { seed } => {
                let step = mix(seed ^ machine.planner_step());
                let draw = |at: usize, len: usize| (mix(step ^ at as u64) % len as u64) as usize;
                let drawn = (0..width).filter_map(|at| self.queue.swap_remove_back(draw(at, self.queue.len())));
                drawn.map(|entry| entry.island).collect()
            }
            SchedulerPolicy::ProgressAware => self.best(width, |entry| u64::from(machine.in_flight(entry.island) > 0)),
        };
        if planted(Planted::PlannerTwice) && picks.len() > 1 {
            picks[1] = picks[0];
        }
        Some(WavePlan { planner_step: machine.planner_step(), picks, fuel: fuel as u32, chunk: schedule.chunk })
    }

    /// Takes the `width` entries of the highest weight, first come first among equals.
    fn best(&mut self, width: usize, weight: impl Fn(&Entry) -> u64) -> Vec<IslandId> {
        let mut order: Vec<(u64, usize)> =
            self.queue.iter().enumerate().map(|(at, entry)| (u64::MAX - weight(entry), at)).collect();
        if width < order.len() {
            order.select_nth_unstable(width);
            order.truncate(width);
        }
        order.sort_unstable();
        let picks: Vec<IslandId> = order.iter().map(|(_, at)| self.queue[*at].island).collect();
        let mut taken: Vec<usize> = order.into_iter().map(|(_, at)| at).collect();
        taken.sort_unstable();
        let mut taken = taken.into_iter().peekable();
        let mut at = 0;
        self.queue.retain(|_| {
            let keep = taken.next_if_eq(&at).is_none();
            at += 1;
            keep
        });
        picks
    }
}

fn priority(machine: &ProtocolMachine, policy: &PriorityPolicy, now: u64, entry: &Entry) -> u64 {
    let fixed = |map: &std::collections::BTreeMap<_, u32>| {
        machine.session_of(entry.island).and_then(|session| map.get(&session)).copied().map_or(0, u64::from)
    };
    match policy {
        PriorityPolicy::FixedMap(map) => fixed(map),
        PriorityPolicy::Aging(map) => fixed(map).saturating_add(now.saturating_sub(entry.since)),
        PriorityPolicy::TokenWeighted => machine.in_flight(entry.island) as u64,
    }
}
