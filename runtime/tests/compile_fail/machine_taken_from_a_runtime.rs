//! Nobody certifies waves behind a runtime's back.
use motet_runtime::machine::{CertifiedWave, Refused, WavePlan};
use motet_runtime::GuestRuntime;
use motet_types::EffectKinds;

fn behind(runtime: &GuestRuntime, plan: WavePlan) -> Result<CertifiedWave, Refused> {
    runtime.machine().certify(plan, EffectKinds::NONE)
}

fn main() {}
