//! A machine's configuration: what is fixed for a run besides its schedule.

use crate::auth::identity::CommunicationReplayMode;
use crate::auth::keys::{Authentication, KeysError};
use crate::auth::watch::{EdgeHistory, WatchRules};
use crate::condition::OutputConditionPolicy;
use crate::credits::CreditRules;
use crate::edge::{BackpressurePolicy, BufferConfig, BufferMode};
use crate::effect::RunId;
use crate::flow::FlowPolicy;
use crate::knowledge::KnowledgeRules;
use crate::topology::Cancellation;
use crate::trace::TraceMode;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use motet_types::{Digester, LayerId, Planted, Reader, planted};
use serde::{Deserialize, Serialize};

/// A guard layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardLayer {
    /// Its number, as `Acquire` and `Release` name it.
    pub id: LayerId,
    /// Whether guards of this layer can be acquired.
    pub active: bool,
}

/// A machine's configuration.
///
/// As a document (TOML, JSON) it has these fields by these names; what is left out is as in the default, and what is not
/// known is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProtocolMachineConfig {
    /// The buffers of all edges.
    pub buffer: BufferConfig,
    /// The most registers a role may use, over all images.
    pub max_registers: u16,
    /// The most sessions alive at once.
    pub max_sessions: u32,
    /// The largest value a host may hand in, in bytes of [`Value::wire_size`](motet_types::Value::wire_size).
    pub max_payload_bytes: usize,
    /// How much of the trace is kept.
    pub trace: TraceMode,
    /// Whether the host's answers are recorded.
    pub record: bool,
    /// What tells this run's effects from another's.
    pub run_id: RunId,
    /// A state digest is taken at the end of a turn when this many waves have been committed since the last; 0 takes
    /// none but those that are asked for.
    pub digest_waves: u32,
    /// How deep speculations may be nested; 0 refuses images that speculate.
    pub speculation_depth: u16,
    /// Whether commits say which lane ran which burst.
    pub observe_lanes: bool,
    /// The most sessions that instructions of one island may have open at once, beside its main one; 0 refuses images that
    /// open sessions. They are not counted in `max_sessions`: how many all islands have at a moment depends on the
    /// schedule.
    pub max_guest_sessions: u16,
    /// The most coroutines of one island that have not ended, those of its roles included; more cannot be started.
    pub max_coroutines: u16,
    /// The guard layers, each once. Without any, every layer is the host's to grant or refuse; with some, no other can be
    /// acquired.
    pub guard_layers: Vec<GuardLayer>,
    /// Which knowledge may flow to which roles.
    pub flow_policy: FlowPolicy,
    /// The most facts that the coroutines of one island know in all; no more can be tagged.
    pub max_facts: u16,
    /// The most bytes that a fact has.
    pub max_fact_bytes: u16,
    /// What is held against messages that come twice, or out of their order.
    pub communication_replay_mode: CommunicationReplayMode,
    /// Whether messages are signed, and with which keys. Of the keys, only their id is written anywhere.
    pub authentication: Authentication,
    /// How much is kept of what was sent on an edge whose messages are signed.
    pub edge_history: EdgeHistory,
    /// The most artifacts of received messages that are kept until somebody takes them; the oldest go first, and are
    /// counted. 0 keeps none. No run depends on it.
    pub max_consumptions: u32,
    /// The most summaries of sessions that have ended which are kept until somebody takes them; the oldest go first, and are
    /// counted. 0 keeps none. No run depends on it.
    pub max_summaries: u32,
    /// Who ends when a site has failed.
    pub cancellation: Cancellation,
    /// What each coroutine may use, those that instructions start included; none, and nothing is counted.
    pub credits: Option<u64>,
    /// What each executed instruction costs its coroutine, where that is counted.
    pub instruction_cost: u64,
    /// How many ticks the host has to answer an effect that may block, from the end of the turn in which it was asked for;
    /// then it fails as timed out. None, and whoever asked waits for as long as it takes.
    pub effect_budget: Option<u64>,
    /// Which steps may become visible.
    pub output_condition_policy: OutputConditionPolicy,
    /// The most checks of outputs that are kept until somebody takes them; the oldest go first, and are counted. 0 keeps
    /// none. No run depends on it.
    pub max_output_checks: u32,
    /// How many semantic objects that have ended are kept, and how many records of the semantic audit until somebody takes
    /// them; the oldest go first. None, and the machine makes no semantic objects.
    pub semantic_objects: Option<u32>,
}

impl Default for ProtocolMachineConfig {
    fn default() -> Self {
        Self {
            buffer: BufferConfig::default(),
            max_registers: 4096,
            max_sessions: u32::MAX,
            max_payload_bytes: 65_536,
            trace: TraceMode::Full,
            record: false,
            run_id: RunId::default(),
            digest_waves: 0,
            speculation_depth: 0,
            observe_lanes: false,
            max_guest_sessions: u16::MAX,
            max_coroutines: u16::MAX,
            guard_layers: Vec::new(),
            flow_policy: FlowPolicy::AllowAll,
            max_facts: 1024,
            max_fact_bytes: 1024,
            communication_replay_mode: CommunicationReplayMode::Off,
            authentication: Authentication::None,
            edge_history: EdgeHistory::Frontier,
            max_consumptions: 0,
            max_summaries: 0,
            cancellation: Cancellation::Fine,
            credits: None,
            instruction_cost: 1,
            effect_budget: None,
            output_condition_policy: OutputConditionPolicy::Disabled,
            max_output_checks: 4096,
            semantic_objects: None,
        }
    }
}

/// A configuration that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A buffer that holds nothing: no message could ever be sent.
    #[error("an edge must hold at least one message")]
    NoBuffer,
    /// A growing buffer whose limit is below its first size.
    #[error("an edge that grows to {max} cannot start with {capacity}")]
    Shrinks {
        /// The limit.
        max: u16,
        /// The first size.
        capacity: u16,
    },
    /// A guard layer that stands twice, or more of them than there are numbers.
    #[error("{0} stands twice among the guard layers")]
    LayerTwice(LayerId),
    /// A flow policy that no machine can have.
    #[error("the flow policy names {0}")]
    Flow(&'static str),
    /// An output policy that no machine can have.
    #[error("the output condition policy names {0}")]
    Outputs(&'static str),
    /// Keys that are missing, or of the wrong kind.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A limit of zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

impl ProtocolMachineConfig {
    /// Appends what a run depends on: all but how much of the trace is kept and whether answers are recorded.
    pub fn encode(&self, into: &mut impl Digester) {
        into.u8(match self.buffer.mode {
            BufferMode::Fifo => 0,
            BufferMode::LatestValue => 1,
        });
        into.u16(self.buffer.capacity);
        let (policy, max) = match self.buffer.policy {
            BackpressurePolicy::Block => (0, 0),
            BackpressurePolicy::Drop => (1, 0),
            BackpressurePolicy::Error => (2, 0),
            BackpressurePolicy::Resize { max } => (3, max),
        };
        into.u8(policy);
        into.u16(max);
        into.u16(self.max_registers);
        into.u32(self.max_sessions);
        into.size(self.max_payload_bytes);
        into.bytes(&self.run_id.0);
        into.u32(self.digest_waves);
        into.u16(self.speculation_depth);
        into.u16(self.max_guest_sessions);
        into.u16(self.max_coroutines);
        into.u32(self.guard_layers.len() as u32);
        for layer in &self.guard_layers {
            into.u16(layer.id.0);
            into.u8(u8::from(layer.active));
        }
        into.u16(self.max_facts);
        into.u16(self.max_fact_bytes);
        into.u8(self.communication_replay_mode as u8);
        into.u8(self.edge_history as u8);
        self.authentication.encode(into);
        match planted(Planted::ConfigForgetsFlow) {
            true => FlowPolicy::AllowAll.encode(into),
            false => self.flow_policy.encode(into),
        }
        into.u8(match self.cancellation {
            Cancellation::Fine => 0,
            Cancellation::Coarse => 1,
        });
        let credits = self.credits.filter(|_| !planted(Planted::ConfigForgetsCredits));
        into.u8(u8::from(credits.is_some()));
        into.u64(credits.unwrap_or_default());
        into.u64(self.instruction_cost);
        let budget = self.effect_budget.filter(|_| !planted(Planted::ConfigForgetsBudget));
        into.u8(u8::from(budget.is_some()));
        into.u64(budget.unwrap_or_default());
        match planted(Planted::ConfigForgetsOutputs) {
            true => OutputConditionPolicy::Disabled.encode(into),
            false => self.output_condition_policy.encode(into),
        }
        into.u8(u8::from(self.semantic_objects.is_some()));
        into.u32(self.semantic_objects.unwrap_or_default());
    }

    /// What the step needs to know of it about knowledge.
    pub(crate) fn knowledge_rules(&self) -> KnowledgeRules {
        let (max_facts, max_fact_bytes) = (usize::from(self.max_facts), usize::from(self.max_fact_bytes));
        KnowledgeRules { policy: self.flow_policy.clone(), max_facts, max_fact_bytes }
    }

    /// What the step needs to know of it about messages that are looked at.
    pub(crate) fn watch_rules(&self) -> WatchRules {
        WatchRules {
            mode: self.communication_replay_mode,
            authentication: self.authentication.clone(),
            history: self.edge_history,
            exact: self.buffer.mode == BufferMode::Fifo,
            artifacts: self.max_consumptions > 0,
            run: self.run_id,
            keys: Vec::new(),
        }
    }

    /// What turns need to know of it about credits.
    pub(crate) const fn credit_rules(&self) -> CreditRules {
        CreditRules { budget: self.credits, cost: self.instruction_cost }
    }

    /// Why a guard of the layer cannot be acquired, if it cannot.
    pub(crate) fn unguarded(&self, layer: LayerId) -> Option<&'static str> {
        match self.guard_layers.iter().find(|known| known.id == layer) {
            Some(known) if known.active => None,
            Some(_) => Some("the guard layer is not active"),
            None if self.guard_layers.is_empty() => None,
            None => Some("the configuration has no such guard layer"),
        }
    }

    /// Reads what [`ProtocolMachineConfig::encode`] wrote; all of the trace is kept, and no answer recorded.
    pub fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let mode = match from.u8()? {
            0 => BufferMode::Fifo,
            1 => BufferMode::LatestValue,
            _ => return None,
        };
        let capacity = from.u16()?;
        let policy = match (from.u8()?, from.u16()?) {
            (0, 0) => BackpressurePolicy::Block,
            (1, 0) => BackpressurePolicy::Drop,
            (2, 0) => BackpressurePolicy::Error,
            (3, max) => BackpressurePolicy::Resize { max },
            _ => return None,
        };
        let mut config = Self {
            buffer: BufferConfig { mode, capacity, policy },
            max_registers: from.u16()?,
            max_sessions: from.u32()?,
            max_payload_bytes: usize::try_from(from.u64()?).ok()?,
            run_id: RunId(from.take(16)?.try_into().ok()?),
            digest_waves: from.u32()?,
            speculation_depth: from.u16()?,
            max_guest_sessions: from.u16()?,
            max_coroutines: from.u16()?,
            trace: TraceMode::Full,
            record: false,
            observe_lanes: false,
            guard_layers: Vec::new(),
            flow_policy: FlowPolicy::AllowAll,
            max_facts: 0,
            max_fact_bytes: 0,
            communication_replay_mode: CommunicationReplayMode::Off,
            authentication: Authentication::None,
            edge_history: EdgeHistory::Frontier,
            max_consumptions: 0,
            max_summaries: 0,
            cancellation: Cancellation::Fine,
            credits: None,
            instruction_cost: 1,
            effect_budget: None,
            output_condition_policy: OutputConditionPolicy::Disabled,
            max_output_checks: 0,
            semantic_objects: None,
        };
        for _ in 0..from.u32()? {
            let (id, active) = (LayerId(from.u16()?), from.u8().filter(|active| *active <= 1)? == 1);
            config.guard_layers.push(GuardLayer { id, active });
        }
        (config.max_facts, config.max_fact_bytes) = (from.u16()?, from.u16()?);
        config.communication_replay_mode = CommunicationReplayMode::from_number(from.u8()?)?;
        config.edge_history = match from.u8()? {
            0 => EdgeHistory::Frontier,
            1 => EdgeHistory::Full,
            _ => return None,
        };
        config.authentication = Authentication::decode(from)?;
        config.flow_policy = FlowPolicy::decode(from)?;
        config.cancellation = match from.u8()? {
            0 => Cancellation::Fine,
            1 => Cancellation::Coarse,
            _ => return None,
        };
        config.credits = match (from.u8()?, from.u64()?) {
            (0, 0) => None,
            (1, credits) => Some(credits),
            _ => return None,
        };
        config.instruction_cost = from.u64()?;
        config.effect_budget = match (from.u8()?, from.u64()?) {
            (0, 0) => None,
            (1, ticks) => Some(ticks),
            _ => return None,
        };
        config.output_condition_policy = OutputConditionPolicy::decode(from)?;
        config.semantic_objects = match (from.u8()?, from.u32()?) {
            (0, 0) => None,
            (1, keep) => Some(keep),
            _ => return None,
        };
        Some(config)
    }

    /// Checks the configuration.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.buffer.capacity == 0 {
            return Err(ConfigError::NoBuffer);
        }
        if let BackpressurePolicy::Resize { max } = self.buffer.policy
            && max < self.buffer.capacity
        {
            return Err(ConfigError::Shrinks { max, capacity: self.buffer.capacity });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.guard_layers.iter().find(|layer| !seen.insert(layer.id)) {
            return Err(ConfigError::LayerTwice(twice.id));
        }
        self.flow_policy.validate().map_err(ConfigError::Flow)?;
        self.output_condition_policy.validate().map_err(ConfigError::Outputs)?;
        self.authentication.validate()?;
        if self.max_registers == 0 {
            return Err(ConfigError::Zero("max_registers"));
        }
        if self.max_sessions == 0 {
            return Err(ConfigError::Zero("max_sessions"));
        }
        if self.instruction_cost == 0 {
            return Err(ConfigError::Zero("instruction_cost"));
        }
        if self.effect_budget == Some(0) {
            return Err(ConfigError::Zero("effect_budget"));
        }
        Ok(())
    }
}
