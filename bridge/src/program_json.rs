//! An image's code and a machine's configuration in the form that runners take: `reference/README.md` says what it is.

use crate::run_document::{MachineInput, ProgramInput};
use motet_machine::{
    BackpressurePolicy, BufferMode, CodeImage, FlowPolicy, OutputConditionPolicy, ProtocolMachineConfig, ValueRef,
};
use motet_types::{
    ConstantPart, EffectKind, EffectKinds, Instr, LabelId, RoleId, ScalarPart, Sort, SortId, SortTable, TableRow, Value,
};
use serde_json::{Value as Json, json};

/// Code that a runner cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// A flow policy that the host decides.
    #[error("the flow policy asks the host's own predicate, which runners do not have")]
    HostPredicate,
    /// An instruction that names something that the image does not have. A verified image has none.
    #[error("{role}'s code names {what} that is not there")]
    Dangling {
        /// Whose code.
        role: String,
        /// What.
        what: &'static str,
    },
}

/// A value in the form that needs no sort: a real or a vector is its text, as the machine carries it.
pub fn carried_value_json(image: &CodeImage, value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Unit => Json::Null,
        ValueRef::Nat(n) => n.into(),
        ValueRef::Bool(b) => b.into(),
        ValueRef::Str(text) => text.into(),
        ValueRef::Prod(pair) => {
            json!([carried_value_json(image, (&pair.0).into()), carried_value_json(image, (&pair.1).into())])
        }
        // Of a session that an instruction opened this image does not have the role's name.
        ValueRef::Endpoint { session, role } if session.number() > 0 => json!({"endpoint": [session.0, role.0]}),
        ValueRef::Endpoint { session, role } => json!({"endpoint": [session.0, image.role_name(role)]}),
    }
}

/// A sort in the form of the specification, section 10.2; null where the table has none.
pub fn sort_json(sorts: &SortTable, sort: SortId) -> Json {
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

fn instr_json(image: &CodeImage, role: &str, start: u32, instr: Instr) -> Result<Json, ProgramError> {
    let (parts, sorts) = (image.parts(), image.sorts());
    let dangling = |what| ProgramError::Dangling { role: role.into(), what };
    let at = |target: u32| target.saturating_sub(start);
    let table = |row: u32| parts.tables.get(row as usize).ok_or_else(|| dangling("a table"));
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
            let effect = parts.effects.get(effect as usize).ok_or_else(|| dangling("an effect"))?;
            let answer = sort_json(sorts, SortId(effect.answer));
            match effect.may_block {
                false => json!(["Invoke", arg, dst, effect.interface, effect.operation, answer]),
                true => json!(["Invoke", arg, dst, effect.interface, effect.operation, answer, "may_block"]),
            }
        }
        Instr::Set { dst, constant: row } => {
            let ConstantPart { sort, scalars } =
                parts.constants.get(row as usize).ok_or_else(|| dangling("a constant"))?;
            let value = constant(sorts, SortId(*sort), &mut scalars.iter().cloned());
            let value = value.ok_or_else(|| dangling("a part of a constant"))?;
            json!(["Set", dst, carried_value_json(image, (&value).into())])
        }
        Instr::Move { dst, src } => json!(["Move", dst, src]),
        Instr::Jump { target } => json!(["Jump", at(target)]),
        Instr::Branch { on, table: row } => json!(["Branch", on, targets(table(row)?)]),
        Instr::Yield {} => json!(["Yield"]),
        Instr::Halt {} => json!(["Halt"]),
        Instr::Spawn { args, dst, target } => json!(["Spawn", args, dst, at(target)]),
        Instr::Cast { val, sort } => json!(["Cast", val, sort_json(sorts, SortId(sort as u16))]),
        Instr::Fork { ghost } => json!(["Fork", ghost]),
        Instr::Join {} => json!(["Join"]),
        Instr::Abort {} => json!(["Abort"]),
        Instr::Transfer { endpoint, target, .. } => json!(["Transfer", endpoint, target]),
        Instr::Tag { fact, dst } => json!(["Tag", fact, dst]),
        Instr::Check { knowledge, target, dst } => json!(["Check", knowledge, target, dst]),
        Instr::Acquire { dst, layer } => json!(["Acquire", dst, layer]),
        Instr::Release { evidence, layer } => json!(["Release", evidence, layer]),
        Instr::Close { session } => json!(["Close", session]),
        Instr::Open { dst, plan } => json!(["Open", dst, plan]),
    })
}

/// The programs of an image, in order of the roles.
///
/// # Errors
/// [`ProgramError`] where the image holds something that runners have not.
pub fn image_programs(image: &CodeImage) -> Result<Vec<ProgramInput>, ProgramError> {
    let mut programs = Vec::new();
    for part in &image.parts().roles {
        let words = image.parts().code.get(part.code_start as usize..part.code_end as usize);
        let code = words.unwrap_or_default().iter().map(|word| {
            let dangling = |_| ProgramError::Dangling { role: part.name.clone(), what: "an instruction" };
            instr_json(image, &part.name, part.code_start, Instr::decode(*word).map_err(dangling)?)
        });
        let code = code.collect::<Result<_, _>>()?;
        programs.push(ProgramInput { role: part.name.clone(), registers: part.registers.into(), code });
    }
    Ok(programs)
}

/// The names of an image's roles, in order.
pub fn image_roles(image: &CodeImage) -> Vec<String> {
    (0..image.role_count()).map(|role| image.role_name(RoleId(role as u16)).to_owned()).collect()
}

/// What runners know of a machine's configuration. Jumps are folded, as the machine does.
///
/// # Errors
/// A flow policy that is the host's own, which runners do not have.
pub fn machine_input(config: &ProtocolMachineConfig) -> Result<MachineInput, ProgramError> {
    let buffer = &config.buffer;
    let policy = match buffer.policy {
        BackpressurePolicy::Block => json!("block"),
        BackpressurePolicy::Drop => json!("drop"),
        BackpressurePolicy::Error => json!("error"),
        BackpressurePolicy::Resize { max } => json!({"resize": max}),
    };
    let flow = match &config.flow_policy {
        FlowPolicy::Predicate(_) => Err(ProgramError::HostPredicate),
        policy => serde_json::to_value(policy).map_err(|_| ProgramError::HostPredicate),
    };
    Ok(MachineInput {
        capacity: Some(buffer.capacity.into()),
        policy: Some(policy),
        latest: Some(buffer.mode == BufferMode::LatestValue),
        max_payload: Some(config.max_payload_bytes as u64),
        fold_jumps: Some(true),
        outputs: Some(match &config.output_condition_policy {
            OutputConditionPolicy::Disabled => json!("disabled"),
            OutputConditionPolicy::AllowAll => json!("allow_all"),
            OutputConditionPolicy::DenyAll => json!("deny_all"),
            OutputConditionPolicy::AllowList(names) => json!({"allow_list": names}),
        }),
        flow: Some(flow?),
        max_facts: Some(config.max_facts.into()),
        max_fact_bytes: Some(config.max_fact_bytes.into()),
        speculation_depth: Some(config.speculation_depth.into()),
        max_coroutines: Some(config.max_coroutines.into()),
        max_guest_sessions: Some(config.max_guest_sessions.into()),
    })
}

/// The kinds of effects that runners can be asked about, by name.
pub fn wants_input(wants: EffectKinds) -> Vec<String> {
    let names = [
        (EffectKind::SendDecision, "send_decision"),
        (EffectKind::Receive, "receive"),
        (EffectKind::Choose, "choose"),
        (EffectKind::InvokeStep, "invoke_step"),
        (EffectKind::Release, "release"),
        (EffectKind::OutputConditionHint, "output_condition_hint"),
    ];
    names.into_iter().filter(|(kind, _)| wants.contains(*kind)).map(|(_, name)| name.to_owned()).collect()
}
