//! What a machine's runner is given and what it answers: the documents of the specification, section 10.3.
//!
//! Fields that the specification does not have are Motet's own and optional: `reference/README.md` says what they mean.
//! Where it names a field and gives no shape, the field is any JSON.

use crate::authority_document::{AuthorityResult, ScriptedAuthority};
use crate::event_json::event_json;
use crate::schema::{BridgeVersion, documents};
use motet_machine::{CodeImage, TraceEvent};
use motet_semantic::ProtocolMachineSemanticObjects;
use motet_types::EventKind;
use serde_json::Value as Json;
use std::collections::BTreeMap;

documents! {
    /// What is to be run.
    pub struct ProtocolMachineRunInput {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// The protocols; each has sessions of its own, opened in this order.
        pub choreographies: Vec<ChoreographyInput>,
        /// How many sessions a wave has at most; 1 is the canonical schedule.
        pub concurrency: u64,
        /// The most steps of all sessions together.
        pub max_steps: u64,
        /// How the machine is configured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub config: Option<MachineInput>,
        /// What the host answers; without it choices are taken in turn and messages go as they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub host: Option<HostInput>,
        /// What happens to sites and links between rounds, in order; the coarser rule holds where a site crashes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub topology: Option<Vec<ScriptedPerturbation>>,
        /// What comes to the authority of sessions between rounds, in order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub authority: Option<Vec<ScriptedAuthority>>,
        /// Whether the answer says how every session stands at the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub detail: Option<bool>,
        /// Whether the answer says how the sessions stand behind each step; `concurrency` is 1 then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub steps: Option<bool>,
    }

    /// One protocol.
    pub struct ChoreographyInput {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// Its global type, in the form of section 10.2.
        pub global_type: Json,
        /// Its roles, in order.
        pub roles: Vec<String>,
        /// Each role's code, in the same order; without it the runner compiles the type itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub programs: Option<Vec<ProgramInput>>,
        /// The protocols of which the code opens sessions, by the rows that it names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub plans: Option<Vec<PlanInput>>,
        /// How many sessions it has; 1 where nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sessions: Option<u64>,
    }

    /// A protocol of which instructions may open sessions.
    pub struct PlanInput {
        /// Its global type, in the form of section 10.2.
        pub global_type: Json,
        /// Its roles, in order.
        pub roles: Vec<String>,
    }

    /// A role's code.
    pub struct ProgramInput {
        /// The role.
        pub role: String,
        /// How many registers it has.
        pub registers: u64,
        /// Its instructions: arrays of a mnemonic and its operands.
        pub code: Vec<Json>,
    }

    /// The configuration of a machine, as far as runners know it.
    #[derive(Default)]
    pub struct MachineInput {
        /// How many messages an edge holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub capacity: Option<u64>,
        /// What a full edge does: `"block"`, `"drop"`, `"error"`, `{"resize": n}`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub policy: Option<Json>,
        /// Whether an edge keeps the latest message alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub latest: Option<bool>,
        /// How many bytes a payload may have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_payload: Option<u64>,
        /// Whether a jump is carried out with the instruction before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub fold_jumps: Option<bool>,
        /// Which outputs may become visible: `"disabled"`, `"allow_all"`, `"deny_all"`, `{"allow_list": [...]}`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub outputs: Option<Json>,
        /// Which facts may flow to which roles, as in docs/configuration.md.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub flow: Option<Json>,
        /// How many facts a session's coroutines may know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_facts: Option<u64>,
        /// How many bytes a fact may have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_fact_bytes: Option<u64>,
        /// How deep speculations nest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub speculation_depth: Option<u64>,
        /// How many coroutines a session may have that go on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_coroutines: Option<u64>,
        /// How many sessions a session may have that were opened in it and have not ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_guest_sessions: Option<u64>,
    }

    /// A host that was written down.
    #[derive(Default)]
    pub struct HostInput {
        /// Who answers, as semantic objects name it; `plain` where nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub identity: Option<String>,
        /// The kinds of effects that it is asked about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub wants: Option<Vec<String>>,
        /// Its answer at each place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub script: Option<Vec<ScriptedAnswer>>,
    }

    /// What a host answers at one place.
    pub struct ScriptedAnswer {
        /// The place: `session/coroutine/count`.
        pub operation_id: String,
        /// The outcome, as in docs/host.md.
        pub outcome: Json,
        /// Of an effect that may block: how many rounds were over when this came. Word that it is put off may come before its
        /// answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tick: Option<u64>,
    }

    /// Something that happens to a site or a link between rounds.
    pub struct ScriptedPerturbation {
        /// How many rounds were over.
        pub tick: u64,
        /// How many of the host's words about effects that may block had come before.
        pub answers: u64,
        /// What, as in docs/topology.md.
        pub perturbation: Json,
    }

    /// A run.
    pub struct ProtocolMachineRunOutput {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// What happened, in order.
        pub trace: Vec<ProtocolMachineTraceEvent>,
        /// Every session.
        pub sessions: Vec<ProtocolMachineSessionStatus>,
        /// How many steps were made.
        pub steps_executed: u64,
        /// The width of a wave, as asked.
        pub concurrency: u64,
        /// How the run ended.
        pub status: RunStatus,
        /// What the host was asked and what it answered.
        #[serde(default)]
        pub effect_exchanges: Vec<EffectExchange>,
        /// What the host did.
        #[serde(default)]
        pub effect_trace: Vec<Json>,
        /// Output conditions and whether they held.
        #[serde(default)]
        pub output_condition_trace: Vec<Json>,
        /// The machine around each step.
        #[serde(default)]
        pub step_states: Vec<ProtocolMachineStepState>,
        /// The semantic objects at the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub semantic_objects: Option<ProtocolMachineSemanticObjects>,
        /// What came of each operation of an owner, in order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub authority: Option<Vec<AuthorityResult>>,
        /// How every session stands at the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub final_states: Option<Vec<FinalState>>,
    }

    /// How a run ended. The specification has the first two.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "snake_case")]
    pub enum RunStatus {
        /// Every session ended.
        Completed,
        /// Somebody waits for ever.
        Stuck,
        /// Every session ended, and some with a fault.
        Faulted,
        /// The limit was reached.
        MaxSteps,
        /// Somebody waits for the host.
        Waiting,
    }

    /// A session's status.
    #[derive(Eq)]
    pub struct ProtocolMachineSessionStatus {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// Its number, in the order of opening.
        pub sid: u64,
        /// Whether it has ended.
        pub terminal: bool,
    }

    /// One event.
    #[derive(Eq)]
    pub struct ProtocolMachineTraceEvent {
        /// `lean_bridge.v1`.
        pub schema_version: BridgeVersion,
        /// What happened.
        #[serde(with = "kind")]
        #[cfg_attr(feature = "schema", schemars(schema_with = "kind::schema"))]
        pub kind: EventKind,
        /// When.
        pub tick: u64,
        /// In which session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub session: Option<u64>,
        /// A message's sender.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sender: Option<String>,
        /// A message's receiver.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub receiver: Option<String>,
        /// A message's label, an effect's name, a guard's layer or a fact.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub label: Option<String>,
        /// Whose doing it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub role: Option<String>,
        /// To whom a fact would flow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub target: Option<String>,
        /// Whether it may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub permitted: Option<bool>,
        /// A session's new epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub epoch: Option<u64>,
        /// A speculation's number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ghost: Option<u64>,
        /// The coroutine that gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub from: Option<u64>,
        /// The coroutine that took.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub to: Option<u64>,
        /// An output condition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub predicate_ref: Option<String>,
        /// Its witness.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub witness_ref: Option<String>,
        /// The digest of what it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub output_digest: Option<String>,
        /// Whether it held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub passed: Option<bool>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }

    /// A question to the host, and its answer.
    pub struct EffectExchange {
        /// The place: `session/coroutine/count`.
        pub operation_id: String,
        /// What was asked, as in docs/host.md, with the asking coroutine's registers.
        pub body: Json,
        /// What was answered.
        pub outcome: Json,
    }

    /// The machine around one step.
    pub struct ProtocolMachineStepState {
        /// Which step, from 0.
        pub step_index: u64,
        /// The state before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub pre_state: Option<Json>,
        /// The state behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub post_state: Option<Json>,
        /// The coroutine that made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub selected_coro: Option<u64>,
        /// Its instruction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub selected_pc: Option<u64>,
        /// Its local type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub selected_type: Option<Json>,
        /// How the instruction went.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub exec_status: Option<String>,
        /// How many local types each session has, by its number.
        #[serde(default)]
        pub session_type_counts: BTreeMap<String, u64>,
        /// How many messages each session's edges hold, by its number.
        #[serde(default)]
        pub buffered_message_counts: BTreeMap<String, u64>,
        /// Who can run, in order.
        #[serde(default)]
        pub ready_queue: Vec<u64>,
        /// Who waits, and for what.
        #[serde(default)]
        pub blocked: Vec<Json>,
        /// What happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub event: Option<ProtocolMachineTraceEvent>,
    }

    /// How a session stands at the end.
    pub struct FinalState {
        /// Its number.
        pub sid: u64,
        /// `active`, or how it ended.
        pub status: String,
        /// Its coroutines, in order of the roles.
        pub coroutines: Vec<CoroutineState>,
        /// Its edges that hold something.
        pub buffers: Vec<BufferState>,
    }

    /// How a coroutine stands.
    pub struct CoroutineState {
        /// Whose code it runs.
        pub role: String,
        /// Its instruction, counted within the role's code.
        pub pc: u64,
        /// What it waits for: a tag of section 4.4, `ready` or `done`.
        pub status: String,
        /// Its registers.
        pub registers: Vec<Json>,
        /// What is left of its local type.
        pub local_type: Json,
    }

    /// How an edge stands.
    #[derive(Eq)]
    pub struct BufferState {
        /// Who sends.
        pub sender: String,
        /// Who receives.
        pub receiver: String,
        /// The labels of what is in flight, in order.
        pub messages: Vec<String>,
    }
}

/// An event's kind by its name. What is no event by itself is none here either.
mod kind {
    use motet_types::EventKind;
    use serde::{Deserialize, Deserializer, Serializer};

    fn kinds() -> impl Iterator<Item = EventKind> {
        EventKind::ALL.iter().copied().filter(|kind| !matches!(kind, EventKind::Guest | EventKind::Text))
    }

    pub(super) fn serialize<S: Serializer>(kind: &EventKind, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<EventKind, D::Error> {
        let found = String::deserialize(from)?;
        let known = || kinds().map(|kind| format!("`{}`", kind.name())).collect::<Vec<_>>().join(", ");
        let error = || serde::de::Error::custom(format!("{found:?} is no kind of event; there are {}", known()));
        kinds().find(|kind| kind.name() == found).ok_or_else(error)
    }

    #[cfg(feature = "schema")]
    pub(super) fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"enum": kinds().map(EventKind::name).collect::<Vec<_>>()})
    }
}

impl ProtocolMachineTraceEvent {
    /// An event of the machine: [`event_json`], typed.
    ///
    /// # Errors
    /// Where [`event_json`] writes something that no trace has, which would be a defect; the text says what.
    pub fn of(image: &CodeImage, event: &TraceEvent, text: &str) -> Result<Self, String> {
        serde_json::from_value(event_json(image, event, text)).map_err(|error| error.to_string())
    }
}

impl From<motet_runtime::RunStatus> for RunStatus {
    fn from(status: motet_runtime::RunStatus) -> Self {
        match status {
            motet_runtime::RunStatus::Completed => Self::Completed,
            motet_runtime::RunStatus::Faulted => Self::Faulted,
            motet_runtime::RunStatus::MaxSteps => Self::MaxSteps,
            motet_runtime::RunStatus::Waiting => Self::Waiting,
            motet_runtime::RunStatus::Stuck => Self::Stuck,
        }
    }
}

impl ProtocolMachineRunInput {
    /// An input with nothing but what the specification has.
    pub const fn new(choreographies: Vec<ChoreographyInput>, concurrency: u64, max_steps: u64) -> Self {
        let (config, host, topology, authority, detail, steps) = (None, None, None, None, None, None);
        let schema_version = BridgeVersion;
        Self {
            schema_version,
            choreographies,
            concurrency,
            max_steps,
            config,
            host,
            topology,
            authority,
            detail,
            steps,
        }
    }
}

impl ProtocolMachineStepState {
    /// A step of which nothing is said.
    pub const fn of(step_index: u64) -> Self {
        Self {
            step_index,
            pre_state: None,
            post_state: None,
            selected_coro: None,
            selected_pc: None,
            selected_type: None,
            exec_status: None,
            session_type_counts: BTreeMap::new(),
            buffered_message_counts: BTreeMap::new(),
            ready_queue: Vec::new(),
            blocked: Vec::new(),
            event: None,
        }
    }
}

impl ChoreographyInput {
    /// A protocol that the runner compiles itself, with one session.
    pub const fn new(global_type: Json, roles: Vec<String>) -> Self {
        Self { schema_version: BridgeVersion, global_type, roles, programs: None, plans: None, sessions: None }
    }
}
