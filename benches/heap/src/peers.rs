//! The peers, each with BLAKE3, its nodes in a hash map, and its own call for a batch.

use std::cell::RefCell;
use std::collections::HashMap;

use anyhow::{Result, anyhow};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher, Version};
use sparse_merkle_tree::default_store::DefaultStore;
use sparse_merkle_tree::traits::Hasher as SparseHasher;
use sparse_merkle_tree::{H256, SparseMerkleTree};

use crate::maps::{Digest, Map};

/// BLAKE3 as the peers want their hash functions.
struct Blake3(blake3::Hasher);

impl SimpleHasher for Blake3 {
    fn new() -> Self {
        Blake3(blake3::Hasher::new())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// `jmt`, whose stale nodes and replaced values are dropped at once.
pub(crate) struct Jmt {
    store: JmtStore,
    version: Version,
    keys: Vec<Digest>,
}

#[derive(Default)]
struct JmtStore {
    nodes: RefCell<HashMap<NodeKey, Node>>,
    values: RefCell<HashMap<KeyHash, OwnedValue>>,
}

impl TreeReader for JmtStore {
    fn get_node_option(&self, node_key: &NodeKey) -> Result<Option<Node>> {
        Ok(self.nodes.borrow().get(node_key).cloned())
    }

    fn get_value_option(&self, _: Version, key_hash: KeyHash) -> Result<Option<OwnedValue>> {
        Ok(self.values.borrow().get(&key_hash).cloned())
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>> {
        Err(anyhow!("not asked for"))
    }
}

impl Jmt {
    pub(crate) fn new() -> Jmt {
        Jmt { store: JmtStore::default(), version: 0, keys: Vec::new() }
    }
}

impl Map for Jmt {
    fn name(&self) -> &'static str {
        "jmt 0.12"
    }

    fn wave(&mut self, begun: &[(Digest, Digest)], ended: &[usize]) -> Result<Digest> {
        self.keys.extend(begun.iter().map(|(key, _)| *key));
        let begun = begun.iter().map(|(key, value)| (KeyHash(*key), Some(value.to_vec())));
        let ended = ended.iter().map(|at| (KeyHash(self.keys[*at]), None));
        let tree = JellyfishMerkleTree::<_, Blake3>::new(&self.store);
        let (root, batch) = tree.put_value_set(begun.chain(ended), self.version)?;
        self.version += 1;
        let mut nodes = self.store.nodes.borrow_mut();
        nodes.extend(batch.node_batch.nodes().iter().map(|(key, node)| (key.clone(), node.clone())));
        for stale in &batch.stale_node_index_batch {
            nodes.remove(&stale.node_key);
        }
        let mut values = self.store.values.borrow_mut();
        for ((_, key), value) in batch.node_batch.values() {
            match value {
                Some(value) => drop(values.insert(*key, value.clone())),
                None => drop(values.remove(key)),
            }
        }
        Ok(root.0)
    }
}

/// `monotree`, which keeps every node that ever was.
pub(crate) struct Monotree {
    tree: monotree::Monotree,
    root: Option<Digest>,
    keys: Vec<Digest>,
}

impl Monotree {
    pub(crate) fn new() -> Monotree {
        Monotree { tree: monotree::Monotree::default(), root: None, keys: Vec::new() }
    }
}

impl Map for Monotree {
    fn name(&self) -> &'static str {
        "monotree 0.4"
    }

    fn wave(&mut self, begun: &[(Digest, Digest)], ended: &[usize]) -> Result<Digest> {
        let failed = |error| anyhow!("monotree: {error}");
        let (keys, values): (Vec<_>, Vec<_>) = begun.iter().copied().unzip();
        let ended: Vec<Digest> = ended.iter().map(|at| self.keys[*at]).collect();
        self.keys.extend(&keys);
        self.root = self.tree.inserts(self.root.as_ref(), &keys, &values).map_err(failed)?;
        if !ended.is_empty() {
            self.root = self.tree.removes(self.root.as_ref(), &ended).map_err(failed)?;
        }
        Ok(self.root.unwrap_or_default())
    }
}

impl Default for Blake3 {
    fn default() -> Self {
        Blake3(blake3::Hasher::new())
    }
}

impl SparseHasher for Blake3 {
    fn write_h256(&mut self, h: &H256) {
        self.0.update(h.as_slice());
    }

    fn write_byte(&mut self, b: u8) {
        self.0.update(&[b]);
    }

    fn finish(self) -> H256 {
        (*self.0.finalize().as_bytes()).into()
    }
}

/// `sparse-merkle-tree`, as Nervos CKB has it.
pub(crate) struct Sparse {
    tree: SparseMerkleTree<Blake3, H256, DefaultStore<H256>>,
    keys: Vec<Digest>,
}

impl Sparse {
    pub(crate) fn new() -> Sparse {
        Sparse { tree: SparseMerkleTree::default(), keys: Vec::new() }
    }
}

impl Map for Sparse {
    fn name(&self) -> &'static str {
        "sparse-merkle-tree 0.6"
    }

    fn wave(&mut self, begun: &[(Digest, Digest)], ended: &[usize]) -> Result<Digest> {
        self.keys.extend(begun.iter().map(|(key, _)| *key));
        let begun = begun.iter().map(|(key, value)| (H256::from(*key), H256::from(*value)));
        let ended = ended.iter().map(|at| (H256::from(self.keys[*at]), H256::zero()));
        let root = self.tree.update_all(begun.chain(ended).collect()).map_err(|error| anyhow!("{error}"))?;
        Ok((*root).into())
    }
}
