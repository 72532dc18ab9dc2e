//! An idle runtime uses no processor. Alone in its file, because what is measured is the process.
#![cfg(target_os = "linux")]

use motet_choreo::{Source, compile, load};
use motet_runtime::machine::{CodeImage, ProtocolMachineConfig};
use motet_runtime::{RunStatus, Runtime, Schedule, SeededHost, Threads};
use std::sync::Arc;
use std::time::Duration;

/// Ticks of processor time that this process has used, in user mode and in the kernel: fields 14 and 15 of its line.
fn ticks() -> u64 {
    let line = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name, field 2, may hold anything but is the last to stand in brackets.
    let fields: Vec<&str> = line[line.rfind(')').unwrap() + 2..].split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// How many threads this process has.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn an_idle_runtime_uses_no_processor() {
    let text = "protocol P =\n  roles A, B\n  loop repeat 20\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";
    let global = load(&Source::from_text("idle", text).unwrap()).unwrap();
    let image = CodeImage::verify(compile(&global).unwrap()).unwrap();
    let schedule = Schedule { wave: 64, fuel: 8, chunk: 4, ..Schedule::default() };
    let executor = Threads::eager(5).unwrap();
    let mut runtime = Runtime::with_executor(ProtocolMachineConfig::default(), schedule, executor).unwrap();
    let image = runtime.load(image).unwrap();
    let host = Arc::new(SeededHost::new(1));
    let alone = threads();
    for round in 0..3 {
        for _ in 0..500 {
            runtime.open(image).unwrap();
        }
        assert_eq!(runtime.run(&host).unwrap(), RunStatus::Completed);
        assert_eq!(threads(), alone + 4, "the workers are there");
        // Their patience is at an end long before this is over.
        std::thread::sleep(Duration::from_millis(20));
        let before = ticks();
        std::thread::sleep(Duration::from_millis(200));
        let used = ticks() - before;
        println!("round {round}: {used} ticks in 200 ms of doing nothing");
        // One worker that kept looking would use about twenty.
        assert!(used <= 2, "{used} ticks");
    }
    assert!(runtime.executor().shared_waves() > 0);
    drop(runtime);
    // A thread that was waited for may stand in the kernel's list a little longer.
    let gone = (0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        threads() == alone
    });
    assert!(gone, "the workers are gone");
}
