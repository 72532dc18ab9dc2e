//! Every workload once.
fn main() {
    let only = std::env::args().nth(1);
    for workload in motet_benches::WORKLOADS {
        if only.as_deref().is_some_and(|name| name != workload.name) {
            continue;
        }
        let runs: Vec<_> = (0..3).map(|_| workload.run(&workload.setup())).collect();
        let ns = motet_benches::median(runs.iter().map(|m| m.ns_per_message()).collect());
        let m = &runs[0];
        println!(
            "{:16} {:8.1} ns/msg  {:5.2} steps/msg {:?}",
            m.name,
            ns,
            m.steps as f64 / m.messages as f64,
            m.bytes_per_session
        );
    }
}
