//! Schema versions of the documents that only this crate knows; the others stand in `motet_semantic`.

/// Requests to a host in another process, and its outcomes.
pub const HOST_SCHEMA_VERSION: &str = "motet_host.v1";
