//! The model's state in the words of the machine's, and what must hold of it.

use super::island::{Coroutine, Island, Queue, Waits, World};
use motet_machine::{
    ChildState, CoroutineState, EdgeState, GrowthState, GuestState, InFlight, LevelState, RoleState, SessionState,
    SpeculationState, Standing,
};
use motet_types::{CoroutineId, EdgeId, Pc, RoleId, StateId};

fn edges(queues: &[Queue]) -> Vec<EdgeState> {
    let message = |(sequence, label, value): &(u32, motet_types::LabelId, motet_types::Value)| InFlight {
        sequence: *sequence,
        label: *label,
        value: value.clone(),
    };
    let edge = |queue: &Queue| EdgeState { sent: queue.sent, messages: queue.messages.iter().map(message).collect() };
    queues.iter().map(edge).collect()
}

impl Island {
    fn standing(&self, at: u16, one: &Coroutine) -> Standing {
        let answer = self.answers.iter().find(|(of, _)| *of == at);
        match (one.waits, one.ready) {
            (Waits::Nothing, _) => answer.map_or(Standing::Runs, |(_, outcome)| Standing::Answered(outcome.clone())),
            (Waits::Turn, _) => Standing::Deferred,
            (Waits::Message | Waits::Guest(true), false) => Standing::AwaitsMessage,
            (Waits::Message, true) => Standing::HasMessage,
            (Waits::Room | Waits::Guest(false), false) => Standing::AwaitsRoom,
            (Waits::Room, true) => Standing::HasRoom,
            (Waits::Guest(_), true) => Standing::Runs,
            (Waits::Answer, _) => Standing::AwaitsAnswer,
            (Waits::Link, false) => Standing::AwaitsLink,
            (Waits::Link, true) => Standing::Runs,
            (Waits::Ended, _) => Standing::Halted,
            (Waits::Crashed, _) => Standing::Crashed,
            (Waits::Cancelled, _) => Standing::Cancelled,
        }
    }

    fn coroutine(&self, at: u16, one: &Coroutine, state: u32) -> CoroutineState {
        CoroutineState {
            pc: Pc(one.pc),
            counter: one.counter,
            state: StateId(state),
            standing: self.standing(at, one),
            registers: one.registers.clone(),
        }
    }

    /// What was used of credits, without the coroutines that are gone: of those, only a speculation still knows.
    fn credits(&self) -> Vec<(CoroutineId, u64)> {
        let kept = |at: &u16| self.crew.contains_key(at) || !self.levels.is_empty();
        let used = self.used.iter().filter(|(at, used)| **used > 0 && kept(at));
        used.map(|(at, used)| (CoroutineId(*at), *used)).collect()
    }

    /// The session with all that its island has.
    pub(super) fn state(&self) -> SessionState {
        let main = self.main();
        let roles = main.roles.len() as u16;
        let coroutines = (0..).zip(&main.roles).map(|(at, cell)| self.coroutine(at, &self.crew[&at], cell.state));
        let level = |level: &super::island::Level| LevelState {
            ghost: level.ghost,
            events: level.events as u32,
            spent: level.spent.iter().map(|(of, outcome)| (CoroutineId(*of), outcome.clone())).collect(),
            session: level.before.state(),
        };
        let speculation = SpeculationState {
            coroutine: CoroutineId(self.speculating),
            withheld: self.withheld.clone(),
            levels: self.levels.iter().map(level).collect(),
        };
        let moved = (0..).zip(&main.roles).filter(|(role, cell)| *role != cell.owner);
        let guest = |(number, talk): (&u32, &super::island::Talk)| GuestState {
            number: *number,
            plan: talk.plan,
            draining: talk.draining,
            roles: talk
                .roles
                .iter()
                .map(|cell| RoleState { state: StateId(cell.state), owner: CoroutineId(cell.owner) })
                .collect(),
            edges: edges(&talk.edges),
        };
        let child = |(at, one): (&u16, &Coroutine)| ChildState {
            number: CoroutineId(*at),
            role: RoleId(one.role),
            coroutine: self.coroutine(*at, one, 0),
        };
        let growth = GrowthState {
            opened: self.opened,
            spawned: self.spawned,
            delegated: self.delegated,
            moved: moved.map(|(role, cell)| (RoleId(role), CoroutineId(cell.owner))).collect(),
            receipts: self.receipts.clone(),
            children: self.crew.range(roles..).map(child).collect(),
            guests: self.talks.range(1..).map(guest).collect(),
            knowledge: self.known(),
        };
        SessionState {
            id: self.id,
            current: CoroutineId(self.current),
            deferred: self.deferred,
            coroutines: coroutines.collect(),
            edges: edges(&main.edges),
            growth: self.grown.then_some(growth),
            ledger: None,
            credits: self.credits(),
            // The model knows when each began to wait.
            deadlines: Vec::new(),
            speculation: (!self.levels.is_empty()).then_some(speculation),
            ownership: None,
        }
    }

    /// The specification's invariants of a store of sessions: every message in flight is one that its edge's sender could
    /// send, in the order of its number, of its label's sort; the endpoints have owners; who waits for a message waits
    /// on an empty edge.
    pub(super) fn coherent(&self, world: &World) -> Result<(), String> {
        for (number, talk) in &self.talks {
            let code = &world.codes[talk.code];
            for (at, queue) in talk.edges.iter().enumerate() {
                let place = || format!("{} edge {}", self.id.guest(*number), EdgeId(at as u16));
                ensure!(queue.messages.len() as u64 <= queue.sent, "{}: more in flight than were sent", place());
                let numbers: Vec<u32> = queue.messages.iter().map(|(number, ..)| *number).collect();
                ensure!(numbers.is_sorted_by(|a, b| a < b), "{}: out of order: {numbers:?}", place());
                let fits = |value: &motet_types::Value, label| {
                    world.sites.tampered || value.has_sort(&code.sorts, code.label_sort(label))
                };
                for (_, label, value) in &queue.messages {
                    ensure!(fits(value, *label), "{}: {value:?}", place());
                }
                let waits = queue.receiver.and_then(|at| self.crew.get(&at)).is_some_and(|one| !one.ready);
                ensure!(!waits || queue.messages.is_empty(), "{}: its receiver sleeps on a message", place());
            }
            for (role, cell) in talk.roles.iter().enumerate() {
                ensure!(code.state(cell.state).role == role as u16, "{number}: role {role} has another's type");
            }
        }
        Ok(())
    }
}
