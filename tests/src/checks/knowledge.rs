//! What coroutines know, what may flow, and what goes along with an endpoint.

use super::opening::{
    ASK, CAST, CHILD, CHOOSE, FORK, GOT, HALT, HEAR, OPEN, P, Q, REGISTERS, SAY, SEVEN, TELL, TEXT, YIELD,
    at_every_step_of, completes_draft, faults_draft, opener, others, setup,
};
use crate::draft::{Draft, STRING};
use crate::script::{Script, done};
use crate::walk::Run;
use motet_machine::{
    CodeImage, EffectOutcome, KnowledgeState, NoHost, ProtocolMachine, RestoreError, SNAPSHOT_MAGIC, SNAPSHOT_VERSION,
    SessionState, StatePlace, TraceReader, VerifyError, seal, unseal,
};
use motet_runtime::{GuestRuntime, Inline, RunStatus, Turn};
use motet_types::{CoroutineId, EffectKind, EventKind, Fault, Instr, RoleId, ScalarPart, SessionId, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The registers that an opener has besides: an endpoint and a fact about it, the name of a role, and an answer.
const ABOUT: u16 = REGISTERS;
const FACT: u16 = REGISTERS + 1;
const TARGET: u16 = REGISTERS + 2;
const SAID: u16 = REGISTERS + 3;

/// What can be known, and to whom it could flow; they are constants from the third on.
pub(super) const TEXTS: [&str; 9] = ["", "paid", "it is secret: 42", "überbracht", "A", "B", "P", "Q", "Bob"];
pub(super) const PAID: u32 = 3;
const SECRET: u32 = 4;
const LONG: u32 = 5;
const TO_A: u32 = 6;
pub(super) const TO_B: u32 = 7;
const TO_P: u32 = 8;
const TO_BOB: u32 = 10;

pub(super) fn knower(code: &[Instr]) -> Result<Draft, String> {
    let mut draft = opener(code)?;
    draft.parts.roles[0].registers = SAID + 1;
    // The first of them stands behind the opener's own two.
    for text in TEXTS {
        draft.constant(STRING, &[ScalarPart::Str(text.into())]);
    }
    Ok(draft)
}

/// The constant of a text.
pub(super) fn constant(text: &str) -> u32 {
    2 + TEXTS.iter().position(|other| *other == text).unwrap_or_default() as u32
}

pub(super) fn learn(src: u16, fact: u32) -> [Instr; 3] {
    let fact = Instr::Set { dst: FACT, constant: fact };
    [Instr::Move { dst: ABOUT, src }, fact, Instr::Tag { fact: ABOUT, dst: SAID }]
}

pub(super) fn ask(src: u16, fact: u32, target: u32) -> [Instr; 4] {
    let (fact, target) = (Instr::Set { dst: FACT, constant: fact }, Instr::Set { dst: TARGET, constant: target });
    let check = Instr::Check { knowledge: ABOUT, target: TARGET, dst: u32::from(SAID) };
    [Instr::Move { dst: ABOUT, src }, fact, target, check]
}

pub(super) fn spawn(at: usize) -> Instr {
    Instr::Spawn { args: REGISTERS - 1, dst: CHILD, target: at as u32 + 2 }
}

pub(super) const GIVE_Q: Instr = Instr::Transfer { endpoint: Q, target: CHILD, bundle: 0 };
const CLOSE: Instr = Instr::Close { session: P };
pub(super) const END: [Instr; 4] = [CLOSE, SEVEN, TELL, HALT];

/// What the first island tells of knowledge: session, coroutine, role, and what was learnt or asked.
fn told(run: &Run) -> Result<Vec<String>, String> {
    let (mut reader, mut lines) = (TraceReader::new(&run.events), Vec::new());
    while let Some(event) = reader.next() {
        let event = event.map_err(|error| error.to_string())?;
        let (at, what) = (event.session, event.event);
        if at.host() != SessionId(0) {
            continue;
        }
        let said = match (what.kind, what.detail) {
            (EventKind::Tagged, 0) => "tagged",
            (EventKind::Checked, 0) => "denied",
            (EventKind::Checked, 1) => "permitted",
            _ => {
                ensure!(reader.text().is_empty(), "{what:?} has the text {:?}", reader.text());
                continue;
            }
        };
        let (who, role) = (what.coroutine.0, what.edge.0);
        lines.push(format!("{} c{who} role{role} {said} {:?}", at.number(), reader.text()));
    }
    Ok(lines)
}

pub(super) fn is_told(run: &Run, lines: &[&str]) -> Result<(), String> {
    let found = told(run)?;
    ensure!(found == lines, "what is told:\n{}\nand not:\n{}", found.join("\n"), lines.join("\n"));
    Ok(())
}

/// A fact is known of the endpoint that it was tagged with, by who tagged it, and once; the trace says what it was.
pub fn what_is_tagged_is_known() -> Result<(), String> {
    let about = [
        &ask(P, PAID, TO_B)[..],
        &learn(P, PAID),
        &ask(P, PAID, TO_B),
        &ask(Q, PAID, TO_B),
        &ask(P, SECRET, TO_B),
        &ask(0, PAID, TO_B),
        &learn(0, LONG),
        &learn(P, PAID),
        &learn(P, constant("")),
        &ask(0, LONG, TO_BOB),
        &ask(P, constant(""), TO_A),
    ]
    .concat();
    let run = completes_draft(knower(&[&[OPEN][..], &about, &END].concat())?)?;
    is_told(
        &run,
        &[
            r#"1 c0 role0 denied "B""#,
            r#"1 c0 role0 tagged "paid""#,
            r#"1 c0 role0 permitted "B""#,
            r#"1 c0 role1 denied "B""#,
            r#"1 c0 role0 denied "B""#,
            r#"0 c0 role0 denied "B""#,
            r#"0 c0 role0 tagged "überbracht""#,
            r#"1 c0 role0 tagged "paid""#,
            r#"1 c0 role0 tagged """#,
            r#"0 c0 role0 permitted "Bob""#,
            r#"1 c0 role0 permitted "A""#,
        ],
    )?;
    // A child's knowledge is its own, and so is its parent's.
    let child: &[Instr] = &[&ask(P, PAID, TO_B)[..], &learn(P, SECRET), &[YIELD, HALT]].concat();
    let main =
        [&[OPEN][..], &learn(P, PAID), &[spawn(16), YIELD], &ask(P, SECRET, TO_B), &[YIELD, YIELD], &END].concat();
    ensure!(main.len() == 16, "the child begins at {}", main.len());
    let run = completes_draft(knower(&[&main[..], child].concat())?)?;
    let lines = ["1 c0 role0 tagged \"paid\"", "1 c2 role0 denied \"B\"", "1 c2 role0 tagged \"it is secret: 42\""];
    is_told(&run, &[&lines[..], &["1 c0 role0 denied \"B\""]].concat())
}

/// What a coroutine knows of the first talk's P (0) or Q (1).
fn known(state: &SessionState, coroutine: u16, role: u16) -> Vec<&str> {
    let known = state.growth.iter().flat_map(|growth| &growth.knowledge);
    let mine = known.filter(|known| known.coroutine.0 == coroutine && (known.guest, known.role.0) == (1, role));
    mine.flat_map(|known| known.facts.iter().map(String::as_str)).collect()
}

/// A register of the first coroutine.
fn register(state: &SessionState, register: u16) -> Option<&Value> {
    state.coroutines[0].registers.get(usize::from(register))
}

/// A knows something of Q and gives Q to a child, which asks and goes on; `more` is done before.
pub(super) fn giving(more: &[Instr]) -> Result<(Vec<Instr>, usize), String> {
    let mut code = vec![OPEN];
    code.extend_from_slice(more);
    code.extend([learn(Q, PAID), learn(Q, SECRET), learn(P, LONG)].concat());
    let at = code.len();
    code.extend([YIELD, YIELD, GIVE_Q]);
    code.extend(ask(Q, PAID, TO_B));
    code.extend(ask(P, LONG, TO_B));
    code.extend([ASK, CHOOSE, CAST, TELL, HALT]);
    let child = code.len() + 1;
    code.insert(at, spawn(child));
    // The child learns something of Q by itself before it is given it.
    code.extend(learn(Q, LONG));
    code.extend(learn(Q, PAID));
    code.extend([YIELD, YIELD, HEAR]);
    code.extend(ask(Q, PAID, TO_B));
    code.extend(ask(Q, SECRET, TO_A));
    code.extend([SEVEN, SAY, HALT]);
    Ok((code, at))
}

/// `Transfer` moves what is known of its endpoint, and the receipt says what moved; what was known of others stays.
pub fn knowledge_goes_with_its_endpoint() -> Result<(), String> {
    let (code, _) = giving(&[])?;
    let run = completes_draft(knower(&code)?)?;
    let lines: Vec<String> = told(&run)?.into_iter().filter(|line| !line.contains("tagged")).collect();
    let expected = [
        "1 c0 role1 denied \"B\"",
        "1 c0 role0 permitted \"B\"",
        "1 c2 role1 permitted \"B\"",
        "1 c2 role1 permitted \"A\"",
    ];
    ensure!(lines == expected, "{lines:#?}");
    let image = knower(&code)?.image()?;
    for fuel in [1, 3, 256] {
        let mut runtime = setup()?.sessions(1).schedule(1, fuel).guest(&image)?;
        runtime.run(&NoHost).map_err(|error| error.to_string())?;
        let receipts = runtime.drain_delegations();
        let [receipt] = &receipts[..] else { return Err(format!("{} receipts", receipts.len())) };
        ensure!(receipt.knowledge == ["it is secret: 42", "paid"], "{receipt:?}");
        ensure!(receipt.progress_tokens == 1 && receipt.endpoint == "Q", "{receipt:?}");
    }
    // Of an endpoint at its end there is no token.
    let ended = [
        &[OPEN, ASK, HEAR, SEVEN, SAY][..],
        &learn(Q, PAID),
        &[spawn(14), GIVE_Q, CHOOSE, CAST, TELL, HALT],
        &[YIELD, HALT],
    ]
    .concat();
    let image = knower(&ended)?.image()?;
    let mut runtime = setup()?.sessions(1).guest(&image)?;
    runtime.run(&NoHost).map_err(|error| error.to_string())?;
    ensure!(runtime.status() == RunStatus::Completed, "{:?}", runtime.faults());
    let receipts = runtime.drain_delegations();
    let told: Vec<_> = receipts.iter().map(|receipt| (receipt.progress_tokens, receipt.knowledge.clone())).collect();
    ensure!(told == [(0, vec!["paid".to_owned()])], "{told:?}");
    // At every step it is known once: by the giver, or by the taker.
    let mut seen = BTreeSet::new();
    at_every_step_of(knower(&code)?, |state| {
        seen.insert([known(&state, 0, 1).join(","), known(&state, 2, 1).join(",")].join("|"));
    })?;
    let all = [
        "|",
        "paid|",
        "it is secret: 42,paid|",
        "it is secret: 42,paid|überbracht",
        "it is secret: 42,paid|paid,überbracht",
        "|it is secret: 42,paid,überbracht",
    ];
    ensure!(seen == all.map(String::from).into(), "{seen:#?}");
    Ok(())
}

/// What a speculation learnt is not known when it is undone, and what it gave away is known where it was.
pub fn undone_knowledge_was_never_learnt() -> Result<(), String> {
    let (abort, join) = (Instr::Abort {}, Instr::Join {});
    let learnt = [
        &[OPEN][..],
        &learn(P, PAID),
        &[FORK],
        &learn(P, SECRET),
        &ask(P, SECRET, TO_B),
        &[FORK],
        &learn(Q, LONG),
        &[abort],
        &ask(Q, LONG, TO_B),
        &[abort],
        &ask(P, SECRET, TO_B),
        &ask(P, PAID, TO_B),
        &[FORK],
        &learn(Q, SECRET),
        &[join],
        &ask(Q, SECRET, TO_B),
        &END,
    ]
    .concat();
    let run = completes_draft(knower(&learnt)?)?;
    is_told(
        &run,
        &[
            r#"1 c0 role0 tagged "paid""#,
            r#"1 c0 role0 denied "B""#,
            r#"1 c0 role0 permitted "B""#,
            r#"1 c0 role1 tagged "it is secret: 42""#,
            r#"1 c0 role1 permitted "B""#,
        ],
    )?;
    // Given away and taken back; the child never was.
    let (code, at) = given_in_a_speculation()?;
    ensure!(at > 0, "the child begins at {at}");
    let run = completes_draft(knower(&code)?)?;
    let last = told(&run)?.pop().unwrap_or_default();
    ensure!(last == r#"1 c0 role1 permitted "B""#, "{last}");
    Ok(())
}

fn given_in_a_speculation() -> Result<(Vec<Instr>, usize), String> {
    let mut code = [&[OPEN][..], &learn(Q, PAID), &[FORK]].concat();
    let at = code.len();
    code.extend([GIVE_Q, YIELD, Instr::Abort {}]);
    code.extend(ask(Q, PAID, TO_B));
    code.extend(END);
    let child = code.len() + 1;
    code.insert(at, spawn(child));
    code.extend(learn(Q, SECRET));
    code.extend([YIELD, HALT]);
    Ok((code, child))
}

/// Everything that is known is state: in roots, proofs and snapshots, also in a speculation; whoever is taken up again at
/// any step goes on.
pub fn knowledge_is_a_state() -> Result<(), String> {
    let (mut facts, mut answers) = (0, BTreeSet::new());
    let (code, _) = giving(&[FORK, Instr::Abort {}])?;
    let roots = at_every_step_of(knower(&code)?, |state| {
        facts += state.facts(CoroutineId(0)) + state.facts(CoroutineId(2));
        answers.insert(format!("{:?}", register(&state, SAID)));
    })?;
    ensure!(facts > 100, "facts were proved {facts} times");
    let expected = ["Some(Unit)", "Some(Bool(true))", "Some(Bool(false))"].map(String::from);
    ensure!(answers == expected.into(), "the answers {answers:?}");
    ensure!(roots.len() > 40, "only {} different states", roots.len());
    let (code, _) = given_in_a_speculation()?;
    let (mut kept, mut receipts) = (0, Vec::new());
    at_every_step_of(knower(&code)?, |state| {
        let levels = state.speculation.iter().flat_map(|speculation| &speculation.levels);
        kept += levels.map(|level| known(&level.session, 0, 1).len()).sum::<usize>();
        receipts.extend(state.growth.into_iter().flat_map(|growth| growth.receipts));
    })?;
    ensure!(kept > 5, "kept facts were proved {kept} times");
    ensure!(!receipts.is_empty() && receipts.iter().all(|it| it.token && it.facts == ["paid"]), "{receipts:?}");
    Ok(())
}

/// Whoever has ended knows nothing, and of what has ended nothing is known.
pub fn knowledge_ends_with_its_session() -> Result<(), String> {
    let close = Instr::Close { session: P };
    let code = [
        &[OPEN][..],
        &learn(P, PAID),
        &learn(0, PAID),
        &[close, OPEN],
        &ask(P, PAID, TO_B),
        &[close, SEVEN, TELL, HALT],
    ]
    .concat();
    let mut seen = BTreeMap::new();
    let run = completes_draft(knower(&code)?)?;
    is_told(&run, &[r#"1 c0 role0 tagged "paid""#, r#"0 c0 role0 tagged "paid""#, r#"2 c0 role0 denied "B""#])?;
    at_every_step_of(knower(&code)?, |state| {
        let growth = state.growth.as_ref();
        let there: Vec<u32> = growth.iter().flat_map(|growth| &growth.guests).map(|guest| guest.number).collect();
        let about = growth.iter().flat_map(|growth| &growth.knowledge).map(|known| known.guest).collect::<Vec<_>>();
        *seen.entry((there, about)).or_insert(0) += 1;
    })?;
    let stray = seen.keys().find(|(there, about)| about.iter().any(|number| *number > 0 && !there.contains(number)));
    ensure!(stray.is_none(), "the sessions and what is known of them: {stray:?}");
    ensure!(seen.contains_key(&(vec![], vec![0])), "{seen:?}");
    // Nothing is learnt about what has ended, and asking is in order.
    let gone = [&[OPEN, close][..], &ask(P, PAID, TO_B), &learn(P, PAID), &[SEVEN, TELL, HALT]].concat();
    let fault = faults_draft(knower(&gone)?)?;
    let expected = Fault::EndpointClosed { session: SessionId(0).guest(1), role: RoleId(0) };
    ensure!(fault == expected, "{fault}");
    Ok(())
}

/// As many facts as the configuration says, and no longer ones; what is known already may be learnt again.
pub fn knowledge_has_limits() -> Result<(), String> {
    let code = [&[OPEN][..], &learn(P, PAID), &learn(Q, PAID), &learn(P, PAID), &END].concat();
    let image = knower(&code)?.image()?;
    let with = |facts, bytes| -> Result<Option<Fault>, String> {
        let mut setup = setup()?;
        (setup.config.max_facts, setup.config.max_fact_bytes) = (facts, bytes);
        let run = setup.run(&image, &NoHost)?;
        ensure!(run.faults.is_empty() == (run.status == RunStatus::Completed), "{:?}", run.faults);
        Ok(run.faults.first().map(|report| report.fault.clone()))
    };
    let ok = with(2, 4)?;
    ensure!(ok.is_none(), "{ok:?}");
    for (facts, bytes) in [(1, 4), (0, 4), (2, 3)] {
        let fault = with(facts, bytes)?.ok_or_else(|| format!("{facts} facts of {bytes} bytes: no fault"))?;
        ensure!(matches!(fault, Fault::Flow { .. }), "{facts} facts of {bytes} bytes: {fault}");
    }
    Ok(())
}

/// What the verifier knows of facts: an endpoint and, behind it, a text; and of answers: a truth value.
pub fn facts_are_verified() -> Result<(), String> {
    let refused = |code: &[Instr]| -> Result<VerifyError, String> {
        knower(code).and_then(|draft| CodeImage::verify(draft.parts).err().ok_or_else(|| format!("{code:?} verifies")))
    };
    let held = |code: &[Instr]| -> Result<(), String> {
        let error = refused(&[code, &[SEVEN, TELL, HALT]].concat())?;
        ensure!(matches!(error, VerifyError::Held { .. }), "{code:?}: {error}");
        Ok(())
    };
    let [from, fact, tag] = learn(0, PAID);
    let [_, _, target, check] = ask(0, PAID, TO_P);
    held(&[from, tag])?;
    held(&[fact, tag])?;
    held(&[from, fact, check])?;
    held(&[from, target, check])?;
    held(&[from, Instr::Set { dst: FACT, constant: 1 }, tag])?;
    held(&[from, fact, Instr::Set { dst: TARGET, constant: 1 }, check])?;
    // An answer is no number, and no endpoint is a text.
    held(&[from, fact, tag, Instr::Fork { ghost: SAID }])?;
    held(&[from, Instr::Move { dst: FACT, src: 0 }, tag])?;
    for wide in [Instr::Tag { fact: SAID, dst: 0 }, Instr::Check { knowledge: SAID, target: TEXT, dst: 0 }] {
        let error = refused(&[wide, HALT])?;
        ensure!(matches!(error, VerifyError::Register { .. }), "{error}");
    }
    for far in [u32::from(SAID) + 1, 70_000] {
        let error = refused(&[from, fact, Instr::Check { knowledge: ABOUT, target: FACT, dst: far }, HALT])?;
        ensure!(matches!(error, VerifyError::Register { .. }), "{error}");
    }
    let mut draft = knower(&[from, fact, tag, SEVEN, TELL, HALT])?;
    // The sort of answers is there for nothing else.
    draft.parts.sorts[2] = motet_types::Sort::Vector(3);
    let error = CodeImage::verify(draft.parts).err();
    ensure!(matches!(error, Some(VerifyError::Table { table: "sort", .. })), "{error:?}");
    Ok(())
}

/// Knowledge that no run leads to is refused, and it is said where.
pub fn forged_knowledge_is_named() -> Result<(), String> {
    let code = [&[OPEN][..], &learn(P, PAID), &learn(P, SECRET), &learn(Q, PAID), &[YIELD], &END].concat();
    let image = knower(&code)?.image()?;
    let setup = setup()?.sessions(1).schedule(1, 1).limit(14);
    let mut runtime = setup.guest(&image)?;
    while runtime.turn(&NoHost).map_err(|error| error.to_string())? != Turn::Idle {}
    let sealed = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
    let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &sealed).map_err(|error| error.to_string())?;
    // Two endpoints; the first is coroutine 0's of session 1, role 0, with two facts.
    let head = [
        &2u16.to_le_bytes()[..],
        &0u16.to_le_bytes(),
        &1u32.to_le_bytes(),
        &0u16.to_le_bytes(),
        &2u16.to_le_bytes(),
        &16u64.to_le_bytes(),
    ]
    .concat();
    let at = body.windows(head.len()).position(|window| window == head).ok_or("what is known is not there")?;
    let (first, images) = (at + 2, [others()?, vec![Arc::clone(&image)]].concat());
    let restore = |body: &[u8]| {
        let sealed = seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, body);
        ProtocolMachine::restore(setup.config.clone(), &images, &sealed).err()
    };
    ensure!(restore(&body).is_none(), "what was not changed is refused");
    let second = first + 10 + 24 + 12;
    let knows = |coroutine| StatePlace::Knowledge(CoroutineId(coroutine));
    for (what, offset, byte, place) in [
        ("who is not there", first, 9, knows(9)),
        ("a session that is not there", first + 2, 2, knows(0)),
        ("a role that is not there", first + 6, 2, knows(0)),
        ("the second endpoint before the first", second + 6, 0, knows(0)),
        ("facts out of order", first + 10 + 8, b'z', knows(0)),
    ] {
        let mut forged = body.clone();
        forged[offset] = byte;
        match restore(&forged) {
            Some(RestoreError::Session { error, .. }) if error.place == place => {}
            other => return Err(format!("{what}: {other:?}")),
        }
    }
    // Another fact, and a number of facts that the bytes do not have.
    let mut other = body.clone();
    other[first + 10 + 24 + 8] = b'r';
    let found = restore(&other);
    ensure!(matches!(found, Some(RestoreError::Root { .. })), "{found:?}");
    let mut cut = body.clone();
    cut[first + 8] = 200;
    let found = restore(&cut);
    ensure!(matches!(found, Some(RestoreError::Session { .. } | RestoreError::Content { .. })), "{found:?}");
    // More than the configuration lets be known.
    let mut small = setup.config.clone();
    small.max_facts = 2;
    let found = ProtocolMachine::restore(small, &images, &sealed).err();
    ensure!(matches!(found, Some(RestoreError::OtherConfig { what: "limit of facts" })), "{found:?}");
    let state = KnowledgeState { coroutine: CoroutineId(0), guest: 1, role: RoleId(1), facts: vec!["paid".into()] };
    let proof = runtime.prove_session(SessionId(0)).map_err(|error| error.to_string())?;
    let (_, proved) = proof.verify(runtime.settle_root(), SessionId(0)).map_err(|error| error.to_string())?;
    let last = proved.growth.and_then(|growth| growth.knowledge.last().cloned());
    ensure!(last.as_ref() == Some(&state), "{last:?}");
    Ok(())
}

/// A session that waits is parked with what it knows, and knows it when it comes back.
pub fn knowing_sessions_are_parked() -> Result<(), String> {
    let ask_host = Instr::Invoke { arg: GOT, dst: GOT, effect: 0 };
    let code = [&[OPEN, SEVEN][..], &learn(P, PAID), &[ask_host], &ask(P, PAID, TO_B), &END].concat();
    let mut draft = knower(&code)?;
    draft.effect("ask", 1, 1, true);
    let image = draft.image()?;
    let host = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let mut runtime = setup()?.sessions(1).guest(&image)?;
    while runtime.turn(&host).map_err(|error| error.to_string())? != Turn::Idle {}
    let root = runtime.settle_root();
    let bytes = runtime.park(SessionId(0)).map_err(|error| error.to_string())?;
    let snapshot = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
    let images = [others()?, vec![Arc::clone(&image)]].concat();
    let resumed = GuestRuntime::resume_from(setup()?.config, Inline::default(), &images, &snapshot);
    let mut resumed = resumed.map_err(|error| error.to_string())?;
    for runtime in [&mut runtime, &mut resumed] {
        ensure!(runtime.settle_root() == root, "parking changes the root");
        runtime.resume(&bytes).map_err(|error| error.to_string())?;
        let (id, _) = runtime.outstanding().next().ok_or("nothing is outstanding")?;
        runtime.complete(id, done(Value::Nat(3))).map_err(|error| error.to_string())?;
        runtime.run(&host).map_err(|error| error.to_string())?;
        ensure!(runtime.status() == RunStatus::Completed, "{:?}", runtime.faults());
        let events = runtime.machine().events();
        let said: Vec<u8> = events
            .iter()
            .filter(|event| event.event.kind == EventKind::Checked)
            .map(|event| event.event.detail)
            .collect();
        ensure!(said == [1], "it was told {said:?}");
    }
    ensure!(runtime.state_root() == resumed.state_root(), "they end otherwise");
    Ok(())
}
