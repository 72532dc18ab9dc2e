//! Where to cut a history that has the shape of a conversation.
//!
//! [`find_valid_cut_points`], [`find_turn_start`] and [`find_cut_point`] are the published selector, ported exactly.
//! [`select`] pairs calls and results by identifier, and has none of its weaknesses.

mod cut_point;
mod entry;
mod select;

pub use cut_point::{BadRange, CutPoint, find_cut_point, find_turn_start, find_valid_cut_points};
pub use entry::{Entry, Note, Role, UnknownEntry};
pub use select::{Item, SelectError, Selected, select};
