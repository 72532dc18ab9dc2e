//! `motet heap`: resources, commitments and proofs from a list of operations.

use crate::failure::{Failure, Outcome};
use crate::heap_proof;
use crate::input;
use crate::out::Out;
use clap::Subcommand;
use motet_bridge::operations_from_json;
use motet_heap::v1::{self, Direction, MerkleProof, Operation, Replay, Step};
use motet_heap::{Heap, HeapError, IdSource, ResourceId, Snapshot, TooLarge};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where the default scheme's ids of a replay come from.
const PATH: &[u8] = b"motet.heap.replay";

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Apply a list of operations to an empty heap; print ids, roots and commitments of both schemes.
    Replay(ReplayArgs),
    /// Prove to somebody who has the root what is live and consumed after a list of operations, or what changed.
    Prove(heap_proof::ProveArgs),
    /// Check such a proof against a root, with nothing else at hand.
    Verify(heap_proof::VerifyArgs),
}

#[derive(clap::Args)]
struct ReplayArgs {
    /// The operations, as JSON.
    file: PathBuf,
    /// Also print the proof of the active resource at this position, in order of ids.
    #[arg(long, value_name = "INDEX")]
    prove: Option<usize>,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    // Writing to a string has no way to fail.
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap_or_default());
    text
}

fn too_large(error: TooLarge) -> Failure {
    Failure::refused("too_large", error.to_string())
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    match &args.command {
        Command::Replay(args) => replay(args, out),
        Command::Prove(args) => heap_proof::prove(args, out),
        Command::Verify(args) => heap_proof::verify(args, out),
    }
}

/// Reads a list of operations and plays it in the published scheme, which says whether it makes sense.
pub(crate) fn read_operations(path: &Path) -> Outcome<(Vec<Step>, Replay)> {
    let bytes = input::read_json(path)?;
    let name = path.display().to_string();
    let steps = operations_from_json(&bytes)
        .map_err(|error| Failure::refused("bad_operations", format!("{name}: {error}")).field("file", name.clone()))?;
    let replay = v1::replay(&steps).map_err(|error| {
        let index = match &error {
            v1::ReplayError::Refused { index, .. } | v1::ReplayError::UnexpectedId { index, .. } => Some(*index),
            v1::ReplayError::Diverged => None,
        };
        Failure::failed("heap_refused", format!("{name}: {error}")).field("operation", index)
    })?;
    Ok((steps, replay))
}

fn replay(args: &ReplayArgs, out: &mut Out) -> Outcome<()> {
    let (steps, replay) = read_operations(&args.file)?;
    let proof = match args.prove {
        None => None,
        Some(index) => match replay.heap.prove(index).map_err(too_large)? {
            Some(proof) => Some((index, proof)),
            None => {
                let active = replay.heap.active_resources().count();
                let message = format!("there is no active resource {index}; there are {active}, counted from 0");
                return Err(Failure::usage("bad_index", message).field("active", active));
            }
        },
    };
    let default = DefaultScheme::of(&steps, &replay)?;
    let json = document(&replay, &default, proof)?;
    if out.json { out.document(&json) } else { text(&json, 0, out) }
}

/// The same operations in the default scheme.
pub(crate) struct DefaultScheme {
    pub(crate) snapshot: Snapshot,
    /// Its ids, by those of the published scheme.
    ids: BTreeMap<v1::ResourceId, ResourceId>,
}

impl DefaultScheme {
    /// Plays the first of the operations that `replay` played, or all of them.
    pub(crate) fn of(steps: &[Step], replay: &Replay) -> Outcome<Self> {
        let refused = |error: HeapError| Failure::failed("heap_refused", format!("the default scheme: {error}"));
        let mut heap = Heap::new();
        let mut source = IdSource::new(PATH).ok_or_else(|| too_large(TooLarge))?;
        let mut allocated = replay.allocated.iter();
        let mut ids = BTreeMap::new();
        for step in steps {
            match &step.operation {
                Operation::Alloc(resource) => {
                    let id = heap.alloc(&mut source, resource).map_err(refused)?;
                    ids.extend(allocated.next().map(|published| (*published, id)));
                }
                Operation::Consume(published) => {
                    if let Some(id) = ids.get(published) {
                        heap.consume(id).map_err(refused)?;
                    }
                }
                Operation::Remove(published) => match ids.get(published).map(|id| heap.remove(id)) {
                    // The default scheme retains nothing of what is consumed, so there is nothing to remove.
                    None | Some(Ok(_) | Err(HeapError::AlreadyConsumed(_))) => {}
                    Some(Err(error)) => return Err(refused(error)),
                },
            }
        }
        Ok(Self { snapshot: heap.snapshot(), ids })
    }
}

fn proof_json(proof: &MerkleProof) -> Vec<Json> {
    let direction = |direction: &Direction| match direction {
        Direction::Left => "left",
        Direction::Right => "right",
    };
    proof
        .path
        .iter()
        .map(|step| json!({"direction": direction(&step.direction), "sibling_hash_hex": hex(&step.sibling_hash)}))
        .collect()
}

fn document(replay: &Replay, default: &DefaultScheme, proof: Option<(usize, MerkleProof)>) -> Outcome<Json> {
    let heap = &replay.heap;
    let active: Vec<v1::ResourceId> = heap.active_resources().map(|(id, _)| *id).collect();
    let digests = |ids: &[v1::ResourceId]| ids.iter().map(|id| hex(&id.digest)).collect::<Vec<_>>();
    let consumed: Vec<v1::ResourceId> = heap.consumed_ids().copied().collect();
    let commitment = heap.commitment().map_err(too_large)?;
    let other = default.snapshot.commitment();
    let other_ids: Vec<String> =
        replay.allocated.iter().filter_map(|id| default.ids.get(id)).map(|id| hex(&id.0)).collect();
    let mut published = json!({
        "heap_encoding_version": v1::VERSION,
        "hasher": "blake3",
        "active_resource_ids_hex": digests(&active),
        "consumed_resource_ids_hex": digests(&consumed),
        "allocated_resource_ids_hex": digests(&replay.allocated),
        "resource_root_hex": hex(&commitment.resource_root),
        "nullifier_root_hex": hex(&commitment.nullifier_root),
        "commitment_hash_hex": hex(&commitment.hash()),
    });
    let mut ours = json!({
        "allocated_resource_ids_hex": other_ids,
        "live": other.live,
        "spent": other.spent,
        "resource_root_hex": hex(&other.resources),
        "nullifier_root_hex": hex(&other.nullifiers),
        "root_hex": hex(&other.root()),
    });
    if let Some((index, proof)) = proof {
        published["proof_index"] = Json::from(index);
        published["proof_leaf_hex"] = hex(&proof.leaf).into();
        published["proof_root_hex"] = hex(&proof.root).into();
        published["proof_path"] = proof_json(&proof).into();
        if let Some(id) = active.get(index).and_then(|id| default.ids.get(id)) {
            ours["proof_resource_id_hex"] = hex(&id.0).into();
            ours["proof_hex"] = hex(&default.snapshot.prove(&[*id], &[])).into();
        }
    }
    Ok(json!({ "v1": published, "heap": ours }))
}

/// The document as lines, `indent` deep: lists of digests one below the other, proofs step by step.
fn text(json: &Json, indent: usize, out: &mut Out) -> Outcome<()> {
    for (name, value) in json.as_object().into_iter().flatten() {
        match value {
            Json::Array(all) => {
                out.line(format_args!("{:indent$}{name}: {}", "", all.len()))?;
                for one in all {
                    let one = one.as_str().map_or_else(|| one.to_string(), str::to_owned);
                    out.line(format_args!("{:indent$}  {one}", ""))?;
                }
            }
            Json::Object(_) => {
                out.line(format_args!("{:indent$}{name}", ""))?;
                text(value, indent + 2, out)?;
            }
            Json::String(value) => out.line(format_args!("{:indent$}{name}: {value}", ""))?,
            plain => out.line(format_args!("{:indent$}{name}: {plain}", ""))?,
        }
    }
    Ok(())
}
