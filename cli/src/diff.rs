//! `motet diff`: two traces session by session, ticks and interleaving left out.

use crate::failure::{Failure, Outcome};
use crate::names::{SessionImages, words};
use crate::out::Out;
use crate::record;
use crate::summary::plural;
use motet_bridge::envelope_json;
use motet_runtime::{EffectDeterminismTier, Normalised, RunRecord, envelope_diff, normalise, observed_tier};
use motet_types::{Event, SessionId};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A trace.
    left: PathBuf,
    /// Another.
    right: PathBuf,
    /// What the host claims of its answers; where the traces contradict it, that is a failure.
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,
}

/// How many equal events are shown before a difference, and events of each side from it on.
const CONTEXT: usize = 4;

/// A trace, its sessions' events, and their names.
struct Side<'a> {
    images: SessionImages<'a>,
    normal: Normalised,
}

impl<'a> Side<'a> {
    fn of(path: &Path, record: &'a RunRecord) -> Outcome<Self> {
        let normal = normalise(&record.events)
            .map_err(|error| Failure::refused("bad_record", format!("{}: {error}", path.display())))?;
        Ok(Self { images: SessionImages::of(record), normal })
    }

    fn events(&self, session: SessionId) -> &[Event] {
        self.normal.sessions.get(&session).map_or(&[], Vec::as_slice)
    }

    /// An event in words: equal across versions of a protocol exactly when the names are.
    fn words(&self, session: SessionId, at: usize) -> Outcome<Option<String>> {
        match self.events(session).get(at) {
            Some(event) => Ok(Some(words(self.images.image(session)?, *event, "").to_string())),
            None => Ok(None),
        }
    }
}

/// The first place where two sides differ.
fn first_difference(left: &Side<'_>, right: &Side<'_>) -> Outcome<Option<(SessionId, usize)>> {
    let mut sessions: Vec<SessionId> =
        left.normal.sessions.keys().chain(right.normal.sessions.keys()).copied().collect();
    sessions.sort_unstable();
    sessions.dedup();
    for session in sessions {
        let (a, b) = (left.events(session), right.events(session));
        let same_names = match (a.is_empty(), b.is_empty()) {
            (false, false) => left.images.image(session)?.digest() == right.images.image(session)?.digest(),
            _ => false,
        };
        for at in 0..a.len().max(b.len()) {
            // Equal numbers mean equal names only within one image.
            let equal = match same_names {
                true => a.get(at) == b.get(at),
                false => left.words(session, at)? == right.words(session, at)?,
            };
            if !equal {
                return Ok(Some((session, at)));
            }
        }
    }
    Ok(None)
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
    let (left_record, right_record) = (record::load(&args.left)?, record::load(&args.right)?);
    let (left, right) = (Side::of(&args.left, &left_record)?, Side::of(&args.right, &right_record)?);
    let difference = first_difference(&left, &right)?;
    let declared = args.tier.as_deref().map(tier).transpose()?;
    let envelope = envelope(&left_record, &right_record)?;
    if let Some(declared) = declared {
        held(declared, &left_record, &right_record)?;
    }
    let sessions = left.normal.sessions.len().max(right.normal.sessions.len());
    let Some((session, at)) = difference else {
        let events: usize = left.normal.sessions.values().map(Vec::len).sum();
        if out.json {
            return out.document(&json!({"equal": true, "sessions": sessions, "events": events, "envelope": envelope}));
        }
        let (sessions, events) = (plural(sessions as u64, "session"), plural(events as u64, "event"));
        out.line(format_args!("equal: {sessions}, {events}"))?;
        let class = envelope.as_ref().and_then(|it| it["envelope_diff"]["scheduler_permutation_class"].as_str());
        return match class {
            Some("exact") | None => Ok(()),
            Some(_) => out.line("the schedules put the sessions in another order; each session did the same"),
        };
    };
    let (in_left, in_right) = (left.words(session, at)?, right.words(session, at)?);
    if out.json {
        let difference = json!({"session": session.0, "position": at, "left": in_left, "right": in_right});
        out.document(&json!({"equal": false, "sessions": sessions, "difference": difference,
            "envelope": envelope}))?;
    } else {
        side_by_side(args, &left, &right, session, at, out)?;
    }
    let or_none = |event: Option<String>| event.unwrap_or_else(|| "no further event".into());
    let message = format!(
        "{session} differs after {at} equal events: {} has `{}`, {} has `{}`",
        args.left.display(),
        or_none(in_left),
        args.right.display(),
        or_none(in_right)
    );
    Err(Failure::failed("different", message).field("session", session.0).field("position", at))
}

fn side_by_side(
    args: &Args,
    left: &Side<'_>,
    right: &Side<'_>,
    session: SessionId,
    at: usize,
    out: &mut Out,
) -> Outcome<()> {
    let mut rows = Vec::new();
    for row in at.saturating_sub(CONTEXT)..at + CONTEXT {
        let (a, b) = (left.words(session, row)?, right.words(session, row)?);
        if a.is_none() && b.is_none() {
            break;
        }
        let mark = if a == b { ' ' } else { '!' };
        rows.push((mark, a.unwrap_or_default(), b.unwrap_or_default()));
    }
    let width = rows.iter().map(|(_, a, _)| a.chars().count()).max().unwrap_or(0);
    out.line(format_args!("{session}, {} beside {}", args.left.display(), args.right.display()))?;
    for (mark, a, b) in rows {
        out.line(format!("{mark} {a:width$}  {b}").trim_end())?;
    }
    Ok(())
}
