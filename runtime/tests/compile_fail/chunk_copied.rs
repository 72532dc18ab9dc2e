//! A chunk is not copied.
use motet_runtime::machine::WaveChunk;

fn two(chunk: &WaveChunk) -> WaveChunk {
    WaveChunk::clone(chunk)
}

fn main() {}
