//! A session by value: its words, and one optional box for what is rarely there.

use crate::effect::EffectOutcome;
use crate::image::CodeImage;
use crate::layout::{CORO_GATE, CORO_PC, CORO_TAGS, EDGE_WORDS, HEAD_ID, HEAD_READY, HEAD_STATUS, Layout};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{CoroutineId, EdgeId, RoleId, SessionId, ValType, Value};

/// What a coroutine waits for, and so what wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing: it runs, or may.
    Open,
    /// A message on its own edge.
    Message(EdgeId),
    /// Room on its own edge.
    Room(EdgeId),
    /// The host's answer to its outstanding effect.
    Answer,
    /// Its next turn, after the session's other coroutines: the host deferred a send.
    NextBurst,
    /// It has ended.
    Halted,
}

impl Gate {
    pub(crate) const fn pack(self) -> u64 {
        match self {
            Gate::Open => 0,
            Gate::Message(edge) => 1 | (edge.0 as u64) << 8,
            Gate::Room(edge) => 2 | (edge.0 as u64) << 8,
            Gate::Answer => 3,
            Gate::NextBurst => 4,
            Gate::Halted => 5,
        }
    }

    pub(crate) const fn unpack(word: u64) -> Self {
        let edge = EdgeId((word >> 8) as u16);
        match word as u8 {
            0 => Gate::Open,
            1 => Gate::Message(edge),
            2 => Gate::Room(edge),
            3 => Gate::Answer,
            4 => Gate::NextBurst,
            _ => Gate::Halted,
        }
    }
}

/// Tags of register and message words. Those of owned values stand last; their word is a place in [`Owned`].
pub(crate) const TAG_UNIT: u8 = ValType::Unit as u8;
pub(crate) const TAG_NAT: u8 = ValType::Nat as u8;
pub(crate) const TAG_BOOL: u8 = ValType::Bool as u8;
/// An endpoint of the same session; the word is the role.
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
    pub(crate) overflow: Vec<(EdgeId, VecDeque<(u64, u64)>)>,
    /// Answers that have come for coroutines which have not run since.
    pub(crate) answers: Vec<(CoroutineId, EffectOutcome)>,
}

impl Ext {
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

/// Makes a value a tagged word, owned when it must be.
pub(crate) fn store(ext: &mut Option<Box<Ext>>, value: Value) -> (u8, u64) {
    match value {
        Value::Unit => (TAG_UNIT, 0),
        Value::Nat(n) => (TAG_NAT, n),
        Value::Bool(b) => (TAG_BOOL, u64::from(b)),
        value => (value.val_type() as u8, ext.get_or_insert_default().owned.put(value)),
    }
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

#[inline(always)]
pub(crate) fn view(ext: Option<&Ext>, session: SessionId, tag: u8, word: u64) -> ValueRef<'_> {
    match tag {
        TAG_UNIT => ValueRef::Unit,
        TAG_NAT => ValueRef::Nat(word),
        TAG_BOOL => ValueRef::Bool(word != 0),
        TAG_ENDPOINT => ValueRef::Endpoint { session, role: RoleId(word as u16) },
        _ => ext.map_or(ValueRef::Unit, |ext| ext.owned.get(word).into()),
    }
}

/// One session: everything that one of its steps may touch.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) words: Box<[u64]>,
    pub(crate) ext: Option<Box<Ext>>,
    pub(crate) image: u32,
}

/// The status word: the coroutine that runs, how many are alive, and whether the host has ever deferred a
/// send.
#[derive(Clone, Copy)]
pub(crate) struct Status(pub(crate) u64);

impl Status {
    #[inline(always)]
    pub(crate) const fn new(current: u16, live: u16, deferred: bool) -> Self {
        Self(current as u64 | (live as u64) << 16 | (deferred as u64) << 32)
    }
    #[inline(always)]
    pub(crate) const fn current(self) -> u16 {
        self.0 as u16
    }
    #[inline(always)]
    pub(crate) const fn live(self) -> u16 {
        (self.0 >> 16) as u16
    }
    #[inline(always)]
    pub(crate) const fn deferred(self) -> bool {
        self.0 >> 32 & 1 != 0
    }
}

impl Session {
    pub(crate) fn open(id: SessionId, image: &CodeImage, image_id: u32) -> Self {
        let layout = &image.layout;
        let mut words = vec![0u64; layout.total].into_boxed_slice();
        let roles = image.role_count();
        words[HEAD_ID] = id.0;
        words[HEAD_STATUS] = Status::new(0, roles as u16, false).0;
        for role in 0..roles {
            words[HEAD_READY + role / 64] |= 1 << (role % 64);
            let part = &image.parts.roles[role];
            words[layout.roles_at + role] = u64::from(part.initial) | (role as u64) << 32;
            let place = layout.places[role];
            let at = layout.coros_at + place.start as usize;
            words[at + CORO_PC] = u64::from(part.code_start);
            words[at + CORO_GATE] = Gate::Open.pack();
            words[at + CORO_TAGS] = u64::from(TAG_ENDPOINT);
            words[at + CORO_TAGS + place.tag_words as usize] = role as u64;
        }
        Self { words, ext: None, image: image_id }
    }

    pub(crate) fn id(&self) -> SessionId {
        SessionId(self.words[HEAD_ID])
    }

    pub(crate) fn status(&self) -> Status {
        Status(self.words[HEAD_STATUS])
    }

    /// Messages on all edges.
    pub(crate) fn in_flight(&self, layout: &Layout) -> usize {
        self.words[layout.edges_at..].chunks_exact(EDGE_WORDS).map(|edge| crate::edge::Header(edge[0]).len()).sum()
    }

    pub(crate) fn gate(&self, layout: &Layout, coroutine: CoroutineId) -> Gate {
        let place = layout.places[coroutine.index()];
        Gate::unpack(self.words[layout.coros_at + place.start as usize + CORO_GATE])
    }

    /// Opens the gate of a coroutine that waits for an answer, and leaves the answer for its next step.
    pub(crate) fn answer(&mut self, layout: &Layout, coroutine: CoroutineId, outcome: EffectOutcome) {
        let place = layout.places[coroutine.index()];
        self.words[layout.coros_at + place.start as usize + CORO_GATE] = Gate::Open.pack();
        self.words[HEAD_READY + coroutine.index() / 64] |= 1 << (coroutine.0 % 64);
        self.ext.get_or_insert_default().answers.push((coroutine, outcome));
    }

    /// Bytes that the session holds, its boxes included.
    pub(crate) fn bytes(&self) -> usize {
        let ext = self.ext.as_ref().map_or(0, |ext| {
            let rows: usize = ext.owned.rows.iter().map(|(_, value)| 40 + value.wire_size()).sum();
            let spilled: usize = ext.overflow.iter().map(|(_, queue)| 40 + 16 * queue.capacity()).sum();
            size_of::<Ext>() + rows + spilled
        });
        self.words.len() * 8 + ext
    }
}
