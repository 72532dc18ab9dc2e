//! The default scheme's digests written down as plainly as possible, from the documentation and not from the code.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Digest = [u8; 32];

pub(crate) fn h(purpose: &str, bytes: &[u8]) -> Digest {
    let mut key = [b' '; 32];
    let text = format!("motet.heap.1 {purpose}");
    key[..text.len()].copy_from_slice(text.as_bytes());
    *blake3::keyed_hash(&key, bytes).as_bytes()
}

pub(crate) fn contents(stored: &[u8]) -> Digest {
    h("resource contents", stored)
}

pub(crate) fn id(path: &[u8], counter: u64, stored: &[u8]) -> Digest {
    let length = (path.len() as u32).to_le_bytes();
    h("resource id", &[&length[..], path, &counter.to_le_bytes(), &contents(stored)].concat())
}

/// A bucket of keys and contents; nullifiers have no contents.
pub(crate) fn bucket(tree: &str, leaves: &[(Digest, Option<Digest>)]) -> Digest {
    let mut bytes = Vec::new();
    for (key, contents) in leaves {
        bytes.extend(key);
        bytes.extend(contents.iter().flatten());
    }
    if bytes.len() % 64 != 0 {
        bytes.extend(leaves.last().unwrap().0);
    }
    h(&format!("{tree} bucket"), &bytes)
}

pub(crate) fn branch(tree: &str, left: &Digest, right: &Digest) -> Digest {
    h(&format!("{tree} node"), &[*left, *right].concat())
}

fn subtree(tree: &str, leaves: &[(Digest, Option<Digest>)], depth: usize) -> Digest {
    match leaves.len() {
        0 => [0; 32],
        1..=8 => bucket(tree, leaves),
        _ => {
            let bit = |key: &Digest| key[depth / 8] & (0x80 >> (depth % 8)) != 0;
            let (right, left): (Vec<_>, Vec<_>) = leaves.iter().copied().partition(|(key, _)| bit(key));
            branch(tree, &subtree(tree, &left, depth + 1), &subtree(tree, &right, depth + 1))
        }
    }
}

pub(crate) fn combine(resources: &Digest, live: usize, nullifiers: &Digest, spent: usize) -> Digest {
    let (live, spent) = ((live as u64).to_le_bytes(), (spent as u64).to_le_bytes());
    h("root", &[&resources[..], &live, nullifiers, &spent].concat())
}

pub(crate) fn root(live: &BTreeMap<Digest, Vec<u8>>, spent: &BTreeSet<Digest>) -> Digest {
    let resources: Vec<_> = live.iter().map(|(key, stored)| (*key, Some(contents(stored)))).collect();
    let nullifiers: Vec<_> = spent.iter().map(|key| (*key, None)).collect();
    let (resources, nullifiers) = (subtree("resource", &resources, 0), subtree("nullifier", &nullifiers, 0));
    combine(&resources, live.len(), &nullifiers, spent.len())
}
