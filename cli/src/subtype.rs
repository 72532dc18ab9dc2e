//! `motet subtype`: may the roles of a new protocol stand where those of an old one are expected?

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::out::Out;
use motet_types::{ImageParts, StateId, SubtypeMode, Subtyping, TypeTables, Verdict};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is expected: a choreography, a global type or an image.
    old: PathBuf,
    /// What is to stand in its place.
    new: PathBuf,
    /// Only this role.
    #[arg(long)]
    role: Option<String>,
    /// Which relation: actions in the same phases with the same labels, actions in the same order, or sends ahead as well.
    #[arg(long, value_enum, default_value_t = Mode::Full)]
    mode: Mode,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    Conservative,
    Synchronous,
    Full,
}

impl From<Mode> for SubtypeMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Conservative => Self::Conservative,
            Mode::Synchronous => Self::Synchronous,
            Mode::Full => Self::Full,
        }
    }
}

/// The first state of the role.
fn initial(parts: &ImageParts, role: &str) -> Option<StateId> {
    parts.roles.iter().find(|part| part.name == role).map(|part| StateId(part.initial))
}

/// All roles of both sides, the old one's first, or the one that was asked for.
fn roles<'a>(args: &'a Args, old: &'a ImageParts, new: &'a ImageParts) -> Outcome<Vec<&'a str>> {
    let mut names: Vec<&str> = old.roles.iter().map(|role| role.name.as_str()).collect();
    let added = new.roles.iter().map(|role| role.name.as_str()).filter(|name| initial(old, name).is_none());
    names.extend(added);
    match &args.role {
        None => Ok(names),
        Some(wanted) if names.contains(&wanted.as_str()) => Ok(vec![wanted]),
        Some(wanted) => {
            let message = format!("neither protocol has a role `{wanted}`; there are {}", names.join(", "));
            Err(Failure::usage("unknown_role", message).field("known", names))
        }
    }
}

/// One role's answer: a word for tools, and why.
struct Answer<'a> {
    role: &'a str,
    word: &'static str,
    why: Option<String>,
    path: Vec<String>,
}

impl Answer<'_> {
    fn json(&self) -> Json {
        let mut json = json!({"role": self.role, "verdict": self.word});
        if let Some(why) = &self.why {
            json["why"] = why.as_str().into();
        }
        if self.word == "no" {
            json["path"] = self.path.clone().into();
        }
        json
    }
}

fn answer<'a>(
    relation: &Subtyping,
    mode: SubtypeMode,
    role: &'a str,
    sides: [Option<StateId>; 2],
) -> Outcome<Answer<'a>> {
    let absent =
        |side| Answer { role, word: "no", why: Some(format!("the {side} has no such role")), path: Vec::new() };
    let (old, new) = match sides {
        [Some(old), Some(new)] => (old, new),
        [None, _] => return Ok(absent("old protocol")),
        [_, None] => return Ok(absent("new protocol")),
    };
    let verdict = relation.decide(mode, new, old).map_err(|error| Failure::refused("bad_image", error.to_string()))?;
    let word = verdict.word();
    Ok(match verdict {
        Verdict::Yes => Answer { role, word, why: None, path: Vec::new() },
        Verdict::No(refusal) => {
            let path = refusal.path.iter().map(ToString::to_string).collect();
            Answer { role, word, why: Some(refusal.to_string()), path }
        }
        Verdict::Unknown(doubt) => Answer { role, word, why: Some(doubt.to_string()), path: Vec::new() },
    })
}

fn document(args: &Args, answers: &[Answer<'_>]) -> Json {
    let name = |path: &Path| path.display().to_string();
    json!({
        "old": name(&args.old),
        "new": name(&args.new),
        "mode": SubtypeMode::from(args.mode).name(),
        "subtype": answers.iter().all(|answer| answer.word == "yes"),
        "roles": answers.iter().map(Answer::json).collect::<Vec<_>>(),
    })
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let (old, new) = (input::image(&args.old)?, input::image(&args.new)?);
    let (old, new) = (old.parts(), new.parts());
    let relation = Subtyping::new(&TypeTables::from(new), &TypeTables::from(old))
        .map_err(|error| Failure::refused("bad_image", error.to_string()))?;
    let roles = roles(args, old, new)?;
    let answers = roles
        .iter()
        .map(|role| answer(&relation, args.mode.into(), role, [initial(old, role), initial(new, role)]))
        .collect::<Outcome<Vec<_>>>()?;
    if out.json {
        out.document(&document(args, &answers))?;
    } else {
        let width = roles.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for Answer { role, word, why, .. } in &answers {
            match why {
                None => out.line(format_args!("{role:width$}  {word}"))?,
                Some(why) => out.line(format_args!("{role:width$}  {word}: {why}"))?,
            }
        }
    }
    let not: Vec<&str> = answers.iter().filter(|answer| answer.word != "yes").map(|answer| answer.role).collect();
    if not.is_empty() {
        return Ok(());
    }
    let message = format!("{} may not stand where the old protocol's are expected", not.join(", "));
    Err(Failure::refused("no_subtype", message).field("roles", not))
}
