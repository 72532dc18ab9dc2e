//! One case: a protocol with everything that decides its run.

use crate::checks::model::flow_policy;
use crate::dice::Dice;
use crate::generate::{Size, protocol, wild};
use crate::witness::Mood;
use motet_choreo::{Source, load};
use motet_machine::{
    BackpressurePolicy, BufferConfig, BufferMode, Cancellation, FlowPolicy, OutputConditionPolicy,
    ProtocolMachineConfig,
};
use motet_types::{EffectKind, EffectKinds, GlobalType};
use serde_json::Value as Json;

/// JSON cannot share what several branches lead to, so protocols that grow too much are not taken.
const MOST_JSON: usize = 24 << 10;

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The global type, as JSON.
    pub global: Json,
    /// Whether the code invokes the host after each communication.
    pub hooks: bool,
    /// How many instructions that change nothing are put into the code, drawn from the seed.
    pub padding: u32,
    /// How many things are put into the code that a role does besides its messages: facts, casts, started coroutines,
    /// endpoints that change hands; how many speculations; how many guards; how many ends of the session before its time; and how
    /// many conversations in sessions that the code opens.
    pub besides: [usize; 5],
    /// The seed of the host and of what is put in.
    pub seed: u64,
    /// What the host does besides answering.
    pub mood: Mood,
    /// Whether the host takes its time where it may.
    pub slow: bool,
    /// Whether links are cut and sites crash.
    pub fails: bool,
    /// Whether sessions have owners, who do something.
    pub owns: bool,
    /// What the host is asked about.
    pub wants: EffectKinds,
    /// The edges' buffers.
    pub buffer: BufferConfig,
    /// Which outputs may become visible.
    pub outputs: OutputConditionPolicy,
    /// Which facts may flow where.
    pub flow: FlowPolicy,
    /// Whether there may be few facts and coroutines, and no nested speculations.
    pub tight: bool,
    /// How many sessions there are.
    pub sessions: usize,
    /// The width of a wave; 1 is the canonical schedule.
    pub wave: u32,
    /// The most steps of all sessions together.
    pub limit: u64,
}

impl Case {
    /// The case of a seed.
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let global = loop {
            let size = Size {
                min_roles: 2,
                max_roles: 2 + dice.below(4) as u16,
                messages: 2 + dice.below(12),
                depth: 1 + dice.below(3),
                parallel: false,
                endless: dice.one_in(2),
                careless: 24,
            };
            let global = if dice.one_in(4) { wild(dice.rng(), &size) } else { protocol(dice.rng(), &size) };
            if let Some(json) =
                super::global_json(&global).filter(|json| json.to_string().len() <= MOST_JSON && acts(json))
            {
                break json;
            }
        };
        let mood = match dice.below(8) {
            0..=4 => Mood::Reliable,
            5 => Mood::Failing(7 + dice.below(40) as u32),
            6 => Mood::Deferring(2 + dice.below(9) as u32),
            _ => Mood::Dropping(3 + dice.below(20) as u32),
        };
        let mut wants = EffectKinds::NONE.with(EffectKind::Choose);
        for kind in [EffectKind::SendDecision, EffectKind::Receive, EffectKind::InvokeStep] {
            if dice.one_in(2) || kind == EffectKind::SendDecision && mood != Mood::Reliable {
                wants = wants.with(kind);
            }
        }
        let capacity = *dice.pick(&[1, 1, 2, 3, 64]);
        let policy = match dice.below(6) {
            0 => BackpressurePolicy::Drop,
            1 => BackpressurePolicy::Error,
            2 => BackpressurePolicy::Resize { max: capacity + dice.below(4) as u16 },
            _ => BackpressurePolicy::Block,
        };
        let mode = if dice.one_in(5) { BufferMode::LatestValue } else { BufferMode::Fifo };
        let sessions = 1 + dice.below(3);
        let outputs = match dice.below(8) {
            0 => OutputConditionPolicy::AllowAll,
            1 => OutputConditionPolicy::AllowList(super::hints::some_names(&mut dice)),
            2 if dice.one_in(4) => OutputConditionPolicy::DenyAll,
            _ => OutputConditionPolicy::Disabled,
        };
        if outputs != OutputConditionPolicy::Disabled && !dice.one_in(3) {
            wants = wants.with(EffectKind::OutputConditionHint);
        }
        wants = wants.with(EffectKind::Acquire);
        if dice.one_in(2) {
            wants = wants.with(EffectKind::Release);
        }
        let mut case = Self {
            global,
            hooks: dice.one_in(4),
            padding: if dice.one_in(2) { 1 + dice.below(6) as u32 } else { 0 },
            besides: [2, 3, 3, 6, 3].map(|often| if dice.one_in(often) { 1 + dice.below(3) } else { 0 }),
            seed,
            mood,
            slow: dice.one_in(2),
            fails: dice.one_in(3),
            wants,
            buffer: BufferConfig { mode, capacity, policy },
            outputs,
            flow: flow_policy(&mut dice),
            tight: dice.one_in(6),
            sessions,
            wave: if dice.one_in(3) { 2 + dice.below(3) as u32 } else { 1 },
            limit: 20 + dice.below(120 * sessions) as u64,
            owns: dice.one_in(3),
        };
        if case.owns && dice.one_in(2) {
            // So that somebody waits for the host when a session is handed over.
            case.slow = true;
            case.besides[2] += 1 + dice.below(2);
        }
        case
    }

    /// The global type, read back.
    pub fn protocol(&self) -> Result<GlobalType, String> {
        let source = Source::from_text("case.json", &self.global.to_string()).map_err(|error| error.to_string())?;
        load(&source).map_err(|refusals| format!("{refusals:?}"))
    }

    /// The machine's configuration.
    pub(super) fn config(&self, roles: usize) -> ProtocolMachineConfig {
        let mut config = ProtocolMachineConfig {
            buffer: self.buffer,
            output_condition_policy: self.outputs.clone(),
            semantic_objects: Some(u32::MAX),
            flow_policy: self.flow.clone(),
            cancellation: Cancellation::Coarse,
            speculation_depth: 4,
            record: true,
            ..ProtocolMachineConfig::default()
        };
        if self.tight {
            (config.max_facts, config.max_fact_bytes) = (2, 4);
            (config.speculation_depth, config.max_coroutines) = (1, roles as u16 + 1);
            config.max_guest_sessions = 1;
        }
        config
    }

    /// Whether every message that is sent stays where it is until it is received.
    pub(super) fn is_lossless(&self) -> bool {
        let lossy = self.buffer.mode != BufferMode::Fifo || self.buffer.policy == BackpressurePolicy::Drop;
        !lossy && !matches!(self.mood, Mood::Dropping(_))
    }
}

/// Whether anybody does anything: JSON names only the roles that do.
pub(super) fn acts(global: &Json) -> bool {
    match global["kind"].as_str() {
        Some("comm") => true,
        Some("rec") => acts(&global["body"]),
        _ => false,
    }
}
