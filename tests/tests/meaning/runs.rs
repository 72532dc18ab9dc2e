//! The runs: each looks at its objects at every moment, and takes its audit at the end.

use motet_log::sim::SimDisk;
use motet_machine::{
    EffectOutcome, EffectRequestBody, EffectResponse, OutputConditionHint, OutputConditionPolicy, OwnershipOperation,
    SessionHostMutation,
};
use motet_runtime::{Durable, DurableGuestRuntime, GuestRuntime, OwnedSession, RuntimeError, Schedule, Turn};
use motet_semantic::{
    AgreementLevel, FinalizationOutcome, OwnershipScope, PendingEffectTreatment, ProtocolMachineSemanticObjects,
    SemanticAuditRecord,
};
use motet_tests::checks::contracts::{agree_on, declared, ended, evidence, waiting};
use motet_tests::checks::deadlines::asking;
use motet_tests::draft::letters;
use motet_tests::script::{Script, accept, done};
use motet_tests::walk::Setup;
use motet_types::{EffectFailureKind, EffectKind, SessionId, Value};
use std::sync::{Arc, Mutex};

/// What a run says of itself.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) objects: Vec<ProtocolMachineSemanticObjects>,
    pub(crate) audit: Vec<SemanticAuditRecord>,
}

impl Told {
    fn look(&mut self, runtime: &GuestRuntime) -> Result<(), String> {
        self.objects.push(runtime.semantic_objects().map_err(text)?);
        Ok(())
    }

    fn end(mut self, runtime: &mut GuestRuntime) -> Result<Self, String> {
        self.look(runtime)?;
        self.audit = runtime.drain_semantic_audit().map_err(text)?.0;
        Ok(self)
    }
}

/// A run, by name.
type Named = (&'static str, fn() -> Result<Told, String>);

/// All of them.
pub(crate) const ALL: &[Named] = &[
    ("effects that take their time", effects),
    ("sessions that are handed over", handoffs),
    ("witnesses", witnesses),
    ("checked outputs", || outputs(8)),
    ("checked outputs, one step in each turn", || outputs(1)),
    ("agreements", agreements),
];

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn setup(budget: Option<u64>) -> Setup {
    let mut setup = Setup::default().schedule(8, 256).sessions(4);
    (setup.config.semantic_objects, setup.config.effect_budget) = (Some(200), budget);
    setup
}

fn pending() -> Script<'static> {
    Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending)
}

fn begun(budget: Option<u64>) -> Result<GuestRuntime, String> {
    let mut runtime = setup(budget).guest(&asking()?)?;
    for _ in 0..2 {
        runtime.turn(&pending()).map_err(text)?;
    }
    Ok(runtime)
}

/// One effect is answered, one fails, one is abandoned by the end of its session, and the others wait until they are given
/// up.
fn effects() -> Result<Told, String> {
    let (mut runtime, mut told) = (begun(Some(8))?, Told::default());
    told.look(&runtime)?;
    let waiting: Vec<_> = runtime.outstanding().collect();
    let of = |session: u64, coroutine: u16| {
        let found = waiting.iter().find(|(_, at)| (at.session.0, at.coroutine.0) == (session, coroutine));
        found.map(|(id, _)| *id).ok_or("no such effect")
    };
    runtime.complete(of(0, 0)?, done(Value::Nat(1))).map_err(text)?;
    // The other effect of the session is not wanted any more when this one's failure ends it.
    let failure = EffectOutcome::failure(EffectFailureKind::Unavailable, "no");
    runtime.complete(of(1, 0)?, failure).map_err(text)?;
    runtime.turn(&pending()).map_err(text)?;
    told.look(&runtime)?;
    for _ in 0..10 {
        runtime.advance(1).map_err(text)?;
        told.look(&runtime)?;
        runtime.turn(&pending()).map_err(text)?;
        told.look(&runtime)?;
    }
    told.end(&mut runtime)
}

fn claimed(runtime: &mut GuestRuntime, session: u64) -> Result<OwnedSession, String> {
    OwnedSession::claim(runtime, SessionId(session), "ada", OwnershipScope::Session).map_err(text)
}

/// Transfers that are begun, committed in both ways, and rolled back.
fn handoffs() -> Result<Told, String> {
    let (mut runtime, mut told) = (begun(None)?, Told::default());
    for (session, treatment) in (0..).zip(PendingEffectTreatment::ALL) {
        let owner = claimed(&mut runtime, session)?;
        let receipt = owner.begin_transfer(&mut runtime, "bob").map_err(text)?;
        told.look(&runtime)?;
        let asked: Vec<_> = runtime.outstanding().collect();
        drop(OwnedSession::commit_transfer_with(&mut runtime, &receipt, *treatment).map_err(text)?);
        told.look(&runtime)?;
        // What did not go along is answered all the same, and too late.
        let gone = asked.iter().filter(|(_, at)| !runtime.machine().is_pending(at)).map(|(id, _)| *id);
        for late in gone.collect::<Vec<_>>() {
            let refused = runtime.complete(late, done(Value::Nat(1)));
            if refused != Err(RuntimeError::LateResult(late)) {
                return Err(format!("a late result: {refused:?}"));
            }
        }
        told.look(&runtime)?;
    }
    let owner = claimed(&mut runtime, 2)?;
    let receipt = owner.begin_transfer(&mut runtime, "bob").map_err(text)?;
    owner.roll_back_transfer(&mut runtime, &receipt).map_err(text)?;
    runtime.turn(&pending()).map_err(text)?;
    told.end(&mut runtime)
}

/// Witnesses of all kinds: issued, used, shown when it is too late, and over.
fn witnesses() -> Result<Told, String> {
    let (mut runtime, mut told) = (begun(None)?, Told::default());
    let owner = claimed(&mut runtime, 0)?;
    let ready = owner.issue_readiness(&mut runtime, "ready").map_err(text)?;
    let left = owner.issue_readiness(&mut runtime, "steady").map_err(text)?;
    told.look(&runtime)?;
    owner.consume_readiness(&mut runtime, &ready).map_err(text)?;
    let twice = owner.consume_readiness(&mut runtime, &ready);
    if !matches!(twice, Err(RuntimeError::Ownership(_))) {
        return Err(format!("a witness is used twice: {twice:?}"));
    }
    let handler = SessionHostMutation::SetDefaultHandler { handler: "h".into() };
    owner.apply_host_mutation(&mut runtime, handler).map_err(text)?;
    let wait = OwnershipOperation::IssueTimeout { site: "A".into(), duration: 1 };
    drop(runtime.own(SessionId(1), wait).map_err(text)?);
    told.look(&runtime)?;
    runtime.advance(5).map_err(text)?;
    drop(runtime.own(SessionId(1), OwnershipOperation::ExpireTimeouts).map_err(text)?);
    let receipt = owner.begin_transfer(&mut runtime, "bob").map_err(text)?;
    drop(OwnedSession::commit_transfer(&mut runtime, &receipt).map_err(text)?);
    drop(left);
    let other = claimed(&mut runtime, 2)?;
    let receipt = other.begin_transfer(&mut runtime, "bob").map_err(text)?;
    drop(OwnedSession::cancel_abandoned_transfer(&mut runtime, &receipt, "nobody came").map_err(text)?);
    told.end(&mut runtime)
}

/// Outputs that are admitted, and one that is not, looked at behind every turn.
fn outputs(fuel: u32) -> Result<Told, String> {
    let mut setup = setup(None).sessions(2);
    setup.schedule = Schedule { wave: 1, fuel, chunk: 1, turn: 1, ..Schedule::default() };
    setup.config.output_condition_policy = OutputConditionPolicy::AllowList(["yes".into()].into());
    let asked = Mutex::new(0);
    let host = Script::new(&[EffectKind::OutputConditionHint], move |request| match request.body {
        EffectRequestBody::OutputConditionHint { .. } => {
            let mut asked = asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *asked += 1;
            let predicate = if *asked == 4 { "no" } else { "yes" };
            let hint = OutputConditionHint { predicate: predicate.into(), witness: Some("w".into()) };
            EffectOutcome::Success(EffectResponse::OutputConditionHint(Some(Box::new(hint))))
        }
        _ => accept(request),
    });
    let (mut runtime, mut told) = (setup.guest(&letters(2).image()?)?, Told::default());
    while runtime.turn(&host).map_err(text)? != Turn::Idle {
        told.look(&runtime)?;
    }
    told.end(&mut runtime)
}

/// Contracts of every kind on operations of a durable run, brought to every level and every end, before and after a
/// recovery.
fn agreements() -> Result<Told, String> {
    use AgreementLevel::{Finalized, Provisional, SoftSafe};
    let disk = SimDisk::new();
    let (mut run, operations) = waiting(&disk, 6)?;
    let mut told = Told::default();
    let look = |run: &DurableGuestRuntime, told: &mut Told| {
        told.objects.push(run.semantic_objects().map_err(text)?);
        Ok::<_, String>(())
    };
    let levels = [(SoftSafe, Finalized), (Provisional, SoftSafe), (AgreementLevel::None, Provisional)];
    let mut all = Vec::new();
    for (number, id) in operations.iter().enumerate() {
        let mut one = declared(number, id);
        let objects = run.semantic_objects().map_err(text)?;
        one.contract.session =
            objects.operation_instances.iter().find(|op| op.operation_id == *id).and_then(|op| op.session);
        if one.needed > 0 {
            (one.contract.usable_at, one.contract.finalized_at) = levels[number % 3];
            if number == 8 {
                one.contract.usable_at = Finalized;
                one.contract.finalized_at = Finalized;
            }
        }
        run.declare_agreement(&one).map_err(text)?;
        all.push(one);
    }
    look(&run, &mut told)?;
    // What nobody has to agree on may have evidence all the same.
    for one in all.iter().filter(|one| one.needed == 0) {
        run.agree(&evidence(one, "ada", AgreementLevel::None)).map_err(text)?;
    }
    let asked: Vec<_> = all.iter().filter(|one| one.needed > 0).collect();
    for one in &asked {
        let owner = one.participants.first().cloned().unwrap_or_default();
        run.agree(&evidence(one, &owner, Provisional)).map_err(text)?;
    }
    let ends = [
        (Finalized, FinalizationOutcome::Finalized),
        (SoftSafe, FinalizationOutcome::Aborted),
        (SoftSafe, FinalizationOutcome::Rejected),
        (SoftSafe, FinalizationOutcome::TimedOut),
    ];
    for (one, (level, outcome)) in asked.iter().zip(ends) {
        agree_on(&mut run, one, Provisional, level)?;
        look(&run, &mut told)?;
        run.agree(&ended(one, outcome)).map_err(text)?;
        look(&run, &mut told)?;
    }
    run.checkpoint().map_err(text)?;
    run.sync().map_err(text)?;
    drop(run);
    let options = motet_tests::checks::durable::options(0);
    let (run, _) = Durable::recover(Arc::new(disk), options).map_err(text)?;
    look(&run, &mut told)?;
    Ok(told)
}
