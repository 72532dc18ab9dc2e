//! Messages that are received once, and in their order: the replay modes, what is kept of what was consumed, and that
//! nothing is kept where nothing was asked for.

use super::signing::{TRIALS, refusal, spoilt, twice};
use super::speculating::{ABORT, FORK, JOIN, RECEIVE, SEND, talk};
use crate::draft::{letters, stream};
use crate::walk::Setup;
use motet_machine::{
    CommunicationIdentity, CommunicationReplayMode, NoHost, ProtocolMachine, ProtocolMachineConfig, StepKind, Tamper,
    consumption_root, payload_digest,
};
use motet_runtime::{GuestRuntime, RunStatus};
use motet_types::{Digest, EdgeId, Instr, MessageError, Reader, SessionId, Value};

const SEQUENCE: CommunicationReplayMode = CommunicationReplayMode::Sequence;
const NULLIFIER: CommunicationReplayMode = CommunicationReplayMode::Nullifier;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn in_mode(mode: CommunicationReplayMode) -> ProtocolMachineConfig {
    ProtocolMachineConfig {
        communication_replay_mode: mode,
        max_consumptions: 100,
        speculation_depth: 2,
        ..Setup::default().config
    }
}

fn consumed(runtime: &GuestRuntime) -> u64 {
    runtime.machine().heap().consumed_count()
}

/// With the mode off nothing is numbered beyond what edges do, hashed or kept; so it is unless somebody asks.
pub fn off_keeps_nothing() -> Result<(), String> {
    let config = ProtocolMachineConfig::default();
    ensure!(config.communication_replay_mode == CommunicationReplayMode::Off, "the default is another mode");
    for steps in 0..12 {
        let setup =
            Setup { config: ProtocolMachineConfig { max_consumptions: 9, ..config.clone() }, ..Setup::default() };
        let mut runtime = setup.limit(steps).guest(&letters(3).image()?)?;
        runtime.run(&NoHost).map_err(text)?;
        ensure!(runtime.machine().ledger(SessionId(0)).is_none(), "a ledger is kept");
        ensure!(runtime.drain_consumptions() == (Vec::new(), 0), "artifacts are kept");
        ensure!(runtime.machine().heap().is_untouched(), "the heap was touched");
    }
    Ok(())
}

/// A message that comes twice, or before its turn, is refused as its mode says, and its sender's edge is named. Choices
/// are messages like others.
pub fn messages_are_received_once() -> Result<(), String> {
    for mode in [SEQUENCE, NULLIFIER] {
        for trial in TRIALS {
            let what = format!("{} {trial:?}", mode.name());
            if matches!(trial.how, Tamper::Signature | Tamper::Unsigned) {
                continue;
            }
            let (runtime, faults) = spoilt(&in_mode(mode), trial)?;
            let expected = match (trial.how, mode) {
                (Tamper::Repeat, NULLIFIER) => (EdgeId(0), 0, MessageError::Duplicate),
                (Tamper::Repeat, _) => (EdgeId(0), 0, MessageError::SequenceMismatch { expected: 1 }),
                (Tamper::Swap, SEQUENCE) => (EdgeId(0), 1, MessageError::SequenceMismatch { expected: 0 }),
                // It is for signatures to find.
                _ => continue,
            };
            let found = refusal(&faults, &what)?;
            ensure!(found == expected, "{what}: {found:?}, not {expected:?}");
            let count = if mode == NULLIFIER { 1 } else { 0 };
            ensure!(consumed(&runtime) == count, "{what}: the heap has {} consumed", consumed(&runtime));
        }
    }
    Ok(())
}

/// The identity of a message of [`letters`].
fn letter(number: u64) -> CommunicationIdentity {
    CommunicationIdentity {
        sid: SessionId(0),
        sender: "A".into(),
        receiver: "B".into(),
        step_kind: StepKind::Receive,
        label: "M".into(),
        payload_digest: payload_digest(&Value::Nat(number + 1)),
        sequence_no: number,
    }
}

/// The heap shows of each message whether it has been received: under the state's root, to whoever knows the message.
pub fn consumed_messages_are_proved() -> Result<(), String> {
    let ids: Vec<_> = (0..3).filter_map(|number| letter(number).nullifier()).collect();
    let offered = CommunicationIdentity { step_kind: StepKind::Choose, ..letter(0) };
    ensure!(offered.nullifier() == letter(0).nullifier(), "a message has two nullifiers");
    ensure!(offered.digest() != letter(0).digest(), "two identities are one");
    let image = letters(3).image()?;
    for limit in 0..14 {
        let setup = Setup { config: in_mode(NULLIFIER), ..Setup::default() }.schedule(1, 1).limit(limit);
        let mut runtime = setup.guest(&image)?;
        runtime.run(&NoHost).map_err(text)?;
        let received = runtime.machine().tally().messages;
        let root = runtime.settle_root();
        let proof = runtime.prove_resources(&[], &ids);
        let shown = proof.verify(root).map_err(text)?;
        for (number, id) in (0..).zip(&ids) {
            let found = shown.is_nullified(&id.0).map_err(text)?;
            ensure!(found == (number < received), "message {number} of {received} received: {found}");
        }
        ensure!(consumed(&runtime) == received, "{} consumed of {received}", consumed(&runtime));
        ensure!(runtime.machine().heap().live_count() == 0, "a nullifier is live");
    }
    Ok(())
}

/// What was received is told in order, each with the chain before and behind it, in every mode but off; as many as the
/// configuration keeps, and the newest.
pub fn consumptions_are_chained() -> Result<(), String> {
    let [one, other] = [Digest([1; 32]), Digest([2; 32])];
    let roots = [
        consumption_root(&one, SEQUENCE, &one),
        consumption_root(&other, SEQUENCE, &one),
        consumption_root(&one, SEQUENCE, &other),
        consumption_root(&one, NULLIFIER, &one),
    ];
    for (at, root) in roots.iter().enumerate() {
        ensure!(!roots[..at].contains(root), "two chains have one root");
    }
    for mode in [SEQUENCE, NULLIFIER] {
        for keeps in [100, 2] {
            let config = ProtocolMachineConfig { max_consumptions: keeps, ..in_mode(mode) };
            let mut runtime = Setup { config, ..Setup::default() }.guest(&letters(5).image()?)?;
            runtime.run(&NoHost).map_err(text)?;
            let (artifacts, lost) = runtime.drain_consumptions();
            let (kept, gone) = if keeps == 2 { (2, 3) } else { (5, 0) };
            ensure!((artifacts.len(), lost) == (kept, gone), "{} were kept and {lost} lost", artifacts.len());
            let mut before = if gone == 0 { Digest::default() } else { artifacts[0].pre_root };
            for (number, artifact) in (gone..).zip(&artifacts) {
                ensure!(artifact.mode == mode && artifact.pre_root == before, "{artifact:?} stands behind {before}");
                ensure!(artifact.identity == letter(number) && artifact.holds(), "{artifact:?}");
                let mut bytes = Vec::new();
                artifact.identity.encode(&mut bytes);
                let read = CommunicationIdentity::decode(&mut Reader::new(&bytes));
                ensure!(read.as_ref() == Some(&artifact.identity), "{read:?}");
                before = artifact.post_root;
            }
            ensure!(runtime.drain_consumptions() == (Vec::new(), 0), "they were not taken");
        }
    }
    let mut runtime = Setup { config: in_mode(SEQUENCE), ..Setup::default() }.guest(&stream().image()?)?;
    runtime.run(&twice()).map_err(text)?;
    let kinds: Vec<_> = runtime.drain_consumptions().0.into_iter().map(|one| one.identity.step_kind).collect();
    ensure!(kinds == [StepKind::Choose; 3], "{kinds:?}");
    Ok(())
}

/// What a speculation received is consumed when it is joined, and was never consumed when it is aborted: the same messages
/// come again. A fault in it leaves nothing.
pub fn speculations_consume_when_joined() -> Result<(), String> {
    let programs: [(&[Instr], usize); 5] = [
        (&[SEND, RECEIVE], 0),
        (&[FORK, SEND, RECEIVE, JOIN], 3),
        (&[FORK, SEND, FORK, RECEIVE, JOIN, JOIN], 4),
        (&[FORK, SEND, RECEIVE, ABORT, SEND, RECEIVE], 0),
        (&[FORK, SEND, FORK, RECEIVE, ABORT, RECEIVE, ABORT, SEND, RECEIVE], 0),
    ];
    for (mode, way) in [SEQUENCE, NULLIFIER].into_iter().flat_map(|mode| crate::watched::ways().map(|way| (mode, way)))
    {
        let mut expected = None;
        for (code, _) in programs {
            let what = format!("{} {} {code:?}", mode.name(), way.name());
            let config = ProtocolMachineConfig { authentication: way.clone(), ..in_mode(mode) };
            let setup = Setup { config: config.clone(), ..Setup::default() }.schedule(1, 1);
            let image = talk(code).image()?;
            let mut runtime = setup.guest(&image)?;
            let mut withheld = 0;
            for steps in 1..60 {
                runtime.limit_steps(steps);
                runtime.run(&NoHost).map_err(text)?;
                // In the midst of it, what is withheld is part of the state, and in no heap.
                let ledger = runtime.machine().ledger(SessionId(0));
                let now = ledger.map_or(0, motet_machine::Ledger::withheld);
                withheld = withheld.max(now);
                let speculates = now > 0;
                ensure!(!speculates || consumed(&runtime) == 0, "{what}: {} are consumed", consumed(&runtime));
                let snapshot = runtime.snapshot().map_err(text)?.machine().to_bytes();
                let restored =
                    ProtocolMachine::restore(config.clone(), std::slice::from_ref(&image), &snapshot).map_err(text)?;
                ensure!(restored.recomputed_root() == runtime.state_root(), "{what}: restored to another state");
            }
            let status = runtime.status();
            ensure!(status == RunStatus::Completed, "{what}: {status:?} {:?}", runtime.faults());
            let (artifacts, _) = runtime.drain_consumptions();
            let told: Vec<_> =
                artifacts.iter().map(|one| (one.identity.clone(), one.pre_root, one.post_root)).collect();
            ensure!(told.len() == 2, "{what}: {} were received", told.len());
            ensure!(*expected.get_or_insert_with(|| told.clone()) == told, "{what}: other messages were consumed");
            let heap = if mode == NULLIFIER { 2 } else { 0 };
            ensure!(consumed(&runtime) == heap, "{what}: {} are consumed", consumed(&runtime));
            ensure!(withheld > 0 || !code.contains(&FORK), "{what}: nothing was withheld");
            Setup { config, ..Setup::default() }
                .schedule(2, 3)
                .run(&image, &NoHost)?
                .replayed()
                .map_err(|why| format!("{what}: {why}"))?;
        }
    }
    Ok(())
}
