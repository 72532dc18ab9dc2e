//! Full lanes: the random tests with as many cases as a release is worth. `docs/EVIDENCE.md` keeps what they said.

use std::process::Command;
use std::time::Instant;

/// One lane: a test binary, which of its tests, and how many cases.
struct Lane {
    name: &'static str,
    package: &'static str,
    test: &'static str,
    /// Tests whose names contain it; empty for all.
    only: &'static str,
    features: &'static str,
    /// 0 where the test itself knows how many there are.
    cases: u64,
    what: &'static str,
}

const TESTS: Lane = Lane { name: "", package: "motet-tests", test: "", only: "", features: "", cases: 0, what: "" };

/// The lanes that run beside the reference, which is built first.
const DIFFERENTIAL: &str = "differential";
const DIFFERENTIAL_FAULTS: &str = "differential-faults";

/// All lanes, in the order in which `all` runs them.
const LANES: &[Lane] = &[
    Lane {
        name: "planted",
        test: "planted",
        features: "planted",
        what: "every planted fault is caught by its check",
        ..TESTS
    },
    Lane {
        name: "protocols",
        test: "protocols",
        cases: 10_000,
        what: "random protocols follow their global type, in every schedule, and replay",
        ..TESTS
    },
    Lane {
        name: "threads",
        test: "threads",
        only: "change_the_time_and_nothing_else",
        cases: 10_000,
        what: "random protocols run alike with any number of workers and in any order, and alike between schedules",
        ..TESTS
    },
    Lane {
        name: "profiles",
        test: "profiles",
        only: "profiles_say_what_is_the_same",
        cases: 10_000,
        what: "runs again, changed runs and runs of other schedules are equal under exactly the profiles they should be",
        ..TESTS
    },
    Lane {
        name: "plans",
        test: "upgrades",
        only: "plans_are_applied_whole_or_not_at_all",
        cases: 100_000,
        what: "random plans of a composition are applied whole or not at all, and what they come to fits together",
        ..TESTS
    },
    Lane {
        name: "fragments",
        test: "profiles",
        only: "fragments_are_equal_to_the_byte",
        cases: 10_000,
        what: "random runs, on threads, replayed and out of a log, have one replay fragment to the byte",
        ..TESTS
    },
    Lane {
        name: "soundness",
        test: "soundness",
        only: "verified_programs_do_not_fault",
        cases: 1_000_000,
        what: "random and mutated programs that verify do not fault",
        ..TESTS
    },
    Lane {
        name: "model",
        test: "model",
        only: "the_machine_is_its_model",
        cases: 2_000_000,
        what: "the machine beside a literal interpreter of the specification: states and events of 10^8 steps",
        ..TESTS
    },
    Lane {
        name: "bytes",
        test: "soundness",
        only: "read_or_refused",
        cases: 500_000,
        what: "changed images and records are read or refused",
        ..TESTS
    },
    Lane {
        name: "turns",
        package: "motet-log",
        test: "turns",
        cases: 1_000_000,
        what: "the published cut selector: transcription, theorems and counts, and on random long histories",
        ..TESTS
    },
    Lane {
        name: "turns-paired",
        package: "motet-log",
        test: "select",
        cases: 1_000_000,
        what: "the selector that pairs by identifier does what its rule says",
        ..TESTS
    },
    Lane {
        name: "semantic",
        package: "motet-semantic",
        test: "live",
        only: "every_step_is_as_computed_again",
        cases: 10_000,
        what: "live semantic objects are those computed again from the whole history, at every step",
        ..TESTS
    },
    Lane {
        name: "cuts",
        package: "motet-log",
        test: "spans",
        cases: 1_000_000,
        what: "cuts of a log, from the index and from the records, are what their rule says",
        ..TESTS
    },
    Lane {
        name: "certificates",
        package: "motet-log",
        test: "certificates",
        cases: 3_000,
        what: "parts of a cut log recombine to the whole, and every alteration of them is noticed",
        ..TESTS
    },
    Lane {
        name: "compactions",
        package: "motet-log",
        test: "compact",
        cases: 100,
        what: "cuts on a disk that crashes leave the old log or the new one",
        ..TESTS
    },
    Lane {
        name: "cut-runs",
        test: "cut_runs",
        cases: 10_000,
        what: "random durable runs, cut wherever they may be, go on to the same end; fifty cuts in sequence",
        ..TESTS
    },
    Lane {
        name: "snapshots",
        test: "snapshots",
        only: "snapshots::",
        cases: 2_000,
        what: "roots that are kept are those computed, and what is resumed from a snapshot ends as if nothing had been",
        ..TESTS
    },
    Lane {
        name: "durable",
        test: "durable",
        only: "crashes_lose_nothing",
        cases: 100_000,
        what: "durable runs crashed at every I/O call, 64 survivals each, recover, and end as if nothing had been",
        ..TESTS
    },
    Lane {
        name: "crash",
        package: "motet-log",
        test: "crash",
        cases: 10_000_000,
        what: "images of crashes at every I/O call, 64 subsets each, recovery crashed to depth 3, lose nothing",
        ..TESTS
    },
    Lane {
        name: "rot",
        package: "motet-log",
        test: "rot",
        cases: 1_000_000,
        what: "every flipped bit, every length, stale and misdirected sectors of a log are found",
        ..TESTS
    },
    Lane {
        name: "forged",
        package: "motet-log",
        test: "forged",
        cases: 1_000_000,
        what: "forged logs are read or refused",
        ..TESTS
    },
    Lane {
        name: "kill",
        package: "motet-log",
        test: "kill",
        only: "killed_processes",
        cases: 1_000,
        what: "processes killed with SIGKILL while they write lose nothing",
        ..TESTS
    },
    Lane {
        name: "kill-runs",
        package: "motet",
        test: "wal",
        only: "killed_runs",
        cases: 1_000,
        what: "runs of the command line killed with SIGKILL recover to the end that they would have had",
        ..TESTS
    },
    Lane {
        name: "planted-log",
        package: "motet-log",
        test: "planted",
        only: "every_fault_is_caught",
        features: "planted",
        what: "every planted fault of the log is caught, and how fast",
        ..TESTS
    },
    Lane {
        name: "ownership",
        test: "ownership",
        cases: 100_000,
        what: "every state of ownership within wide bounds is right; random owners on threads, replayed and recovered agree",
        ..TESTS
    },
    Lane {
        name: "topology",
        test: "topology",
        cases: 20_000,
        what: "random runs to whose sites and links things happen agree on threads, replayed and recovered",
        ..TESTS
    },
    Lane {
        name: "upgrades",
        test: "upgrades",
        only: "runs_that_move_are_runs",
        cases: 20_000,
        what: "random runs whose sessions move to another image agree on threads, replayed and recovered; nobody faults or hangs",
        ..TESTS
    },
    Lane {
        name: DIFFERENTIAL,
        test: "differential",
        cases: 100_000,
        what: "random protocols run as the reference semantics says, event by event",
        ..TESTS
    },
    Lane {
        name: DIFFERENTIAL_FAULTS,
        test: "differential_faults",
        features: "planted",
        what: "faults planted in the machine are found by the differential lane, and shown by a small protocol",
        ..TESTS
    },
    Lane {
        name: "heap",
        package: "motet-heap",
        test: "v1_literal",
        cases: 100_000,
        what: "operations in the published format agree with the rules written down literally",
        ..TESTS
    },
    Lane {
        name: "heap",
        package: "motet-heap",
        test: "oracle",
        cases: 1_000_000,
        what: "operations on the heap agree with sorted maps and a literal root, and every proof holds",
        ..TESTS
    },
    Lane {
        name: "heap",
        package: "motet-heap",
        test: "overlays",
        cases: 1_000_000,
        what: "overlays do what the heap does, in any order",
        ..TESTS
    },
    Lane {
        name: "heap",
        package: "motet-heap",
        test: "proofs",
        cases: 100_000,
        what: "altered, cut, relabelled and made-up proofs are refused, every bit of them",
        ..TESTS
    },
    Lane {
        name: "heap",
        package: "motet-heap",
        test: "proof_files",
        cases: 100_000,
        what: "proof files say what is so, and nothing else passes",
        ..TESTS
    },
    Lane {
        name: "guards",
        test: "behaviour",
        only: "heaps::",
        cases: 2_000,
        what: "random protocols with guards have one heap on any number of workers, in any order, parked, replayed, resumed",
        ..TESTS
    },
    Lane {
        name: "subtyping",
        test: "subtyping",
        cases: 200_000,
        what: "subtyping agrees with all runs of all small types over queues, and of random ones; no wrong yes",
        ..TESTS
    },
    Lane {
        name: "planted-heap",
        package: "motet-heap",
        test: "planted",
        features: "planted",
        what: "every planted fault of the heap is caught by its check",
        ..TESTS
    },
];

/// The lanes, for people.
pub fn list() -> String {
    let mut text = String::new();
    for lane in LANES {
        let cases = if lane.cases == 0 { String::from("all") } else { lane.cases.to_string() };
        text += &format!("{:12} {cases:>10}  {}\n", lane.name, lane.what);
    }
    text
}

fn one(lane: &Lane) -> Result<(), String> {
    let beside = [DIFFERENTIAL, DIFFERENTIAL_FAULTS].contains(&lane.name);
    if beside {
        crate::prove::build(&crate::top(), true)?;
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["test", "--release", "-p", lane.package, "--test", lane.test]);
    if !lane.features.is_empty() {
        command.args(["--features", lane.features]);
    }
    // Compiling is not the lane's time.
    let built = command.args(["--no-run", "--quiet"]).status().map_err(|error| error.to_string())?;
    if !built.success() {
        return Err(format!("{}: the tests do not build", lane.name));
    }
    let arguments: Vec<String> = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .filter(|word| word != "--no-run" && word != "--quiet")
        .collect();
    let mut command = Command::new(command.get_program());
    command.args(arguments).args(["--", "--nocapture"]);
    if beside {
        command.arg("--ignored");
    }
    if !lane.only.is_empty() {
        command.arg(lane.only);
    }
    if lane.cases > 0 {
        command.env("MOTET_CASES", lane.cases.to_string());
    }
    // Read by the mutation test alone: the share of the gate is without.
    command.env("MOTET_PLANTED_LANES", "1");
    println!("== {}: {}", lane.name, lane.what);
    let began = Instant::now();
    let ended = command.status().map_err(|error| error.to_string())?;
    let seconds = began.elapsed().as_secs_f64();
    println!("== {}: {} in {seconds:.1} s", lane.name, if ended.success() { "kept" } else { "BROKEN" });
    if ended.success() { Ok(()) } else { Err(format!("{}: broken", lane.name)) }
}

/// The names of all lanes; several parts of one have the same.
pub fn names() -> impl Iterator<Item = &'static str> {
    LANES.iter().map(|lane| lane.name)
}

/// Runs the lane of that name, or all of them. The environment may set another seed by `MOTET_SEED`.
pub fn run(name: &str) -> Result<(), String> {
    let chosen: Vec<&Lane> = LANES.iter().filter(|lane| name == "all" || lane.name == name).collect();
    if chosen.is_empty() {
        return Err(format!("there is no lane `{name}`:\n{}", list()));
    }
    let broken: Vec<String> = chosen.into_iter().filter_map(|lane| one(lane).err()).collect();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}
