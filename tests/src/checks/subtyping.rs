//! Subtyping of local types: examples, laws, and all small types against all their runs.

use crate::dice::Dice;
use crate::duet::{Wrong, runs};
use crate::lane::Lane;
use crate::small_types::{Family, names, read};
use motet_types::{
    Automata, EdgePart, StateId, SubtypeLimits, SubtypeMode, Subtyping, TypeTables, TypeTablesError, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// How many messages a queue holds in the runs that judge a verdict, and how many configurations are looked at.
const CAPACITY: u32 = 4;
const MOST: usize = 20_000;

fn ask(candidate: &str, expected: &str, limits: SubtypeLimits) -> [Verdict; 3] {
    // Each side has tables of its own, and labels are numbered by first use: names must be resolved.
    let side = |text: &str| {
        let (mut names, mut automata) = (motet_types::Names::default(), Automata::new());
        let order = if text.len().is_multiple_of(2) { ["Own", "P", "Q"] } else { ["Own", "Q", "P"] };
        names.roles = order.map(String::from).into();
        let first = read(text, &mut names, &mut automata);
        (names, automata, first)
    };
    let (new, old) = (side(candidate), side(expected));
    let tables = (TypeTables::of_automata(&new.1, &new.0), TypeTables::of_automata(&old.1, &old.0));
    let relation = Subtyping::new(&tables.0, &tables.1).expect("automata that were just built").with_limits(limits);
    SubtypeMode::ALL.map(|mode| relation.decide(mode, new.2, old.2).expect("both states exist"))
}

/// Asks for each candidate and expected type, in all three modes: `conservative / synchronous / full`; where an answer is
/// that of the mode before, it is left out.
fn says(rows: &[(&str, &str, &str)]) -> Result<(), String> {
    let mut broken = String::new();
    for (candidate, expected, wanted) in rows {
        let verdicts = ask(candidate, expected, SubtypeLimits::DEFAULT);
        let mut found = verdicts[0].to_string();
        for (at, verdict) in verdicts.iter().enumerate().skip(1) {
            if *verdict != verdicts[at - 1] {
                found += &format!(" / {}: {verdict}", SubtypeMode::ALL[at].name());
            }
        }
        if found != *wanted {
            broken += &format!("\n{candidate} for {expected}:\n  found  {found}\n  wanted {wanted}");
        }
    }
    ensure!(broken.is_empty(), "{broken}");
    Ok(())
}

/// The conservative mode compares phases of inputs and outputs: the same partners, the same labels.
pub fn the_conservative_mode_keeps_phases() -> Result<(), String> {
    says(&[
        ("end", "end", "yes"),
        ("!P:a.?P:b.end", "!P:a.?P:b.end", "yes"),
        ("!P:a.end", "!P{a.end, b.end}", "no: at the start it lacks !P:b / synchronous: yes"),
        ("?P{a.end, b.end}", "?P:a.end", "no: at the start it adds ?P:b / synchronous: yes"),
        ("!P:a.end", "!P:a.!P:a.end", "no: after !P:a it ends, but !P:a is still expected"),
        ("!P:a.!P:a.end", "!P:a.end", "no: after !P:a it goes on with !P:a, but nothing is expected any more"),
        ("!P:a.?P:b.end", "?P:b.!P:a.end", "no: at the start it does !P:a where ?P:b is expected / full: yes"),
        (
            "!P:a.end",
            "!Q:a.end",
            "no: at the start it does !P:a where !Q:a is expected / full: no: at the start it may do !P:a, which is not expected there",
        ),
    ])
}

/// Every branch is followed, not the first alone, and what is sent early is expected behind every one.
pub fn all_continuations_count() -> Result<(), String> {
    says(&[
        (
            "!P{a.end, b.!P:a.end}",
            "!P{a.end, b.!P:b.end}",
            "no: after !P:b it lacks !P:b / synchronous: no: after !P:b it may do !P:a, which is not expected there",
        ),
        (
            "?P{a.end, b.?P:a.end}",
            "?P{a.end, b.?P:b.end}",
            "no: after ?P:b it lacks ?P:b / synchronous: no: after ?P:b ?P:b may come and is not received",
        ),
        (
            "!Q:a.?P{a.end, b.end}",
            "?P{a.!Q:a.end, b.!Q:a.end}",
            "no: at the start it does !Q:a where ?P:a is expected / full: yes",
        ),
        (
            "!Q:a.?P{a.end, b.end}",
            "?P{a.!Q:a.end, b.!Q:b.end}",
            "no: at the start it does !Q:a where ?P:a is expected / full: no: at the start it may do !Q:a, which is not expected there",
        ),
        (
            "!Q:a.?P{a.end, b.!P:b.end}",
            "?P{a.!Q:a.end, b.!Q:a.!P:a.end}",
            "no: at the start it does !Q:a where ?P:a is expected / full: no: after !Q:a.?P:b it may do !P:b, which is not expected there",
        ),
    ])
}

/// A label with another payload is another label.
pub fn payloads_count() -> Result<(), String> {
    says(&[
        ("!P:a(nat).end", "!P:a(nat).end", "yes"),
        (
            "!P:a(nat).end",
            "!P:a(string).end",
            "no: at the start it lacks !P:a(string) / synchronous: no: at the start it may do !P:a(nat), which is not expected there",
        ),
        (
            "?P{a(nat).end, b.end}",
            "?P:a.end",
            "no: at the start it lacks ?P:a / synchronous: no: at the start ?P:a may come and is not received",
        ),
        (
            "!P:a(nat).?P:b.end",
            "?P:b.!P:a.end",
            "no: at the start it does !P:a(nat) where ?P:b is expected / full: no: at the start it may do !P:a(nat), which is not expected there",
        ),
    ])
}

/// Loops need no unfolding limit: a type is its own subtype, however its loops are written.
pub fn loops_are_their_own_subtypes() -> Result<(), String> {
    says(&[
        ("rec X.!P:a.X", "rec X.!P:a.X", "yes"),
        ("rec X.!P:a.X", "rec X.!P:a.!P:a.X", "yes"),
        ("rec X.?P{a.!Q:a.X, b.end}", "rec X.?P{a.!Q:a.rec Y.?P{a.!Q:a.X, b.end}, b.end}", "yes"),
        ("rec X.!P{a.rec Y.?P{a.X, b.Y}, b.end}", "rec X.!P{a.rec Y.?P{a.X, b.Y}, b.end}", "yes"),
        (
            "rec X.!P{a.X, b.end}",
            "rec X.!P:a.X",
            "no: at the start it adds !P:b / synchronous: no: at the start it may do !P:b, which is not expected there",
        ),
    ])
}

/// Sends go ahead of receives and of sends to others, receives ahead of receives from others; nothing else.
pub fn sends_go_ahead() -> Result<(), String> {
    says(&[
        ("!Q:a.?P:a.end", "?P:a.!Q:a.end", "no: at the start it does !Q:a where ?P:a is expected / full: yes"),
        (
            "?P:a.!Q:a.end",
            "!Q:a.?P:a.end",
            "no: at the start it does ?P:a where !Q:a is expected / full: no: at the start it waits for P, but !Q:a is expected first",
        ),
        ("!Q:a.!P:a.end", "!P:a.!Q:a.end", "no: at the start it does !Q:a where !P:a is expected / full: yes"),
        ("?Q:a.?P:a.end", "?P:a.?Q:a.end", "no: at the start it does ?Q:a where ?P:a is expected / full: yes"),
        (
            "!P:b.!P:a.end",
            "!P:a.!P:b.end",
            "no: at the start it lacks !P:a / synchronous: no: at the start it may do !P:b, which is not expected there",
        ),
        (
            "?P:b.?P:a.end",
            "?P:a.?P:b.end",
            "no: at the start it lacks ?P:a / synchronous: no: at the start ?P:a may come and is not received",
        ),
        // The same loop, entered elsewhere; then one that sends before it has received, and one that is a message ahead.
        ("!Q:a.rec X.?P:a.!Q:a.X", "rec X.!Q:a.?P:a.X", "yes"),
        ("rec X.!Q:a.?P:a.X", "rec X.?P:a.!Q:a.X", "no: at the start it does !Q:a where ?P:a is expected / full: yes"),
        (
            "!P:a.!P:a.rec X.?P:b.!P:a.X",
            "rec X.!P:a.?P:b.X",
            "no: after !P:a it does !P:a where ?P:b is expected / full: yes",
        ),
        // Which label went early settles the role's own choice.
        (
            "!P:b.!Q:b.end",
            "!Q{a.!P:a.end, b.!P:b.end}",
            "no: at the start it does !P:b where !Q:b is expected / full: yes",
        ),
        (
            "!P:b.!Q:a.end",
            "!Q{a.!P:a.end, b.!P:b.end}",
            "no: at the start it does !P:b where !Q:b is expected / full: no: after !P:b it may do !Q:a, which is not expected there",
        ),
        // What came early settles the others' choice.
        (
            "?Q{a.?P:a.end, b.?P:b.end}",
            "?P{a.?Q:a.end, b.?Q:b.end}",
            "no: at the start it does ?Q:a where ?P:a is expected / full: yes",
        ),
        (
            "?Q{a.?P:b.end, b.?P:b.end}",
            "?P{a.?Q:a.end, b.?Q:b.end}",
            "no: at the start it does ?Q:a where ?P:a is expected / full: no: after ?Q:a ?P:a may come and is not received",
        ),
    ])
}

/// What is expected is done some time, on every way.
pub fn nothing_is_put_off_for_ever() -> Result<(), String> {
    says(&[
        (
            "rec X.!Q:a.X",
            "?P:a.rec X.!Q:a.X",
            "no: at the start it does !Q:a where ?P:a is expected / full: no: at the start it may go on for ever without ?P:a, which is expected first",
        ),
        (
            "rec X.!Q:a.X",
            "rec X.?P:a.!Q:a.X",
            "no: at the start it does !Q:a where ?P:a is expected / full: no: at the start it may go on for ever without ?P:a, which is expected first",
        ),
        (
            "rec X.!Q:a.X",
            "!P:a.rec X.!Q:a.X",
            "no: at the start it does !Q:a where !P:a is expected / full: no: at the start it may go on for ever without !P:a, which is expected first",
        ),
        (
            "rec X.!Q:a.?Q:a.X",
            "?P:a.rec X.!Q:a.?Q:a.X",
            "no: at the start it does !Q:a where ?P:a is expected / full: no: at the start it may go on for ever without ?P:a, which is expected first",
        ),
        (
            "!Q:a.end",
            "?P:a.!Q:a.end",
            "no: at the start it does !Q:a where ?P:a is expected / full: no: after !Q:a it ends, but ?P:a is still expected",
        ),
        (
            "!Q:a.rec X.?P{a.X, b.end}",
            "rec X.?P{a.X, b.!Q:a.end}",
            "no: at the start it does !Q:a where ?P:a is expected / full: no: at the start it may do !Q:a, which is not expected there",
        ),
    ])
}

/// Where limits or loops leave it open, the answer is that.
pub fn what_is_not_decided_is_said() -> Result<(), String> {
    says(&[
        // Two sends for each that is expected: it is ever further ahead.
        (
            "rec X.!Q:a.!Q:a.?P:a.X",
            "rec X.?P:a.!Q:a.X",
            "no: at the start it does !Q:a where ?P:a is expected / full: unknown: something would be done ahead of more than 16 actions",
        ),
        (
            "!Q:a.rec X.!P{a.X, b.end}",
            "rec X.!P{a.X, b.!Q:a.end}",
            "no: at the start it does !Q:a where !P:a is expected / full: unknown: something is done ahead of a loop that only the role's own choice ends",
        ),
    ])?;
    let ahead = ("!Q:a.?P:a.?P:a.end", "?P:a.?P:a.!Q:a.end");
    for (anticipation, wanted) in [(1, "unknown: something would be done ahead of more than 1 actions"), (2, "yes")] {
        let limits = SubtypeLimits { anticipation, ..SubtypeLimits::DEFAULT };
        let [_, _, full] = ask(ahead.0, ahead.1, limits);
        ensure!(full.to_string() == wanted, "at most {anticipation} ahead: {full}");
    }
    for limits in [
        SubtypeLimits { pairs: 0, ..SubtypeLimits::DEFAULT },
        SubtypeLimits { steps: 2, ..SubtypeLimits::DEFAULT },
        SubtypeLimits { anticipation: 0, ..SubtypeLimits::DEFAULT },
    ] {
        let [_, _, full] = ask(ahead.0, ahead.1, limits);
        ensure!(matches!(full, Verdict::Unknown(_)), "{limits:?}: {full}");
        let [_, synchronous, full] = ask("rec X.?P{a.X, b.end}", "rec X.?P:a.X", limits);
        let within = limits.steps > 2;
        ensure!(synchronous.is_yes() && (full.is_yes() || !within), "{limits:?} narrow what keeps its order: {full}");
    }
    Ok(())
}

/// A role in the middle of a loop is asked about from there.
pub fn questions_start_anywhere() -> Result<(), String> {
    let (mut names, mut automata) = (names(), Automata::new());
    let old = read("rec X.?P:a.!Q:a.X", &mut names, &mut automata);
    let later = StateId(automata.states[old.index()].branches[0].next);
    let new = read("rec X.!Q:a.?P:a.X", &mut names, &mut automata);
    let tables = TypeTables::of_automata(&automata, &names);
    let relation = Subtyping::new(&tables, &tables).map_err(|error| error.to_string())?;
    let full = |candidate, expected| relation.decide(SubtypeMode::Full, candidate, expected).map(|v| v.word());
    ensure!(full(new, later) == Ok("yes"), "a loop that is entered at its send");
    ensure!(full(old, later) == Ok("no"), "a loop that is entered at its receive");
    let none = StateId(99);
    let missing = TypeTablesError::NoState { number: 99, states: automata.states.len() };
    ensure!(full(none, old) == Err(missing) && full(old, none) == Err(missing), "states that do not exist");
    Ok(())
}

/// Tables that hold no automata are refused, each fault by its name.
pub fn tables_are_checked() -> Result<(), String> {
    let refused = |change: &dyn Fn(&mut Automata)| {
        let (mut names, mut automata) = (names(), Automata::new());
        read("?P{a.!Q:a.end, b.end}", &mut names, &mut automata);
        let sound = automata.clone();
        change(&mut automata);
        let (tables, sound) = (TypeTables::of_automata(&automata, &names), TypeTables::of_automata(&sound, &names));
        let (left, right) = (Subtyping::new(&tables, &sound).err(), Subtyping::new(&sound, &tables).err());
        if left == right { left } else { None }
    };
    let missing = |wanted, number| Some(TypeTablesError::Missing { what: "state", at: 0, wanted, number });
    ensure!(refused(&|_| {}).is_none(), "sound tables are refused");
    let found = refused(&|automata| automata.states[0].branches[0].label = 9);
    ensure!(found == missing("label", 9), "a label that does not exist: {found:?}");
    let found = refused(&|automata| automata.states[0].branches[0].next = 9);
    ensure!(found == missing("state", 9), "a state that does not exist: {found:?}");
    let found = refused(&|automata| automata.states[0].action = motet_types::Action::Recv(9));
    ensure!(found == missing("edge", 9), "an edge that does not exist: {found:?}");
    let found = refused(&|automata| automata.edges[0] = EdgePart { sender: 9, receiver: 0 });
    ensure!(found == missing("role", 9), "a role that does not exist: {found:?}");
    let found = refused(&|automata| automata.states[0].role = 1);
    ensure!(found == Some(TypeTablesError::ForeignEdge { at: 0 }), "another role's edge: {found:?}");
    let found = refused(&|automata| automata.states[0].branches.clear());
    ensure!(found == Some(TypeTablesError::Labels { at: 0 }), "a receive without labels: {found:?}");
    let found = refused(&|automata| automata.states[0].branches[1].label = automata.states[0].branches[0].label);
    ensure!(found == Some(TypeTablesError::LabelTwice { at: 0 }), "a label that stands twice: {found:?}");
    Ok(())
}

/// What was counted, by name.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    fn count(&self, what: &'static str) {
        *self.0.lock().expect("nobody panics while it counts").entry(what).or_default() += 1;
    }

    fn get(&self, what: &str) -> u64 {
        self.0.lock().expect("nobody panics while it counts").get(what).copied().unwrap_or(0)
    }

    fn print(&self, name: &str) {
        println!("{name}: {:?}", self.0.lock().expect("nobody panics while it counts"));
    }
}

/// One pair in all modes, against all its runs.
fn agrees(
    relation: &Subtyping,
    automata: &Automata,
    candidate: StateId,
    expected: StateId,
    tally: &Tally,
) -> Result<(), String> {
    let decide = |mode| relation.decide(mode, candidate, expected).map_err(|error| error.to_string());
    let [conservative, synchronous, full] =
        [decide(SubtypeMode::Conservative)?, decide(SubtypeMode::Synchronous)?, decide(SubtypeMode::Full)?];
    let pair = || format!("{} for {}", show(automata, candidate), show(automata, expected));
    tally.count("pairs");
    ensure!(!conservative.is_yes() || synchronous.is_yes(), "{}: conservative yes, synchronous {synchronous}", pair());
    ensure!(!synchronous.is_yes() || full.is_yes(), "{}: synchronous yes, full {full}", pair());
    ensure!(candidate != expected || conservative.is_yes(), "{}: not its own subtype: {conservative}", pair());
    let runs = runs(automata, candidate, expected, CAPACITY, MOST);
    match (&full, runs.wrong) {
        (Verdict::Yes, Some(wrong)) => return Err(format!("{}: a wrong yes: {wrong:?}", pair())),
        (Verdict::Yes, None) => {
            let kept = synchronous.is_yes();
            tally.count(if kept { "yes in order" } else { "yes ahead" });
        }
        (Verdict::No(_), Some(_)) => tally.count("no"),
        (Verdict::No(refusal), None) => {
            ensure!(!runs.whole, "{}: no ({refusal}), but all {} configurations are well", pair(), runs.met);
            tally.count("no, unconfirmed within the bound");
        }
        (Verdict::Unknown(_), Some(_)) => tally.count("unknown, goes wrong"),
        (Verdict::Unknown(_), None) => tally.count("unknown, goes well within the bound"),
    }
    Ok(())
}

/// A type as its states.
fn show(automata: &Automata, first: StateId) -> String {
    let (mut order, mut text, mut at) = (vec![first.0], String::new(), 0);
    while at < order.len() {
        let state = &automata.states[order[at] as usize];
        text += &format!("[{at}: {:?}", state.action);
        for branch in &state.branches {
            let next = order.iter().position(|known| *known == branch.next).unwrap_or_else(|| {
                order.push(branch.next);
                order.len() - 1
            });
            text += &format!(" {}>{next}", branch.label);
        }
        text += "]";
        at += 1;
    }
    text
}

/// Each case is one candidate against all expected types of the family. Enough cases are all of them.
fn sweep(name: &'static str, family: &Family, share: u64) -> Result<Tally, String> {
    let names = names();
    let tables = TypeTables::of_automata(&family.automata, &names);
    let relation = Subtyping::new(&tables, &tables).map_err(|error| error.to_string())?;
    let (tally, count) = (Tally::default(), family.types.len() as u64);
    let lane = Lane::new(name, share.min(count));
    // A share takes candidates from all over the family: the step is prime, and no family has that many.
    let all = lane.cases() >= count;
    let lane = Lane::fixed(name, lane.cases().min(count));
    lane.run(|seed| {
        let at = if all { seed - 1 } else { seed * 7_919 % count };
        let candidate = family.types[at as usize];
        family.types.iter().try_for_each(|expected| agrees(&relation, &family.automata, candidate, *expected, &tally))
    })?;
    println!("{name}: {count} types");
    tally.print(name);
    Ok(tally)
}

/// All pairs of types of at most three actions, one label, two partners; the share is those of at most two.
pub fn all_small_lines_agree_with_their_runs() -> Result<(), String> {
    let small = Family::lines(2);
    let tally = sweep("subtyping, lines", &small, small.types.len() as u64)?;
    ensure!(tally.get("yes ahead") > 0 && tally.get("no") > 0, "only one answer among the small lines");
    sweep("subtyping, longer lines", &Family::lines(3), 3).map(drop)
}

/// Types of at most two states, two labels, one partner.
pub fn small_choices_agree_with_their_runs() -> Result<(), String> {
    sweep("subtyping, choices", &Family::choices(&[0, 2]), 12).map(drop)
}

/// Types of at most two states, two labels, two partners.
pub fn small_choices_of_two_partners_agree_with_their_runs() -> Result<(), String> {
    sweep("subtyping, choices of two partners", &Family::choices(&[0, 1, 2, 3]), 3).map(drop)
}

/// Random types and their relatives, three labels of which two differ in the payload alone.
pub fn random_types_agree_with_their_runs() -> Result<(), String> {
    let (names, tally) = (names(), Tally::default());
    Lane::new("subtyping, random", 2_000).run(|seed| {
        let family = Family::relatives(&mut Dice::new(seed));
        let tables = TypeTables::of_automata(&family.automata, &names);
        let relation = Subtyping::new(&tables, &tables).map_err(|error| error.to_string())?;
        for candidate in &family.types {
            for expected in &family.types {
                agrees(&relation, &family.automata, *candidate, *expected, &tally)?;
            }
        }
        Ok(())
    })?;
    tally.print("subtyping, random");
    ensure!(tally.get("yes ahead") > 0, "nothing was sent ahead");
    Ok(())
}

/// Two yeses in a row are never a no.
pub fn yes_is_transitive() -> Result<(), String> {
    let names = names();
    for family in [Family::lines(2), Family::choices(&[0])] {
        let tables = TypeTables::of_automata(&family.automata, &names);
        let relation = Subtyping::new(&tables, &tables).map_err(|error| error.to_string())?;
        for mode in SubtypeMode::ALL {
            let row = |candidate: &StateId| -> Result<Vec<Verdict>, String> {
                let ask = |expected: &StateId| relation.decide(mode, *candidate, *expected);
                family.types.iter().map(ask).collect::<Result<_, _>>().map_err(|error| error.to_string())
            };
            let table: Vec<Vec<Verdict>> = family.types.iter().map(row).collect::<Result<_, _>>()?;
            let (mut chains, mut open) = (0u64, 0u64);
            let count = family.types.len();
            for (a, b) in
                (0..count).flat_map(|a| (0..count).map(move |b| (a, b))).filter(|(a, b)| table[*a][*b].is_yes())
            {
                for c in (0..count).filter(|c| table[b][*c].is_yes()) {
                    chains += 1;
                    open += u64::from(!table[a][c].is_yes());
                    ensure!(
                        !matches!(table[a][c], Verdict::No(_)),
                        "{}: {} then {} then {}",
                        mode.name(),
                        show(&family.automata, family.types[a]),
                        show(&family.automata, family.types[b]),
                        show(&family.automata, family.types[c])
                    );
                }
            }
            println!("subtyping, {}: {chains} chains of two yeses, {open} of them with an unknown end", mode.name());
        }
    }
    Ok(())
}

/// What may go wrong, all of it, does in some pair of small types.
pub fn everything_goes_wrong_somewhere() -> Result<(), String> {
    let family = Family::lines(2);
    let mut found = Vec::new();
    for (candidate, expected) in family.types.iter().flat_map(|a| family.types.iter().map(move |b| (*a, *b))) {
        if let Some(wrong) = runs(&family.automata, candidate, expected, CAPACITY, MOST).wrong
            && !found.contains(&wrong)
        {
            found.push(wrong);
        }
    }
    // One label has nothing unexpected; the choices have.
    let all = [Wrong::Stuck, Wrong::Starved, Wrong::Forgotten];
    ensure!(all.iter().all(|wrong| found.contains(wrong)), "only {found:?}");
    Ok(())
}
