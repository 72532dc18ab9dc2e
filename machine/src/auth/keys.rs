//! Keys: the host's, given to the machine with its configuration, and in nothing that the machine writes.
//!
//! What is written is a key id, a digest from which no key can be found. So bytes say which keys a run needs, and a machine
//! that is made from bytes must be given them again.

use crate::auth::signed::{Domain, EdgeKey};
use crate::image::CodeImage;
use crate::machine::OpenError;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use ed25519_dalek::SigningKey;
use motet_types::{Digest, Digester, EdgeId, Planted, Reader, RoleId, planted};
use serde::{Deserialize, Serialize};

/// The contexts in which keys are derived from the host's secret.
const KEY_ID: &str = "motet.auth.v1 key id";
const EDGE_KEY: &str = "motet.auth.v1 key of an edge";
const ROLE_KEY: &str = "motet.auth.v1 Ed25519 key of a role";

/// The host's keys. They are dropped with the last clone, and Ed25519 keys overwritten then.
///
/// As text they are their id, and must be given again.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SigningKeys {
    id: Digest,
    /// None when they were read from bytes, which have only their id.
    material: Option<Arc<Material>>,
}

enum Material {
    /// From which each edge's or role's key is derived.
    Secret([u8; 32]),
    /// Keys by the names of roles, for Ed25519 alone.
    Roles(BTreeMap<String, SigningKey>),
}

impl SigningKeys {
    /// Keys that are all derived from one secret, which must be random.
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let id = Digest(blake3::derive_key(KEY_ID, &secret));
        Self { id, material: Some(Arc::new(Material::Secret(secret))) }
    }

    /// One Ed25519 secret for each role, by its name. Roles that send nothing need none.
    pub fn of_roles(secrets: impl IntoIterator<Item = (String, [u8; 32])>) -> Self {
        let roles: BTreeMap<String, SigningKey> =
            secrets.into_iter().map(|(role, secret)| (role, SigningKey::from_bytes(&secret))).collect();
        let id = Domain::SigningKey.hash(|into| {
            for (role, key) in &roles {
                into.str(role);
                into.bytes(key.verifying_key().as_bytes());
            }
        });
        Self { id, material: Some(Arc::new(Material::Roles(roles))) }
    }

    /// What tells these keys from others: a digest that gives none of them away.
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// The Ed25519 key with which others check what a role has signed; none when there is none for it.
    pub fn verifying_key(&self, role: &str) -> Option<[u8; 32]> {
        Some(self.role_key(role)?.verifying_key().to_bytes())
    }

    fn role_key(&self, role: &str) -> Option<SigningKey> {
        match &**self.material.as_ref()? {
            Material::Secret(secret) => {
                let mut hasher = blake3::Hasher::new_derive_key(ROLE_KEY);
                hasher.update(secret);
                hasher.update(role.as_bytes());
                Some(SigningKey::from_bytes(hasher.finalize().as_bytes()))
            }
            Material::Roles(roles) => roles.get(role).cloned(),
        }
    }
}

impl From<SigningKeys> for String {
    fn from(keys: SigningKeys) -> Self {
        keys.id.to_string()
    }
}

/// As they stand in a document: no machine can have them until they are given again.
impl TryFrom<String> for SigningKeys {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let id = Digest::from_hex(&text).ok_or("the id of keys has 64 hexadecimal digits")?;
        Ok(Self { id, material: None })
    }
}

impl PartialEq for SigningKeys {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for SigningKeys {}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whether messages are signed when they are sent, and checked when they are taken.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// They are not: edges are the machine's own memory.
    #[default]
    None,
    /// With keyed BLAKE3, each edge with a key of its own that is derived from the host's secret.
    KeyedBlake3(SigningKeys),
    /// With Ed25519, each role with a key of its own.
    Ed25519(SigningKeys),
}

/// Keys that are not those that a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The run has messages signed, and its keys were not given.
    #[error("the run's messages are signed with the keys {id}, which must be given")]
    Missing {
        /// The id of the keys.
        id: Digest,
    },
    /// Other keys were given.
    #[error("the run's messages are signed with the keys {expected}; {found} were given")]
    Other {
        /// The id of the run's keys.
        expected: Digest,
        /// The id of those that were given.
        found: Digest,
    },
    /// Keys were given to a run whose messages are not signed.
    #[error("the run's messages are not signed, and need no keys")]
    Unneeded,
    /// Keyed BLAKE3 derives its keys from one secret; keys of roles are for Ed25519.
    #[error("keys of roles are for Ed25519; keyed BLAKE3 needs one secret")]
    OfRoles,
}

impl Authentication {
    /// The name, as the command line has it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::KeyedBlake3(_) => "keyed_blake3",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// The keys; their material may be missing.
    pub const fn keys(&self) -> Option<&SigningKeys> {
        match self {
            Self::None => None,
            Self::KeyedBlake3(keys) | Self::Ed25519(keys) => Some(keys),
        }
    }

    /// Gives keys to a configuration that was read from bytes. Only the run's own are taken.
    pub fn give(&mut self, keys: &SigningKeys) -> Result<(), KeysError> {
        match self {
            Self::None => Err(KeysError::Unneeded),
            Self::KeyedBlake3(known) | Self::Ed25519(known) => {
                if *known != *keys && !planted(Planted::KeysAny) {
                    return Err(KeysError::Other { expected: known.id, found: keys.id });
                }
                known.material.clone_from(&keys.material);
                Ok(())
            }
        }
    }

    /// Why no machine can have it, if none can.
    pub fn validate(&self) -> Result<(), KeysError> {
        match (self, self.keys().map(|keys| (keys.id, keys.material.as_deref()))) {
            (_, Some((id, None))) => Err(KeysError::Missing { id }),
            (Self::KeyedBlake3(_), Some((_, Some(Material::Roles(_))))) => Err(KeysError::OfRoles),
            _ => Ok(()),
        }
    }

    pub(crate) fn encode(&self, into: &mut impl Digester) {
        into.u8(match self {
            Self::None => 0,
            Self::KeyedBlake3(_) => 1,
            Self::Ed25519(_) => 2,
        });
        self.keys().into_iter().for_each(|keys| into.bytes(&keys.id.0));
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let kind = match from.u8()? {
            0 => return Some(Self::None),
            1 => Self::KeyedBlake3,
            2 => Self::Ed25519,
            _ => return None,
        };
        Some(kind(SigningKeys { id: Digest(from.take(32)?.try_into().ok()?), material: None }))
    }

    /// The keys of an image's edges.
    pub(crate) fn table(&self, image: &CodeImage) -> Result<KeyTable, OpenError> {
        let Some(keys) = self.keys() else { return Ok(KeyTable::None) };
        let Some(material) = keys.material.as_deref() else { return Ok(KeyTable::None) };
        match (self, material) {
            (Self::KeyedBlake3(_), Material::Secret(secret)) => {
                let edge = |edge: usize| {
                    let mut hasher = blake3::Hasher::new_derive_key(EDGE_KEY);
                    hasher.update(secret);
                    hasher.bytes(&image.digest().0);
                    hasher.u16(edge as u16);
                    *hasher.finalize().as_bytes()
                };
                Ok(KeyTable::Edges((0..image.parts.edges.len()).map(edge).collect()))
            }
            _ => {
                let mut roles: Vec<Option<Box<SigningKey>>> = Vec::with_capacity(image.role_count());
                for role in (0..image.role_count() as u16).map(RoleId) {
                    let sends = image.parts.edges.iter().any(|edge| edge.sender == role.0);
                    let key = keys.role_key(image.role_name(role)).map(Box::new);
                    if sends && key.is_none() {
                        return Err(OpenError::NoKey { role });
                    }
                    roles.push(key);
                }
                Ok(KeyTable::Senders(image.parts.edges.iter().map(|edge| edge.sender).collect(), roles.into()))
            }
        }
    }
}

/// The keys of an image's edges.
#[derive(Clone, Default)]
pub(crate) enum KeyTable {
    #[default]
    None,
    /// One for each edge.
    Edges(Box<[[u8; 32]]>),
    /// Each edge's sender, and one for each role that sends.
    Senders(Box<[u16]>, Box<[Option<Box<SigningKey>>]>),
}

impl KeyTable {
    /// What signs and checks an edge's messages; none where nothing is signed.
    pub(crate) fn of(&self, edge: EdgeId) -> Option<EdgeKey<'_>> {
        match self {
            Self::None => None,
            Self::Edges(edges) => edges.get(edge.index()).map(EdgeKey::Keyed),
            Self::Senders(senders, roles) => {
                let role = senders.get(edge.index())?;
                roles.get(usize::from(*role))?.as_deref().map(EdgeKey::Ed25519)
            }
        }
    }
}

impl fmt::Debug for KeyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTable").finish_non_exhaustive()
    }
}
