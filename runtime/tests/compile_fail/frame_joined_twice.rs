//! A frame takes back one set of chunks.
use motet_runtime::machine::{FinishedChunk, FinishedWave, LostChunk, WaveFrame};

fn again(frame: WaveFrame, chunks: Vec<FinishedChunk>) -> Result<FinishedWave, LostChunk> {
    let join = WaveFrame::join;
    join(frame, chunks)?;
    join(frame, Vec::new())
}

fn main() {}
