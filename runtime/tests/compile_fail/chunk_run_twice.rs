//! A chunk runs once.
use motet_runtime::SeededHost;
use motet_runtime::machine::{FinishedChunk, WaveChunk};

fn again(chunk: WaveChunk, host: &SeededHost) -> [FinishedChunk; 2] {
    [chunk.run(host), chunk.run(host)]
}

fn main() {}
