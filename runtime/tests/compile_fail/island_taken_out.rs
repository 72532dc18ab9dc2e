//! Nobody takes an island out of a chunk.
use motet_runtime::machine::WaveChunk;

fn steal(mut chunk: WaveChunk) {
    let _island = chunk.islands.pop();
}

fn main() {}
