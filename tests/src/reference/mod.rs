//! The differential lane: random protocols run here and in the reference semantics (`reference/`), and everything that
//! both can say about a run compared.

mod both;
mod case;
mod compare;
mod effects;
mod encode;
mod golden;
mod grown;
mod happens;
mod heap;
mod hints;
mod late;
mod later;
mod objects;
mod owning;
mod recorder;
mod shrink;
mod tell;
mod traces;

pub use both::Difference;
pub use case::Case;
pub use compare::differential;
pub use effects::effects;
pub use encode::global_json;
pub use golden::golden;
pub use heap::heaps;
pub use recorder::Recorder;
pub use tell::tell;
