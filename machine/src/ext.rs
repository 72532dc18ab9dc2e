//! Values beyond one word, and the optional box of a session that keeps them.

use crate::auth::Ledger;
use crate::credits::Credits;
use crate::growth::{Growth, Overflow, overflow_bytes};
use crate::guest::{endpoint_parts, endpoint_word};
use crate::outcome::EffectOutcome;
use crate::ownership::SessionOwnership;
use crate::speculation::Speculation;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use motet_types::{CoroutineId, EdgeId, RoleId, SessionId, ValType, Value};

/// Tags of register and message words. Those of owned values stand last; their word is a place in [`Owned`].
pub(crate) const TAG_UNIT: u8 = ValType::Unit as u8;
pub(crate) const TAG_NAT: u8 = ValType::Nat as u8;
pub(crate) const TAG_BOOL: u8 = ValType::Bool as u8;
/// An endpoint of a session of the island; the word is `endpoint_word`.
pub(crate) const TAG_ENDPOINT: u8 = ValType::Endpoint as u8;
pub(crate) const FIRST_OWNED_TAG: u8 = ValType::Str as u8;

/// Values that do not fit a word, counted by how many registers and messages name them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned {
    rows: Vec<(u32, Value)>,
    free: Vec<u32>,
}

impl Owned {
    fn put(&mut self, value: Value) -> u64 {
        match self.free.pop() {
            Some(at) => {
                self.rows[at as usize] = (1, value);
                u64::from(at)
            }
            None => {
                self.rows.push((1, value));
                self.rows.len() as u64 - 1
            }
        }
    }

    pub(crate) fn get(&self, word: u64) -> &Value {
        &self.rows[word as usize].1
    }

    pub(crate) fn retain(&mut self, word: u64) {
        self.rows[word as usize].0 += 1;
    }

    pub(crate) fn bytes(&self) -> usize {
        let apart: usize = self.rows.iter().map(|(_, value)| value.retained_bytes()).sum();
        self.rows.capacity() * size_of::<(u32, Value)>() + self.free.capacity() * 4 + apart
    }

    pub(crate) fn release(&mut self, word: u64) {
        let row = &mut self.rows[word as usize];
        row.0 -= 1;
        if row.0 == 0 {
            row.1 = Value::Unit;
            self.free.push(word as u32);
        }
    }
}

/// What most sessions never have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ext {
    pub(crate) owned: Owned,
    /// Messages beyond the slots in place, by edge.
    pub(crate) overflow: Overflow,
    /// Answers that have come for coroutines which have not run since.
    pub(crate) answers: Vec<(CoroutineId, EffectOutcome)>,
    /// What the session may take back.
    pub(crate) speculation: Option<Box<Speculation>>,
    /// Who owns the session, when anybody ever has.
    pub(crate) ownership: Option<Box<SessionOwnership>>,
    /// What the island has besides its main session, when its instructions ever opened one.
    pub(crate) growth: Option<Box<Growth>>,
    /// What the island keeps of its messages, when they are looked at.
    pub(crate) ledger: Option<Box<Ledger>>,
    /// What its coroutines have used of their credits, where they are counted.
    pub(crate) credits: Option<Box<Credits>>,
}

impl Ext {
    /// Bytes that it holds, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let answers = self.answers.capacity() * size_of::<(CoroutineId, EffectOutcome)>();
        let lists = answers + overflow_bytes(&self.overflow);
        let speculation = self.speculation.as_ref().map_or(0, |speculation| speculation.bytes());
        let ownership = self.ownership.as_ref().map_or(0, |ownership| ownership.bytes());
        let growth = self.growth.as_ref().map_or(0, |growth| growth.bytes());
        let ledger = self.ledger.as_ref().map_or(0, |ledger| ledger.bytes());
        let credits = self.credits.as_ref().map_or(0, |credits| credits.bytes());
        size_of::<Self>() + self.owned.bytes() + lists + speculation + ownership + growth + ledger + credits
    }

    pub(crate) fn overflow(&mut self, edge: EdgeId) -> &mut VecDeque<(u64, u64)> {
        let at = match self.overflow.iter().position(|(id, _)| *id == edge) {
            Some(at) => at,
            None => {
                self.overflow.push((edge, VecDeque::new()));
                self.overflow.len() - 1
            }
        };
        &mut self.overflow[at].1
    }
}

/// A value that fits a word, as a tagged one.
#[inline(always)]
pub(crate) fn plain(value: &Value) -> Option<(u8, u64)> {
    match value {
        Value::Unit => Some((TAG_UNIT, 0)),
        Value::Nat(n) => Some((TAG_NAT, *n)),
        Value::Bool(b) => Some((TAG_BOOL, u64::from(*b))),
        _ => None,
    }
}

/// Makes a value a tagged word, owned when it must be.
pub(crate) fn store(ext: &mut Option<Box<Ext>>, value: Value) -> (u8, u64) {
    let word = plain(&value);
    word.unwrap_or_else(|| (value.val_type() as u8, ext.get_or_insert_default().owned.put(value)))
}

/// A value as a host sees it: borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// Nothing.
    Unit,
    /// A natural number.
    Nat(u64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Str(&'a str),
    /// A pair.
    Prod(&'a (Value, Value)),
    /// One role's end of a session.
    Endpoint {
        /// The session.
        session: SessionId,
        /// The role.
        role: RoleId,
    },
}

impl ValueRef<'_> {
    /// The value by value.
    pub fn to_value(self) -> Value {
        match self {
            ValueRef::Unit => Value::Unit,
            ValueRef::Nat(n) => Value::Nat(n),
            ValueRef::Bool(b) => Value::Bool(b),
            ValueRef::Str(text) => Value::Str(text.into()),
            ValueRef::Prod(pair) => Value::Prod(Box::new(pair.clone())),
            ValueRef::Endpoint { session, role } => Value::Endpoint { session, role },
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Unit => ValueRef::Unit,
            Value::Nat(n) => ValueRef::Nat(*n),
            Value::Bool(b) => ValueRef::Bool(*b),
            Value::Str(text) => ValueRef::Str(text),
            Value::Prod(pair) => ValueRef::Prod(pair),
            Value::Endpoint { session, role } => ValueRef::Endpoint { session: *session, role: *role },
        }
    }
}

/// A value that a request carries, borrowed. It is looked at only when the host asks: four plain words cost less to hand
/// over than a [`ValueRef`] that nobody reads.
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    session: SessionId,
    word: u64,
    owned: Option<&'a Value>,
    tag: u8,
}

impl<'a> Payload<'a> {
    #[inline(always)]
    pub(crate) fn new(ext: Option<&'a Ext>, session: SessionId, tag: u8, word: u64) -> Self {
        let owned = if tag < FIRST_OWNED_TAG { None } else { ext.map(|ext| ext.owned.get(word)) };
        Self { session, word, owned, tag }
    }

    /// The value, borrowed.
    pub fn get(self) -> ValueRef<'a> {
        match self.tag {
            TAG_UNIT => ValueRef::Unit,
            TAG_NAT => ValueRef::Nat(self.word),
            TAG_BOOL => ValueRef::Bool(self.word != 0),
            TAG_ENDPOINT => {
                let (number, role) = endpoint_parts(self.word);
                ValueRef::Endpoint { session: self.session.guest(number), role }
            }
            _ => self.owned.map_or(ValueRef::Unit, ValueRef::from),
        }
    }

    /// The value by value.
    pub fn to_value(self) -> Value {
        self.get().to_value()
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl<'a> From<&'a Value> for Payload<'a> {
    fn from(value: &'a Value) -> Self {
        let (session, word) = match value {
            Value::Nat(n) => (SessionId(0), *n),
            Value::Bool(b) => (SessionId(0), u64::from(*b)),
            Value::Endpoint { session, role } => (session.host(), endpoint_word(session.number(), *role)),
            _ => (SessionId(0), 0),
        };
        Self { session, word, owned: Some(value), tag: value.val_type() as u8 }
    }
}

pub(crate) fn view(ext: Option<&Ext>, session: SessionId, tag: u8, word: u64) -> ValueRef<'_> {
    Payload::new(ext, session, tag, word).get()
}
