//! `motet inspect`: an image's tables and code, with names.

use crate::failure::Outcome;
use crate::input;
use crate::out::Out;
use motet_machine::CodeImage;
use motet_types::{
    Action, Digest, IMAGE_VERSION, Instr, LabelId, Operand, Pc, RoleId, RolePart, ScalarPart, SortId, StatePart,
};
use serde_json::{Value as Json, json};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// An image, or a source to compile and look at.
    file: PathBuf,
}

fn sort_name(image: &CodeImage, sort: u16) -> String {
    image.sorts().display(SortId(sort)).to_string()
}

fn edge_name(image: &CodeImage, edge: u16) -> String {
    let (sender, receiver) = image.edge_names(motet_types::EdgeId(edge));
    format!("{sender} -> {receiver}")
}

fn constant_text(image: &CodeImage, row: usize) -> String {
    let Some(constant) = image.parts().constants.get(row) else { return "?".into() };
    let scalars = constant.scalars.iter().map(|scalar| match scalar {
        ScalarPart::Unit => "()".into(),
        ScalarPart::Nat(n) => n.to_string(),
        ScalarPart::Bool(b) => b.to_string(),
        ScalarPart::Str(text) => format!("{text:?}"),
    });
    let scalars: Vec<String> = scalars.collect();
    format!("{} : {}", scalars.join(", "), sort_name(image, constant.sort))
}

/// An operand in words, where its number says nothing.
fn operand_text(image: &CodeImage, kind: Operand, value: u32) -> Option<String> {
    let parts = image.parts();
    Some(match kind {
        Operand::Label => image.label_name(LabelId(value as u16)).to_owned(),
        Operand::Constant => constant_text(image, value as usize),
        Operand::Target => Pc(value).to_string(),
        Operand::Effect => {
            let effect = parts.effects.get(value as usize)?;
            format!("{}.{}", effect.interface, effect.operation)
        }
        Operand::Table => {
            let rows = parts.tables.get(value as usize)?;
            let rows: Vec<String> = rows.iter().map(|row| Pc(row.target).to_string()).collect();
            format!("[{}]", rows.join(", "))
        }
        Operand::Sort => sort_name(image, value as u16),
        Operand::Plan => Digest(parts.plans.get(value as usize)?.image).to_string(),
        Operand::Read | Operand::Write | Operand::Endpoint | Operand::Fact | Operand::Layer | Operand::Number => {
            return None;
        }
    })
}

fn instr_text(image: &CodeImage, instr: Instr) -> String {
    let resolved: Vec<String> = instr.operands().filter_map(|(kind, value)| operand_text(image, kind, value)).collect();
    if resolved.is_empty() {
        instr.to_string()
    } else {
        format!("{instr:28} ; {instr_note}", instr_note = resolved.join(", "))
    }
}

fn state_text(image: &CodeImage, at: usize, state: &StatePart) -> String {
    let branches = state
        .branches
        .iter()
        .map(|branch| format!("{} => {}", image.label_name(LabelId(branch.label)), branch.next))
        .collect::<Vec<_>>()
        .join(", ");
    match state.action {
        Action::End => format!("{at}: end"),
        Action::Send(edge) => format!("{at}: send {} {{{branches}}}", edge_name(image, edge)),
        Action::Recv(edge) => format!("{at}: receive {} {{{branches}}}", edge_name(image, edge)),
    }
}

/// The instructions of a role, with their positions.
fn code<'a>(image: &'a CodeImage, role: &RolePart) -> impl Iterator<Item = (u32, Instr)> + 'a {
    let words = &image.parts().code[role.code_start as usize..role.code_end as usize];
    // Every word of a verified image decodes.
    (role.code_start..).zip(words).filter_map(|(pc, word)| Some((pc, Instr::decode(*word).ok()?)))
}

fn states(image: &CodeImage, role: usize) -> impl Iterator<Item = (usize, &StatePart)> {
    image.parts().states.iter().enumerate().filter(move |(_, state)| usize::from(state.role) == role)
}

fn role_json(image: &CodeImage, at: usize, role: &RolePart) -> Json {
    let code: Vec<Json> = code(image, role)
        .map(|(pc, instr)| json!({"pc": pc, "line": image.line(Pc(pc)), "text": instr_text(image, instr)}))
        .collect();
    let states: Vec<Json> = states(image, at)
        .map(|(number, state)| {
            let (action, edge) = match state.action {
                Action::End => ("end", None),
                Action::Send(edge) => ("send", Some(edge)),
                Action::Recv(edge) => ("receive", Some(edge)),
            };
            let ends = edge.map(|edge| image.edge_names(motet_types::EdgeId(edge)));
            let branches: Vec<Json> = state
                .branches
                .iter()
                .map(|branch| json!({"label": image.label_name(LabelId(branch.label)), "next": branch.next}))
                .collect();
            json!({"state": number, "action": action, "sender": ends.map(|ends| ends.0),
                "receiver": ends.map(|ends| ends.1), "branches": branches})
        })
        .collect();
    json!({"name": role.name, "registers": role.registers, "initial": role.initial, "states": states, "code": code})
}

fn image_json(image: &CodeImage) -> Json {
    let parts = image.parts();
    let effects: Vec<Json> = parts
        .effects
        .iter()
        .map(|effect| {
            json!({"interface": effect.interface, "operation": effect.operation,
                "argument": sort_name(image, effect.argument), "answer": sort_name(image, effect.answer),
                "may_block": effect.may_block})
        })
        .collect();
    let labels: Vec<Json> =
        parts.labels.iter().map(|label| json!({"name": label.name, "sort": sort_name(image, label.sort)})).collect();
    let edges: Vec<Json> = parts
        .edges
        .iter()
        .map(|edge| {
            json!({"sender": image.role_name(RoleId(edge.sender)), "receiver": image.role_name(RoleId(edge.receiver))})
        })
        .collect();
    let roles: Vec<Json> = parts.roles.iter().enumerate().map(|(at, role)| role_json(image, at, role)).collect();
    let constants: Vec<String> = (0..parts.constants.len()).map(|row| constant_text(image, row)).collect();
    json!({
        "protocol": parts.name,
        "format_version": IMAGE_VERSION,
        "digest": image.digest().to_string(),
        "labels": labels,
        "edges": edges,
        "effects": effects,
        "constants": constants,
        "roles": roles,
    })
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let image = input::image(&args.file)?;
    if out.json {
        return out.document(&image_json(&image));
    }
    let parts = image.parts();
    out.line(format_args!("{}, image format {IMAGE_VERSION}", parts.name))?;
    out.line(format_args!("digest {}", image.digest()))?;
    section(
        out,
        "labels",
        parts.labels.iter().map(|label| format!("{} : {}", label.name, sort_name(&image, label.sort))),
    )?;
    section(out, "edges", (0..parts.edges.len()).map(|edge| edge_name(&image, edge as u16)))?;
    section(
        out,
        "effects",
        parts.effects.iter().map(|effect| {
            let waits = if effect.may_block { ", may block" } else { "" };
            let (argument, answer) = (sort_name(&image, effect.argument), sort_name(&image, effect.answer));
            format!("{}.{} : {argument} -> {answer}{waits}", effect.interface, effect.operation)
        }),
    )?;
    section(out, "constants", (0..parts.constants.len()).map(|row| constant_text(&image, row)))?;
    for (at, role) in parts.roles.iter().enumerate() {
        out.line("")?;
        out.line(format_args!("role {}, {} registers, starts in state {}", role.name, role.registers, role.initial))?;
        for (number, state) in states(&image, at) {
            out.line(format_args!("  {}", state_text(&image, number, state)))?;
        }
        for (pc, instr) in code(&image, role) {
            let line = image.line(Pc(pc)).map_or_else(String::new, |line| format!("line {line}"));
            out.line(format!("  {pc:>5}  {line:9} {}", instr_text(&image, instr)).trim_end())?;
        }
    }
    Ok(())
}

fn section(out: &mut Out, name: &str, rows: impl Iterator<Item = String>) -> Outcome<()> {
    for (at, row) in rows.enumerate() {
        if at == 0 {
            out.line(name)?;
        }
        out.line(format_args!("  {at}: {row}"))?;
    }
    Ok(())
}
