//! A chunk is not made of islands' places.
use motet_runtime::machine::{IslandId, WaveChunk};

fn forge(islands: Vec<IslandId>) -> WaveChunk {
    islands.into()
}

fn main() {}
