//! What a machine says it holds, against what the allocator has handed out. A binary of its own with one test: the allocator
//! counts the whole process, and nothing else may run beside.

use cap::Cap;
use motet_heap::{Heap, IdSource, Resource};
use motet_machine::{EffectHandler, EffectOutcome, NoHost, ProtocolMachineConfig, TraceMode};
use motet_runtime::{GuestRuntime, OwnedSession, Schedule};
use motet_semantic::{OwnershipScope, PendingEffectTreatment};
use motet_tests::draft::{Draft, NAT, STRING, letters};
use motet_tests::script::Script;
use motet_types::{Action, EffectKind, Instr, SessionId, Value};
use std::alloc::System;
use std::error::Error;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

type Outcome<T> = Result<T, Box<dyn Error>>;

/// `told` is what was counted of what `make` has made and still holds.
fn holds<T>(what: &str, make: impl FnOnce() -> Outcome<T>, told: impl FnOnce(&T) -> usize) -> Outcome<T> {
    let before = ALLOCATOR.allocated();
    let made = make()?;
    let held = ALLOCATOR.allocated() - before;
    let told = told(&made);
    println!("{what:30} {told:12} of {held:12} bytes: {:.3}", told as f64 / held as f64);
    // A tenth: trees of the standard library are as full as they are, and an executor has buffers of its own.
    let (least, most) = (held - held / 10, held + held / 10);
    assert!((least..=most).contains(&told), "{what}: {told} bytes are told of {held}");
    Ok(made)
}

fn runtime(draft: Draft, sessions: usize, trace: TraceMode, host: &impl EffectHandler) -> Outcome<GuestRuntime> {
    let config = ProtocolMachineConfig { trace, ..ProtocolMachineConfig::default() };
    let mut runtime = GuestRuntime::new(config, Schedule { fuel: 12, ..Schedule::default() })?;
    let image = runtime.load(draft.image()?)?;
    for _ in 0..sessions {
        runtime.open(image)?;
    }
    runtime.turn(host)?;
    Ok(runtime)
}

fn bytes(runtime: &GuestRuntime) -> usize {
    runtime.memory_usage().retained.total() + runtime.retained_bytes()
}

/// `A` asks the host, which takes its time, about a text, and tells `B` the answer.
fn asking() -> Draft {
    let mut draft = Draft::new();
    let (label, edge) = (draft.label("M", NAT), draft.edge(0, 1));
    draft.comm(edge, &[(label, 1)]);
    draft.end();
    draft.state(0, Action::Send(edge), &[(label, 1)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Recv(edge), &[(label, 3)]);
    draft.state(1, Action::End, &[]);
    let ask = draft.effect("ask", STRING, NAT, true);
    let first = draft.effect("text", NAT, STRING, false);
    let constant = draft.nat(1);
    let code = [
        Instr::Set { dst: 1, constant },
        Instr::Invoke { arg: 1, dst: 2, effect: first },
        Instr::Invoke { arg: 2, dst: 1, effect: ask },
        Instr::Send { chan: 0, val: 1 },
        Instr::Halt {},
    ];
    draft.role("A", 0, 3, &code);
    draft.role("B", 2, 2, &[Instr::Receive { chan: 0, dst: 1 }, Instr::Halt {}]);
    draft
}

/// Sessions that wait for answers and whose ownership has changed hands, with semantic objects of all that.
fn owned(sessions: u64, host: &impl EffectHandler) -> Outcome<GuestRuntime> {
    let trace = TraceMode::Disabled;
    let config = ProtocolMachineConfig { trace, semantic_objects: Some(100_000), ..ProtocolMachineConfig::default() };
    let mut runtime = GuestRuntime::new(config, Schedule { fuel: 12, ..Schedule::default() })?;
    let image = runtime.load(asking().image()?)?;
    for _ in 0..sessions {
        runtime.open(image)?;
    }
    runtime.turn(host)?;
    for session in 0..sessions {
        let (from, to) = (format!("the first owner of {session}"), format!("the second owner of {session}"));
        let owner = OwnedSession::claim(&mut runtime, SessionId(session), &from, OwnershipScope::Session)?;
        let witness = owner.issue_readiness(&mut runtime, "there is enough in stock")?;
        owner.consume_readiness(&mut runtime, &witness)?;
        let receipt = owner.begin_transfer(&mut runtime, &to)?;
        let pending = match session % 2 {
            0 => PendingEffectTreatment::PreservePending,
            _ => PendingEffectTreatment::InvalidateBlocked,
        };
        OwnedSession::commit_transfer_with(&mut runtime, &receipt, pending)?;
    }
    Ok(runtime)
}

#[test]
fn what_is_told_is_what_is_held() -> Outcome<()> {
    let off = TraceMode::Disabled;
    let usage = |runtime: &GuestRuntime| runtime.machine().memory_usage();
    // What is made once in a process.
    drop(runtime(letters(3), 1, TraceMode::Full, &NoHost)?);

    let idle = holds("messages in flight", || runtime(letters(40), 4_000, off, &NoHost), bytes)?;
    assert_eq!(usage(&idle).sessions, 4_000);
    drop(idle);

    let ended = holds(
        "ended, with a trace",
        || {
            let mut runtime = runtime(letters(3), 4_000, TraceMode::Full, &NoHost)?;
            runtime.run(&NoHost)?;
            Ok(runtime)
        },
        bytes,
    )?;
    assert_eq!((usage(&ended).sessions, ended.machine().tally().closed), (0, 4_000));
    drop(ended);

    let host = Script::new(&[EffectKind::InvokeStep], |request| match request.may_block() {
        true => EffectOutcome::Pending,
        false => motet_tests::script::done(Value::Str("x".repeat(100))),
    });
    let mut asking = holds("waiting for answers", || runtime(asking(), 4_000, off, &host), bytes)?;
    asking.turn(&host)?;
    assert_eq!(usage(&asking).effects, 4_000);
    for session in 0..4_000 {
        drop(asking.park(SessionId(session))?);
    }
    asking.settle_root();
    let parked = usage(&asking);
    assert_eq!((parked.sessions, parked.parked, parked.records), (0, 4_000, 0));
    assert!(parked.retained.parked > 4_000 * 32 && parked.retained.state_tree > 4_000 * 32, "{parked:?}");

    let owned = holds("semantic objects", || owned(4_000, &host), bytes)?;
    let kept = usage(&owned).retained;
    assert!(kept.semantics > kept.total() / 2, "{kept:?}");
    drop(owned);

    let heap = |consumed: usize| {
        let mut heap = Heap::new();
        let mut ids = IdSource::new(b"memory").ok_or("a path")?;
        let of = |at: usize| Resource::Value { tag: "t".into(), data: vec![7; at % 200] };
        let made = (0..20_000).map(|at| heap.alloc(&mut ids, &of(at))).collect::<Result<Vec<_>, _>>()?;
        heap.consume_many(&made[..consumed])?;
        if consumed > 0 {
            heap.commit();
        }
        Ok(heap)
    };
    drop(holds("a heap that waits", || heap(0), Heap::retained_bytes)?);
    drop(holds("a heap", || heap(5_000), Heap::retained_bytes)?);
    Ok(())
}
