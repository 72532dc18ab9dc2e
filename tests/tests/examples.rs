//! The straight walk: text, global type, image, run, record, replay.

use motet_choreo::{Source, compile, load};
use motet_runtime::machine::{CodeImage, ProtocolMachineConfig};
use motet_runtime::{GuestRuntime, RunStatus, Schedule, SeededHost};

#[test]
fn every_example_runs() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "tell") {
            continue;
        }
        let source = Source::from_bytes(path.to_str().unwrap(), &std::fs::read(&path).unwrap()).unwrap();
        let global = load(&source).unwrap_or_else(|e| panic!("{}: {e:?}", path.display()));
        let image = CodeImage::verify(compile(&global).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap();
        let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), Schedule::default()).unwrap();
        let image = runtime.load(image).unwrap();
        runtime.open(image).unwrap();
        runtime.limit_steps(10_000);
        let status = runtime.run(&SeededHost::new(1)).unwrap();
        println!("{} {status:?} {:?} {:?}", path.display(), runtime.machine().tally(), runtime.faults());
        assert!(matches!(status, RunStatus::Completed | RunStatus::MaxSteps), "{} {status:?}", path.display());
    }
}
