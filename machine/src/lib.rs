//! Floor 2: what decides. Image verification, sessions, the one step function, certified waves and their commit.
//!
//! No clock, file, thread or environment can be named here; the host's behaviour comes in through
//! [`EffectHandler`] and nowhere else.
#![no_std]

extern crate alloc;

mod burst;
mod comm;
mod config;
mod edge;
mod effect;
mod host;
mod image;
mod layout;
mod machine;
mod op;
mod outbox;
mod root;
mod session;
mod step;
mod tape;
mod trace;
mod verify;
mod wave;

pub use burst::BurstEnd;
pub use config::{ConfigError, ProtocolMachineConfig};
pub use edge::{BackpressurePolicy, BufferConfig, BufferMode};
pub use effect::{
    EffectCoordinate, EffectFailure, EffectHandler, EffectId, EffectOutcome, EffectRequest, EffectRequestBody,
    EffectResponse, Labels, NoHost, Registers, RunId, SendDecision,
};
pub use image::CodeImage;
pub use machine::{AnswerError, CommitReport, ImageId, OpenError, ProtocolMachine, Tally};
pub use outbox::{Ask, FaultReport};
pub use session::{Gate, ValueRef};
pub use tape::RecordedEffect;
pub use trace::{BurstReader, BurstRecord, TraceError, TraceEvent, TraceMode, TraceReader};
pub use verify::VerifyError;
pub use wave::{
    CertifiedWave, FinishedChunk, FinishedWave, IslandId, LostChunk, Refusal, WaveCertificate, WaveChunk, WaveFrame,
    WavePlan,
};
