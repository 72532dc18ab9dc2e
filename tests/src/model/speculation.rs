//! Speculation: the whole island as it was, kept and put back.

use super::island::{Island, Level, Step, Waits, World};
use motet_types::{CoroutineId, Event, EventKind, FaultClass, Value};

impl Island {
    pub(super) fn fork(&mut self, world: &mut World, by: u16, ghost: u16, pc: u32) -> Step {
        let Value::Nat(ghost) = self.read(by, ghost) else { return Err(FaultClass::Speculation) };
        let ghost = u32::try_from(ghost).map_err(|_| FaultClass::Speculation)?;
        let others = !self.levels.is_empty() && self.speculating != by;
        if others || self.levels.len() >= usize::from(world.config.speculation_depth) {
            return Err(FaultClass::Speculation);
        }
        self.tell(world, 0, Event::speculation(EventKind::Forked, CoroutineId(by), ghost));
        let step = self.go(world, by, pc + 1);
        let mut before = self.clone();
        (before.levels, before.answers, before.withheld) = (Vec::new(), Vec::new(), Vec::new());
        before.used.clear();
        let level = Level { ghost, events: self.withheld.len(), spent: Vec::new(), before: Box::new(before) };
        self.speculating = by;
        self.levels.push(level);
        step
    }

    fn innermost(&mut self, by: u16) -> Result<Level, FaultClass> {
        if self.speculating != by {
            return Err(FaultClass::Speculation);
        }
        self.levels.pop().ok_or(FaultClass::Speculation)
    }

    pub(super) fn join(&mut self, world: &mut World, by: u16, pc: u32) -> Step {
        let level = self.innermost(by)?;
        match self.levels.last_mut() {
            Some(around) => around.spent.extend(level.spent),
            None => {
                world.told.append(&mut self.withheld);
                world.taken.append(&mut self.taken);
            }
        }
        self.tell(world, 0, Event::speculation(EventKind::Joined, CoroutineId(by), level.ghost));
        self.go(world, by, pc + 1)
    }

    /// Everything is as it was, but for effect counters, the numbers that were given out, and the answers that came.
    pub(super) fn abort(&mut self, world: &mut World, by: u16, pc: u32) -> Step {
        let level = self.innermost(by)?;
        self.withheld.truncate(level.events);
        let now = std::mem::replace(self, *level.before);
        (self.levels, self.withheld, self.speculating) = (now.levels, now.withheld, now.speculating);
        (self.opened, self.spawned, self.delegated) = (now.opened, now.spawned, now.delegated);
        self.grown |= now.grown;
        self.used = now.used;
        for (at, one) in &mut self.crew {
            if let Some(counted) = now.crew.get(at) {
                one.counter = counted.counter;
            }
        }
        self.answers = now.answers;
        self.answers.extend(level.spent);
        for (of, _) in &self.answers {
            if let Some(one) = self.crew.get_mut(of) {
                (one.waits, one.ready) = (Waits::Nothing, true);
            }
        }
        self.tell(world, 0, Event::speculation(EventKind::Aborted, CoroutineId(by), level.ghost));
        self.go(world, by, pc + 1)
    }
}
