//! Sessions that instructions open: their endpoints can be used, closing closes the endpoint's own session, and whatever
//! the step finds wrong is a fault that says so.

use crate::draft::{Draft, NAT, STRING, UNIT, letters};
use crate::walk::{Run, Setup};
use motet_machine::{
    CodeImage, NoHost, OpenError, ProtocolMachine, ProtocolMachineConfig, RestoreError, SNAPSHOT_MAGIC,
    SNAPSHOT_VERSION, SessionState, VerifyError, seal, unseal,
};
use motet_runtime::{GuestRuntime, Inline, RunStatus, Turn};
use motet_types::{Action, Digest, EventKind, Fault, FaultClass, Instr, ScalarPart, SessionId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The registers of the opener: its endpoint, a text, what it receives, the endpoints of P and Q, those of another
/// session, a speculation's number, and a started coroutine's.
pub(super) const TEXT: u16 = 1;
pub(super) const GOT: u16 = 2;
pub(super) const P: u16 = 3;
pub(super) const Q: u16 = 4;
const P2: u16 = 5;
const Q2: u16 = 6;
pub(super) const GHOST: u16 = 7;
pub(super) const CHILD: u16 = 8;
pub(super) const REGISTERS: u16 = 9;

pub(super) const OPEN: Instr = Instr::Open { dst: P, plan: 0 };
const OPEN2: Instr = Instr::Open { dst: P2, plan: 0 };
pub(super) const ASK: Instr = Instr::Send { chan: P, val: TEXT };
pub(super) const HEAR: Instr = Instr::Receive { chan: Q, dst: GOT };
pub(super) const SEVEN: Instr = Instr::Set { dst: GOT, constant: 1 };
pub(super) const SAY: Instr = Instr::Offer { chan: Q, val: GOT, label: 1 };
pub(super) const YIELD: Instr = Instr::Yield {};
pub(super) const CAST: Instr = Instr::Cast { val: GOT, sort: NAT as u32 };
pub(super) const TELL: Instr = Instr::Send { chan: 0, val: GOT };
pub(super) const HALT: Instr = Instr::Halt {};
pub(super) const FORK: Instr = Instr::Fork { ghost: GHOST };

/// P asks Q with a text; Q answers with a number or declines.
pub(crate) fn talk() -> Result<Arc<CodeImage>, String> {
    let mut draft = Draft::new();
    // Not the rows that the opener has for them.
    let (no, ask, say) = (draft.label("No", UNIT), draft.label("Ask", STRING), draft.label("Say", NAT));
    let (pq, qp) = (draft.edge(0, 1), draft.edge(1, 0));
    draft.comm(pq, &[(ask, 1)]);
    draft.comm(qp, &[(say, 2), (no, 2)]);
    draft.end();
    draft.state(0, Action::Send(pq), &[(ask, 1)]);
    draft.state(0, Action::Recv(qp), &[(say, 2), (no, 2)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Recv(pq), &[(ask, 4)]);
    draft.state(1, Action::Send(qp), &[(say, 5), (no, 5)]);
    draft.state(1, Action::End, &[]);
    draft.constant(STRING, &[ScalarPart::Str("?".into())]);
    draft.nat(0);
    let table = draft.table(&[(3, 1), (3, 1)]);
    let ask = [Instr::Set { dst: 1, constant: 0 }, Instr::Send { chan: 0, val: 1 }];
    draft.role("P", 0, 2, &[ask[0], ask[1], Instr::Choose { chan: 0, table }, HALT]);
    let say = [Instr::Set { dst: 1, constant: 1 }, Instr::Offer { chan: 0, val: 1, label: u32::from(say) }];
    draft.role("Q", 3, 2, &[Instr::Receive { chan: 0, dst: 1 }, say[0], say[1], HALT]);
    draft.image()
}

/// A does as told, has a text at hand, and tells B a number; table 0 leads on behind `choose` in the code.
pub(super) fn opener(code: &[Instr]) -> Result<Draft, String> {
    let mut draft = Draft::new();
    let (done, _say, _ask) = (draft.label("Done", NAT), draft.label("Say", NAT), draft.label("Ask", STRING));
    draft.label("No", UNIT);
    // A label of the other protocol's name, and another sort.
    draft.label("Say", STRING);
    let ab = draft.edge(0, 1);
    draft.comm(ab, &[(done, 1)]);
    draft.end();
    draft.state(0, Action::Send(ab), &[(done, 1)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Recv(ab), &[(done, 3)]);
    draft.state(1, Action::End, &[]);
    draft.constant(STRING, &[ScalarPart::Str("how many?".into())]);
    draft.nat(7);
    draft.plan(&*talk()?);
    draft.plan(&*letters(2).image()?);
    let code: Vec<Instr> = [Instr::Set { dst: TEXT, constant: 0 }, Instr::Set { dst: GHOST, constant: 1 }]
        .into_iter()
        .chain(code.iter().copied())
        .collect();
    let behind = code.iter().position(|instr| matches!(instr, Instr::Choose { .. })).map_or(0, |at| at as u32 + 1);
    draft.table(&[(behind, GOT), (behind, GOT)]);
    draft.role("A", 0, REGISTERS, &code);
    draft.role("B", 2, 2, &[Instr::Receive { chan: 0, dst: 1 }, HALT]);
    Ok(draft)
}

/// The images of its plans: a talk, and two letters from one role to another.
pub(super) fn others() -> Result<Vec<Arc<CodeImage>>, String> {
    Ok(vec![talk()?, letters(2).image()?])
}

pub(super) fn setup() -> Result<Setup, String> {
    let mut setup = Setup::default().sessions(2).plans(&others()?);
    setup.config.speculation_depth = 2;
    Ok(setup)
}

pub(super) fn run(code: &[Instr]) -> Result<Run, String> {
    run_draft(opener(code)?)
}

/// The same of an opener that has more than its code.
pub(super) fn run_draft(draft: Draft) -> Result<Run, String> {
    let image = draft.image()?;
    let run = setup()?.run(&image, &NoHost)?;
    for (wave, fuel) in [(1, 1), (2, 3), (64, 256)] {
        let other = setup()?.schedule(wave, fuel).run(&image, &NoHost)?;
        ensure!(other.normalised()? == run.normalised()?, "wave {wave}, fuel {fuel}: the events differ");
        other.replayed().map_err(|why| format!("wave {wave}, fuel {fuel}: {why}"))?;
    }
    Ok(run)
}

/// What a session of the first island did: 0 is the main one.
pub(super) fn told(run: &Run, number: u32) -> Result<Vec<EventKind>, String> {
    let id = SessionId(0);
    let id = if number == 0 { id } else { id.guest(number) };
    Ok(run.sessions()?.get(&id).into_iter().flatten().map(|event| event.kind).collect())
}

pub(super) fn completes(code: &[Instr]) -> Result<Run, String> {
    completes_draft(opener(code)?)
}

pub(super) fn completes_draft(draft: Draft) -> Result<Run, String> {
    let run = run_draft(draft)?;
    ensure!(run.status == RunStatus::Completed, "{:?}: {:?}", run.status, run.faults);
    Ok(run)
}

pub(super) fn is_told(run: &Run, number: u32, kinds: &[EventKind]) -> Result<(), String> {
    let told = told(run, number)?;
    ensure!(told == kinds, "session {number} is told of {told:?} and not of {kinds:?}");
    Ok(())
}

pub(super) const CHOOSE: Instr = Instr::Choose { chan: P, table: 0 };
use EventKind::{Chose, Closed, EpochAdvanced, Offered, Opened, Received, Sent, SessionTerminal};

/// A whole conversation, from opening to its end.
pub(super) const TALK: [Instr; 9] = [OPEN, ASK, YIELD, HEAR, SEVEN, SAY, YIELD, CHOOSE, CAST];
const TALKED: [EventKind; 8] = [Opened, Sent, Received, Sent, Offered, Received, Chose, SessionTerminal];
pub(super) const CLOSED: [EventKind; 3] = [Closed, SessionTerminal, EpochAdvanced];

/// SPEC 14.5: endpoints obtained by `Open` can be used, in the order of the roles, and what comes is what was sent.
pub fn opened_endpoints_are_used() -> Result<(), String> {
    let done = completes(&[&TALK[..], &[TELL, HALT]].concat())?;
    is_told(&done, 1, &TALKED)?;
    is_told(&done, 0, &[Opened, Sent, EventKind::Halted, Received, EventKind::Halted, SessionTerminal])?;
    ensure!(done.tally.messages == 6, "{:?}", done.tally);
    // Sessions are numbered in their island, and one after the other stands in the same registers.
    let twice = completes(&[&TALK[..7], &[OPEN2, Instr::Close { session: P2 }, CHOOSE, CAST, TELL, HALT]].concat())?;
    is_told(&twice, 1, &TALKED)?;
    is_told(&twice, 2, &[&[Opened][..], &CLOSED].concat())?;
    let ids: BTreeSet<SessionId> = twice.trace()?.iter().map(|event| event.session).collect();
    ensure!(ids.len() == 6, "the sessions {ids:?}");
    let hosts: BTreeSet<SessionId> = ids.iter().map(|id| id.host()).collect();
    ensure!(hosts == BTreeSet::from([SessionId(0), SessionId(1)]), "the islands {hosts:?}");
    Ok(())
}

/// SPEC 14.5: `Close` closes the session of the endpoint, whichever session the coroutine runs in and whatever other
/// endpoints it holds; what was in flight is gone.
pub fn closing_closes_the_endpoints_session() -> Result<(), String> {
    let close = |session| Instr::Close { session };
    let second = completes(&[OPEN, OPEN2, ASK, close(Q2), HEAR, SEVEN, SAY, CHOOSE, CAST, TELL, HALT])?;
    is_told(&second, 2, &[&[Opened][..], &CLOSED].concat())?;
    is_told(&second, 1, &TALKED)?;
    let first = completes(&[OPEN, ASK, OPEN2, close(Q), SEVEN, close(P2), TELL, HALT])?;
    is_told(&first, 1, &[&[Opened, Sent][..], &CLOSED].concat())?;
    is_told(&first, 2, &[&[Opened][..], &CLOSED].concat())?;
    // The main session's endpoint ends the island, and the sessions in it.
    let main = run(&[OPEN, ASK, close(0), HALT])?;
    is_told(&main, 0, &[&[Opened][..], &CLOSED].concat())?;
    is_told(&main, 1, &[Opened, Sent, SessionTerminal])?;
    ensure!(main.tally.closed == 2 && main.status == RunStatus::Completed, "{:?} {:?}", main.status, main.tally);
    for (used, role) in [(ASK, 0), (HEAR, 1), (CHOOSE, 0), (close(P), 0)] {
        let fault = faults(&[OPEN, close(Q), used, YIELD, SEVEN, TELL, HALT])?;
        let expected = Fault::EndpointClosed { session: SessionId(0).guest(1), role: motet_types::RoleId(role) };
        ensure!(fault == expected, "{used}: {fault}");
    }
    Ok(())
}

/// The fault of the first island.
pub(super) fn faults(code: &[Instr]) -> Result<Fault, String> {
    faults_draft(opener(code)?)
}

pub(super) fn faults_draft(draft: Draft) -> Result<Fault, String> {
    let run = run_draft(draft)?;
    let fault = run.faults.iter().find(|report| report.session == SessionId(0));
    let fault = fault.ok_or_else(|| format!("no fault: {:?}", told(&run, 0)))?.fault.clone();
    ensure!(told(&run, 0)?.contains(&EventKind::FailureBranchEntered), "the fault is not told");
    ensure!(run.tally.faulted == 2, "{:?}", run.tally);
    Ok(fault)
}

/// What the type of an endpoint does not allow is a fault of its class, and so is ending before it has ended.
pub fn endpoints_are_held_to_their_types() -> Result<(), String> {
    let through = |chan, val| Instr::Send { chan, val };
    let offer = |label| Instr::Offer { chan: Q, val: GOT, label };
    let rest: &[Instr] = &[YIELD, SEVEN, TELL, HALT];
    let asked: &[Instr] = &[OPEN, ASK, HEAR, SEVEN];
    let cases: [(&str, &[Instr], &[Instr], FaultClass); 12] = [
        ("P receives first", &[OPEN], &[CHOOSE], FaultClass::Type),
        ("Q sends first", &[OPEN], &[through(Q, TEXT)], FaultClass::Type),
        ("P sends twice", &[OPEN, ASK], &[ASK], FaultClass::Type),
        ("P asks with a number", &[OPEN, SEVEN], &[through(P, GOT)], FaultClass::Type),
        (
            "P receives one of two labels as one",
            &[asked, &[SAY]].concat(),
            &[Instr::Receive { chan: P, dst: GOT }],
            FaultClass::Type,
        ),
        ("Q sends without a label where there are two", asked, &[through(Q, GOT)], FaultClass::Type),
        ("Q says `Done`", asked, &[offer(0)], FaultClass::Label),
        ("Q asks", asked, &[offer(2)], FaultClass::Label),
        ("Q says a text", asked, &[offer(4)], FaultClass::Label),
        ("Q says no with a number", asked, &[offer(3)], FaultClass::Type),
        ("A ends first", &[OPEN, SEVEN], &[TELL, HALT], FaultClass::Type),
        ("what came is no number", &[OPEN, ASK, HEAR], &[CAST], FaultClass::Type),
    ];
    for (what, before, wrong, class) in cases {
        let fault = faults(&[before, wrong, rest].concat()).map_err(|why| format!("{what}: {why}"))?;
        ensure!(fault.class() == class, "{what}: {fault} is a fault of {:?}", fault.class());
        // It is what was done wrong, and not what that left undone.
        ensure!(what == "A ends first" || !matches!(fault, Fault::Unfinished { .. }), "{what}: {fault}");
    }
    let ends = faults(&[OPEN, SEVEN, TELL, HALT])?;
    ensure!(matches!(ends, Fault::Unfinished { .. }), "{ends}");
    Ok(())
}

/// As many sessions of an island as the configuration says may be open at once, and not one more.
pub fn opening_has_a_limit() -> Result<(), String> {
    let close = Instr::Close { session: P };
    let code = [OPEN, close, OPEN, close, OPEN, close, SEVEN, TELL, HALT];
    let with = |code: &[Instr], limit| -> Result<Run, String> {
        let mut setup = setup()?;
        setup.config.max_guest_sessions = limit;
        setup.run(&opener(code)?.image()?, &NoHost)
    };
    let one = with(&code, 1)?;
    ensure!(one.status == RunStatus::Completed, "{:?}", one.faults);
    let two = with(&[OPEN, OPEN2, close, Instr::Close { session: Q2 }, SEVEN, TELL, HALT], 1)?;
    let fault = two.faults.first().map(|report| &report.fault);
    ensure!(matches!(fault, Some(Fault::Open { .. })), "{fault:?}");
    let none = with(&code, 0).err().unwrap_or_default();
    ensure!(none == OpenError::OpensSessions.to_string(), "{none}");
    Ok(())
}

/// An image is loaded after those that its plans name, and they must be as it says; whatever is wrong has a name.
pub fn plans_name_loaded_images() -> Result<(), String> {
    let code = [&TALK[..], &[TELL, HALT]].concat();
    let draft = opener(&code)?;
    let image_of = |draft: Draft| draft.image();
    let mut machine = ProtocolMachine::new(ProtocolMachineConfig::default()).map_err(|error| error.to_string())?;
    let other = talk()?;
    let missing = machine.load(image_of(draft.clone())?);
    ensure!(missing == Err(OpenError::PlannedImage { digest: other.digest() }), "{missing:?}");
    for image in others()? {
        machine.load(image).map_err(|error| error.to_string())?;
    }
    let mut wide = draft.clone();
    wide.parts.plans[0].roles = 3;
    let refused = machine.load(image_of(wide)?);
    let expected = OpenError::PlannedRoles { digest: other.digest(), expected: 3, found: 2 };
    ensure!(refused == Err(expected), "{refused:?}");
    ensure!(machine.load(image_of(draft.clone())?).is_ok(), "it is not loaded after the other");
    let refused = |change: fn(&mut Draft)| {
        let mut draft = draft.clone();
        change(&mut draft);
        CodeImage::verify(draft.parts).err()
    };
    let twice = refused(|draft| draft.parts.plans.push(draft.parts.plans[0]));
    ensure!(matches!(twice, Some(VerifyError::Table { table: "plan", row: 2, .. })), "{twice:?}");
    let none = refused(|draft| draft.parts.plans[0].roles = 0);
    ensure!(matches!(none, Some(VerifyError::Table { table: "plan", row: 0, .. })), "{none:?}");
    // Every role's endpoint needs a register.
    let many = refused(|draft| draft.parts.plans[0].roles = REGISTERS - P + 1);
    ensure!(matches!(many, Some(VerifyError::Register { .. })), "{many:?}");
    Ok(())
}

/// The verifier knows of a register that it holds some endpoint, and of what came through one nothing.
pub fn registers_hold_endpoints() -> Result<(), String> {
    let refused = |code: &[Instr]| -> Result<VerifyError, String> {
        opener(code).and_then(|draft| CodeImage::verify(draft.parts).err().ok_or_else(|| format!("{code:?} verifies")))
    };
    let held = |code: &[Instr]| -> Result<(), String> {
        let error = refused(code)?;
        ensure!(matches!(error, VerifyError::Held { .. }), "{code:?}: {error}");
        Ok(())
    };
    // Not an endpoint yet, not a value, and not known to be a number.
    held(&[ASK, OPEN, SEVEN, TELL, HALT])?;
    held(&[OPEN, Instr::Send { chan: 0, val: P }, HALT])?;
    held(&[OPEN, ASK, HEAR, TELL, HALT])?;
    held(&[Instr::Close { session: TEXT }, SEVEN, TELL, HALT])?;
    // The own endpoint in a speculation: its end could not be undone.
    let error = refused(&[FORK, Instr::Close { session: 0 }])?;
    ensure!(matches!(error, VerifyError::Speculation { .. }), "{error}");
    // A register that holds the own endpoint on one way and another's on the other is good for neither surely, and found
    // out about at the step.
    let mut draft = opener(&[
        SEVEN,
        Instr::Move { dst: P, src: 0 },
        Instr::Branch { on: GOT, table: 1 },
        OPEN,
        Instr::Send { chan: P, val: GOT },
        TELL,
        HALT,
    ])?;
    draft.table(&[(6, 0)]);
    let fault = setup()?.run(&draft.image()?, &NoHost)?.faults.first().map(|report| report.fault.class());
    ensure!(fault == Some(FaultClass::Type), "a number is sent where a text is asked for: {fault:?}");
    Ok(())
}

/// What a speculation did in sessions that it opened, or in others, is undone with it; numbers are not given out again.
pub fn undone_sessions_were_never_there() -> Result<(), String> {
    let (abort, join) = (Instr::Abort {}, Instr::Join {});
    let close = Instr::Close { session: P };
    let talk = [ASK, HEAR, SEVEN, SAY, CHOOSE, CAST, TELL, HALT];
    // What was done in the speculation is done again after it.
    let kinds = TALKED;
    let undone = completes(&[&[OPEN, FORK, ASK, HEAR, abort], &talk[..]].concat())?;
    is_told(&undone, 1, &kinds)?;
    let closed = completes(&[&[OPEN, FORK, ASK, close, abort], &talk[..]].concat())?;
    is_told(&closed, 1, &kinds)?;
    let opened = completes(&[&[FORK, OPEN, ASK, abort, OPEN], &talk[..]].concat())?;
    is_told(&opened, 1, &[])?;
    is_told(&opened, 2, &kinds)?;
    let kept = completes(&[&[FORK, OPEN, join, FORK, OPEN2, abort], &talk[..]].concat())?;
    is_told(&kept, 1, &kinds)?;
    is_told(&kept, 2, &[])
}

/// Takes a run up again at every step of its first hundred: the root is the computed one, sessions have proofs, and what
/// was resumed from a snapshot ends as if nothing had been. Every session's state is looked at; answers the roots.
pub(super) fn at_every_step(code: &[Instr], look: impl FnMut(SessionState)) -> Result<BTreeSet<Digest>, String> {
    at_every_step_of(opener(code)?, look)
}

pub(super) fn at_every_step_of(draft: Draft, mut look: impl FnMut(SessionState)) -> Result<BTreeSet<Digest>, String> {
    let image = draft.image()?;
    let whole = setup()?.schedule(1, 1).run(&image, &NoHost)?;
    ensure!(whole.status == RunStatus::Completed, "{:?}", whole.faults);
    let images: Vec<_> = others()?.into_iter().chain([Arc::clone(&image)]).collect();
    let mut roots = BTreeSet::new();
    for limit in 0..100 {
        let setup = setup()?.schedule(1, 1).limit(limit);
        let mut runtime = setup.guest(&image)?;
        runtime.run(&NoHost).map_err(|error| error.to_string())?;
        let (root, computed) = (runtime.settle_root(), runtime.machine().recomputed_root());
        ensure!(root == computed, "after {limit} steps the root is {root} and not {computed}");
        roots.insert(root);
        for session in runtime.machine().sessions().collect::<Vec<_>>() {
            let proof = runtime.prove_session(session).map_err(|error| error.to_string())?;
            look(proof.verify(root, session).map_err(|error| error.to_string())?.1);
        }
        let bytes = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
        let resumed = GuestRuntime::resume_from(setup.config.clone(), Inline::default(), &images, &bytes);
        let mut resumed = resumed.map_err(|error| format!("after {limit} steps: {error}"))?;
        ensure!(resumed.state_root() == root, "after {limit} steps the root is another one");
        resumed.limit_steps(10_000);
        resumed.run(&NoHost).map_err(|error| error.to_string())?;
        ensure!(resumed.trace_digest() == Some(whole.trace_digest), "after {limit} steps it goes on otherwise");
        ensure!(resumed.state_root() == whole.state_root, "after {limit} steps it ends otherwise");
    }
    Ok(roots)
}

/// Everything of an opened session is state: it is in the root, in proofs and in snapshots, and a run that is taken up
/// again in the middle of it, or was parked there, goes on as it would have.
pub fn opened_sessions_are_state() -> Result<(), String> {
    let close = Instr::Close { session: P2 };
    let code = [
        &[OPEN, FORK, OPEN2, Instr::Send { chan: P2, val: TEXT }, Instr::Join {}, FORK, close, Instr::Abort {}][..],
        &[ASK, YIELD, HEAR, close, SEVEN, SAY, CHOOSE, CAST, TELL, HALT],
    ]
    .concat();
    let mut seen = 0;
    let roots = at_every_step(&code, |state| seen += state.growth.map_or(0, |growth| growth.guests.len()))?;
    ensure!(seen > 40, "opened sessions were proved {seen} times");
    // Every step but the yields of a session that has ended changes the state.
    ensure!(roots.len() > 40, "only {} different states", roots.len());
    Ok(())
}

/// Bytes of an opened session that no run leads to are refused, and it is said where.
pub fn forged_guests_are_named() -> Result<(), String> {
    let image = opener(&[OPEN, ASK, YIELD, HEAR, SEVEN, SAY, CHOOSE, CAST, TELL, HALT])?.image()?;
    let setup = setup()?.sessions(1).schedule(1, 1).limit(4);
    let mut runtime = setup.guest(&image)?;
    while runtime.turn(&NoHost).map_err(|error| error.to_string())? != Turn::Idle {}
    let proof = runtime.prove_session(SessionId(0)).map_err(|error| error.to_string())?;
    let root = runtime.settle_root();
    let (_, state) = proof.verify(root, SessionId(0)).map_err(|error| error.to_string())?;
    let guest = state.growth.as_ref().and_then(|growth| growth.guests.first()).ok_or("no session is open")?;
    ensure!(guest.edges.iter().any(|edge| !edge.messages.is_empty()), "nothing is in flight");
    let sealed = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
    let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &sealed).map_err(|error| error.to_string())?;
    // One opened, nothing started or moved; one session, and its number.
    let growth = [&1u32.to_le_bytes()[..], &[0; 12], &1u16.to_le_bytes(), &1u32.to_le_bytes()].concat();
    let at = body.windows(growth.len()).position(|window| window == growth).ok_or("the growth is not there")?;
    let guest = at + 18;
    let with = |offset: usize, byte: u8| {
        let mut forged = body.clone();
        forged[guest + offset] = byte;
        let images: Vec<_> = others()?.into_iter().chain([Arc::clone(&image)]).collect();
        let sealed = seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &forged);
        Ok::<_, String>(ProtocolMachine::restore(setup.config.clone(), &images, &sealed).err())
    };
    for (what, offset, byte) in [
        ("another number", 0, 2),
        ("a plan that is not there", 4, 1),
        ("more roles", 7, 3),
        ("a state of the other role", 9, 5),
        ("an owner that is not there", 13, 9),
        ("a label that is never sent on the edge", 37, 0),
    ] {
        match with(offset, byte)? {
            Some(RestoreError::Session { .. }) => {}
            other => return Err(format!("{what}: {other:?}")),
        }
    }
    // That it is closing, and who owns it, nobody but the root knows.
    for (what, offset, byte) in [("closing", 6, 1), ("the other's", 13, 1)] {
        let found = with(offset, byte)?;
        ensure!(matches!(found, Some(RestoreError::Root { .. })), "{what}: {found:?}");
    }
    let cut = SessionState::decode(&growth);
    ensure!(cut.is_err(), "{cut:?}");
    Ok(())
}
