//! Proof obligations of the tables that the code executes, for two solvers.
//!
//! For every table of `motet_semantic`: the invariants hold at every start; every event keeps each of them, keeps the
//! fields in their ranges and obeys each law, for all numbers; the goal is reached in as many events as the table says
//! and in no fewer, and the executed table makes the solver's trace too; and each claim is refuted once the table is
//! broken in the way that the claim names. Anything but the wanted answer, `unknown` included, fails.

use easy_smt::{Context, ContextBuilder, Response, SExpr};
use motet_semantic::MACHINES;
use motet_semantic::table::{Break, Claim, Event, Field, Formula, Machine, Set, Sort, Term};
use std::io::ErrorKind;

/// What to install where a solver is missing.
const INSTALL: &str = "apt-get install -y --no-install-recommends z3 cvc5";

/// A solver: its program, and its arguments with a limit for one question.
const SOLVERS: [(&str, &[&str]); 2] = [
    ("z3", &["-smt2", "-in", "-v:0", "-t:60000"]),
    ("cvc5", &["--quiet", "--lang=smt2", "--incremental", "--tlimit-per=60000"]),
];

/// How many questions of each kind were answered as wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Invariants at the start.
    pub starts: usize,
    /// Events that keep an invariant or a range, or obey a law.
    pub steps: usize,
    /// Goals that are not reached earlier.
    pub not_earlier: usize,
    /// Goals that are reached, with a trace that the code makes too.
    pub traces: usize,
    /// Broken tables whose claim is refuted.
    pub refuted: usize,
}

type Answer<T> = Result<T, String>;

fn io<T>(result: std::io::Result<T>) -> Answer<T> {
    result.map_err(|error| error.to_string())
}

/// The names under which a formula's terms stand for the solver.
struct Scope<'a> {
    before: &'a [SExpr],
    given: &'a [SExpr],
    after: &'a [SExpr],
}

/// One solver and the table that it is asked about.
struct Lane<'a> {
    context: Context,
    solver: &'static str,
    machine: &'a Machine,
    counts: Counts,
}

impl Lane<'_> {
    fn term(&self, term: &Term, scope: &Scope<'_>) -> Answer<SExpr> {
        let c = &self.context;
        let name = |list: &[SExpr], at: usize| list.get(at).copied().ok_or_else(|| format!("no term {at}"));
        Ok(match term {
            Term::Field(at) => name(scope.before, *at)?,
            Term::Given(at) => name(scope.given, *at)?,
            Term::Number(number) => c.numeral(*number),
            Term::Plus(left, right) => c.plus(self.term(left, scope)?, self.term(right, scope)?),
            Term::Minus(left, right) => {
                let (left, right) = (self.term(left, scope)?, self.term(right, scope)?);
                c.ite(c.gte(left, right), c.sub(left, right), c.numeral(0u64))
            }
            Term::Larger(left, right) => {
                let (left, right) = (self.term(left, scope)?, self.term(right, scope)?);
                c.ite(c.gte(left, right), left, right)
            }
            Term::Mapped(inner, map) => {
                let inner = self.term(inner, scope)?;
                let pairs = (0u64..).zip(map.iter());
                pairs.fold(c.numeral(0u64), |rest, (at, &to)| c.ite(c.eq(inner, c.numeral(at)), c.numeral(to), rest))
            }
            Term::After(inner) => self.term(inner, &Scope { before: scope.after, ..*scope })?,
        })
    }

    fn formula(&self, formula: &Formula, scope: &Scope<'_>) -> Answer<SExpr> {
        let c = &self.context;
        let pair = |left: &Term, right: &Term| Ok::<_, String>((self.term(left, scope)?, self.term(right, scope)?));
        let all = |list: &[Formula]| list.iter().map(|part| self.formula(part, scope)).collect::<Answer<Vec<_>>>();
        Ok(match formula {
            Formula::Equal(left, right) => pair(left, right).map(|(left, right)| c.eq(left, right))?,
            Formula::Differ(left, right) => pair(left, right).map(|(left, right)| c.not(c.eq(left, right)))?,
            Formula::AtMost(left, right) => pair(left, right).map(|(left, right)| c.lte(left, right))?,
            Formula::Below(left, right) => pair(left, right).map(|(left, right)| c.lt(left, right))?,
            Formula::OneOf(term, list) => {
                let term = self.term(term, scope)?;
                self.any(list.iter().map(|&one| c.eq(term, c.numeral(one))).collect())
            }
            Formula::Not(part) => c.not(self.formula(part, scope)?),
            Formula::All(parts) => self.every(all(parts)?),
            Formula::Any(parts) => self.any(all(parts)?),
            Formula::Implies(first, second) => c.imp(self.formula(first, scope)?, self.formula(second, scope)?),
        })
    }

    fn every(&self, mut parts: Vec<SExpr>) -> SExpr {
        parts.push(self.context.true_());
        self.context.and_many(parts)
    }

    fn any(&self, mut parts: Vec<SExpr>) -> SExpr {
        parts.push(self.context.false_());
        self.context.or_many(parts)
    }

    fn in_range(&self, field: &Field, value: SExpr) -> SExpr {
        let c = &self.context;
        let at_least = c.gte(value, c.numeral(0u64));
        let below = |most: usize| c.and(at_least, c.lt(value, c.numeral(most)));
        match field.sort {
            Sort::Flag => below(2),
            Sort::Choice(names) => below(names.len()),
            Sort::Count => at_least,
        }
    }

    fn ranges(&self, fields: &[Field], values: &[SExpr]) -> SExpr {
        self.every(fields.iter().zip(values).map(|(field, value)| self.in_range(field, *value)).collect())
    }

    fn names(&mut self, prefix: &str, count: usize) -> Answer<Vec<SExpr>> {
        let int = self.context.int_sort();
        (0..count).map(|at| io(self.context.declare_const(format!("{prefix}{at}"), int))).collect()
    }

    fn invariants(&self, state: &[SExpr]) -> Answer<SExpr> {
        let scope = Scope { before: state, given: &[], after: state };
        let all = self.machine.invariants.iter().map(|claim| self.formula(&claim.holds, &scope));
        Ok(self.every(all.collect::<Answer<_>>()?))
    }

    /// The event's needs, and the state after it.
    fn event(&self, event: &Event, needs: &[Formula], sets: &[Set], scope: &Scope<'_>) -> Answer<SExpr> {
        let mut parts = vec![self.ranges(event.given, scope.given)];
        for need in needs {
            parts.push(self.formula(need, scope)?);
        }
        for at in 0..self.machine.fields.len() {
            let set = sets.iter().find(|set| set.field == Term::Field(at));
            let value = set.map_or(Ok(scope.before[at]), |set| self.term(&set.to, scope))?;
            parts.push(self.context.eq(scope.after[at], value));
        }
        Ok(self.every(parts))
    }

    /// Asks, and says what was asked where the answer is another one.
    fn ask(&mut self, asserted: &[SExpr], wanted: Response, what: &str) -> Answer<()> {
        for one in asserted {
            io(self.context.assert(*one))?;
        }
        let found = io(self.context.check())?;
        if found == wanted {
            return Ok(());
        }
        let (solver, machine) = (self.solver, self.machine.name);
        Err(format!("{solver}: {machine}: {what}: {found:?}, where {wanted:?} is wanted"))
    }

    /// Asks in a frame of its own.
    fn frame(&mut self, asserted: &[SExpr], wanted: Response, what: &str) -> Answer<()> {
        io(self.context.push())?;
        let answer = self.ask(asserted, wanted, what);
        io(self.context.pop())?;
        answer
    }

    fn claims(&mut self) -> Answer<()> {
        let machine = self.machine;
        let count = machine.fields.len();
        let (before, after, given) = (self.names("b", count)?, self.names("a", count)?, self.names("g", 6)?);
        let scope = Scope { before: &before, given: &given, after: &after };
        let next = Scope { before: &after, given: &given, after: &after };
        let here = self.ranges(machine.fields, &before);
        let initial = self.formula(&machine.initial, &scope)?;
        for claim in machine.invariants {
            let broken = self.context.not(self.formula(&claim.holds, &scope)?);
            self.frame(&[here, initial, broken], Response::Unsat, &format!("`{}` at the start", claim.name))?;
            self.counts.starts += 1;
        }
        let kept = self.invariants(&before)?;
        let claims =
            || machine.invariants.iter().map(|one| (one, false)).chain(machine.laws.iter().map(|one| (one, true)));
        for event in machine.events {
            let needs: Vec<Formula> = event.needs.iter().map(|need| need.holds).collect();
            let step = self.event(event, &needs, event.sets, &scope)?;
            for (claim, law) in claims() {
                let holds = self.formula(&claim.holds, if law { &scope } else { &next })?;
                let what = format!("`{}` behind {}", claim.name, event.name);
                let broken = self.context.not(holds);
                self.frame(&[here, kept, step, broken], Response::Unsat, &what)?;
                self.counts.steps += 1;
            }
            let out = self.context.not(self.ranges(machine.fields, &after));
            self.frame(&[here, kept, step, out], Response::Unsat, &format!("ranges behind {}", event.name))?;
            self.counts.steps += 1;
        }
        for (claim, law) in claims() {
            let step = self.broken_event(claim, &scope)?;
            let holds = self.formula(&claim.holds, if law { &scope } else { &next })?;
            let broken = self.context.not(holds);
            let what = format!("`{}` in the broken table", claim.name);
            self.frame(&[here, kept, step, broken], Response::Sat, &what)?;
            self.counts.refuted += 1;
        }
        Ok(())
    }

    /// The event that the claim says to break, broken.
    fn broken_event(&self, claim: &Claim, scope: &Scope<'_>) -> Answer<SExpr> {
        let name = match claim.breaks {
            Break::Need(name, _) | Break::Put(name, ..) => name,
        };
        let event = self.machine.events.iter().find(|event| event.name == name);
        let event = event.ok_or_else(|| format!("{}: no event `{name}`", self.machine.name))?;
        let mut needs: Vec<Formula> = event.needs.iter().map(|need| need.holds).collect();
        let mut sets: Vec<Set> = event.sets.to_vec();
        match claim.breaks {
            Break::Need(_, at) => drop(needs.remove(at)),
            Break::Put(_, field, to) => {
                sets.retain(|set| set.field != field);
                sets.push(Set { field, to });
            }
        }
        self.event(event, &needs, &sets, scope)
    }

    /// The goal is reached in as many events as the table says, by a trace that the code makes too; and in no fewer.
    fn goal(&mut self) -> Answer<()> {
        let machine = self.machine;
        let (goal, steps) = (&machine.goal.0, machine.goal.1);
        let count = machine.fields.len();
        let mut states = Vec::new();
        let mut inputs = Vec::new();
        for at in 0..=steps {
            states.push(self.names(&format!("s{at}_"), count)?);
            inputs.push((self.names(&format!("e{at}_"), 1)?[0], self.names(&format!("i{at}_"), 6)?));
        }
        let at = |state: &'_ [SExpr]| -> Vec<SExpr> { state.to_vec() };
        let start = at(&states[0]);
        let first = Scope { before: &start, given: &[], after: &start };
        let mut asserted = vec![self.ranges(machine.fields, &start), self.formula(&machine.initial, &first)?];
        for far in 0..=steps {
            let here = Scope { before: &states[far], given: &[], after: &states[far] };
            let reached = self.formula(goal, &here)?;
            if far < steps {
                let question = [asserted.as_slice(), &[reached]].concat();
                self.frame(&question, Response::Unsat, &format!("the goal in {far} events"))?;
                self.counts.not_earlier += 1;
                let (choice, given) = &inputs[far];
                let scope = Scope { before: &states[far], given, after: &states[far + 1] };
                let mut ways = Vec::new();
                for (number, event) in (0u64..).zip(machine.events) {
                    let needs: Vec<Formula> = event.needs.iter().map(|need| need.holds).collect();
                    let taken = self.event(event, &needs, event.sets, &scope)?;
                    ways.push(self.context.and(self.context.eq(*choice, self.context.numeral(number)), taken));
                }
                asserted.push(self.any(ways));
            } else {
                let question = [asserted.as_slice(), &[reached]].concat();
                self.ask(&question, Response::Sat, &format!("the goal in {far} events"))?;
            }
        }
        self.replay(&states, &inputs)?;
        self.counts.traces += 1;
        Ok(())
    }

    fn values(&mut self, names: &[SExpr]) -> Answer<Vec<u64>> {
        let pairs = io(self.context.get_value(names.to_vec()))?;
        let read = |(_, value): &(SExpr, SExpr)| self.context.get_u64(*value).ok_or("a value beyond 64 bits".into());
        pairs.iter().map(read).collect()
    }

    /// The executed table makes the trace that the solver found.
    fn replay(&mut self, states: &[Vec<SExpr>], inputs: &[(SExpr, Vec<SExpr>)]) -> Answer<()> {
        let machine = self.machine;
        let mut state = self.values(&states[0])?;
        for (at, (choice, given)) in inputs[..inputs.len() - 1].iter().enumerate() {
            let event = self.values(&[*choice])?[0] as usize;
            let shape = machine.events.get(event).ok_or("the trace names an event that there is not")?;
            // Only the event's own arguments are constrained.
            let given = self.values(&given[..shape.given.len()])?;
            let mut after = vec![0; state.len()];
            let made = machine.apply(&state, event, &given, &mut after);
            let wanted = self.values(&states[at + 1])?;
            if made.is_err() || after != wanted {
                let name = machine.name;
                return Err(format!("{name}: {} {given:?}: {made:?} {after:?}, not {wanted:?}", shape.name));
            }
            state = after;
        }
        Ok(())
    }
}

fn solve(solver: &'static str, arguments: &[&str], machine: &Machine) -> Answer<Counts> {
    let started = ContextBuilder::new().solver(solver).solver_args(arguments.iter().copied()).build();
    let context = started.map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("`{solver}` is missing: {INSTALL}"),
        _ => format!("{solver}: {error}"),
    })?;
    let mut lane = Lane { context, solver, machine, counts: Counts::default() };
    io(lane.context.set_logic("QF_LIA"))?;
    lane.claims()?;
    lane.goal()?;
    io(lane.context.exit())?;
    Ok(lane.counts)
}

/// Asks both solvers about every table and prints how many questions there were.
///
/// # Errors
/// The first question with another answer than the wanted one, or the line that installs a missing solver.
pub fn run() -> Result<(), String> {
    for (solver, arguments) in SOLVERS {
        let mut sum = Counts::default();
        for machine in MACHINES {
            let counts = solve(solver, arguments, machine)?;
            println!("{solver:5} {:14} {counts:?}", machine.name);
            sum.starts += counts.starts;
            sum.steps += counts.steps;
            sum.not_earlier += counts.not_earlier;
            sum.traces += counts.traces;
            sum.refuted += counts.refuted;
        }
        let unsat = sum.starts + sum.steps + sum.not_earlier;
        println!(
            "{solver}: {unsat} of {unsat} unsat, {} traces that the code makes too, {} broken tables refuted",
            sum.traces, sum.refuted
        );
    }
    Ok(())
}
