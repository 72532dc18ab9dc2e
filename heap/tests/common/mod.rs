//! Seeded randomness for the property tests; a failing case is its seed.
#![allow(dead_code)]

pub(crate) mod literal;

use motet_heap::{ChannelState, Message, MessagePayload, Resource};

/// splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next() as u8).collect()
    }

    fn name(&mut self) -> String {
        ["", "A", "Bob", "Żółw", "a rather long role name, longer than a hash"][self.below(5)].into()
    }
}

/// How many cases to run: `MOTET_CASES`, or what every change has to pass.
pub(crate) fn cases(default: usize) -> usize {
    std::env::var("MOTET_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn random_payload(random: &mut Random) -> MessagePayload {
    MessagePayload { label: random.name(), bytes: random.bytes(40) }
}

/// Every kind, empty fields and queued channels included.
pub(crate) fn random_resource(random: &mut Random) -> Resource {
    match random.below(4) {
        0 => {
            let queue = (0..random.below(4)).map(|_| random_payload(random)).collect();
            Resource::Channel(ChannelState { sender: random.name(), receiver: random.name(), queue })
        }
        1 => Resource::Message(Message {
            source: random.name(),
            dest: random.name(),
            payload: random_payload(random),
            seq_no: random.next(),
        }),
        2 => Resource::Session { role: random.name(), type_hash: random.next() },
        _ => Resource::Value { tag: random.name(), data: random.bytes(200) },
    }
}
