//! `motet heap prove` and `motet heap verify`: a proof from one process to another, through a file.

use crate::failure::{Failure, Outcome};
use crate::heap::{DefaultScheme, hex, read_operations};
use crate::input;
use crate::out::Out;
use crate::output_file::OutputFile;
use motet_heap::verify::VerifyError;
use motet_heap::{Claim, ProofFile, ProofFileError, ResourceId};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct ProveArgs {
    /// The operations, as JSON; ids and roots are those that `motet heap replay` prints under `heap`.
    operations: PathBuf,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Prove that a live resource has this id, or that none has.
    #[arg(long, value_name = "ID", conflicts_with = "since", required_unless_present_any = ["nullifier", "since"])]
    resource: Vec<Digest>,
    /// Prove that this id was consumed, or that it never was.
    #[arg(long, value_name = "ID", conflicts_with = "since")]
    nullifier: Vec<Digest>,
    /// Prove what changed since the first COUNT operations, and that no nullifier was forgotten.
    #[arg(long, value_name = "COUNT")]
    since: Option<usize>,
}

#[derive(clap::Args)]
pub(crate) struct VerifyArgs {
    /// The file that `motet heap prove` wrote.
    proof: PathBuf,
    /// The root that is trusted; of a proof of change, the newer one.
    #[arg(long, value_name = "ROOT")]
    root: Digest,
    /// Of a proof of change, the older root.
    #[arg(long, value_name = "ROOT")]
    older: Option<Digest>,
}

/// 64 hexadecimal digits.
#[derive(Clone, Copy)]
struct Digest([u8; 32]);

impl std::str::FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "must be 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(WRONG);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            let digits = text.get(at..at + 2).ok_or(WRONG)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

pub(crate) fn prove(args: &ProveArgs, out: &mut Out) -> Outcome<()> {
    let (steps, replay) = read_operations(&args.operations)?;
    let now = DefaultScheme::of(&steps, &replay)?.snapshot;
    let mut document = json!({
        "output": args.output.display().to_string(),
        "root_hex": hex(&now.root()),
    });
    let bytes = match args.since {
        Some(count) => {
            let Some(first) = steps.get(..count) else {
                let message = format!("there are {} operations, not {count}", steps.len());
                return Err(Failure::usage("bad_count", message).field("operations", steps.len()));
            };
            let then = DefaultScheme::of(first, &replay)?.snapshot;
            document["older_hex"] = hex(&then.root()).into();
            now.change_file(&then)
        }
        None => {
            let ids = |all: &[Digest]| all.iter().map(|id| ResourceId(id.0)).collect::<Vec<_>>();
            now.membership_file(&ids(&args.resource), &ids(&args.nullifier))
                .ok_or_else(|| Failure::usage("too_many", "more ids than a proof file has room for"))?
        }
    };
    document["bytes"] = bytes.len().into();
    let mut file = OutputFile::create(&args.output)?;
    file.write_all(&bytes).map_err(|error| file.unwritable(&error))?;
    file.finish()?;
    if out.json {
        return out.document(&document);
    }
    out.line(format_args!("{}: {} bytes", args.output.display(), bytes.len()))?;
    out.line(format_args!("root: {}", hex(&now.root())))?;
    match document["older_hex"].as_str() {
        Some(older) => out.line(format_args!("older: {older}")),
        None => Ok(()),
    }
}

/// What is wrong with a proof, as one word for tools.
fn reason(error: &ProofFileError) -> &'static str {
    match error {
        ProofFileError::NotAProof | ProofFileError::Proof(VerifyError::Malformed) => "malformed",
        ProofFileError::WrongKind => "wrong_kind",
        ProofFileError::Untrue(_) => "untrue",
        ProofFileError::Proof(VerifyError::WrongRoot) => "wrong_root",
        ProofFileError::Proof(VerifyError::NotCovered) => "not_covered",
        ProofFileError::Proof(VerifyError::NullifierForgotten) => "nullifier_forgotten",
        ProofFileError::Proof(VerifyError::WrongCount) => "wrong_count",
    }
}

pub(crate) fn verify(args: &VerifyArgs, out: &mut Out) -> Outcome<()> {
    let name = args.proof.display().to_string();
    let bytes = input::read_json(&args.proof)?;
    let refuse = |error: ProofFileError| {
        let failure = Failure::refused("bad_proof", format!("{name}: {error}"))
            .field("file", name.clone())
            .field("reason", reason(&error));
        match error {
            ProofFileError::WrongKind if args.older.is_none() => failure.help("a proof of change needs `--older`"),
            ProofFileError::WrongKind => failure.help("this is a proof of membership: leave `--older` out"),
            _ => failure,
        }
    };
    let file = ProofFile::read(&bytes).map_err(refuse)?;
    let (document, lines) = match &args.older {
        None => membership(&file, &args.root.0).map_err(refuse)?,
        Some(older) => change(&file, &older.0, &args.root.0).map_err(refuse)?,
    };
    if out.json {
        return out.document(&document);
    }
    lines.iter().try_for_each(|line| out.line(line))
}

fn membership(file: &ProofFile<'_>, root: &[u8; 32]) -> Result<(Json, Vec<String>), ProofFileError> {
    let (claims, shown) = file.check_membership(root)?;
    let mut listed = Vec::with_capacity(claims.len());
    let mut lines = vec![format!("{} live, {} consumed", shown.live_count(), shown.consumed_count())];
    for claim in claims {
        let (id, what, contents) = match claim {
            Claim::Live(id, contents) => (id, "live", Some(hex(contents))),
            Claim::NotLive(id) => (id, "not_live", None),
            Claim::Consumed(id) => (id, "consumed", None),
            Claim::NotConsumed(id) => (id, "not_consumed", None),
        };
        let with = contents.as_ref().map(|digest| format!(", contents {digest}")).unwrap_or_default();
        lines.push(format!("{id}: {}{with}", what.replace('_', " ")));
        let mut json = json!({"id_hex": hex(&id.0), "is": what});
        if let Some(contents) = contents {
            json["contents_hex"] = contents.into();
        }
        listed.push(json);
    }
    let document = json!({
        "kind": "membership", "root_hex": hex(root), "live": shown.live_count(), "consumed": shown.consumed_count(),
        "claims": listed,
    });
    Ok((document, lines))
}

fn change(file: &ProofFile<'_>, older: &[u8; 32], root: &[u8; 32]) -> Result<(Json, Vec<String>), ProofFileError> {
    let change = file.check_change(older, root)?;
    let mut lines = vec![format!(
        "{} begun, {} ended, {} consumed; every nullifier kept",
        change.begun.len(),
        change.ended.len(),
        change.nullified.len()
    )];
    let mut list = |name: &str, all: &[([u8; 32], [u8; 32])]| -> Vec<Json> {
        all.iter()
            .map(|(id, contents)| {
                lines.push(format!("{}: {name}, contents {}", hex(id), hex(contents)));
                json!({"id_hex": hex(id), "contents_hex": hex(contents)})
            })
            .collect()
    };
    let (begun, ended) = (list("begun", &change.begun), list("ended", &change.ended));
    lines.extend(change.nullified.iter().map(|id| format!("{}: consumed", hex(id))));
    let nullified: Vec<String> = change.nullified.iter().map(|id| hex(id)).collect();
    let document = json!({
        "kind": "change", "older_hex": hex(older), "root_hex": hex(root), "begun": begun, "ended": ended,
        "consumed_ids_hex": nullified,
    });
    Ok((document, lines))
}
