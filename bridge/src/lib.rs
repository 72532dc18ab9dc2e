//! The edges of the house: values, effects and events as JSON, and hosts in other processes.
//!
//! Nothing below imports this crate. Names stand where the machine has numbers: a reader of this JSON needs no image.

mod effect_json;
mod envelope_json;
mod event_json;
mod exec_host;
mod heap_json;
mod host_error;
mod host_process;
mod schema;
mod turns_json;
mod value_json;

pub use effect_json::{OutcomeError, outcome_from_json, request_json};
pub use envelope_json::envelope_json;
pub use event_json::{edge_names, event_json};
pub use exec_host::{DEFAULT_DEADLINE, ExecHost, ExecOptions};
pub use heap_json::{OperationsError, operations_from_json};
pub use host_error::{HostError, HostErrorKind};
pub use host_process::MAX_HOST_LINE;
pub use motet_semantic::{
    LEAN_BRIDGE_SCHEMA_VERSION, PROTOCOL_BUNDLE_SCHEMA_VERSION, SEMANTIC_OBJECTS_SCHEMA_VERSION, SchemaError,
    ensure_supported_schema_version,
};
pub use schema::HOST_SCHEMA_VERSION;
pub use turns_json::{TurnCase, TurnsError, cut_point_json, turns_from_json};
pub use value_json::{ValueError, value_from_json, value_json};
