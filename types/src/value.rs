//! Values: what registers hold and messages carry, as the host sees them.

use crate::{Digester, RoleId, SessionId, Sort, SortId, SortTable};
use alloc::boxed::Box;
use alloc::string::String;

/// The machine's types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValType {
    /// [`Value::Unit`]
    Unit = 0,
    /// [`Value::Nat`]
    Nat = 1,
    /// [`Value::Bool`]
    Bool = 2,
    /// [`Value::Endpoint`]
    Endpoint = 3,
    /// [`Value::Str`]
    Str = 4,
    /// [`Value::Prod`]
    Prod = 5,
}

/// A value. The machine keeps scalars as words and only the rest as this type.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Unit,
    /// A natural number.
    Nat(u64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Str(String),
    /// A pair.
    Prod(Box<(Value, Value)>),
    /// One role's end of a session.
    Endpoint {
        /// The session.
        session: SessionId,
        /// The role.
        role: RoleId,
    },
}

/// Products nest at most this deep, so that no value can exhaust a stack.
pub const MAX_VALUE_DEPTH: usize = 64;

impl Value {
    /// Its type.
    pub const fn val_type(&self) -> ValType {
        match self {
            Value::Unit => ValType::Unit,
            Value::Nat(_) => ValType::Nat,
            Value::Bool(_) => ValType::Bool,
            Value::Str(_) => ValType::Str,
            Value::Prod(_) => ValType::Prod,
            Value::Endpoint { .. } => ValType::Endpoint,
        }
    }

    /// Whether the value is of the sort, components of products included.
    pub fn has_sort(&self, sorts: &SortTable, sort: SortId) -> bool {
        match (self, sorts.get(sort)) {
            (Value::Prod(pair), Some(Sort::Prod(a, b))) => {
                pair.0.has_sort(sorts, SortId(a)) && pair.1.has_sort(sorts, SortId(b))
            }
            (_, Some(Sort::Prod(..)) | None) => false,
            (value, Some(_)) => Some(value.val_type()) == sorts.val_type(sort),
        }
    }

    /// The plainest value of a sort: zero, false, the empty text; `0` for a real and zeros for a vector.
    pub fn default_of(sorts: &SortTable, sort: SortId) -> Option<Value> {
        Some(match sorts.get(sort)? {
            Sort::Unit => Value::Unit,
            Sort::Nat => Value::Nat(0),
            Sort::Bool => Value::Bool(false),
            Sort::String => Value::Str(String::new()),
            Sort::Real => Value::Str(String::from("0")),
            Sort::Vector(n) => {
                let mut text = String::from("[");
                for i in 0..n.min(1024) {
                    text.push_str(if i == 0 { "0" } else { ",0" });
                }
                text.push(']');
                Value::Str(text)
            }
            Sort::Prod(a, b) => {
                Value::Prod(Box::new((Value::default_of(sorts, SortId(a))?, Value::default_of(sorts, SortId(b))?)))
            }
        })
    }

    /// Whether its products nest deeper than `depth`. It looks no deeper than that.
    pub fn is_deeper_than(&self, depth: usize) -> bool {
        match self {
            Value::Prod(pair) => depth == 0 || pair.0.is_deeper_than(depth - 1) || pair.1.is_deeper_than(depth - 1),
            _ => false,
        }
    }

    /// The accounting size in bytes: unit 1, nat 8, bool 1, string 8 plus its length, product 1 plus both,
    /// endpoint 16 plus the length of the role's name (which only an image knows, so not counted here).
    pub fn wire_size(&self) -> usize {
        match self {
            Value::Unit | Value::Bool(_) => 1,
            Value::Nat(_) => 8,
            Value::Str(text) => 8 + text.len(),
            Value::Prod(pair) => 1 + pair.0.wire_size() + pair.1.wire_size(),
            Value::Endpoint { .. } => 16,
        }
    }

    /// Bytes of memory that the value holds outside of itself.
    pub fn retained_bytes(&self) -> usize {
        match self {
            Value::Unit | Value::Bool(_) | Value::Nat(_) | Value::Endpoint { .. } => 0,
            Value::Str(text) => text.capacity(),
            Value::Prod(pair) => size_of::<(Value, Value)>() + pair.0.retained_bytes() + pair.1.retained_bytes(),
        }
    }

    /// Feeds the value to a digest, each form under its own tag.
    pub fn digest(&self, into: &mut impl Digester) {
        into.u8(self.val_type() as u8);
        match self {
            Value::Unit => {}
            Value::Nat(n) => into.u64(*n),
            Value::Bool(b) => into.u8(u8::from(*b)),
            Value::Str(text) => into.str(text),
            Value::Prod(pair) => {
                pair.0.digest(into);
                pair.1.digest(into);
            }
            Value::Endpoint { session, role } => {
                into.u64(session.0);
                into.u16(role.0);
            }
        }
    }
}
