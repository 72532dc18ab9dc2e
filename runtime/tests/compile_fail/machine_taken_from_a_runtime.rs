//! Nobody certifies waves behind a runtime's back.
use motet_runtime::machine::{CertifiedWave, Refusal, WavePlan};
use motet_runtime::GuestRuntime;
use motet_types::EffectKinds;

fn behind(runtime: &GuestRuntime, plan: &WavePlan) -> Result<CertifiedWave, Refusal> {
    runtime.machine().certify(plan, EffectKinds::NONE)
}

fn main() {}
