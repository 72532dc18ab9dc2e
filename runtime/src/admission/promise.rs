//! Whether a configuration and a schedule keep what contracts promise.

use crate::admission::contracts::{
    AdmissibilityClass, EscalationWindow, FairnessAssumption, RuntimeContracts, TransportContracts,
};
use crate::schedule::{PriorityPolicy, Schedule, SchedulerPolicy};
use motet_machine::{
    Authentication, BackpressurePolicy, BufferMode, CommunicationReplayMode, EdgeHistory, ProtocolMachineConfig,
};

/// A promise that was made: its name, what it is about, and why it is not kept, if it is not.
pub(super) struct Promise {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    pub(super) broken: Option<String>,
}

/// Everything that contracts promise.
pub(super) fn promises(
    contracts: &RuntimeContracts,
    config: &ProtocolMachineConfig,
    schedule: &Schedule,
) -> Vec<Promise> {
    let profile = &contracts.execution_profile;
    let mut told: Vec<Promise> = profile.fairness.iter().map(|fairness| fair(*fairness, config, schedule)).collect();
    if profile.admissibility != AdmissibilityClass::Local {
        told.push(Promise {
            name: profile.admissibility.name(),
            why: "runs take place elsewhere too",
            broken: Some("a runtime is one process; it shares no session with another".into()),
        });
    }
    told.extend(profile.escalation_windows.iter().map(|window| escalates(*window, config)));
    told.extend(transport(&contracts.transport_contracts, config));
    told
}

fn fair(promised: FairnessAssumption, config: &ProtocolMachineConfig, schedule: &Schedule) -> Promise {
    let starves = match &schedule.policy {
        SchedulerPolicy::Cooperative
        | SchedulerPolicy::RoundRobin
        | SchedulerPolicy::Priority(PriorityPolicy::Aging(_)) => None,
        SchedulerPolicy::Priority(_) => Some("priorities that do not age let a session wait for ever"),
        SchedulerPolicy::ProgressAware => Some("sessions with messages in flight always go first"),
        SchedulerPolicy::Random { .. } => Some("a drawn order has no bound on how long a session waits"),
    };
    let (why, broken) = match promised {
        FairnessAssumption::ScheduleConfluence => ("no session does anything else under another schedule", None),
        FairnessAssumption::StarvationFreedom => ("no session that is ready waits for ever", starves.map(String::from)),
        FairnessAssumption::LivenessFairness => {
            let waits = config.effect_budget.is_none();
            let why = "an effect may be waited for without end: effect_budget is not set";
            let broken = starves.or_else(|| waits.then_some(why));
            ("no session that can go on is kept from its end for ever", broken.map(String::from))
        }
    };
    Promise { name: promised.name(), why, broken }
}

fn escalates(window: EscalationWindow, config: &ProtocolMachineConfig) -> Promise {
    let (why, broken) = match window {
        EscalationWindow::ProgressContract => {
            let unset = config.effect_budget.is_none();
            ("effects that are not answered in time have timed out", unset.then_some("effect_budget is not set"))
        }
        EscalationWindow::AdmissionComplexity => ("an image is refused that takes too long to verify", None),
        EscalationWindow::ProtocolBridge => {
            ("a bridge between protocols answers in its window", Some("there is no bridge between protocols"))
        }
    };
    Promise { name: window.name(), why, broken: broken.map(String::from) }
}

fn transport(promised: &TransportContracts, config: &ProtocolMachineConfig) -> Vec<Promise> {
    let TransportContracts { ordered, lossless, bounded, backpressure, authenticated, at_most_once, provable_history } =
        *promised;
    let buffer = &config.buffer;
    let fifo = buffer.mode == BufferMode::Fifo;
    let signed = !matches!(config.authentication, Authentication::None);
    let rows = [
        (ordered, "ordered", "messages arrive in order", !fifo, "buffer.mode keeps the latest value only"),
        (
            lossless,
            "lossless",
            "no message is lost",
            !fifo || buffer.policy == BackpressurePolicy::Drop,
            "the buffers may drop or overwrite messages",
        ),
        (
            bounded,
            "bounded",
            "an edge holds no more than its first capacity",
            matches!(buffer.policy, BackpressurePolicy::Resize { .. }),
            "buffer.policy lets edges grow",
        ),
        (
            backpressure,
            "backpressure",
            "a full edge lets its sender wait",
            buffer.policy != BackpressurePolicy::Block,
            "buffer.policy is not to block",
        ),
        (authenticated, "authenticated", "messages are signed", !signed, "authentication is off"),
        (
            at_most_once,
            "at_most_once",
            "no message is received twice",
            config.communication_replay_mode == CommunicationReplayMode::Off,
            "communication_replay_mode is off",
        ),
        (
            provable_history,
            "provable_history",
            "the whole history of an edge can be proved",
            !signed || config.edge_history != EdgeHistory::Full,
            "it takes authentication, and edge_history full",
        ),
    ];
    let made = rows.into_iter().filter(|(promised, ..)| *promised);
    made.map(|(_, name, why, broken, how)| Promise { name, why, broken: broken.then(|| how.into()) }).collect()
}
