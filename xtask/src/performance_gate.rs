//! The performance gate: this tree beside the commit that it comes from, both built here and run in turn.
//!
//! A round runs the base, the base again, and this tree, so that every round says how much a program differs from itself.
//! That is the noise: the median, over the rounds, of how far the second run of the base was from the first. A limit is missed
//! where the median of the rounds is beyond it by more than the noise of the same workload in the same run.
//!
//! How often threads find locks taken is compared with the predecessor, `telltale-machine` 22.0.0, on the same sessions with two
//! threads, for each message: `benches/peer` asks both for their counters.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Workloads that are measured, each long enough to say something.
const WORKLOADS: [&str; 5] = ["ping_pong", "ring64", "many_sessions", "choice", "hosted"];
/// Rounds, unless told otherwise.
const ROUNDS: usize = 5;
/// Where the base is built.
const PLACE: &str = "target/performance-gate";
/// By how many percent threads have to find locks taken less often than the predecessor's.
const CONTENTION: &str = "TT_SLA_LOCK_CONTENTION_REDUCTION_MIN_PERCENT";

/// What the environment asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Limits {
    /// Throughput over the base's: at least this.
    ratio: f64,
    /// The slowest hundredth of turns, in percent over the base's: at most this.
    p99: f64,
    /// Locks found taken, in percent less for each message than the predecessor: at least this.
    contention: f64,
}

impl Limits {
    fn read(setting: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str, usual: f64| match setting(name) {
            None => Ok(usual),
            Some(text) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
                _ => Err(format!("{name} is `{text}`; it must be a number, 0 or more")),
            },
        };
        Ok(Self {
            ratio: number("TT_SLA_THROUGHPUT_RATIO_MIN", 1.0)?,
            p99: number("TT_SLA_P99_REGRESSION_MAX_PERCENT", 15.0)?,
            contention: number(CONTENTION, 50.0)?,
        })
    }
}

/// One run of a workload.
#[derive(Clone, Copy, Debug)]
struct Run {
    rate: f64,
    p99: f64,
}

/// The base, the base again, and this tree.
type Round = [Run; 3];

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What the rounds of a workload say.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Verdict {
    ratio: f64,
    ratio_noise: f64,
    /// In percent.
    p99: f64,
    p99_noise: f64,
    met: bool,
}

fn judge(rounds: &[Round], limits: Limits) -> Verdict {
    let each = |of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    let ratio = each(|[base, _, this]| this.rate / base.rate);
    let ratio_noise = each(|[base, again, _]| (again.rate / base.rate - 1.0).abs());
    let p99 = each(|[base, _, this]| (this.p99 / base.p99 - 1.0) * 100.0);
    let p99_noise = each(|[base, again, _]| ((again.p99 / base.p99 - 1.0) * 100.0).abs());
    let met = ratio >= limits.ratio - ratio_noise && p99 <= limits.p99 + p99_noise;
    Verdict { ratio, ratio_noise, p99, p99_noise, met }
}

/// The number behind a key of a flat JSON row.
fn number(json: &str, key: &str) -> Result<f64, String> {
    let missing = || format!("`motet bench` said nothing of `{key}`: {json}");
    let rest = json.split_once(&format!("\"{key}\":")).ok_or_else(missing)?.1;
    let end = rest.find([',', '}']).unwrap_or(rest.len());
    rest[..end].trim().parse().map_err(|_| missing())
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn bench(program: &Path, workload: &str) -> Result<Run, String> {
    let json = said(Command::new(program).args(["bench", workload, "--json"]))?;
    Ok(Run { rate: number(&json, "messages_per_s")?, p99: number(&json, "turn_p99_ns")? })
}

fn git(top: &Path, words: &[&str]) -> Result<String, String> {
    Ok(said(Command::new("git").current_dir(top).args(words))?.trim().to_owned())
}

/// The commit that this tree comes from: where it left `main`, or the one before, where it is `main`.
fn merge_base(top: &Path) -> Result<String, String> {
    let (head, base) = (git(top, &["rev-parse", "HEAD"])?, git(top, &["merge-base", "HEAD", "main"])?);
    if head == base { git(top, &["rev-parse", "HEAD~1"]) } else { Ok(base) }
}

/// Builds the command of a tree in a folder of its own and answers where it is.
fn build(tree: &Path, target: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(tree).env("CARGO_TARGET_DIR", target).args(["build", "--quiet", "--release", "-p", "motet"]);
    said(&mut command)?;
    Ok(target.join("release/motet"))
}

/// By how many percent threads find locks taken less often than the predecessor's do, and the counts.
fn contention(top: &Path) -> Result<(f64, String), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--manifest-path"]).arg(top.join("benches/peer/Cargo.toml"));
    let json = said(command.args(["--", "contention"]))?;
    Ok((number(&json, "reduction_percent")?, json.trim().to_owned()))
}

/// Measures both and says which limits are missed.
///
/// # Errors
/// A limit is missed, something cannot be built or run, or an option makes no sense.
pub fn run(top: &Path, options: &[&str]) -> Result<(), String> {
    let (mut base, mut rounds) = (None, ROUNDS);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = options.next().ok_or_else(|| format!("{option} needs a value"))?;
        match *option {
            "--base" => base = Some((*value).to_owned()),
            "--rounds" => {
                rounds = value.parse().ok().filter(|rounds| *rounds > 0).ok_or("--rounds must be 1 or more")?;
            }
            _ => return Err(format!("performance-gate has no option `{option}`; there are --base REV and --rounds N")),
        }
    }
    let limits = Limits::read(|name| std::env::var(name).ok())?;
    let base = base.map_or_else(|| merge_base(top), Ok)?;
    let base = git(top, &["rev-parse", "--verify", &format!("{base}^{{commit}}")])?;
    let place = top.join(PLACE);
    let tree = place.join("base");
    if tree.exists() {
        git(top, &["worktree", "remove", "--force", &tree.display().to_string()])?;
    }
    git(top, &["worktree", "add", "--quiet", "--detach", &tree.display().to_string(), &base])?;
    let built =
        build(&tree, &place.join("base-target")).and_then(|before| Ok((before, build(top, &place.join("target"))?)));
    git(top, &["worktree", "remove", "--force", &tree.display().to_string()])?;
    let (before, this) = built?;
    println!("base {base}, {rounds} rounds; noise is how far the base is from itself");
    println!("workload          throughput  noise      p99   noise");
    let mut missed: Vec<&str> = Vec::new();
    for workload in WORKLOADS {
        let mut all = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            all.push([bench(&before, workload)?, bench(&before, workload)?, bench(&this, workload)?]);
        }
        let verdict = judge(&all, limits);
        let Verdict { ratio, ratio_noise, p99, p99_noise, met } = verdict;
        let word = if met { "" } else { "  MISSED" };
        println!("{workload:16}  {ratio:9.3}x  {ratio_noise:5.3}  {p99:+6.1}%  {p99_noise:5.1}%{word}");
        if !met {
            missed.push(workload);
        }
    }
    let (reduction, counts) = contention(top)?;
    let word = if reduction >= limits.contention { "" } else { "  MISSED" };
    println!("locks found taken, beside the predecessor: {reduction:+.1}% fewer for each message{word}  {counts}");
    if reduction < limits.contention {
        missed.push("lock contention");
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("missed by more than the noise: {}", missed.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers() {
        let none = Limits::read(|_| None).unwrap();
        assert_eq!(none, Limits { ratio: 1.0, p99: 15.0, contention: 50.0 });
        assert!(
            Limits::read(|name| name.ends_with("RATIO_MIN").then(|| "fast".into())).unwrap_err().contains("`fast`")
        );
        assert!(Limits::read(|name| (name == CONTENTION).then(|| "-5".into())).is_err());
    }

    #[test]
    fn noise_is_what_the_base_does_to_itself() {
        let limits = Limits { ratio: 1.0, p99: 15.0, contention: 50.0 };
        let round = |again: f64, this: f64, slow: f64| {
            [Run { rate: 100.0, p99: 10.0 }, Run { rate: again, p99: 10.0 }, Run { rate: this, p99: slow }]
        };
        // Five percent slower is within what the base differs from itself, ten are not.
        assert!(judge(&[round(95.0, 95.1, 10.0); 3], limits).met);
        assert!(!judge(&[round(95.0, 90.0, 10.0); 3], limits).met);
        // The slowest turns may be fifteen percent slower.
        assert!(judge(&[round(100.0, 100.0, 11.4); 3], limits).met);
        assert!(!judge(&[round(100.0, 100.0, 11.6); 3], limits).met);
        // One bad round of three is none.
        assert!(judge(&[round(100.0, 100.0, 10.0), round(100.0, 50.0, 30.0), round(100.0, 101.0, 10.0)], limits).met);
    }

    #[test]
    fn rows_are_read() {
        let row = "{\"results\":[{\"messages_per_s\":12.5,\"name\":\"x\",\"turn_p99_ns\":7}]}";
        assert_eq!((number(row, "messages_per_s"), number(row, "turn_p99_ns")), (Ok(12.5), Ok(7.0)));
        assert!(number(row, "wall_s").is_err());
    }
}
