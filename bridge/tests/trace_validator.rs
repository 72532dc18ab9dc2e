//! Traces are judged by local types: runs of this machine pass, and each way of spoiling one is told with its place.

use motet_bridge::{
    ChoreographyInput, PlanInput, ProtocolMachineRunInput, ProtocolMachineTraceEvent, ValidateTracePayload,
    ValidationReply, run_here, validate_trace,
};
use motet_types::{EventKind, SessionId};
use serde_json::{Value as Json, json};

/// `Client` asks `Server` until it has had enough, and `Server` tells `Log` each time.
fn protocol() -> Json {
    let comm = |sender: &str, receiver: &str, branches: &[(&str, Json)]| {
        let branch =
            |(label, next): &(&str, Json)| json!({"label": {"name": label, "sort": "unit"}, "continuation": next});
        let branches: Vec<Json> = branches.iter().map(branch).collect();
        json!({"kind": "comm", "sender": sender, "receiver": receiver, "branches": branches})
    };
    let (end, again) = (json!({"kind": "end"}), json!({"kind": "var", "name": "X"}));
    let more = comm("Server", "Log", &[("Told", comm("Server", "Client", &[("Answer", again)]))]);
    let done = comm("Server", "Log", &[("Over", end)]);
    json!({"kind": "rec", "var": "X", "body": comm("Client", "Server", &[("Ask", more), ("Enough", done)])})
}

/// Two sessions of it, and what happened in them.
fn run() -> ValidateTracePayload {
    let roles = ["Client", "Log", "Server"].map(String::from).into();
    let choreography = ChoreographyInput { sessions: Some(2), ..ChoreographyInput::new(protocol(), roles) };
    let input = ProtocolMachineRunInput::new(vec![choreography.clone()], 1, 1_000);
    let output = run_here(&input).expect("it runs");
    ValidateTracePayload { choreographies: vec![choreography], trace: output.trace }
}

fn judged(spoil: impl FnOnce(&mut Vec<ProtocolMachineTraceEvent>)) -> ValidationReply {
    let mut payload = run();
    spoil(&mut payload.trace);
    validate_trace(&payload).expect("the protocol is one")
}

/// The place and the text of the one mistake.
fn mistake(spoil: impl FnOnce(&mut Vec<ProtocolMachineTraceEvent>)) -> String {
    let reply = judged(spoil);
    assert!(!reply.valid && reply.errors.len() == 1, "{:?}", reply.errors);
    reply.errors[0].to_string()
}

fn at(trace: &[ProtocolMachineTraceEvent], kind: EventKind, label: &str) -> usize {
    let found = trace.iter().position(|event| event.kind == kind && event.label.as_deref() == Some(label));
    found.unwrap_or_else(|| panic!("nothing {} `{label}`", kind.name()))
}

#[test]
fn runs_are_valid() {
    let reply = judged(|_| {});
    assert!(reply.valid, "{:?}", reply.errors);
    let counts = json!({"sent": 10, "received": 10, "lost": 0, "ended": 2, "not_judged": 0});
    assert_eq!(reply.artifacts, counts);
    // Any beginning of one is one too.
    for end in 0..run().trace.len() {
        let reply = judged(|trace| trace.truncate(end));
        assert!(reply.valid, "{end}: {:?}", reply.errors);
    }
}

/// What an instruction has closed begins a new epoch behind its end, once.
#[test]
fn closed_sessions_begin_an_epoch() {
    let cut = |trace: &mut Vec<ProtocolMachineTraceEvent>, kinds: &[EventKind]| {
        let first = trace.iter().find(|event| event.session == Some(0)).cloned().expect("it was opened");
        trace.retain(|event| event.session == Some(0));
        trace.truncate(3);
        let tick = trace.last().map_or(0, |event| event.tick);
        trace.extend(kinds.iter().map(|kind| {
            let reason = (*kind == EventKind::SessionTerminal).then(|| String::from("closed"));
            ProtocolMachineTraceEvent { kind: *kind, tick, reason, ..first.clone() }
        }));
    };
    let (closed, ended, epoch) = (EventKind::Closed, EventKind::SessionTerminal, EventKind::EpochAdvanced);
    let reply = judged(|trace| cut(trace, &[closed, ended, epoch]));
    assert!(reply.valid, "{:?}", reply.errors);
    assert!(!judged(|trace| cut(trace, &[closed, ended, epoch, epoch])).valid, "twice");
    assert!(!judged(|trace| cut(trace, &[ended, epoch])).valid, "nothing closed it");
}

/// What an instruction has opened is judged by the plans: it must be a session of one of them, all along.
#[test]
fn opened_sessions_are_judged_by_plans() {
    let opened = SessionId(0).guest(1).0;
    let plan = |label: &str| {
        let branch = json!({"label": {"name": label, "sort": "unit"}, "continuation": {"kind": "end"}});
        let global_type = json!({"kind": "comm", "sender": "P", "receiver": "Q", "branches": [branch]});
        PlanInput { global_type, roles: vec!["P".into(), "Q".into()] }
    };
    let judged = |plans: &[&str], said: &[(EventKind, &str)]| {
        let mut payload = run();
        let first = payload.trace.iter().find(|event| event.kind == EventKind::Opened).cloned().expect("it was opened");
        payload.trace.truncate(payload.trace.iter().take_while(|event| event.kind == EventKind::Opened).count());
        payload.choreographies[0].plans = Some(plans.iter().map(|label| plan(label)).collect());
        payload.trace.extend(said.iter().map(|(kind, label)| {
            let (session, label) = (Some(opened), Some(String::from(*label)));
            let (sender, receiver) = (Some("P".into()), Some("Q".into()));
            let reason = (*kind == EventKind::SessionTerminal).then(|| String::from("closed"));
            ProtocolMachineTraceEvent { kind: *kind, session, sender, receiver, label, reason, ..first.clone() }
        }));
        validate_trace(&payload).expect("the protocols are some")
    };
    let (begins, ends) = ((EventKind::Opened, ""), (EventKind::SessionTerminal, ""));
    let whole = |label| [begins, (EventKind::Sent, label), (EventKind::Received, label), ends];
    let reply = judged(&["Ask", "Tell"], &whole("Tell"));
    assert!(reply.valid && reply.artifacts["received"] == 1, "{reply:?}");
    assert!(!judged(&["Ask"], &whole("Tell")).valid, "of no plan");
    assert!(
        !judged(&["Ask", "Tell"], &[begins, (EventKind::Sent, "Ask"), (EventKind::Received, "Tell")]).valid,
        "of two"
    );
    assert!(!judged(&["Ask"], &[begins, (EventKind::Sent, "Ask"), ends]).valid, "not at its end");
    assert!(!judged(&["Ask"], &whole("Ask")[1..]).valid, "not opened");
    let unplanned = judged(&[], &whole("Any"));
    assert!(unplanned.valid && unplanned.artifacts["not_judged"] == 4, "{unplanned:?}");
}

#[test]
fn what_is_spoilt_is_told() {
    let label = mistake(|trace| {
        let at = at(trace, EventKind::Sent, "Ask");
        trace[at].label = Some("Askk".into());
    });
    assert!(
        label.contains("`Client` cannot send `Askk` with `Server` here; it sends `Ask` or `Enough` with"),
        "{label}"
    );
    let unsent = mistake(|trace| drop(trace.remove(at(trace, EventKind::Sent, "Told"))));
    assert!(unsent.starts_with("type: `Server` cannot send `Answer` with `Client` here"), "{unsent}");
    let stranger = mistake(|trace| {
        let at = at(trace, EventKind::Received, "Ask");
        trace[at].receiver = Some("Nobody".into());
    });
    assert!(stranger.contains("role: `Nobody` is no role of"), "{stranger}");
    let role = mistake(|trace| {
        let at = at(trace, EventKind::Sent, "Ask");
        trace[at].sender = None;
    });
    assert!(role.contains("the event has no sender"), "{role}");
    let early = mistake(|trace| {
        let (sent, received) = (at(trace, EventKind::Sent, "Told"), at(trace, EventKind::Received, "Told"));
        let mut event = trace.remove(received);
        event.tick = trace[sent].tick;
        trace.insert(sent, event);
    });
    assert!(early.contains("queue: no message `Told` is on its way"), "{early}");
    let alone = mistake(|trace| {
        let at = at(trace, EventKind::Offered, "Ask");
        trace[at].label = Some("Enough".into());
    });
    assert!(alone.contains("`offered` does not stand behind the `sent` of its message"), "{alone}");
    let session = mistake(|trace| trace[5].session = Some(7));
    assert!(session.contains("there is no session 7"), "{session}");
    let nowhere = mistake(|trace| trace[5].session = None);
    assert!(nowhere.contains("the event has no session"), "{nowhere}");
    let unopened = mistake(|trace| drop(trace.remove(0)));
    assert!(unopened.contains("the session has not been opened before"), "{unopened}");
    let twice = mistake(|trace| trace.insert(1, trace[0].clone()));
    assert!(twice.contains("the session has been opened before"), "{twice}");
    let back = mistake(|trace| {
        let last = trace.len() - 1;
        trace[last].tick = 0;
    });
    assert!(back.contains("order: tick 0 comes after tick"), "{back}");
    let over = mistake(|trace| {
        let mut event = trace[at(trace, EventKind::Sent, "Ask")].clone();
        event.tick = trace[trace.len() - 1].tick;
        trace.push(event);
    });
    assert!(over.contains("the session has ended before"), "{over}");
    let unfinished = mistake(|trace| {
        let over = at(trace, EventKind::Received, "Over");
        let session = trace[over].session;
        trace.retain(|event| event.session == session || event.kind == EventKind::Opened);
        trace.retain(|event| !(event.kind == EventKind::Received && event.label.as_deref() == Some("Over")));
        trace.retain(|event| !(event.kind == EventKind::Chose && event.label.as_deref() == Some("Over")));
    });
    assert!(unfinished.contains("the session has closed, and `Log` is not at its end"), "{unfinished}");
}

/// A link may lose messages, and a trace does not say so: they are counted.
#[test]
fn lost_messages_are_counted() {
    let branch =
        |name: &str| json!({"label": {"name": name, "sort": "unit"}, "continuation": {"kind": "var", "name": "X"}});
    let body = json!({"kind": "comm", "sender": "A", "receiver": "B", "branches": [branch("Tick"), branch("Tock")]});
    let global = json!({"kind": "rec", "var": "X", "body": body});
    let choreography = ChoreographyInput::new(global, ["A", "B"].map(String::from).into());
    let event = |kind: &str, label: Option<&str>| {
        let mut event = json!({"schema_version": "lean_bridge.v1", "kind": kind, "tick": 1, "session": 0});
        if let Some(label) = label {
            (event["sender"], event["receiver"], event["label"]) = (json!("A"), json!("B"), json!(label));
        }
        serde_json::from_value(event).expect("an event")
    };
    let lost = |received: &str| {
        let mut trace = vec![event("opened", None)];
        trace.extend(["Tick", "Tick", "Tock", "Tick"].map(|label| event("sent", Some(label))));
        trace.extend(received.split(' ').map(|label| event("received", Some(label))));
        let payload = ValidateTracePayload { choreographies: vec![choreography.clone()], trace };
        let reply = validate_trace(&payload).expect("the protocol is one");
        let what = reply.errors.first().map(|error| error.code.clone());
        (reply.valid, reply.artifacts["lost"].as_u64(), what)
    };
    let queue = || Some(String::from("queue"));
    assert_eq!(lost("Tick Tick Tock Tick"), (true, Some(0), None));
    assert_eq!(lost("Tock Tick"), (true, Some(2), None));
    assert_eq!(lost("Tick Tock"), (true, Some(1), None));
    assert_eq!(lost("Tock Tock"), (false, Some(2), queue()));
    assert_eq!(lost("Tick Tick Tick Tick"), (false, Some(1), queue()));
}

#[test]
fn what_is_no_protocol_is_an_error() {
    let mut payload = run();
    payload.choreographies[0].global_type = json!({"kind": "var", "name": "X"});
    let error = validate_trace(&payload).expect_err("it is none");
    assert!(error.to_string().contains("choreography 0"), "{error}");
}
