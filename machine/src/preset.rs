//! Configurations by name.

use crate::auth::identity::CommunicationReplayMode;
use crate::config::ProtocolMachineConfig;
use crate::edge::{BackpressurePolicy, BufferConfig};
use crate::trace::TraceMode;

/// A configuration by name. What a preset does not say is as in the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// [`ProtocolMachineConfig::default`].
    Standard,
    /// Little is kept: the last 1,024 events, and no recording.
    StrictMinimal,
    /// Everything is kept: all events, the host's answers, which lane ran what, and a state digest every 1,024 waves.
    StrictObservable,
    /// Nothing is received twice: the consumption of every message has a proof.
    StrictVerified,
    /// Many short sessions: the last 256 events.
    StrictChurn,
    /// Little room: edges of one message that grow to eight.
    StrictBufferPressure,
    /// Many roles and sessions: the last 4,096 events.
    StrictLargeFanout,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Standard,
        Self::StrictMinimal,
        Self::StrictObservable,
        Self::StrictVerified,
        Self::StrictChurn,
        Self::StrictBufferPressure,
        Self::StrictLargeFanout,
    ];

    /// Its name in a document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::StrictMinimal => "strict_minimal",
            Self::StrictObservable => "strict_observable",
            Self::StrictVerified => "strict_verified",
            Self::StrictChurn => "strict_churn",
            Self::StrictBufferPressure => "strict_buffer_pressure",
            Self::StrictLargeFanout => "strict_large_fanout",
        }
    }

    /// The preset of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The configuration.
    pub fn config(self) -> ProtocolMachineConfig {
        let standard = ProtocolMachineConfig::default();
        let kept = |events| ProtocolMachineConfig { trace: TraceMode::Capped(events), ..standard.clone() };
        match self {
            Self::Standard => standard,
            Self::StrictMinimal => kept(1024),
            Self::StrictObservable => {
                ProtocolMachineConfig { record: true, observe_lanes: true, digest_waves: 1024, ..standard }
            }
            Self::StrictVerified => ProtocolMachineConfig {
                communication_replay_mode: CommunicationReplayMode::Nullifier,
                max_consumptions: 1024,
                ..standard
            },
            Self::StrictChurn => kept(256),
            Self::StrictBufferPressure => {
                let policy = BackpressurePolicy::Resize { max: 8 };
                ProtocolMachineConfig { buffer: BufferConfig { capacity: 1, policy, ..standard.buffer }, ..standard }
            }
            Self::StrictLargeFanout => kept(4096),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_apart() {
        for preset in Preset::ALL {
            assert_eq!(preset.config().validate(), Ok(()));
            assert_eq!(Preset::from_name(preset.name()), Some(preset));
            let same = Preset::ALL.into_iter().filter(|other| other.config() == preset.config());
            assert_eq!(same.count(), 1, "{preset:?}");
        }
        assert_eq!(Preset::from_name("Standard"), None);
    }
}
