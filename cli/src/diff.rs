//! `motet diff`: two traces under a determinism profile. Without one, session by session: ticks and interleaving are left
//! out.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::record;
use crate::summary::plural;
use motet_bridge::envelope_json;
use motet_runtime::{
    DeterminismMode, EffectDeterminismTier, NormalForm, ProfileDifference, RunRecord, RunView, envelope_diff,
    observed_tier,
};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A trace.
    left: PathBuf,
    /// Another.
    right: PathBuf,
    /// What must be the same: `full`, `replay`, `modulo-effects` or `modulo-commutativity`.
    #[arg(long, value_name = "PROFILE", default_value = "modulo-commutativity")]
    profile: String,
    /// What the host claims of its answers; where the traces contradict it, that is a failure.
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,
}

/// How many equal entries are shown before a difference, and entries of each side from it on.
const CONTEXT: usize = 4;

/// A trace in the normal form of the profile.
fn side(path: &Path, record: &RunRecord, mode: DeterminismMode) -> Outcome<NormalForm> {
    let view =
        RunView::of(record).map_err(|error| Failure::refused("bad_record", format!("{}: {error}", path.display())))?;
    match view.entries().iter().find(|entry| view.images().image(entry.of()).is_none()) {
        Some(entry) => Err(record::unopened(entry.of())),
        None => Ok(view.normal_form(mode)),
    }
}

pub(crate) fn profile(name: &str) -> Outcome<DeterminismMode> {
    DeterminismMode::from_name(&name.replace('-', "_")).ok_or_else(|| {
        let known = DeterminismMode::ALL.map(|mode| mode.name().replace('_', "-"));
        Failure::usage("unknown_profile", format!("there is no determinism profile `{name}`"))
            .help(format!("there are {}", known.join(", ")))
    })
}

/// How far the schedules differ; none for traces of different protocols, which no schedule makes comparable.
fn envelope(left: &RunRecord, right: &RunRecord) -> Outcome<Option<Json>> {
    if !left.images.iter().map(|image| image.digest()).eq(right.images.iter().map(|image| image.digest())) {
        return Ok(None);
    }
    match envelope_diff(left, right) {
        Ok(diff) => Ok(Some(envelope_json(&diff))),
        Err(error) => Err(Failure::refused("bad_record", error.to_string())),
    }
}

fn tier(name: &str) -> Outcome<EffectDeterminismTier> {
    EffectDeterminismTier::from_name(name).ok_or_else(|| {
        Failure::usage("unknown_tier", format!("there is no tier `{name}`"))
            .help(format!("there are {}", EffectDeterminismTier::ALL.map(EffectDeterminismTier::name).join(", ")))
    })
}

/// Holds the hosts' answers against what is claimed of them.
fn held(declared: EffectDeterminismTier, left: &RunRecord, right: &RunRecord) -> Outcome<()> {
    let observed = observed_tier(left, right);
    let Some(at) = observed.contradicts(declared) else { return Ok(()) };
    let message = format!("the hosts are not {}: effect {at} differs", declared.name());
    Err(Failure::failed("tier_contradicted", message)
        .field("declared", declared.name())
        .field("observed", observed.tier.name())
        .field("effect", at.to_string()))
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let mode = profile(&args.profile)?;
    let (left_record, right_record) = (record::load(&args.left)?, record::load(&args.right)?);
    let (left, right) = (side(&args.left, &left_record, mode)?, side(&args.right, &right_record, mode)?);
    let difference = left.difference(&right);
    let declared = args.tier.as_deref().map(tier).transpose()?;
    let envelope = envelope(&left_record, &right_record)?;
    if let Some(declared) = declared {
        held(declared, &left_record, &right_record)?;
    }
    let sessions = left.sessions().len().max(right.sessions().len());
    let Some(difference) = difference else {
        let events = left.entries().iter().filter(|entry| entry.event().is_some()).count();
        if out.json {
            return out
                .document(&json!({"equal": true, "profile": mode.name(), "sessions": sessions, "events": events,
                "envelope": envelope}));
        }
        let (sessions, events) = (plural(sessions as u64, "session"), plural(events as u64, "event"));
        out.line(format_args!("equal: {sessions}, {events}"))?;
        let class = envelope.as_ref().and_then(|it| it["envelope_diff"]["scheduler_permutation_class"].as_str());
        return match class {
            Some("exact") | None => Ok(()),
            Some(_) if mode != DeterminismMode::ModuloCommutativity => Ok(()),
            Some(_) => out.line("the schedules put the sessions in another order; each session did the same"),
        };
    };
    if out.json {
        out.document(&json!({"equal": false, "profile": mode.name(), "sessions": sessions,
            "difference": difference_json(&difference), "envelope": envelope}))?;
    } else {
        side_by_side(args, &left, &right, &difference, out)?;
    }
    let ProfileDifference { session, position, line, .. } = &difference;
    let what = match mode {
        DeterminismMode::ModuloCommutativity => format!("{session} differs"),
        _ => format!("the runs differ in {session}"),
    };
    let line = line.map_or_else(String::new, |line| format!(" (line {line})"));
    let message = format!(
        "{what} after {position} equal events{line}: {} has `{}`, {} has `{}`",
        args.left.display(),
        difference.expected,
        args.right.display(),
        difference.found
    );
    Err(Failure::failed("different", message).field("session", session.0).field("position", *position))
}

/// Where two runs differ, as JSON.
fn difference_json(difference: &ProfileDifference) -> Json {
    json!({
        "session": difference.session.0,
        "position": difference.position,
        "role": difference.role,
        "edge": difference.edge,
        "line": difference.line,
        "left": difference.expected,
        "right": difference.found,
        "left_label": difference.expected_label,
        "right_label": difference.found_label,
    })
}

fn side_by_side(
    args: &Args,
    left: &NormalForm,
    right: &NormalForm,
    difference: &ProfileDifference,
    out: &mut Out,
) -> Outcome<()> {
    let (session, at) = (difference.session, difference.at);
    let words = |form: &NormalForm| {
        let compared = form.compared(session).into_iter();
        let near = compared.skip(at.saturating_sub(CONTEXT)).take(CONTEXT.min(at) + CONTEXT);
        near.map(|entry| form.words(entry)).collect::<Vec<_>>()
    };
    let (left, right) = (words(left), words(right));
    let width = left.iter().map(|words| words.chars().count()).max().unwrap_or(0);
    out.line(format_args!("{session}, {} beside {}", args.left.display(), args.right.display()))?;
    for row in 0..left.len().max(right.len()) {
        let (a, b) = (left.get(row), right.get(row));
        let mark = if a == b { ' ' } else { '!' };
        let or_none = |words: Option<&String>| words.cloned().unwrap_or_default();
        let line = format!("{mark} {:width$}  {}", or_none(a), or_none(b));
        out.line(line.trim_end())?;
    }
    Ok(())
}
