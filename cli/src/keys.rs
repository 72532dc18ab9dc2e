//! Looking at messages: `--replay-mode`, `--authenticate`, and the keys, which stand in a file of their own.

use crate::failure::{Failure, Outcome};
use clap::ValueEnum;
use motet_machine::{Authentication, CommunicationReplayMode, KeysError, ProtocolMachineConfig, SigningKeys};
use std::path::{Path, PathBuf};

/// The largest file of keys.
const MAX_BYTES: u64 = 4096;

/// What is held against messages that come twice, or out of their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReplayMode {
    /// Nothing.
    Off,
    /// A message must be the next of its edge.
    Sequence,
    /// A message must not have been received before.
    Nullifier,
}

/// How messages are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// Not at all.
    None,
    /// With keyed BLAKE3.
    #[value(name = "keyed_blake3")]
    KeyedBlake3,
    /// With Ed25519.
    Ed25519,
}

#[derive(clap::Args)]
pub(crate) struct Keys {
    /// The secret from which the keys of signed messages are derived: 64 hexadecimal digits in a file
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Watching {
    /// What is held against messages that come twice, or out of their order [default: off]
    #[arg(long, value_enum, value_name = "MODE")]
    replay_mode: Option<ReplayMode>,
    /// Sign messages when they are sent, and check them when they are taken [default: none]
    #[arg(long, value_enum, value_name = "MODE")]
    authenticate: Option<Way>,
    #[command(flatten)]
    pub(crate) keys: Keys,
}

fn load(path: &Path) -> Outcome<SigningKeys> {
    let file = path.display().to_string();
    let unreadable = |why: String| {
        Failure::refused("unreadable", format!("{file} cannot be read: {why}")).field("file", file.clone())
    };
    let bad = || {
        Failure::refused("bad_keys", format!("{file} holds no secret"))
            .field("file", file.clone())
            .help("a secret is 64 hexadecimal digits; `openssl rand -hex 32` makes one")
    };
    let size = path.metadata().map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(bad());
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let secret = motet_types::bytes_from_hex(text.trim()).ok_or_else(bad)?;
    Ok(SigningKeys::from_secret(secret))
}

pub(crate) fn failure(error: &KeysError) -> Failure {
    let failure = Failure::refused("keys", error.to_string());
    match error {
        KeysError::Missing { .. } => failure.help("name the file that has their secret: --keys FILE"),
        _ => failure,
    }
}

impl Keys {
    /// The keys, when a file was named.
    pub(crate) fn read(&self) -> Outcome<Option<SigningKeys>> {
        self.keys.as_deref().map(load).transpose()
    }

    /// Gives a configuration that was read its keys. Without a file nothing happens here, and a run that needs keys is
    /// refused later.
    pub(crate) fn give(&self, authentication: &mut Authentication) -> Outcome<()> {
        match self.read()? {
            Some(keys) => authentication.give(&keys).map_err(|error| failure(&error)),
            None => match authentication.keys() {
                Some(keys) => Err(failure(&KeysError::Missing { id: keys.id() })),
                None => Ok(()),
            },
        }
    }
}

impl Watching {
    /// The configuration with what was asked for.
    pub(crate) fn over(&self, mut config: ProtocolMachineConfig) -> Outcome<ProtocolMachineConfig> {
        if let Some(mode) = self.replay_mode {
            config.communication_replay_mode = match mode {
                ReplayMode::Off => CommunicationReplayMode::Off,
                ReplayMode::Sequence => CommunicationReplayMode::Sequence,
                ReplayMode::Nullifier => CommunicationReplayMode::Nullifier,
            };
        }
        let needed = || {
            Failure::usage("no_keys", "messages that are signed need keys, and no file of them was named")
                .help("name one: --keys FILE; `openssl rand -hex 32 > FILE` makes one, and every replay needs it again")
        };
        let kind = match self.authenticate {
            None => {
                self.keys.give(&mut config.authentication)?;
                return Ok(config);
            }
            Some(Way::None) => {
                config.authentication = Authentication::None;
                self.keys.give(&mut config.authentication)?;
                return Ok(config);
            }
            Some(Way::KeyedBlake3) => Authentication::KeyedBlake3,
            Some(Way::Ed25519) => Authentication::Ed25519,
        };
        config.authentication = kind(self.keys.read()?.ok_or_else(needed)?);
        Ok(config)
    }
}
