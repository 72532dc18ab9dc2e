//! A chunk runs once.
use motet_runtime::SeededHost;
use motet_runtime::machine::{FinishedChunk, WaveChunk};

fn again(chunk: WaveChunk, host: &SeededHost) -> [FinishedChunk; 2] {
    let run = WaveChunk::run::<SeededHost>;
    [run(chunk, host, 0), run(chunk, host, 0)]
}

fn main() {}
