//! Signed messages: what a signature binds, that a spoilt message is found and its sender blamed, and that keys are in
//! nothing that is written.

use crate::draft::{Draft, NAT, letters, stream};
use crate::script::{Script, accept, choose};
use crate::walk::Setup;
use crate::watched::{keys, ways};
use motet_machine::{
    Authentication, BackpressurePolicy, BufferMode, CodeImage, CommunicationReplayMode, ConfigError, EffectHandler,
    EffectRequestBody, FaultReport, KeysError, NoHost, OpenError, ProtocolMachine, ProtocolMachineConfig, RestoreError,
    RunId, Signature, SignedValue, SigningKeys, Statement, Tamper, payload_digest,
};
use motet_runtime::{GuestRuntime, ReplayError, RunStatus, RuntimeError, replay};
use motet_types::{
    Action, Digest, EdgeId, EffectKind, Fault, FaultClass, Instr, LabelId, MessageError, Reader, RoleId, SessionId,
    Side, Value,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn statement() -> Statement {
    Statement {
        run: RunId([1; 16]),
        image: Digest([2; 32]),
        session: SessionId(3),
        edge: EdgeId(4),
        label: LabelId(5),
        sequence: 6,
        payload: payload_digest(&Value::Nat(7)),
    }
}

/// A signature is good for one message: in another run, image, session, edge, label or place, or with another payload, it
/// is of another statement. The statement's digest is laid out as it is said to be.
pub fn signatures_bind_everything() -> Result<(), String> {
    let all = statement();
    let others = [
        ("run", Statement { run: RunId([9; 16]), ..all }),
        ("image", Statement { image: Digest([9; 32]), ..all }),
        ("session", Statement { session: SessionId(9), ..all }),
        ("session opened inside", Statement { session: SessionId(3).guest(1), ..all }),
        ("edge", Statement { edge: EdgeId(9), ..all }),
        ("label", Statement { label: LabelId(9), ..all }),
        ("number", Statement { sequence: 9, ..all }),
        ("number beyond 32 bits", Statement { sequence: 6 + (1 << 32), ..all }),
        ("payload", Statement { payload: payload_digest(&Value::Nat(8)), ..all }),
    ];
    let digests: BTreeSet<Digest> = others.iter().map(|(_, other)| other.digest()).collect();
    ensure!(digests.len() == others.len(), "two of {others:?} are one");
    for (what, other) in others {
        ensure!(other.digest() != all.digest(), "a signature does not bind the {what}");
    }
    ensure!(payload_digest(&Value::Nat(1)) != payload_digest(&Value::Bool(true)), "payloads of two kinds are one");
    let mut bytes = b"motet.auth.v1\x01".to_vec();
    bytes.extend([Value::Nat(7).val_type() as u8, 7, 0, 0, 0, 0, 0, 0, 0]);
    ensure!(*blake3::hash(&bytes).as_bytes() == all.payload.0, "a payload's digest is laid out otherwise");
    let mut bytes = b"motet.auth.v1\x02".to_vec();
    bytes.extend([[1; 16].as_slice(), &[2; 32], &3u64.to_le_bytes(), &4u16.to_le_bytes()].concat());
    bytes.extend([&5u16.to_le_bytes()[..], &6u64.to_le_bytes(), &all.payload.0].concat());
    ensure!(*blake3::hash(&bytes).as_bytes() == all.digest().0, "a statement's digest is laid out otherwise");
    Ok(())
}

/// A sends M to B, and then M to C.
fn fork_road() -> Result<Arc<CodeImage>, String> {
    let mut draft = Draft::new();
    let label = draft.label("M", NAT);
    let (ab, ac) = (draft.edge(0, 1), draft.edge(0, 2));
    draft.comm(ab, &[(label, 1)]);
    draft.comm(ac, &[(label, 2)]);
    draft.end();
    draft.state(0, Action::Send(ab), &[(label, 1)]);
    draft.state(0, Action::Send(ac), &[(label, 2)]);
    draft.state(0, Action::End, &[]);
    for (role, edge, state) in [(1, ab, 3), (2, ac, 5)] {
        draft.state(role, Action::Recv(edge), &[(label, state + 1)]);
        draft.state(role, Action::End, &[]);
    }
    let constant = draft.nat(1);
    let (receive, halt) = (Instr::Receive { chan: 0, dst: 1 }, Instr::Halt {});
    let send = Instr::Send { chan: 0, val: 1 };
    draft.role("A", 0, 2, &[Instr::Set { dst: 1, constant }, send, send, halt]);
    draft.role("B", 3, 2, &[receive, halt]);
    draft.role("C", 5, 2, &[receive, halt]);
    draft.image()
}

/// A host for [`stream`]: `More` twice, then `Done`.
pub(super) fn twice() -> impl EffectHandler {
    let asked = Mutex::new(0);
    Script::new(&[EffectKind::Choose], move |request| match request.body {
        EffectRequestBody::Choose { .. } => {
            let mut asked = asked.lock().expect("one thread");
            *asked += 1;
            choose(request, if *asked <= 2 { "More" } else { "Done" })
        }
        _ => accept(request),
    })
}

/// What is tried: which edge, after how many steps, how it is spoilt, and which program it is done to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) how: Tamper,
    steps: u64,
    of: fn() -> Result<Arc<CodeImage>, String>,
}

fn one() -> Result<Arc<CodeImage>, String> {
    letters(1).image()
}

fn two() -> Result<Arc<CodeImage>, String> {
    letters(2).image()
}

fn streaming() -> Result<Arc<CodeImage>, String> {
    stream().image()
}

/// All of them. After two steps of [`letters`] one message is in flight, after four two; after three of [`stream`] one.
pub(super) const TRIALS: [Trial; 10] = [
    Trial { how: Tamper::Payload, steps: 2, of: two },
    Trial { how: Tamper::Label(LabelId(1)), steps: 3, of: streaming },
    Trial { how: Tamper::Payload, steps: 3, of: streaming },
    Trial { how: Tamper::Swap, steps: 4, of: two },
    Trial { how: Tamper::SwapAndNumber, steps: 4, of: two },
    Trial { how: Tamper::Repeat, steps: 2, of: two },
    Trial { how: Tamper::Repeat, steps: 3, of: streaming },
    Trial { how: Tamper::Move(EdgeId(1)), steps: 3, of: fork_road },
    Trial { how: Tamper::Signature, steps: 2, of: two },
    Trial { how: Tamper::Unsigned, steps: 2, of: one },
];

/// A run in which a message is spoilt; answers the faults, and the runtime.
pub(super) fn spoilt(config: &ProtocolMachineConfig, trial: Trial) -> Result<(GuestRuntime, Vec<FaultReport>), String> {
    let host = twice();
    let setup = Setup { config: config.clone(), ..Setup::default() }.limit(trial.steps);
    let mut runtime = setup.guest(&(trial.of)()?)?;
    runtime.run(&host).map_err(text)?;
    ensure!(runtime.tamper(SessionId(0), EdgeId(0), trial.how), "{trial:?}: there was nothing to spoil");
    runtime.limit_steps(1_000);
    runtime.run(&host).map_err(text)?;
    let faults = runtime.faults().to_vec();
    Ok((runtime, faults))
}

/// The one fault of a run, which must be about a message of `A`, and blame it.
pub(super) fn refusal(faults: &[FaultReport], what: &str) -> Result<(EdgeId, u64, MessageError), String> {
    let [report] = faults else { return Err(format!("{what}: one fault, not {faults:?}")) };
    ensure!(report.fault.class() == FaultClass::Verification, "{what}: {report:?}");
    ensure!(report.fault.blame(report.role) == Side::Role(RoleId(0)), "{what}: {report:?} blames another");
    ensure!(report.role != RoleId(0), "{what}: its sender found it");
    match report.fault {
        Fault::Verification { session: SessionId(0), edge, sender: RoleId(0), sequence, why } => {
            let told = report.fault.to_string();
            ensure!(told.contains(why.tag()) && told.contains(&edge.to_string()), "{what}: it says `{told}`");
            Ok((edge, sequence, why))
        }
        ref other => Err(format!("{what}: {other}")),
    }
}

/// Whatever is done to a message in flight, short of signing another, is found when it would be received, and the sender's
/// edge is named: with keyed BLAKE3, and with Ed25519, and whatever the replay mode.
pub fn spoilt_messages_are_found() -> Result<(), String> {
    let [_, signed @ ..] = ways();
    for (way, mode) in signed.iter().flat_map(|way| crate::watched::MODES.map(|mode| (way, mode))) {
        let config = ProtocolMachineConfig {
            authentication: way.clone(),
            communication_replay_mode: mode,
            ..Setup::default().config
        };
        for trial in TRIALS {
            let what = format!("{} {} {trial:?}", way.name(), mode.name());
            let (_, faults) = spoilt(&config, trial)?;
            let found = refusal(&faults, &what)?;
            let sequenced = mode == CommunicationReplayMode::Sequence;
            let misplaced = |expected| match sequenced {
                true => MessageError::SequenceMismatch { expected },
                false => MessageError::OutOfPlace { expected },
            };
            let expected = match trial.how {
                Tamper::Swap => (EdgeId(0), 1, misplaced(0)),
                Tamper::Repeat => (EdgeId(0), 0, misplaced(1)),
                Tamper::Move(to) => (to, 0, MessageError::Signature),
                Tamper::Unsigned => (EdgeId(0), 0, MessageError::Unsigned),
                _ => (EdgeId(0), 0, MessageError::Signature),
            };
            ensure!(found == expected, "{what}: {found:?}, not {expected:?}");
        }
    }
    Ok(())
}

/// Messages that nobody spoils arrive, with every way to sign in every mode, when they overwrite each other as well; the
/// runs are replayed, and nothing that is told depends on any of it.
pub fn signed_messages_arrive() -> Result<(), String> {
    let drop = BackpressurePolicy::Drop;
    for buffer in
        [(BufferMode::Fifo, 64), (BufferMode::Fifo, 1), (BufferMode::LatestValue, 64), (BufferMode::LatestValue, 1)]
    {
        let mut plain = None;
        for (way, mode) in ways().iter().flat_map(|way| crate::watched::MODES.map(|mode| (way.clone(), mode))) {
            let what = format!("{} {} {buffer:?}", way.name(), mode.name());
            let mut setup = Setup::default().buffer(buffer.0, buffer.1, drop).sessions(2).schedule(2, 5);
            (setup.config.authentication, setup.config.communication_replay_mode) = (way, mode);
            let mut traces = Vec::new();
            for image in [stream().image()?, fork_road()?] {
                let run = setup.run(&image, &twice())?;
                ensure!(run.status == RunStatus::Completed, "{what}: {:?} {:?}", run.status, run.faults);
                run.replayed().map_err(|why| format!("{what}: {why}"))?;
                traces.push(run.events);
            }
            ensure!(*plain.get_or_insert_with(|| traces.clone()) == traces, "{what}: other events");
        }
    }
    Ok(())
}

/// What overwrites a message is signed in its stead, and both were sent.
pub fn overwritten_messages_stay_in_the_history() -> Result<(), String> {
    let [_, keyed, _] = ways();
    let mut setup = Setup::default().buffer(BufferMode::LatestValue, 4, BackpressurePolicy::Block).limit(3);
    setup.config.authentication = keyed;
    let (mut runtime, host) = (setup.guest(&streaming()?)?, twice());
    let mut counts = Vec::new();
    for steps in 3..12 {
        runtime.limit_steps(steps);
        runtime.run(&host).map_err(text)?;
        let Some(ledger) = runtime.machine().ledger(SessionId(0)) else { continue };
        let island = runtime.machine().island_of(SessionId(0));
        let in_flight = island.map_or(0, |island| runtime.machine().in_flight(island));
        let signatures = ledger.signatures(0, EdgeId(0));
        ensure!(signatures == in_flight, "{signatures} signatures of {in_flight} messages after {steps} steps");
        counts.extend(runtime.machine().edge_history(SessionId(0), EdgeId(0)).map(|(count, _)| count));
    }
    ensure!(counts.iter().max() == Some(&3), "three messages were sent, the history had {counts:?}");
    runtime.limit_steps(1_000);
    runtime.run(&host).map_err(text)?;
    ensure!(runtime.status() == RunStatus::Completed, "{:?} {:?}", runtime.status(), runtime.faults());
    ensure!(runtime.machine().tally().dropped > 0, "nothing was overwritten");
    Ok(())
}

/// A machine needs its keys, its own ones, and a key for every role that sends; who goes on with a run is refused without.
pub fn keys_are_needed() -> Result<(), String> {
    let other = SigningKeys::from_secret([8; 32]);
    let [_, keyed, ed25519] = ways();
    for way in [keyed.clone(), ed25519] {
        let mut setup = Setup::default();
        setup.config.authentication = way.clone();
        // Read from bytes, it has the keys' id and nothing else.
        let mut bytes = Vec::new();
        setup.config.encode(&mut bytes);
        let mut read = ProtocolMachineConfig::decode(&mut Reader::new(&bytes)).ok_or("it is no configuration")?;
        ensure!(read.authentication == way, "{:?} was read", read.authentication);
        let missing = ConfigError::Keys(KeysError::Missing { id: keys().id() });
        ensure!(read.validate() == Err(missing), "{:?}", read.validate());
        let given = read.authentication.give(&other);
        let refused = KeysError::Other { expected: keys().id(), found: other.id() };
        ensure!(given == Err(refused), "{given:?}");
        read.authentication.give(&keys()).map_err(text)?;
        ensure!(read.validate().is_ok(), "{:?}", read.validate());
        // A record.
        let image = two()?;
        let run = setup.run(&image, &NoHost)?;
        let record = motet_runtime::RunRecord::from_bytes(&run.record).map_err(text)?;
        match replay(&record, None, |_| {}) {
            Err(ReplayError::Runtime(RuntimeError::Config(found))) if found == missing => {}
            found => return Err(format!("without keys the replay is {:?}", found.map(|_| ()))),
        }
        // A snapshot.
        let mut runtime = setup.clone().limit(4).guest(&image)?;
        runtime.run(&NoHost).map_err(text)?;
        let snapshot = runtime.snapshot().map_err(text)?.machine().to_bytes();
        let images = [Arc::clone(&image)];
        let restored = ProtocolMachine::restore(setup.config.clone(), &images, &snapshot).map(|_| ());
        ensure!(restored.is_ok(), "{restored:?}");
        for config in [
            ProtocolMachineConfig { authentication: Authentication::None, ..setup.config.clone() },
            ProtocolMachineConfig {
                authentication: match &way {
                    Authentication::Ed25519(_) => Authentication::Ed25519(other.clone()),
                    _ => Authentication::KeyedBlake3(other.clone()),
                },
                ..setup.config.clone()
            },
        ] {
            let found = ProtocolMachine::restore(config, &images, &snapshot).err();
            let right = matches!(found, Some(RestoreError::OtherConfig { what: "authentication, or set of keys" }));
            ensure!(right, "{found:?}");
        }
        // Nothing that is written has the secret, or says what a key is.
        let written = [run.record, snapshot, bytes, format!("{:?} {:?}", setup.config, runtime.machine()).into_bytes()];
        for bytes in written {
            ensure!(!bytes.windows(16).any(|window| window == [7; 16]), "the secret was written");
            ensure!(!bytes.windows(9).any(|window| window == b"[7, 7, 7,"), "the secret was written as text");
        }
    }
    let mut none = Authentication::None;
    ensure!(none.give(&other) == Err(KeysError::Unneeded), "keys were taken that nothing needs");
    // Keys of roles.
    let roles = |names: &[&str]| SigningKeys::of_roles(names.iter().map(|name| (String::from(*name), [9; 32])));
    let open = |authentication: Authentication| {
        let setup =
            Setup { config: ProtocolMachineConfig { authentication, ..Setup::default().config }, ..Setup::default() };
        let mut machine = ProtocolMachine::new(setup.config).map_err(text)?;
        Ok::<_, String>(machine.load(two()?).map(|_| ()))
    };
    ensure!(open(Authentication::Ed25519(roles(&["A"])))? == Ok(()), "B sends nothing, and needs no key");
    let found = open(Authentication::Ed25519(roles(&["B"])))?;
    ensure!(found == Err(OpenError::NoKey { role: RoleId(0) }), "{found:?}");
    let found = open(Authentication::KeyedBlake3(roles(&["A"])));
    ensure!(found.as_ref().is_err_and(|why| *why == text(KeysError::OfRoles)), "{found:?}");
    ensure!(roles(&["A"]).id() != roles(&["B"]).id(), "keys of other roles have one id");
    Ok(())
}

/// An Ed25519 signature can be checked with the sender's public key, by anybody, and by no other's.
pub fn others_check_signatures() -> Result<(), String> {
    let mut setup = Setup::default().limit(4);
    setup.config.authentication = Authentication::Ed25519(keys());
    setup.config.edge_history = motet_machine::EdgeHistory::Full;
    let mut runtime = setup.guest(&two()?)?;
    runtime.run(&NoHost).map_err(text)?;
    let (first, _) = runtime.machine().prove_sent(SessionId(0), EdgeId(0), 0).map_err(text)?;
    let key = |role| keys().verifying_key(role).ok_or("there is no key");
    ensure!(first.is_by(&key("A")?), "it is not by its sender");
    ensure!(!first.is_by(&key("B")?) && !first.is_by(&[0; 32]), "it is by anybody");
    let Signature::Ed25519(mut bytes) = first.signature else { return Err("it is signed otherwise".into()) };
    bytes[40] ^= 1;
    let turned = SignedValue { signature: Signature::Ed25519(bytes), ..first };
    let moved = SignedValue { statement: Statement { edge: EdgeId(1), ..first.statement }, ..first };
    ensure!(!turned.is_by(&key("A")?) && !moved.is_by(&key("A")?), "another signature will do");
    Ok(())
}
