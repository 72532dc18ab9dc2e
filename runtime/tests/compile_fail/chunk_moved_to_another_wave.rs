//! A chunk stays in its wave.
use motet_runtime::machine::WaveChunk;

fn relabel(chunk: &mut WaveChunk) {
    chunk.wave += 1;
}

fn main() {}
