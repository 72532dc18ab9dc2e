//! Floor 0 of the house: the names that every other floor shares.
//!
//! Ids, values, sorts, global and local types and their automata, the instruction table, the image's tables and
//! file format, events, faults and the vocabulary of effects. No behaviour lives here beyond the algebra on them.
#![no_std]

extern crate alloc;

mod automaton;
mod bisimilar;
mod effect;
mod encode;
mod event;
mod fault;
mod global;
mod graph;
mod id;
mod image;
mod instr;
mod local;
mod names;
mod planted;
mod sort;
mod sparse;
mod subtype;
mod unfold;
mod value;

pub use automaton::{Automata, AutomatonError};
pub use bisimilar::bisimilar;
pub use effect::{
    Admissibility, AgreementUse, AuthorityClass, EffectFailureKind, EffectInterfaceMetadata, EffectKind, EffectKinds,
    HandlerDomain, INVOKE_MAY_BLOCK, ReentrancyPolicy, RegionScope, RetryShape, SemanticClass, TimeoutPolicy, Totality,
};
pub use encode::{Digester, Reader};
pub use event::{Event, EventKind, TEXT_BYTES, Terminal};
pub use fault::{EvidenceError, Fault, FaultClass, MessageError, Side};
pub use global::{BadNode, Branch, GlobalBuilder, GlobalNode, GlobalType, NodeId};
pub use graph::global_parts;
pub use id::{
    CoroutineId, Digest, EdgeId, EffectRow, LabelId, LayerId, Pc, Reg, RoleId, SessionId, SortId, StateId, Tick,
    bytes_from_hex,
};
pub use image::{
    Action, BranchPart, ConstantPart, EdgePart, EffectPart, GlobalPart, IMAGE_HEADER, IMAGE_MAGIC, IMAGE_VERSION,
    ImageBytesError, ImageParts, LabelPart, MAX_IMAGE_BYTES, PlanPart, RolePart, ScalarPart, StatePart, TableRow,
};
pub use instr::{DecodeError, Family, Instr, MAX_OPERAND_C, OPCODES, Operand, Row};
pub use local::{LocalArena, LocalBranch, LocalId, LocalNode};
pub use names::{Label, Names, VarId};
#[cfg(feature = "planted")]
pub use planted::plant;
pub use planted::{Planted, planted};
pub use sort::{DisplaySort, Sort, SortTable};
pub use sparse::Sparse;
pub use subtype::{
    Difference, Doubt, Message, Refusal, SubtypeLimits, SubtypeMode, Subtyping, TypeTables, TypeTablesError, Verdict,
    Way,
};
pub use value::{MAX_VALUE_DEPTH, ValType, Value};
