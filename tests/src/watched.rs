//! Configurations in which messages are looked at: numbered, consumed once, signed.

use crate::dice::Dice;
use motet_machine::{Authentication, CommunicationReplayMode, EdgeHistory, ProtocolMachineConfig, SigningKeys};

/// All replay modes.
pub const MODES: [CommunicationReplayMode; 3] =
    [CommunicationReplayMode::Off, CommunicationReplayMode::Sequence, CommunicationReplayMode::Nullifier];

/// The keys that the tests sign with.
pub fn keys() -> SigningKeys {
    SigningKeys::from_secret([7; 32])
}

/// Every way to sign, the one without signatures first.
pub fn ways() -> [Authentication; 3] {
    [Authentication::None, Authentication::KeyedBlake3(keys()), Authentication::Ed25519(keys())]
}

/// Switches some of it on, or nothing. Ed25519 is rare: it takes a tenth of a millisecond a message.
pub fn watch(dice: &mut Dice, config: ProtocolMachineConfig) -> ProtocolMachineConfig {
    let [none, keyed, ed25519] = ways();
    ProtocolMachineConfig {
        communication_replay_mode: *dice.pick(&MODES),
        authentication: match dice.below(24) {
            0 => ed25519,
            1..=8 => keyed,
            _ => none,
        },
        edge_history: if dice.one_in(4) { EdgeHistory::Full } else { EdgeHistory::Frontier },
        max_consumptions: if dice.one_in(4) { 3 } else { 0 },
        ..config
    }
}
