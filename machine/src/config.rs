//! A machine's configuration: what is fixed for a run besides its schedule.

use crate::edge::{BackpressurePolicy, BufferConfig};
use crate::effect::RunId;
use crate::trace::TraceMode;

/// A machine's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Whether commits say which lane ran which burst.
    pub observe_lanes: bool,
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
            observe_lanes: false,
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
    /// A limit of zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

impl ProtocolMachineConfig {
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
        if self.max_registers == 0 {
            return Err(ConfigError::Zero("max_registers"));
        }
        if self.max_sessions == 0 {
            return Err(ConfigError::Zero("max_sessions"));
        }
        Ok(())
    }
}
