//! Every workload, or the one named, with 0 (cooperative) or more workers: `quick [NAME] [WORKERS]`.
fn main() {
    let only = std::env::args().nth(1).filter(|name| name != "all");
    let workers = std::env::args().nth(2).and_then(|workers| workers.parse().ok()).unwrap_or(0);
    for workload in motet_benches::WORKLOADS {
        if only.as_deref().is_some_and(|name| name != workload.name) {
            continue;
        }
        let setup = motet_benches::Setup { workers, ..workload.setup() };
        let runs: Vec<_> = (0..3).map(|_| workload.run(&setup)).collect();
        let cost = motet_benches::median(runs.iter().map(|run| run.ns_per_message()).collect());
        let steps = runs[0].steps as f64 / runs[0].messages as f64;
        println!(
            "{:16} {cost:8.1} ns/message {steps:5.2} steps/message {:?}",
            workload.name, runs[0].bytes_per_session
        );
    }
}
