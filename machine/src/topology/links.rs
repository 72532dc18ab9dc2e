//! What the state of sites and links means for the roles and edges of every image: what steps look at.

use super::perturbation::{Cancellation, CorruptionType};
use super::state::{Topology, link};
use crate::image::CodeImage;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use motet_types::{EdgeId, Planted, RoleId, planted};

/// Some of an image's roles or edges: one bit each.
#[derive(Clone, Debug)]
struct Bits(Box<[u64]>);

impl Bits {
    fn of(flags: impl ExactSizeIterator<Item = bool>) -> Self {
        let mut words = vec![0u64; flags.len().div_ceil(64)];
        flags.enumerate().for_each(|(at, flag)| words[at / 64] |= u64::from(flag) << (at % 64));
        Self(words.into())
    }

    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }

    fn any(&self) -> bool {
        self.0.iter().any(|word| *word != 0)
    }
}

/// An image's roles and edges.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// Edges on which nothing can be sent.
    down: Bits,
    crashed: Bits,
    timed_out: Bits,
    /// Edges that change what is sent.
    corrupt: Box<[(EdgeId, CorruptionType)]>,
}

impl Links {
    fn of(topology: &Topology, image: &CodeImage) -> Self {
        let (roles, edges) = (&image.parts.roles, &image.parts.edges);
        let name = |role: u16| roles[usize::from(role)].name.as_str();
        let crashed = Bits::of(roles.iter().map(|role| topology.crashed.contains(role.name.as_str())));
        let timed_out = Bits::of(roles.iter().map(|role| topology.is_timed_out(&role.name)));
        let down = Bits::of(edges.iter().map(|edge| {
            let (from, to) = (usize::from(edge.sender), usize::from(edge.receiver));
            let cut = topology.cut.contains(&link(name(edge.sender), name(edge.receiver)));
            let backwards = topology.cut.contains(&link(name(edge.receiver), name(edge.sender)));
            let late = timed_out.has(to) || timed_out.has(from) && !planted(Planted::TopologyTimedOutSends);
            cut || late || crashed.has(to) || backwards && planted(Planted::TopologyCutsBothWays)
        }));
        let corrupt = (0u16..).zip(edges).filter_map(|(at, edge)| {
            let how = topology.corrupt.get(&link(name(edge.sender), name(edge.receiver)))?;
            Some((EdgeId(at), *how))
        });
        let corrupt = corrupt.collect();
        Self { down, crashed, timed_out, corrupt }
    }

    /// Whether nothing can be sent on an edge.
    pub(crate) fn is_down(&self, edge: EdgeId) -> bool {
        self.down.has(edge.index())
    }

    /// Whether a role's site has crashed.
    pub(crate) fn is_crashed(&self, role: RoleId) -> bool {
        self.crashed.has(role.index())
    }

    /// Whether a role's site has timed out.
    pub(crate) fn is_timed_out(&self, role: RoleId) -> bool {
        self.timed_out.has(role.index())
    }

    /// The first role whose site has crashed.
    pub(crate) fn first_crashed(&self, image: &CodeImage) -> Option<RoleId> {
        let mut roles = (0..image.role_count() as u16).map(RoleId);
        if self.crashed.any() { roles.find(|role| self.is_crashed(*role)) } else { None }
    }

    /// How an edge changes what is sent on it.
    pub(crate) fn corruption(&self, edge: EdgeId) -> Option<CorruptionType> {
        self.corrupt.iter().find(|(at, _)| *at == edge).map(|(_, how)| *how)
    }
}

/// The links of all images, and what holds everywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    /// By the images' places; none at all as long as every site is there and every link whole.
    links: Vec<Links>,
    /// Whether payloads in flight may be of another sort than their labels'.
    pub(crate) tampered: bool,
    /// Whether coroutines may have failed.
    pub(crate) failures: bool,
    pub(crate) rule: Cancellation,
}

impl Network {
    /// What a state means for these images.
    pub(crate) fn of<'a>(topology: &Topology, rule: Cancellation, images: impl Iterator<Item = &'a CodeImage>) -> Self {
        let whole = topology.crashed.is_empty()
            && topology.cut.is_empty()
            && topology.corrupt.is_empty()
            && topology.timeouts.is_empty();
        let links = if whole { Vec::new() } else { images.map(|image| Links::of(topology, image)).collect() };
        Self { links, tampered: topology.tampered, failures: topology.has_failures(), rule }
    }

    /// The links of the image at a place; none when all are whole.
    pub(crate) fn at(&self, place: u32) -> Option<&Links> {
        self.links.get(place as usize)
    }

    /// Whether messages have to be looked at as they are sent and taken.
    pub(crate) fn is_watched(&self) -> bool {
        !self.links.is_empty() || self.tampered
    }

    /// Whether a burst's end has to look for coroutines that wait on failed ones.
    pub(crate) fn cancels(&self) -> bool {
        self.failures && self.rule == Cancellation::Fine
    }
}
