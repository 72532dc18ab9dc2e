//! Images, values and configurations in the reference's JSON (`reference/README.md` has the forms).

use motet_choreo::global_to_json;
use motet_machine::{BackpressurePolicy, BufferConfig, BufferMode, CodeImage, ValueRef};
use motet_types::{
    ConstantPart, EffectKind, EffectKinds, GlobalType, Instr, LabelId, RoleId, ScalarPart, Sort, SortId, SortTable,
    TableRow, Value,
};
use serde_json::{Value as Json, json};

/// A global type in the form of the specification, section 10.2; nothing where it has no such form.
pub fn global_json(global: &GlobalType) -> Option<Json> {
    serde_json::from_str(&global_to_json(global).ok()?).ok()
}

/// A value in the form that needs no sort: a real or a vector is its text.
pub(super) fn value_json(image: &CodeImage, value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Unit => Json::Null,
        ValueRef::Nat(n) => n.into(),
        ValueRef::Bool(b) => b.into(),
        ValueRef::Str(text) => text.into(),
        ValueRef::Prod(pair) => json!([value_json(image, (&pair.0).into()), value_json(image, (&pair.1).into())]),
        ValueRef::Endpoint { session, role } => json!({"endpoint": [session.0, image.role_name(role)]}),
    }
}

pub(super) fn sort_json(sorts: &SortTable, sort: SortId) -> Json {
    match sorts.get(sort) {
        None => Json::Null,
        Some(Sort::Unit) => "unit".into(),
        Some(Sort::Nat) => "nat".into(),
        Some(Sort::Bool) => "bool".into(),
        Some(Sort::String) => "string".into(),
        Some(Sort::Real) => "real".into(),
        Some(Sort::Vector(n)) => json!({"vector": n}),
        Some(Sort::Prod(a, b)) => json!({"prod": [sort_json(sorts, SortId(a)), sort_json(sorts, SortId(b))]}),
    }
}

fn constant(sorts: &SortTable, sort: SortId, scalars: &mut impl Iterator<Item = ScalarPart>) -> Option<Value> {
    if let Some(Sort::Prod(a, b)) = sorts.get(sort) {
        let first = constant(sorts, SortId(a), scalars)?;
        return Some(Value::Prod(Box::new((first, constant(sorts, SortId(b), scalars)?))));
    }
    Some(match scalars.next()? {
        ScalarPart::Unit => Value::Unit,
        ScalarPart::Nat(n) => Value::Nat(n),
        ScalarPart::Bool(b) => Value::Bool(b),
        ScalarPart::Str(text) => Value::Str(text),
    })
}

fn instr_json(image: &CodeImage, start: u32, instr: Instr) -> Result<Json, String> {
    let (parts, sorts) = (image.parts(), image.sorts());
    let at = |target: u32| target.saturating_sub(start);
    let table = |row: u32| parts.tables.get(row as usize).ok_or("a table that is not there");
    let targets = |rows: &[TableRow]| rows.iter().map(|row| at(row.target)).collect::<Vec<_>>();
    Ok(match instr {
        Instr::Send { chan, val } => json!(["Send", chan, val]),
        Instr::Receive { chan, dst } => json!(["Receive", chan, dst]),
        Instr::Offer { chan, val, label } => {
            let label = LabelId(label as u16);
            let sort = sort_json(sorts, image.label_sort(label));
            json!(["Offer", chan, val, {"name": image.label_name(label), "sort": sort}])
        }
        Instr::Choose { chan, table: row } => {
            let rows: Vec<_> = table(row)?.iter().map(|row| (at(row.target), row.dst)).collect();
            json!(["Choose", chan, rows])
        }
        Instr::Decide { chan, table: row } => json!(["Decide", chan, targets(table(row)?)]),
        Instr::Invoke { arg, dst, effect } => {
            let effect = parts.effects.get(effect as usize).ok_or("an effect that is not there")?;
            if effect.may_block {
                return Err("the reference has no effects that may block".into());
            }
            let answer = sort_json(sorts, SortId(effect.answer));
            json!(["Invoke", arg, dst, effect.interface, effect.operation, answer])
        }
        Instr::Set { dst, constant: row } => {
            let ConstantPart { sort, scalars } =
                parts.constants.get(row as usize).ok_or("a constant that is not there")?;
            let value = constant(sorts, SortId(*sort), &mut scalars.iter().cloned()).ok_or("a cut constant")?;
            json!(["Set", dst, value_json(image, (&value).into())])
        }
        Instr::Move { dst, src } => json!(["Move", dst, src]),
        Instr::Jump { target } => json!(["Jump", at(target)]),
        Instr::Branch { on, table: row } => json!(["Branch", on, targets(table(row)?)]),
        Instr::Yield {} => json!(["Yield"]),
        Instr::Halt {} => json!(["Halt"]),
        other => return Err(format!("the reference does not execute {other}")),
    })
}

/// The programs of an image, in order of the roles; why not, where it holds something that the reference has not.
pub fn programs_json(image: &CodeImage) -> Result<Json, String> {
    let mut programs = Vec::new();
    for role in &image.parts().roles {
        let words = &image.parts().code[role.code_start as usize..role.code_end as usize];
        let code: Result<Vec<Json>, String> = words
            .iter()
            .map(|word| instr_json(image, role.code_start, Instr::decode(*word).map_err(|error| error.to_string())?))
            .collect();
        programs.push(json!({"role": role.name, "registers": role.registers, "code": code?}));
    }
    Ok(programs.into())
}

/// The names of the roles, in order.
pub(super) fn roles_json(image: &CodeImage) -> Json {
    (0..image.role_count()).map(|role| image.role_name(RoleId(role as u16))).collect()
}

pub(super) fn config_json(buffer: &BufferConfig, max_payload: usize) -> Json {
    let policy = match buffer.policy {
        BackpressurePolicy::Block => json!("block"),
        BackpressurePolicy::Drop => json!("drop"),
        BackpressurePolicy::Error => json!("error"),
        BackpressurePolicy::Resize { max } => json!({"resize": max}),
    };
    json!({
        "capacity": buffer.capacity,
        "policy": policy,
        "latest": buffer.mode == BufferMode::LatestValue,
        "max_payload": max_payload,
        "fold_jumps": true,
    })
}

pub(super) fn wants_json(wants: EffectKinds) -> Json {
    let names = [
        (EffectKind::SendDecision, "send_decision"),
        (EffectKind::Receive, "receive"),
        (EffectKind::Choose, "choose"),
        (EffectKind::InvokeStep, "invoke_step"),
    ];
    names.into_iter().filter(|(kind, _)| wants.contains(*kind)).map(|(_, name)| name).collect()
}
