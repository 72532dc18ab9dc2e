//! `motet check`: parse, well-formedness, projection, emission, verification.

use crate::failure::Outcome;
use crate::input::{compile, read_source};
use crate::out::Out;
use crate::summary::plural;
use motet_machine::CodeImage;
use motet_types::{Action, GlobalPart};
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A choreography (`.tell`) or a global type (`.json`).
    file: PathBuf,
}

/// A role's states, by what they allow.
struct States {
    all: usize,
    sends: usize,
    receives: usize,
    choices: usize,
}

fn states_of(image: &CodeImage, role: usize) -> States {
    let mut states = States { all: 0, sends: 0, receives: 0, choices: 0 };
    for state in image.parts().states.iter().filter(|state| usize::from(state.role) == role) {
        states.all += 1;
        match state.action {
            Action::End => {}
            Action::Send(_) if state.branches.len() > 1 => states.choices += 1,
            Action::Send(_) => states.sends += 1,
            Action::Recv(_) => states.receives += 1,
        }
    }
    states
}

/// How many messages the protocol has, those of a choice's branches counted one by one.
fn messages(image: &CodeImage) -> usize {
    let branches = image.parts().global.iter().map(|node| match node {
        GlobalPart::Comm { branches, .. } => branches.len(),
        GlobalPart::End | GlobalPart::Par { .. } => 0,
    });
    branches.sum()
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let source = read_source(&args.file)?;
    let (_, image) = compile(&source)?;
    let parts = image.parts();
    let roles: Vec<(&str, States)> =
        parts.roles.iter().enumerate().map(|(at, role)| (role.name.as_str(), states_of(&image, at))).collect();
    if out.json {
        let roles: Vec<_> = roles
            .iter()
            .map(|(name, states)| {
                json!({"name": name, "states": states.all, "sends": states.sends, "receives": states.receives,
                    "choices": states.choices})
            })
            .collect();
        return out.document(&json!({
            "file": source.name(),
            "protocol": parts.name,
            "tier": "machine_executable",
            "messages": messages(&image),
            "labels": parts.labels.len(),
            "edges": parts.edges.len(),
            "roles": roles,
            "image_digest": image.digest().to_string(),
        }));
    }
    out.line(format_args!("{}: {} is machine executable", source.name(), parts.name))?;
    out.line(format_args!(
        "{} under {} on {}",
        plural(messages(&image) as u64, "message"),
        plural(parts.labels.len() as u64, "label"),
        plural(parts.edges.len() as u64, "edge")
    ))?;
    let width = roles.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(4);
    out.line(format_args!("{:width$}  states   sends  receives  choices", "role"))?;
    for (name, states) in roles {
        let States { all, sends, receives, choices } = states;
        out.line(format_args!("{name:width$}  {all:>6}  {sends:>6}  {receives:>8}  {choices:>7}"))?;
    }
    Ok(())
}
