//! Leaves in key order.

use alloc::vec;
use alloc::vec::Vec;

use super::page::{Kind, Page, Slot};
use crate::digest::Digest;

/// Iterates over a tree's leaves in key order.
pub(crate) struct Iter<'a, V> {
    /// What is left of each page on the way down, the innermost last.
    left: Vec<core::slice::Iter<'a, Slot<V>>>,
}

impl<'a, V> Iter<'a, V> {
    pub(super) fn new(top: &'a Page<V>) -> Self {
        Iter { left: vec![top.slots().iter()] }
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Digest, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.left.last_mut()?.next() {
                None => drop(self.left.pop()),
                Some(Slot { kind: Kind::Leaf { key, value }, .. }) => return Some((key, value)),
                Some(Slot { kind: Kind::Page(page), .. }) => self.left.push(page.slots().iter()),
            }
        }
    }
}
