//! Sites that crash, links that are cut or corrupted, timeouts: what each means for who sends, who waits and who was there.

use crate::draft::{Draft, NAT};
use crate::script::{Script, accept, decision};
use crate::walk::{Setup, image_of};
use motet_choreo::{Source, load};
use motet_machine::{
    AnswerError, Cancellation, CodeImage, CorruptionType, EffectOutcome, EffectRequestBody, Gate, NoHost, OpenError,
    ParkError, ProtocolMachine, RestoreError, SNAPSHOT_MAGIC, SNAPSHOT_VERSION, SendDecision, TopologyPerturbation,
    TopologyRefusal, seal, unseal,
};
use motet_runtime::{GuestRuntime, RunStatus, RuntimeError, Turn};
use motet_semantic::{AuthorityArtifact, AuthorityAuditEvent};
use motet_types::{CoroutineId, EdgeId, EffectKind, EventKind, Fault, Instr, SessionId, Side, Value};
use std::sync::{Arc, Mutex};

use super::opening::{self, HALT, OPEN, YIELD};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(super) fn protocol(source: &str) -> Result<Arc<CodeImage>, String> {
    let source = Source::from_text("check.tell", source).map_err(|error| format!("{error:?}"))?;
    image_of(&load(&source).map_err(|error| format!("{error:?}"))?, false)
}

/// `crash B`, `cut A B`, `heal A B`, `flip A B`, `truncate A B`, `erase A B`, `timeout B 3`.
fn perturbation(line: &str) -> Result<TopologyPerturbation, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let name = |at: usize| words.get(at).map(|word| String::from(*word)).ok_or(format!("`{line}` is cut short"));
    let corrupt = |corruption| Ok(TopologyPerturbation::Corrupt { from: name(1)?, to: name(2)?, corruption });
    match words[0] {
        "crash" => Ok(TopologyPerturbation::Crash { site: name(1)? }),
        "cut" => Ok(TopologyPerturbation::Partition { from: name(1)?, to: name(2)? }),
        "heal" => Ok(TopologyPerturbation::Heal { from: name(1)?, to: name(2)? }),
        "flip" => corrupt(CorruptionType::BitFlip),
        "truncate" => corrupt(CorruptionType::Truncation),
        "erase" => corrupt(CorruptionType::PayloadErase),
        "timeout" => {
            let duration = name(2)?.parse().map_err(|_| format!("`{line}` has no duration"))?;
            Ok(TopologyPerturbation::Timeout { site: name(1)?, duration })
        }
        other => Err(format!("there is no `{other}`")),
    }
}

/// What happened, an event a line, or rather a comma: who, what, which label.
fn told(runtime: &GuestRuntime, image: &CodeImage) -> String {
    let events = runtime.machine().events().into_iter().map(|at| at.event);
    let words = events.filter(|event| event.kind != EventKind::Opened).map(|event| {
        let who = image.role_name(motet_types::RoleId(event.coroutine.0));
        match event.kind {
            EventKind::Sent | EventKind::Received | EventKind::Offered | EventKind::Chose => {
                format!("{who} {} {}", event.kind.name(), image.label_name(event.label))
            }
            EventKind::SessionTerminal => {
                let ended = motet_types::Terminal::from_code(event.detail);
                format!("ended {}", ended.map_or("?", motet_types::Terminal::name))
            }
            kind => format!("{who} {}", kind.name()),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A run of a protocol between whose parts something happens to sites and links. `turn` is one wave of one step, `run` goes on to where
/// nothing can.
fn drive(image: &Arc<CodeImage>, setup: &Setup, script: &str) -> Result<GuestRuntime, String> {
    let mut runtime = setup.guest(image)?;
    for line in script.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(' ') {
            _ if line == "run" => drop(runtime.run(&NoHost).map_err(text)?),
            Some(("turn", count)) => {
                for _ in 0..count.parse().map_err(|_| format!("`{line}`"))? {
                    let _ = runtime.turn(&NoHost).map_err(text)?;
                }
            }
            // What stands on one line comes in together.
            _ => {
                let list = line.split('&').map(|one| perturbation(one.trim())).collect::<Result<Vec<_>, _>>()?;
                drop(runtime.perturb(&list).map_err(text)?);
            }
        }
    }
    Ok(runtime)
}

fn steps() -> Setup {
    Setup::default().schedule(1, 1)
}

/// Runs a script on a protocol and holds what was told, and how the run stands, against what is expected.
fn check(source: &str, setup: &Setup, script: &str, expected: &str) -> Result<GuestRuntime, String> {
    let image = protocol(source)?;
    let runtime = drive(&image, setup, script)?;
    let found = format!("{}; {}", told(&runtime, &image), runtime.status().name());
    ensure!(found == expected, "{script}:\n found    {found}\n expected {expected}");
    Ok(runtime)
}

const PING: &str = "protocol Ping =\n  roles A, B\n  A -> B : Ping(Nat)\n  B -> A : Pong(Nat)\n";
const RELAY: &str = "protocol Relay =\n  roles A, B, C\n  A -> B : One\n  B -> C : Two\n  C -> A : Three\n";
const CHOICE: &str =
    "protocol Pick =\n  roles A, B\n  choice A at\n    | Yes => A -> B : Yes(Nat)\n    | No => A -> B : No(Nat)\n";

/// `Send`, `Offer`, and both through an endpoint in a register: over a link that is cut nothing goes, nobody is asked and no type
/// moves; what was sent arrives; the other direction is whole; and healing wakes who waited, and nobody else.
pub fn every_way_of_sending_waits_for_its_link() -> Result<(), String> {
    check(PING, &steps(), "cut A B; run", "; stuck")?;
    check(PING, &steps(), "cut A B; cut B A; heal A B; run", "A sent Ping, B received Ping; stuck")?;
    // The other direction, and other sites, are none of its business.
    let whole =
        "A sent Ping, B received Ping, B sent Pong, B halted, A received Pong, A halted, ended closed; completed";
    let found = check(PING, &Setup::default(), "cut A C & cut C B; run", whole);
    ensure!(found.is_ok(), "{:?}", found.err());
    let back = drive(&protocol(PING)?, &Setup::default(), "cut B A; run")?;
    let back = told(&back, &*protocol(PING)?);
    ensure!(back == "A sent Ping, B received Ping", "{back}");
    let asked = Mutex::new(Vec::new());
    let kinds = [EffectKind::SendDecision, EffectKind::Choose];
    let host = Script::new(&kinds, |request| {
        asked.lock().expect("one thread").push(request.kind());
        accept(request)
    });
    // A message that was sent before arrives; the next one waits.
    for source in [PING, CHOICE] {
        let image = protocol(source)?;
        let mut runtime = Setup::default().guest(&image)?;
        drop(runtime.perturb(&[perturbation("cut A B")?]).map_err(text)?);
        let status = runtime.run(&host).map_err(text)?;
        let gate = runtime.machine().gate(SessionId(0), CoroutineId(0));
        ensure!(status == RunStatus::Stuck && gate == Some(Gate::Link(EdgeId(0))), "{status:?} {gate:?}");
        ensure!(!asked.lock().expect("one thread").contains(&EffectKind::SendDecision), "the host was asked");
        let refused = runtime.park(SessionId(0));
        ensure!(refused == Err(ParkError::Link(SessionId(0))), "{refused:?}");
        let outcome = runtime.perturb(&[perturbation("heal B A")?]).map_err(text)?;
        ensure!(outcome.ready.is_empty(), "another link's healing wakes: {outcome:?}");
        let outcome = runtime.perturb(&[perturbation("heal A B")?]).map_err(text)?;
        ensure!(outcome.ready.len() == 1, "{outcome:?}");
        let status = runtime.run(&host).map_err(text)?;
        ensure!(status == RunStatus::Completed, "{status:?}");
        asked.lock().expect("one thread").clear();
    }
    // Through an endpoint: P's question to Q, in a session that A has opened; and Q's answer, which is an offer.
    for (cut, gate) in [("cut P Q", Gate::GuestLink(1, EdgeId(0))), ("cut Q P", Gate::GuestLink(1, EdgeId(1)))] {
        let code = [&opening::TALK[..], &[opening::TELL, HALT]].concat();
        let image = opening::opener(&code)?.image()?;
        let mut runtime = opening::setup()?.sessions(1).guest(&image)?;
        let outcome = runtime.perturb(&[perturbation(cut)?]).map_err(text)?;
        ensure!(outcome.sessions == 0, "no session has such a link yet: {outcome:?}");
        runtime.run(&NoHost).map_err(text)?;
        let found = runtime.machine().gate(SessionId(0), CoroutineId(0));
        ensure!(found == Some(gate), "{cut}: {found:?}");
        let heal = perturbation(&cut.replace("cut", "heal"))?;
        let outcome = runtime.perturb(&[heal]).map_err(text)?;
        ensure!(outcome.sessions == 1 && outcome.ready.len() == 1, "{outcome:?}");
        let status = runtime.run(&NoHost).map_err(text)?;
        ensure!(status == RunStatus::Completed, "{cut}: {status:?} {:?}", runtime.faults());
    }
    Ok(())
}

/// What is sent over a corrupted link arrives changed, and is counted; where it is of another sort then, its receiver faults, and
/// nobody is to blame but the link. `Receive` and `Choose` alike.
pub fn corruption_is_met() -> Result<(), String> {
    let pair = |n, text: &str| Value::Prod(Box::new((Value::Nat(n), Value::Str(text.into()))));
    let string = |text: &str| Value::Str(text.into());
    let big = 1 << 40 | 7;
    let cases: [(&str, Value, &str, Option<Value>, u64); 15] = [
        ("Nat", Value::Nat(big), "flip A B", Some(Value::Nat(big ^ 1)), 1),
        ("Nat", Value::Nat(big), "truncate A B", Some(Value::Nat(7)), 1),
        ("Nat", Value::Nat(7), "truncate A B", Some(Value::Nat(7)), 0),
        ("Nat", Value::Nat(big), "erase A B", None, 1),
        ("Bool", Value::Bool(true), "flip A B", Some(Value::Bool(false)), 1),
        ("Bool", Value::Bool(true), "truncate A B", None, 1),
        ("String", string("bell"), "flip A B", Some(string("cell")), 1),
        ("String", string("bells"), "truncate A B", Some(string("be")), 1),
        ("String", string(""), "flip A B", Some(string("")), 0),
        // The lowest bit of its first byte makes it no text.
        ("String", string("\u{10ffff}"), "flip A B", None, 1),
        ("(Nat, String)", pair(6, "x"), "flip A B", Some(pair(7, "x")), 1),
        ("(Nat, String)", pair(6, "x"), "truncate A B", None, 1),
        ("Unit", Value::Unit, "erase A B", Some(Value::Unit), 0),
        ("Nat", Value::Nat(3), "flip B A", Some(Value::Nat(3)), 0),
        ("Nat", Value::Nat(3), "flip A B & heal A B", Some(Value::Nat(2)), 1),
    ];
    for (sort, sent, how, arrives, counted) in cases {
        for choice in [false, true] {
            let message = |label: &str| format!("A -> B : {label}({sort})");
            let source = match choice {
                false => format!("protocol P =\n  roles A, B\n  {}\n", message("M")),
                true => {
                    format!(
                        "protocol P =\n  roles A, B\n  choice A at\n    | M => {}\n    | N => {}\n",
                        message("M"),
                        message("N")
                    )
                }
            };
            let image = protocol(&source)?;
            let came = Mutex::new(None);
            let kinds = [EffectKind::SendDecision, EffectKind::Receive, EffectKind::Choose];
            let host = Script::new(&kinds, |request| match request.body {
                EffectRequestBody::SendDecision { .. } => decision(SendDecision::Replace(sent.clone())),
                EffectRequestBody::Receive { payload, .. } => {
                    *came.lock().expect("one thread") = Some(payload.to_value());
                    accept(request)
                }
                _ => accept(request),
            });
            let mut runtime = Setup::default().guest(&image)?;
            let list = how.split('&').map(|one| perturbation(one.trim())).collect::<Result<Vec<_>, _>>()?;
            drop(runtime.perturb(&list).map_err(text)?);
            runtime.run(&host).map_err(text)?;
            drop(host);
            let (came, what) = (came.into_inner().expect("one thread"), format!("{sort} {sent:?} {how}"));
            ensure!(came == arrives, "{what}: {came:?} came");
            let found = runtime.machine().topology().corrupted_payloads();
            ensure!(found == counted, "{what}: {found} are counted");
            match (&arrives, runtime.faults()) {
                (Some(_), []) => {}
                (None, [report]) => {
                    let met = matches!(report.fault, Fault::Corrupted { .. }) && report.role.0 == 1;
                    ensure!(met && report.fault.blame(report.role) == Side::Site, "{what}: {report:?}");
                }
                (_, faults) => return Err(format!("{what}: {faults:?}")),
            }
        }
    }
    // A link that is healed changes nothing more; what it changed before stays changed, also for a machine that is restored.
    let image = protocol(PING)?;
    let mut runtime = drive(&image, &steps(), "erase A B")?;
    while !told(&runtime, &image).contains("A sent Ping") {
        ensure!(runtime.turn(&NoHost).map_err(text)? != Turn::Idle, "A sends nothing");
    }
    drop(runtime.perturb(&[perturbation("heal A B")?]).map_err(text)?);
    let bytes = runtime.snapshot().map_err(text)?.to_bytes();
    let mut restored =
        GuestRuntime::resume_from(steps().config, motet_runtime::Inline::default(), &[image], &bytes).map_err(text)?;
    for runtime in [&mut runtime, &mut restored] {
        let status = runtime.run(&NoHost).map_err(text)?;
        ensure!(status == RunStatus::Faulted, "{status:?}");
    }
    check(
        PING,
        &steps(),
        "erase A B; heal A B; turn 20",
        "A sent Ping, B received Ping, B sent Pong, B halted, A received Pong, A halted, ended closed; completed",
    )
    .map(drop)
}

/// Nobody opens a session with a role whose site has crashed: no host, and no instruction.
pub fn crashed_roles_are_not_opened() -> Result<(), String> {
    let image = protocol(PING)?;
    for cancellation in [Cancellation::Fine, Cancellation::Coarse] {
        let mut setup = Setup::default().sessions(0);
        setup.config.cancellation = cancellation;
        let mut runtime = setup.guest(&image)?;
        let outcome = runtime.perturb(&[perturbation("crash B")?, perturbation("crash nobody")?]).map_err(text)?;
        ensure!(outcome.sessions == 0, "{outcome:?}");
        match runtime.open(motet_machine::ImageId(0)) {
            Err(RuntimeError::Open(OpenError::Crashed { role })) if role.0 == 1 => {}
            other => return Err(format!("{other:?}")),
        }
    }
    let image = opening::opener(&[&opening::TALK[..], &[opening::TELL, HALT]].concat())?.image()?;
    let mut runtime = opening::setup()?.sessions(1).guest(&image)?;
    drop(runtime.perturb(&[perturbation("crash Q")?]).map_err(text)?);
    runtime.run(&NoHost).map_err(text)?;
    let faults = runtime.faults();
    ensure!(matches!(faults, [report] if matches!(report.fault, Fault::Open { .. })), "{faults:?}");
    Ok(())
}

/// What a script makes of a protocol, held against what is expected; all that differ are told.
fn check_all(rows: &[(&str, &Setup, &str, &str)]) -> Result<(), String> {
    let broken =
        rows.iter().filter_map(|(source, setup, script, expected)| check(source, setup, script, expected).err());
    let broken: Vec<String> = broken.collect();
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// Who was at a crashed site faults; who waits on it, or on who waited on it, is cancelled; what had been sent still
/// arrives. By the coarse rule the whole session faults. Requests stand before cancellations, these before faults, and the
/// end stands last.
pub fn crashes_end_who_was_there() -> Result<(), String> {
    let fine = &steps();
    let mut coarse = steps();
    coarse.config.cancellation = Cancellation::Coarse;
    let whole = &Setup::default();
    let two = "protocol Two =\n  roles A, B\n  B -> A : One\n  B -> A : Two\n  A -> B : Three\n";
    check_all(&[
        // C waits for B, A waits to send to it, and is not to wait for that.
        (
            RELAY,
            fine,
            "cut A B; run; crash B",
            "A cancellation_requested, C cancellation_requested, A cancelled, C cancelled, B failure_branch_entered, B faulted, ended cancelled; completed",
        ),
        // Nobody waits for C before A has sent.
        (RELAY, fine, "cut A B; run; crash C", "C failure_branch_entered, C faulted; stuck"),
        (
            RELAY,
            fine,
            "cut A B; run; crash C; heal A B; run",
            "C failure_branch_entered, C faulted, A sent One, A cancellation_requested, A cancelled, B received One, B cancellation_requested, B cancelled, ended cancelled; completed",
        ),
        // A waits for C, which waits for B.
        (
            RELAY,
            fine,
            "cut B C; run; crash B",
            "A sent One, B received One, C cancellation_requested, A cancellation_requested, C cancelled, A cancelled, B failure_branch_entered, B faulted, ended cancelled; completed",
        ),
        // What B has sent is received; then nothing is left to wait for.
        (
            two,
            whole,
            "cut B A; run; heal B A; cut A B; run; crash B",
            "B sent One, B sent Two, A received One, A received Two, A cancellation_requested, A cancelled, B failure_branch_entered, B faulted, ended cancelled; completed",
        ),
        (
            two,
            whole,
            "cut A B; run; crash B",
            "B sent One, B sent Two, A received One, A received Two, A cancellation_requested, A cancelled, B failure_branch_entered, B faulted, ended cancelled; completed",
        ),
        // The last one there crashes.
        (
            PING,
            whole,
            "cut A B; run; crash A & crash B",
            "A failure_branch_entered, A faulted, B failure_branch_entered, B faulted, ended faulted; faulted",
        ),
        (RELAY, &coarse, "cut A B; run; crash C", "C failure_branch_entered, C faulted, ended faulted; faulted"),
        (RELAY, &coarse, "cut A B; run; crash D", "; stuck"),
        // Who is gone is not gone again; a site that nobody has is nobody's.
        (RELAY, fine, "cut A B; run; crash C; crash C", "C failure_branch_entered, C faulted; stuck"),
        (RELAY, fine, "cut A B; run; crash D", "; stuck"),
    ])?;
    let last = drive(&protocol(PING)?, whole, "cut A B; run; crash A & crash B")?;
    let sites: Vec<String> = last.faults().iter().map(|report| report.fault.to_string()).collect();
    ensure!(sites == ["the site A crashed", "the site B crashed"], "{sites:?}");
    ensure!(last.faults().iter().all(|report| report.fault.blame(report.role) == Side::Site), "{:?}", last.faults());
    Ok(())
}

/// A site that has timed out neither sends nor is sent to until its tick; who waits for a message of it is cancelled; and then
/// its witness expires, by ticks, or at once where nothing else can happen.
pub fn timeouts_expire() -> Result<(), String> {
    let mut coarse = steps();
    coarse.config.cancellation = Cancellation::Coarse;
    let one = "protocol Say =\n  roles A, B\n  A -> B : One\n";
    check_all(&[
        (
            RELAY,
            &steps(),
            "cut A B; run; timeout B 5",
            "B timeout_issued, C cancellation_requested, C cancelled; stuck",
        ),
        (
            RELAY,
            &steps(),
            "turn 1; timeout B 5; run",
            "A sent One, B timeout_issued, B received One, C cancellation_requested, A cancellation_requested, B cancellation_requested, C cancelled, A cancelled, B cancelled, ended cancelled; completed",
        ),
        // By the coarse rule nobody is cancelled for it.
        (
            RELAY,
            &coarse,
            "timeout B 5; run",
            "B timeout_issued, A sent One, B received One, B sent Two, B halted, C received Two, C sent Three, C halted, A received Three, A halted, ended closed; completed",
        ),
        (
            one,
            &steps(),
            "timeout B 2; run",
            "B timeout_issued, A sent One, A halted, B received One, B halted, ended closed; completed",
        ),
        (
            one,
            &steps(),
            "timeout A 2; turn 9",
            "A timeout_issued, B cancellation_requested, A cancellation_requested, B cancelled, A cancelled, ended cancelled; completed",
        ),
    ])?;
    let mut runtime = drive(&protocol(one)?, &steps(), "timeout B 3; run")?;
    let audit: Vec<_> = runtime.drain_audit().into_iter().map(|one| (one.tick, one.event, one.artifact)).collect();
    let [
        (0, AuthorityAuditEvent::Issued, AuthorityArtifact::Timeout(issued)),
        (at, AuthorityAuditEvent::Expired, ended),
    ] = &audit[..]
    else {
        return Err(format!("{audit:?}"));
    };
    ensure!(AuthorityArtifact::Timeout(issued.clone()) == *ended, "{audit:?}");
    ensure!((issued.issued_at_tick, issued.until_tick, issued.site.as_str()) == (0, 3, "B"), "{issued:?}");
    ensure!(*at <= 3 && runtime.machine().topology().timeouts().next().is_none(), "{audit:?}");
    // Not one step too early, as long as others take steps.
    let source =
        "protocol Side =\n  roles A, B, C, D\n  par\n    | A -> B : One\n    | loop repeat 20\n        C -> D : Tick\n";
    let image = protocol(source)?;
    for site in ["A", "B"] {
        let mut setup = steps();
        setup.config.cancellation = Cancellation::Coarse;
        let mut runtime = drive(&image, &setup, &format!("timeout {site} 9"))?;
        while !told(&runtime, &image).contains("A sent One") {
            let before = runtime.machine().tick().0;
            let _ = runtime.turn(&NoHost).map_err(text)?;
            let sent = told(&runtime, &image).contains("A sent One");
            ensure!(!sent || before >= 9, "{site}: A sends at tick {before}");
            ensure!(before < 60, "{site}: it never sends: {}", told(&runtime, &image));
        }
    }
    Ok(())
}

/// In whatever order what comes in together stands, and however often: it comes to the same.
pub fn orders_do_not_matter() -> Result<(), String> {
    let image = protocol(RELAY)?;
    let list = [
        "crash X",
        "cut A B",
        "cut B C",
        "heal A B",
        "flip C A",
        "erase C A",
        "timeout D 4",
        "timeout D 4",
        "timeout E 2",
    ];
    let list = list.map(perturbation).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut roots = Vec::new();
    for turn in 0..2 * list.len() {
        let mut list = list.clone();
        list.rotate_left(turn / 2);
        if turn % 2 == 1 {
            list.reverse();
        }
        let mut runtime = steps().guest(&image)?;
        let outcome = runtime.perturb(&list).map_err(text)?;
        ensure!(outcome.witnesses.len() == 2, "{outcome:?}");
        roots.push(runtime.settle_root());
        let cut: Vec<_> = runtime.machine().topology().cut().collect();
        ensure!(cut == [("B", "C")], "{cut:?}");
        let corrupt: Vec<_> = runtime.machine().topology().corrupt().collect();
        ensure!(corrupt == [("C", "A", CorruptionType::PayloadErase)], "{corrupt:?}");
    }
    roots.dedup();
    ensure!(roots.len() == 1, "{} different states", roots.len());
    let mut runtime = steps().guest(&image)?;
    let long = TopologyPerturbation::Crash { site: "x".repeat(70_000) };
    match runtime.perturb(&[long]) {
        Err(RuntimeError::Topology(TopologyRefusal::TooLong { .. })) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// What has happened is in the state root, and in snapshots; a parked session with a site that fails is missed.
pub fn sites_are_state() -> Result<(), String> {
    let image = protocol(RELAY)?;
    let mut roots = Vec::new();
    for script in [
        "run",
        "crash D; run",
        "cut D A; run",
        "flip D A; run",
        "flip D A; heal D A; run",
        "flip A D; run",
        "timeout D 99; run",
    ] {
        let mut runtime = drive(&image, &Setup::default(), script)?;
        let root = runtime.settle_root();
        ensure!(root == runtime.machine().recomputed_root(), "{script}: the root is not what it is over");
        ensure!(!roots.contains(&root), "{script}: the root knows of nothing");
        roots.push(root);
        let bytes = runtime.snapshot().map_err(text)?.to_bytes();
        let executor = motet_runtime::Inline::default();
        let mut restored = GuestRuntime::resume_from(Setup::default().config, executor, &[Arc::clone(&image)], &bytes)
            .map_err(text)?;
        ensure!(restored.settle_root() == root, "{script}: the restored machine has another root");
        ensure!(restored.machine().topology() == runtime.machine().topology(), "{script}: it knows other sites");
    }
    let image = super::durable::asking().image()?;
    let host = Script::new(&[EffectKind::InvokeStep, EffectKind::Acquire], |_| EffectOutcome::Pending);
    let mut runtime = Setup::default().guest(&image)?;
    runtime.run(&host).map_err(text)?;
    let bytes = runtime.park(SessionId(0)).map_err(text)?;
    let refused = runtime.perturb(&[perturbation("crash B")?]);
    ensure!(refused == Err(RuntimeError::Topology(TopologyRefusal::Parked(SessionId(0)))), "{refused:?}");
    drop(runtime.perturb(&[perturbation("crash Z")?, perturbation("cut A B")?]).map_err(text)?);
    runtime.resume(&bytes).map_err(text)?;
    let outcome = runtime.perturb(&[perturbation("crash B")?]).map_err(text)?;
    ensure!(outcome.sessions == 1 && outcome.faults.len() == 1, "{outcome:?}");
    Ok(())
}

/// Who owns an endpoint acts at its role's site, whatever code it runs.
pub fn owners_are_at_their_endpoints_sites() -> Result<(), String> {
    let image =
        opening::opener(&[&[OPEN, YIELD, YIELD, YIELD][..], &opening::TALK[1..], &[opening::TELL, HALT]].concat())?
            .image()?;
    let mut runtime = opening::setup()?.sessions(1).schedule(1, 1).guest(&image)?;
    for _ in 0..5 {
        let _ = runtime.turn(&NoHost).map_err(text)?;
    }
    let outcome = runtime.perturb(&[perturbation("crash Q")?]).map_err(text)?;
    let faults: Vec<_> = outcome.faults.iter().map(|report| (report.coroutine.0, report.fault.to_string())).collect();
    ensure!(faults == [(0, String::from("the site Q crashed"))], "{faults:?}");
    ensure!(outcome.ended == [(SessionId(0), motet_types::Terminal::Cancelled)], "B waits on A: {outcome:?}");
    Ok(())
}

/// A site that an island has only in what an open speculation may bring back is one of its sites: what has been done could not be
/// taken back behind the crash.
pub fn crashes_reach_what_may_be_taken_back() -> Result<(), String> {
    let close = Instr::Close { session: opening::P };
    let seven = [opening::SEVEN, opening::TELL, HALT];
    let code = [&[OPEN, opening::FORK, close, YIELD, Instr::Abort {}, YIELD][..], &seven].concat();
    let image = opening::opener(&code)?.image()?;
    for cancellation in [Cancellation::Fine, Cancellation::Coarse] {
        let mut setup = opening::setup()?.sessions(1).schedule(1, 1);
        setup.config.cancellation = cancellation;
        let mut runtime = setup.guest(&image)?;
        while runtime.machine().image_of(SessionId(0).guest(1)).is_none() {
            let _ = runtime.turn(&NoHost).map_err(text)?;
        }
        while runtime.machine().image_of(SessionId(0).guest(1)).is_some() {
            let _ = runtime.turn(&NoHost).map_err(text)?;
        }
        let outcome = runtime.perturb(&[perturbation("crash Q")?]).map_err(text)?;
        let faults: Vec<_> = outcome.faults.iter().map(|one| (one.coroutine.0, one.fault.to_string())).collect();
        ensure!(faults == [(1, String::from("the site Q crashed"))], "{faults:?}");
        ensure!(outcome.ended == [(SessionId(0), motet_types::Terminal::Faulted)], "{outcome:?}");
    }
    Ok(())
}

/// What a coroutine that is gone had asked is not waited for, and an answer to it is refused.
pub fn answers_for_the_gone_are_refused() -> Result<(), String> {
    let mut draft = Draft::new();
    draft.end();
    let effect = draft.effect("ask", NAT, NAT, true);
    let constant = draft.nat(1);
    for (role, name) in ["A", "B"].iter().enumerate() {
        let end = draft.state(role as u16, motet_types::Action::End, &[]);
        let invoke = Instr::Invoke { arg: 1, dst: 1, effect };
        draft.role(name, end, 2, &[Instr::Set { dst: 1, constant }, invoke, HALT]);
    }
    let image = draft.image()?;
    let host = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let mut runtime = Setup::default().guest(&image)?;
    runtime.run(&host).map_err(text)?;
    let asked: Vec<_> = runtime.outstanding().collect();
    ensure!(asked.len() == 2, "{asked:?}");
    drop(runtime.perturb(&[perturbation("crash A")?]).map_err(text)?);
    let left: Vec<_> = runtime.outstanding().map(|(_, at)| at.coroutine.0).collect();
    ensure!(left == [1], "{left:?} are waited for");
    for (effect, at) in asked {
        let answer = crate::script::done(Value::Nat(1));
        match (at.coroutine.0, runtime.complete(effect, answer)) {
            (0, Err(RuntimeError::Answer(AnswerError::NotPending(_)))) | (1, Ok(())) => {}
            (_, other) => return Err(format!("{at}: {other:?}")),
        }
    }
    runtime.run(&host).map_err(text)?;
    ensure!(runtime.status() == RunStatus::Faulted, "{:?}", runtime.status());
    Ok(())
}

/// A snapshot whose coroutines wait for links that are whole, crashed where nothing did, or were cancelled, is refused by name.
pub fn forged_failures_are_refused() -> Result<(), String> {
    let image = protocol(PING)?;
    let mut runtime = steps().guest(&image)?;
    let bytes = runtime.snapshot().map_err(text)?.machine().to_bytes();
    let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &bytes).map_err(text)?;
    let root = runtime.settle_root();
    let proof = runtime.prove_session(SessionId(0)).map_err(text)?;
    let (_, state) = proof.verify(root, SessionId(0)).map_err(text)?;
    ensure!(state.coroutines.iter().all(|one| one.standing.is_ready()), "{state:?}");
    // Behind the session's version, id, turn, flag and count, and the coroutine's pc, counter and type state.
    let head: Vec<u8> = [1u8].into_iter().chain(0u64.to_le_bytes()).chain([0, 0, 0, 2, 0]).collect();
    let at = body.windows(head.len()).position(|window| window == head).ok_or("the session is not there")?;
    let standing = at + head.len() + 12;
    ensure!(body[standing] == 0, "it runs: {}", body[standing]);
    for forged in [9, 10, 11] {
        let mut changed = body.clone();
        changed[standing] = forged;
        let sealed = seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &changed);
        match ProtocolMachine::restore(steps().config, &[Arc::clone(&image)], &sealed) {
            Err(RestoreError::Session { session: SessionId(0), .. }) => {}
            other => return Err(format!("{forged}: {:?}", other.err())),
        }
    }
    Ok(())
}
