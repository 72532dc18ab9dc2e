//! Global types in the reference's JSON (`reference/README.md` has the forms; the others stand in `motet_bridge`).

use motet_choreo::global_to_json;
use motet_types::GlobalType;
use serde_json::Value as Json;

/// A global type in the form of the specification, section 10.2; nothing where it has no such form.
pub fn global_json(global: &GlobalType) -> Option<Json> {
    serde_json::from_str(&global_to_json(global).ok()?).ok()
}
