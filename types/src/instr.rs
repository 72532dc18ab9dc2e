//! The instruction set, from one table. Encoder, decoder, disassembler, the verifier's operand checks and
//! `docs/isa.md` all expand from it.
//!
//! An instruction is one 64-bit word: opcode in bits 0..8, operand `a` in 8..24, `b` in 24..40, `c` in 40..64.
//! Bits of slots that an opcode does not use must be zero, so a word means one thing only.

use crate::Reg;
use core::fmt;

/// What an operand means, and so what the verifier checks about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A register that is read.
    Read,
    /// A register that is written.
    Write,
    /// A register that is read and must hold an endpoint.
    Endpoint,
    /// Two registers that are read: this one must hold an endpoint and the next one a text, a fact about it.
    Fact,
    /// A position in the role's own code.
    Target,
    /// A row of the image's jump tables.
    Table,
    /// A row of the label table.
    Label,
    /// A row of the constant table.
    Constant,
    /// A row of the effect table.
    Effect,
    /// A guard layer, a number below 2^16.
    Layer,
    /// A row of the plan table.
    Plan,
    /// A row of the sort table.
    Sort,
    /// A plain number.
    Number,
}

/// A family of instructions, as the documents group them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Messages on edges.
    Communication,
    /// Registers and jumps.
    Control,
    /// Effects of the host.
    Invoke,
    /// Sessions.
    Session,
    /// Guards and evidence.
    Guard,
    /// Speculation.
    Speculation,
    /// Ownership and knowledge.
    Ownership,
}

/// An opcode's row in the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The mnemonic.
    pub name: &'static str,
    /// Its family.
    pub family: Family,
    /// Operand names and kinds for slots `a`, `b`, `c`.
    pub operands: &'static [(&'static str, Operand)],
    /// What it does, one sentence.
    pub doc: &'static str,
}

/// Why a word is not an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No such opcode.
    #[error("{0:#04x} is not an opcode")]
    Opcode(u8),
    /// A slot that the opcode does not use is not zero.
    #[error("{0} has bits set outside its operands")]
    Unused(&'static str),
}

const fn slot_a(word: u64) -> u16 {
    (word >> 8) as u16
}
const fn slot_b(word: u64) -> u16 {
    (word >> 24) as u16
}
const fn slot_c(word: u64) -> u32 {
    (word >> 40) as u32
}

/// The largest number that fits operand slot `c`.
pub const MAX_OPERAND_C: u32 = (1 << 24) - 1;

macro_rules! slot {
    (a, $word:expr) => {
        slot_a($word)
    };
    (b, $word:expr) => {
        slot_b($word)
    };
    (c, $word:expr) => {
        slot_c($word)
    };
}
macro_rules! place {
    (a, $value:expr) => {
        ($value as u64 & 0xffff) << 8
    };
    (b, $value:expr) => {
        ($value as u64 & 0xffff) << 24
    };
    (c, $value:expr) => {
        ($value as u64 & 0xff_ffff) << 40
    };
}
macro_rules! slot_type {
    (a) => {
        u16
    };
    (b) => {
        u16
    };
    (c) => {
        u32
    };
}

macro_rules! instructions {
    ($(
        $code:literal $name:ident $family:ident
        ($($slot:ident $field:ident $kind:ident),*) $doc:literal;
    )*) => {
        /// One instruction. Slots `a` and `b` hold 16 bits, `c` 24.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Instr {
            $(
                #[doc = $doc]
                $name {
                    $(
                        /// See the instruction table.
                        $field: slot_type!($slot),
                    )*
                },
            )*
        }

        /// The opcodes, in table order.
        pub const OPCODES: &[(u8, Row)] = &[
            $(($code, Row {
                name: stringify!($name),
                family: Family::$family,
                operands: &[$((stringify!($field), Operand::$kind)),*],
                doc: $doc,
            }),)*
        ];

        impl Instr {
            /// The instruction's word.
            pub const fn encode(self) -> u64 {
                match self {
                    $(Instr::$name { $($field),* } => ($code as u64) $(| place!($slot, $field))*,)*
                }
            }

            /// The instruction of a word; every bit is accounted for.
            pub const fn decode(word: u64) -> Result<Self, DecodeError> {
                let instr = match word as u8 {
                    $($code => Instr::$name { $($field: slot!($slot, word)),* },)*
                    other => return Err(DecodeError::Opcode(other)),
                };
                if instr.encode() == word { Ok(instr) } else { Err(DecodeError::Unused(instr.row().name)) }
            }

            /// The instruction's row in the table.
            pub const fn row(self) -> &'static Row {
                const ROWS: &[(u8, Row)] = OPCODES;
                let code = self.encode() as u8;
                let mut at = 0;
                while ROWS[at].0 != code {
                    at += 1;
                }
                &ROWS[at].1
            }

            /// The operands as (kind, number), in slot order.
            pub fn operands(self) -> impl Iterator<Item = (Operand, u32)> {
                let word = self.encode();
                let slots: [u32; 3] = match self {
                    $(Instr::$name { .. } => {
                        #[allow(unused_mut, unused_assignments, unused_variables, clippy::unnecessary_cast)]
                        {
                            let mut slots = [0u32; 3];
                            let mut at = 0;
                            $(slots[at] = slot!($slot, word) as u32; at += 1;)*
                            slots
                        }
                    })*
                };
                self.row().operands.iter().zip(slots).map(|((_, kind), value)| (*kind, value))
            }
        }
    };
}

instructions! {
    0x01 Send Communication (a chan Endpoint, b val Read)
        "Sends `val` as the one message that the type of `chan` allows.";
    0x02 Receive Communication (a chan Endpoint, b dst Write)
        "Takes the one message that the type of `chan` allows and writes its payload to `dst`.";
    0x03 Offer Communication (a chan Endpoint, b val Read, c label Label)
        "Sends `val` under `label`, one of those that the type of `chan` allows.";
    0x04 Choose Communication (a chan Endpoint, c table Table)
        "Takes a message and goes on at the row of `table` for its label, the payload in that row's register.";
    0x05 Decide Invoke (a chan Endpoint, c table Table)
        "Asks the host which label of the type of `chan` to send and goes on at that label's row of `table`.";
    0x06 Invoke Invoke (a arg Read, b dst Write, c effect Effect)
        "Performs `effect` with `arg` and writes its answer to `dst`.";
    0x10 Set Control (a dst Write, c constant Constant)
        "Writes a constant to `dst`.";
    0x11 Move Control (a dst Write, b src Read)
        "Copies `src` to `dst`.";
    0x12 Jump Control (c target Target)
        "Goes on at `target`.";
    0x13 Branch Control (a on Read, c table Table)
        "Goes on at row `on` of `table`, or at the next instruction when there is no such row.";
    0x14 Yield Control ()
        "Lets the session's other coroutines run first.";
    0x15 Halt Control ()
        "Ends the coroutine; the types of the endpoints that it owns must be at their end.";
    0x16 Spawn Control (a args Number, b dst Write, c target Target)
        "Starts a coroutine of the same role at `target` with copies of the first `args` registers, and writes its number to `dst`.";
    0x17 Cast Control (a val Read, c sort Sort)
        "Goes on if `val` holds a value of `sort`, which verification then knows of it, and faults otherwise.";
    0x20 Open Session (a dst Write, c plan Plan)
        "Opens a session of the protocol that `plan` names and writes its endpoints from `dst` on, in the order of its roles.";
    0x21 Close Session (a session Endpoint)
        "Closes the session of the endpoint.";
    0x30 Acquire Guard (a dst Write, c layer Layer)
        "Asks the host for the guard `layer`, waits for it, and writes the id of its evidence, a heap resource, to `dst`.";
    0x31 Release Guard (a evidence Read, c layer Layer)
        "Gives the guard `layer` back and consumes the evidence whose id `evidence` holds.";
    0x40 Fork Speculation (a ghost Read)
        "Starts a speculation that carries the number in `ghost`: what the session does from here on can be undone.";
    0x41 Join Speculation ()
        "Keeps what the innermost speculation did.";
    0x42 Abort Speculation ()
        "Undoes what the session did since the innermost speculation began, and goes on at the next instruction.";
    0x50 Transfer Ownership (a endpoint Endpoint, b target Read, c bundle Number)
        "Gives an endpoint that the coroutine owns, its progress token and what the coroutine knows about it to the coroutine of the island whose number `target` holds, if the flow policy lets all of that knowledge flow to that coroutine's role; `bundle` is not used.";
    0x51 Tag Ownership (a fact Fact, b dst Write)
        "Adds `fact` to what the coroutine knows, once, and writes true to `dst`.";
    0x52 Check Ownership (a knowledge Fact, b target Read, c dst Write)
        "Writes to `dst` whether the coroutine knows the fact `knowledge` and the flow policy lets it flow to the role whose name `target` holds.";
}

impl fmt::Display for Instr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)?;
        for (at, ((name, _), (kind, value))) in self.row().operands.iter().zip(self.operands()).enumerate() {
            f.write_str(if at == 0 { " " } else { ", " })?;
            match kind {
                Operand::Read | Operand::Write | Operand::Endpoint | Operand::Fact => {
                    write!(f, "{name}={}", Reg(value as u16))?;
                }
                _ => write!(f, "{name}={value}")?,
            }
        }
        Ok(())
    }
}
