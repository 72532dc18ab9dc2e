//! The lane itself.

use super::both::Outcome;
use super::case::Case;
use super::shrink::shrink;
use super::tell::tell;
use super::traces::WAYS;
use crate::lane::Lane;
use motet_bridge::runner::ProtocolMachineRunner;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The share of a plain run; the full lane takes 100,000.
const SHARE: u64 = 2_000;

#[derive(Debug, Default)]
struct Seen {
    refused: u64,
    completed: u64,
    faulted: u64,
    events: u64,
    exchanges: u64,
    objects: u64,
    waited: [u64; 2],
    happened: [u64; 3],
    owned: [u64; 2],
    handed: [u64; 3],
    instructions: BTreeMap<String, u64>,
    judged: BTreeMap<&'static str, u64>,
}

/// The instructions that the reference executes; the lane must have seen each.
const INSTRUCTIONS: [&str; 24] = [
    "Send", "Receive", "Offer", "Choose", "Decide", "Invoke", "Set", "Move", "Jump", "Branch", "Yield", "Halt",
    "Spawn", "Cast", "Fork", "Join", "Abort", "Transfer", "Tag", "Check", "Acquire", "Release", "Close", "Open",
];

/// Runs the lane. The first difference is shrunk and answered as a `.tell` file.
pub fn differential() -> Result<(), String> {
    let lane = Lane::new("differential", SHARE);
    let idle: Mutex<Vec<ProtocolMachineRunner>> = Mutex::new(Vec::new());
    let seen = Mutex::new(Seen::default());
    lane.run(|seed| {
        let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let start = || ProtocolMachineRunner::find().map(ProtocolMachineRunner::kept);
        let mut runner = waiting.map_or_else(start, Ok).map_err(|error| error.to_string())?;
        let case = Case::draw(seed);
        match case.run(&mut runner)? {
            Err(difference) => {
                let (case, difference) = shrink(case, difference, &mut runner);
                Err(format!("\n{}", tell(&case, &difference)))
            }
            Ok(outcome) => {
                let Outcome { refused, events, exchanges, objects, completed, faulted, .. } = outcome;
                let Outcome { instructions, waited, happened, owned, handed, judged, .. } = outcome;
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.refused += u64::from(refused);
                seen.completed += u64::from(completed);
                seen.faulted += u64::from(faulted);
                seen.events += events.len() as u64;
                seen.exchanges += exchanges.len() as u64;
                seen.objects += objects.len() as u64;
                (0..2).for_each(|at| seen.waited[at] += waited[at]);
                (0..3).for_each(|at| seen.happened[at] += happened[at]);
                (0..2).for_each(|at| seen.owned[at] += owned[at]);
                (0..3).for_each(|at| seen.handed[at] += handed[at]);
                for (name, count) in instructions {
                    *seen.instructions.entry(name).or_default() += count;
                }
                for (name, count) in judged {
                    *seen.judged.entry(name).or_default() += count;
                }
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(runner);
                Ok(())
            }
        }
    })?;
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Seen { refused, completed, faulted, events, exchanges, objects, instructions, judged, .. } = seen;
    let Seen { waited, happened, owned, handed, .. } = seen;
    println!(
        "{} runs in both, {refused} refused by both, {completed} completed, {faulted} with a fault; {events} \
         events, {exchanges} exchanges and {objects} semantic objects compared",
        lane.cases()
    );
    let counted: Vec<String> = instructions.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("{} questions put off or taken on, {} of them answered when others had gone on", waited[0], waited[1]);
    println!("{} links cut, {} made whole, {} crashes of sites", happened[0], happened[1], happened[2]);
    println!(
        "{} operations of owners, {} of them refused; {} sessions changed hands, which took {} effects away, {} of whose results \
         came too late",
        owned[0], owned[1], handed[0], handed[1], handed[2]
    );
    println!("executed in both: {}", counted.join(", "));
    let counted: Vec<String> = judged.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("traces of the reference, judged by local types: {}", counted.join(", "));
    if lane.cases() >= 1_000 {
        let missing: Vec<_> = WAYS.iter().filter(|(way, _)| !judged.contains_key(way)).map(|(way, _)| way).collect();
        ensure!(missing.is_empty(), "no trace was spoilt like this: {missing:?}");
        let missing: Vec<_> = INSTRUCTIONS.iter().filter(|name| !instructions.contains_key(**name)).collect();
        ensure!(missing.is_empty(), "never executed in both: {missing:?}");
    }
    if lane.cases() >= 100 {
        let enough = completed * 8 > lane.cases()
            && faulted > 0
            && refused > 0
            && waited[1] > 0
            && happened.iter().chain(&owned).chain(&handed[..1]).all(|count| *count > 0)
            && exchanges > lane.cases()
            && objects > lane.cases();
        ensure!(enough, "the lane saw too little");
    }
    Ok(())
}
