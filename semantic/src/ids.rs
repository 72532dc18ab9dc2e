//! The shapes of ids.

use alloc::format;
use alloc::string::String;

/// The operation of an effect.
pub fn effect_operation(effect_id: &str) -> String {
    format!("effect:{effect_id}")
}

/// The operation of a handoff, and the handle of a committed one.
pub fn handoff_operation(handoff_id: &str) -> String {
    format!("handoff:{handoff_id}")
}

/// An upgrade, by its digest.
pub fn upgrade(digest: &str) -> String {
    format!("upgrade:{digest}")
}

/// The proof of an output, its handle, and the operation that made them.
pub fn materialization(predicate_ref: &str, output_digest: &str) -> String {
    format!("materialization:{predicate_ref}:{output_digest}")
}

/// A publication.
pub fn publication(operation_id: &str, publication: &str) -> String {
    format!("{operation_id}:{publication}")
}

/// The agreement contract of an operation.
pub fn agreement(operation_id: &str) -> String {
    format!("agreement:{operation_id}")
}

/// The prestate binding of an operation.
pub fn prestate(operation_id: &str) -> String {
    format!("prestate:{operation_id}")
}

/// The region of a session.
pub fn region(session: u64) -> String {
    format!("session:{session}")
}

/// The token by which an effect is invalidated.
pub fn invalidation_token(effect_id: &str) -> String {
    format!("effect:{effect_id}:live")
}

/// A coroutine, where text names it.
pub fn coroutine(coroutine: u64) -> String {
    format!("coro:{coroutine}")
}
