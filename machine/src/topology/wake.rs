//! Coroutines that wait for a link, and links that are whole again.

use crate::growth::Growth;
use crate::image::CodeImage;
use crate::images::Images;
use crate::layout::{CORO_GATE, HEAD_READY, Layout};
use crate::session::{Gate, Session, is_ready};
use alloc::vec::Vec;

/// The coroutines that wait for a link, each with what it waits for.
fn waiting(words: &[u64], growth: Option<&Growth>, layout: &Layout) -> Vec<(u16, Gate)> {
    let main = |place: &crate::layout::Place| words[layout.coros_at + place.start as usize + CORO_GATE];
    let mains = (0u16..).zip(layout.places.iter().map(main));
    let children = growth.into_iter().flat_map(|growth| &growth.children);
    let all = mains.chain(children.map(|child| (child.number, child.words[CORO_GATE])));
    let gates = all.map(|(number, word)| (number, Gate::unpack(word)));
    let far = growth.map_or(&[][..], |growth| &growth.far);
    let waits = |(number, gate): &(u16, Gate)| {
        let asleep = !is_ready(&words[HEAD_READY..layout.roles_at], far, *number);
        asleep && matches!(gate, Gate::Link(_) | Gate::GuestLink(..))
    };
    gates.filter(waits).collect()
}

/// Those whose link is whole.
fn back(words: &[u64], growth: Option<&Growth>, main: u32, image: &CodeImage, images: &Images) -> Vec<u16> {
    let up = |(_, gate): &(u16, Gate)| {
        let (place, edge) = match *gate {
            Gate::GuestLink(number, edge) => {
                let guest = growth.and_then(|growth| growth.place(number).map(|at| growth.guests[at].image));
                (guest.unwrap_or(u32::MAX), edge)
            }
            Gate::Link(edge) => (main, edge),
            _ => return false,
        };
        images.network.at(place).is_none_or(|links| !links.is_down(edge))
    };
    waiting(words, growth, &image.layout).into_iter().filter(up).map(|(number, _)| number).collect()
}

/// Marks coroutines as ready.
fn mark(words: &mut [u64], growth: Option<&mut Growth>, layout: &Layout, woken: &[u16]) {
    let near = layout.roles_at - HEAD_READY;
    let far = growth.map(|growth| &mut growth.far[..]).unwrap_or_default();
    for number in woken {
        let (word, bit) = (usize::from(number / 64), 1 << (number % 64));
        let bits = if word < near { words.get_mut(HEAD_READY + word) } else { far.get_mut(word - near) };
        bits.into_iter().for_each(|bits| *bits |= bit);
    }
}

impl Session {
    /// Whether a coroutine waits for a link. A speculation may take back that it did not.
    pub(crate) fn waits_for_links(&self, image: &CodeImage) -> bool {
        !waiting(&self.words, self.growth(), &image.layout).is_empty()
            || self.levels().any(|level| !waiting(&level.words, level.growth.as_deref(), &image.layout).is_empty())
    }

    /// Whether one waits for a link that is whole.
    pub(super) fn has_link_back(&self, image: &CodeImage, images: &Images) -> bool {
        let main = self.image;
        !back(&self.words, self.growth(), main, image, images).is_empty()
            || self.levels().any(|level| !back(&level.words, level.growth.as_deref(), main, image, images).is_empty())
    }

    /// Wakes those, also in what a speculation may bring back.
    pub(super) fn wake_links(&mut self, image: &CodeImage, images: &Images) {
        let main = self.image;
        let woken = back(&self.words, self.growth(), main, image, images);
        let growth = self.ext.as_deref_mut().and_then(|ext| ext.growth.as_deref_mut());
        mark(&mut self.words, growth, &image.layout, &woken);
        let speculation = self.ext.as_deref_mut().and_then(|ext| ext.speculation.as_deref_mut());
        for level in speculation.into_iter().flat_map(|speculation| &mut speculation.levels) {
            let woken = back(&level.words, level.growth.as_deref(), main, image, images);
            mark(&mut level.words, level.growth.as_deref_mut(), &image.layout, &woken);
        }
    }
}
