//! The tables themselves: well formed, true to their claims on all small states, and not vacuous.
// With faults planted, the checks run one by one from `planted.rs`.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use common::{events, tuples};
use motet_semantic::MACHINES;
use motet_semantic::table::{Break, Field, Formula, Machine, Refused, Sort, Term, page};
use std::collections::{BTreeSet, VecDeque};

/// What is wrong with a term, and the sort of its values where it has one.
fn term(term: &Term, fields: &[Field], given: &[Field], after: bool) -> Result<Option<Sort>, String> {
    let sort =
        |list: &[Field], at: usize| list.get(at).map(|field| Some(field.sort)).ok_or("no such field".to_string());
    match term {
        Term::Field(at) => sort(fields, *at),
        Term::Given(at) => sort(given, *at),
        Term::Number(_) => Ok(None),
        Term::Plus(left, right) | Term::Minus(left, right) | Term::Larger(left, right) => {
            let left = self::term(left, fields, given, after)?;
            self::term(right, fields, given, after)?;
            Ok(left)
        }
        Term::Mapped(inner, map) => match self::term(inner, fields, given, after)? {
            Some(Sort::Choice(names)) if names.len() == map.len() => Ok(None),
            found => Err(format!("a map of {} values over {found:?}", map.len())),
        },
        Term::After(inner) if after => self::term(inner, fields, given, false),
        Term::After(_) => Err("`After` outside of a law".into()),
    }
}

fn formula(formula: &Formula, fields: &[Field], given: &[Field], after: bool) -> Result<(), String> {
    let list = |parts: &[Formula]| parts.iter().try_for_each(|part| self::formula(part, fields, given, after));
    match formula {
        Formula::Equal(left, right)
        | Formula::Differ(left, right)
        | Formula::AtMost(left, right)
        | Formula::Below(left, right) => {
            let (first, second) = (term(left, fields, given, after)?, term(right, fields, given, after)?);
            match (first, second, left, right) {
                (Some(Sort::Choice(names)), _, _, Term::Number(number)) if *number >= names.len() as u64 => {
                    Err(format!("{number} is none of {names:?}"))
                }
                (Some(Sort::Choice(one)), Some(Sort::Choice(other)), ..) if one != other => {
                    Err(format!("{one:?} compared with {other:?}"))
                }
                _ => Ok(()),
            }
        }
        Formula::OneOf(one, _) => term(one, fields, given, after).map(drop),
        Formula::Not(part) => self::formula(part, fields, given, after),
        Formula::All(parts) | Formula::Any(parts) => list(parts),
        Formula::Implies(first, second) => {
            self::formula(first, fields, given, after)?;
            self::formula(second, fields, given, after)
        }
    }
}

fn well_formed(machine: &Machine) -> Result<(), String> {
    formula(&machine.initial, machine.fields, &[], false)?;
    formula(&machine.goal.0, machine.fields, &[], false)?;
    for event in machine.events {
        let at = |why: String| format!("{}: {why}", event.name);
        for need in event.needs {
            formula(&need.holds, machine.fields, event.given, false).map_err(at)?;
            if need.refusal >= machine.refusals.len() {
                return Err(at("no such refusal".into()));
            }
        }
        let mut seen = BTreeSet::new();
        for set in event.sets {
            let Term::Field(field) = set.field else { return Err(at("it sets what is no field".into())) };
            if !seen.insert(field) {
                return Err(at("it sets a field twice".into()));
            }
            term(&set.to, machine.fields, event.given, false).map_err(at)?;
        }
    }
    for claim in machine.invariants {
        formula(&claim.holds, machine.fields, &[], false).map_err(|why| format!("{}: {why}", claim.name))?;
    }
    for claim in machine.laws {
        formula(&claim.holds, machine.fields, &[], true).map_err(|why| format!("{}: {why}", claim.name))?;
    }
    for claim in machine.invariants.iter().chain(machine.laws) {
        let (name, need) = match claim.breaks {
            Break::Need(name, at) => (name, Some(at)),
            Break::Put(name, ..) => (name, None),
        };
        let event = machine.events.iter().find(|event| event.name == name);
        let event = event.ok_or_else(|| format!("{}: no event `{name}`", claim.name))?;
        if need.is_some_and(|at| at >= event.needs.len()) {
            return Err(format!("{}: no such need", claim.name));
        }
    }
    Ok(())
}

#[cfg_attr(not(feature = "planted"), test)]
fn tables_are_well_formed() {
    let names: BTreeSet<&str> = MACHINES.iter().map(|machine| machine.name).collect();
    assert_eq!(names.len(), MACHINES.len());
    for machine in MACHINES {
        assert_eq!(well_formed(machine), Ok(()), "{}", machine.name);
        assert!(!machine.invariants.is_empty() && !machine.laws.is_empty(), "{}", machine.name);
    }
}

/// Every event in every small state, reachable or not: where the invariants hold before, they hold after, and so do the
/// laws. Choices stay in their range. Every need refuses somewhere, and every event is taken somewhere.
pub(crate) fn claims_hold_on_all_small_states() {
    let (mut pairs, mut taken) = (0u64, 0u64);
    for machine in MACHINES {
        let most = if machine.fields.len() > 6 { 2 } else { 3 };
        let all = events(machine, most);
        let states: Vec<_> = tuples(machine.fields, most);
        let states = states.into_iter().filter(|state| machine.broken_invariant(state).is_none());
        let mut refused: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut happened: BTreeSet<usize> = BTreeSet::new();
        let mut after = vec![0; machine.fields.len()];
        for state in states {
            for (event, given) in &all {
                pairs += 1;
                let walked = machine.apply(&state, *event, given, &mut after);
                // What the machine executes is flat, and comes to the same.
                let mut flat = vec![0; machine.fields.len()];
                let executed = (machine.execute)(&state, *event, given, &mut flat);
                let same = executed == Some(walked) && (walked.is_err() || flat == after);
                assert!(same, "{}: {event} {given:?} in {state:?}: {executed:?}, {flat:?}", machine.name);
                match walked {
                    Ok(()) => {
                        taken += 1;
                        happened.insert(*event);
                        let name = machine.events[*event].name;
                        let why = machine.broken_invariant(&after).or(machine.broken_law(&state, given, &after));
                        assert_eq!(why, None, "{}: {name} {given:?}: {state:?} to {after:?}", machine.name);
                        for (field, &value) in machine.fields.iter().zip(&after) {
                            match field.sort {
                                Sort::Choice(names) => assert!(value < names.len() as u64, "{}", field.name),
                                Sort::Flag => assert!(value < 2, "{}", field.name),
                                Sort::Count => {}
                            }
                        }
                    }
                    Err(Refused::Need(refusal)) => _ = refused.insert((*event, refusal)),
                    Err(other) => panic!("{}: {other:?}", machine.name),
                }
            }
        }
        for (at, event) in machine.events.iter().enumerate() {
            assert!(happened.contains(&at), "{}: {} never happens", machine.name, event.name);
            for need in event.needs {
                let refusal = machine.refusals[need.refusal].0;
                assert!(refused.contains(&(at, need.refusal)), "{}: {} never says {refusal}", machine.name, event.name);
            }
        }
    }
    println!("{pairs} pairs of a small state and an event, {taken} of them transitions");
}

#[cfg_attr(not(feature = "planted"), test)]
fn claims_hold() {
    claims_hold_on_all_small_states();
}

/// The goal is reached from a start in exactly the number of events that the table names, and in no fewer.
pub(crate) fn goals_are_as_far_as_they_say() {
    for machine in MACHINES {
        // The starts that matter have small numbers; goals name numbers up to 8.
        let (goal, steps) = (&machine.goal.0, machine.goal.1);
        let all: Vec<_> = events(machine, 8);
        let starts = tuples(machine.fields, 3).into_iter().filter(|state| machine.may_start(state));
        let mut queue: VecDeque<(Vec<u64>, usize)> = starts.map(|state| (state, 0)).collect();
        let mut seen: BTreeSet<Vec<u64>> = queue.iter().map(|(state, _)| state.clone()).collect();
        let mut after = vec![0; machine.fields.len()];
        let mut found = None;
        while let Some((state, far)) = queue.pop_front() {
            if machine.reached_goal(&state) {
                found = Some(far);
                break;
            }
            if far >= steps {
                continue;
            }
            for (event, given) in &all {
                if machine.apply(&state, *event, given, &mut after).is_ok() && seen.insert(after.clone()) {
                    queue.push_back((after.clone(), far + 1));
                }
            }
        }
        assert_eq!(found, Some(steps), "{}: {goal:?}", machine.name);
    }
}

#[cfg_attr(not(feature = "planted"), test)]
fn goals_are_reached() {
    goals_are_as_far_as_they_say();
}

#[cfg_attr(not(feature = "planted"), test)]
fn the_page_is_fresh() {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
    let mut text = String::from(
        "# The rules as tables\n\nGenerated from the tables that the code executes (`semantic/src/rules`); \
         `UPDATE_EXPECT=1 cargo test -p motet-semantic --test tables` writes it anew. *x* is an argument of the event, \
         x' is x after it. What holds of all of them is proved by two solvers for all numbers, and checked here on all \
         small states; the last column of a claim says how to break it, and that breaking is refuted as well.\n",
    );
    for machine in MACHINES {
        text += "\n";
        text += &page(machine);
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(place, &text).unwrap();
    }
    assert!(std::fs::read_to_string(place).is_ok_and(|found| found == text), "docs/rules.md is stale");
}
