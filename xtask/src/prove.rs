//! The reference semantics: built, held against the rules for proofs, extracted, and run beside the machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What the reference needs, and how it is had.
const INSTALL: &str = "apt-get install -y --no-install-recommends coq ocaml-nox ocaml-findlib";
const TOOLS: [&str; 4] = ["coqc", "coqchk", "ocamlfind", "ocamlopt"];
/// Words by which something would be assumed instead of proved, or a check of the kernel switched off.
const FORBIDDEN: [&str; 11] = [
    "Admitted",
    "admit",
    "Axiom",
    "Axioms",
    "Parameter",
    "Parameters",
    "Conjecture",
    "bypass_check",
    "Unset Guard Checking",
    "Unset Universe Checking",
    "Unset Positivity Checking",
];
/// The last file that the runners need; what stands behind it are proofs.
const EXTRACTION: &str = "Extract";
/// What Coq says of a theorem that assumes nothing.
const CLOSED: &str = "Closed under the global context";

fn missing_tools() -> Vec<&'static str> {
    let there = |tool: &&str| Command::new(tool).arg("-where").output().is_ok();
    let there = |tool: &&str| there(tool) || Command::new(tool).arg("-version").output().is_ok();
    TOOLS.into_iter().filter(|tool| !there(tool)).collect()
}

/// Fails with the line that installs what is missing.
pub fn tools() -> Result<(), String> {
    let missing = missing_tools();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("the reference needs {}, which are not installed:\n    {INSTALL}", missing.join(", ")))
}

/// A folder of the reference: where its sources stand and where it is built.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The folder `reference`.
    pub source: PathBuf,
    /// Where everything that is built goes.
    pub build: PathBuf,
}

/// What the runners are linked from besides the extracted code, in order.
const PARTS: [&str; 7] = ["json", "wire", "authority", "coming", "objects", "wal", "blake3"];
/// The runners.
const RUNNERS: [&str; 2] = ["protocol_machine_runner", "heap_parity_runner"];

impl Reference {
    /// The reference of a workspace, built below its target folder.
    pub fn of(top: &Path) -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), PathBuf::from);
        Self { source: top.join("reference"), build: target.join("reference") }
    }

    fn read(&self, name: &str) -> Result<String, String> {
        let path = self.source.join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The names of the theories, in the order in which they are built.
    pub fn theories(&self) -> Result<Vec<String>, String> {
        let listed = self.read("_CoqProject")?;
        let name = |line: &str| line.trim().strip_prefix("theories/")?.strip_suffix(".v").map(str::to_owned);
        Ok(listed.lines().filter_map(name).collect())
    }

    /// The theorems whose assumptions are checked.
    pub fn theorems(&self) -> Result<BTreeSet<String>, String> {
        Ok(printed(&self.theory("Checks")?))
    }

    fn theory(&self, name: &str) -> Result<String, String> {
        self.read(&format!("theories/{name}.v"))
    }

    /// Holds the sources against the rules: nothing assumed, every theorem among those that are checked, and no file
    /// that is not built.
    pub fn rules(&self) -> Result<(), String> {
        let theories = self.theories()?;
        let folder = self.source.join("theories");
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let name = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".v")
                && !theories.iter().any(|known| known == name)
            {
                return Err(format!("theories/{name}.v is not in _CoqProject, so nothing builds it"));
            }
        }
        let checked = printed(&self.theory("Checks")?);
        for name in &theories {
            let text = without_comments(&self.theory(name)?);
            for (at, line) in text.lines().enumerate() {
                if let Some(word) = FORBIDDEN.into_iter().find(|word| has_word(line, word)) {
                    return Err(format!("theories/{name}.v:{}: `{word}` has no place in a proof", at + 1));
                }
                let theorem = line.trim().strip_prefix("Theorem ").and_then(|rest| rest.split([' ', ':']).next());
                if let Some(theorem) = theorem
                    && !checked.contains(theorem)
                {
                    return Err(format!("theories/{name}.v:{}: `{theorem}` is not in Checks.v", at + 1));
                }
            }
        }
        Ok(())
    }

    /// Builds the theories up to `last`, those that have changed and those behind them; answers what the last one
    /// printed.
    pub fn compile(&self, last: &str) -> Result<String, String> {
        let folder = self.build.join("theories");
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let (mut stale, mut said) = (false, String::new());
        for name in self.theories()? {
            let text = self.theory(&name)?;
            let (file, object) = (folder.join(format!("{name}.v")), folder.join(format!("{name}.vo")));
            // What the last one prints is read, so it is built each time.
            stale |= name == last || !object.exists() || std::fs::read_to_string(&file).is_ok_and(|old| old != text);
            if stale {
                // A file that failed must not pass for built the next time.
                if object.exists() {
                    std::fs::remove_file(&object).map_err(|error| format!("{}: {error}", object.display()))?;
                }
                std::fs::write(&file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
                said = ran(Command::new("coqc").args(["-q", "-Q", ".", "Motet"]).arg(&file).current_dir(&folder))?;
            }
            if name == last {
                break;
            }
        }
        Ok(said)
    }

    /// Links the runners from the extracted code.
    pub fn link(&self) -> Result<(), String> {
        for file in ["reference.ml", "reference.mli"] {
            let from = self.build.join("theories").join(file);
            std::fs::copy(&from, self.build.join(file)).map_err(|error| format!("{}: {error}", from.display()))?;
        }
        for name in PARTS.iter().chain(&RUNNERS) {
            let text = self.read(&format!("ocaml/{name}.ml"))?;
            let to = self.build.join(format!("{name}.ml"));
            std::fs::write(&to, text).map_err(|error| format!("{}: {error}", to.display()))?;
        }
        let source = |name: &&str| format!("{name}.ml");
        for runner in RUNNERS {
            let mut command = Command::new("ocamlfind");
            // Warnings are the extraction's, not ours to mend.
            command.args(["ocamlopt", "-O3", "-w", "-a", "reference.mli", "reference.ml"]);
            command.args(PARTS.iter().map(source)).arg(source(&runner)).args(["-o", runner]);
            ran(command.current_dir(&self.build))?;
        }
        Ok(())
    }

    /// The machine's runner.
    pub fn runner(&self) -> PathBuf {
        self.build.join("protocol_machine_runner")
    }

    /// Builds what the runners need, and the runners.
    pub fn runners(&self) -> Result<(), String> {
        self.compile(EXTRACTION)?;
        self.link()
    }

    /// Builds everything and reads what each theorem assumes; answers how many there are.
    pub fn prove(&self) -> Result<usize, String> {
        self.rules()?;
        let said = self.compile("Checks")?;
        closed(&printed(&self.theory("Checks")?), &said)
    }

    /// Lets the independent checker read every proof again.
    pub fn recheck(&self) -> Result<(), String> {
        let folder = self.build.join("theories");
        let mut command = Command::new("coqchk");
        command.args(["-silent", "-Q", ".", "Motet"]);
        command.args(self.theories()?.iter().map(|name| format!("Motet.{name}")));
        ran(command.current_dir(&folder)).map(drop)
    }
}

/// The theorems whose assumptions a file prints.
fn printed(checks: &str) -> BTreeSet<String> {
    let name = |line: &str| line.trim().strip_prefix("Print Assumptions ")?.strip_suffix('.').map(str::to_owned);
    without_comments(checks).lines().filter_map(name).collect()
}

/// Whether every theorem printed that it assumes nothing, and nothing else was said.
fn closed(theorems: &BTreeSet<String>, said: &str) -> Result<usize, String> {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(other) = lines.iter().find(|line| **line != CLOSED) {
        return Err(format!("a theorem assumes something: {other}\n{said}"));
    }
    if theorems.is_empty() || lines.len() != theorems.len() {
        return Err(format!("{} theorems are checked, and {} are closed", theorems.len(), lines.len()));
    }
    Ok(lines.len())
}

/// The text with its comments blanked, lines kept.
fn without_comments(text: &str) -> String {
    let (mut out, mut depth, mut rest) = (String::new(), 0usize, text);
    while let Some(letter) = rest.chars().next() {
        if rest.starts_with("(*") {
            (depth, rest) = (depth + 1, &rest[2..]);
        } else if depth > 0 && rest.starts_with("*)") {
            (depth, rest) = (depth - 1, &rest[2..]);
        } else {
            if depth == 0 || letter == '\n' {
                out.push(letter);
            }
            rest = &rest[letter.len_utf8()..];
        }
    }
    out
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '\'';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(part);
        let after = line[at + word.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

/// Runs a command; answers what it wrote, or all of it as the error.
fn ran(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}\n    {INSTALL}"))?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(said.into_owned()) } else { Err(format!("{program} failed:\n{said}{complained}")) }
}

fn told<T>(what: &str, stage: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let began = Instant::now();
    let answer = stage()?;
    println!("reference: {what}, {:.1} s", began.elapsed().as_secs_f64());
    Ok(answer)
}

/// Builds, checks and extracts the reference; with `thorough` the proofs are read again by `coqchk`.
pub fn build(top: &Path, thorough: bool) -> Result<(), String> {
    tools()?;
    let reference = Reference::of(top);
    let theorems = told("proofs", || reference.prove())?;
    println!("reference: {theorems} theorems, each closed under the global context");
    told("runners", || reference.runners())?;
    if thorough {
        told("proofs read again by coqchk", || reference.recheck())?;
    }
    Ok(())
}

/// The whole stage: [`build`], both solvers, and the share of the differential lane.
pub fn run(top: &Path, thorough: bool) -> Result<(), String> {
    build(top, thorough)?;
    crate::smt::run()?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let mut command = Command::new(cargo);
    // The workspace, so that what its tests have built is used again.
    command.args(["test", "-q", "--workspace", "--test", "differential"]);
    command.args(["--", "--ignored", "--nocapture"]).current_dir(top);
    let began = Instant::now();
    let ended = command.status().map_err(|error| error.to_string())?;
    if !ended.success() {
        return Err("the machine and the reference differ".into());
    }
    println!("reference: differential share, {:.1} s with building it", began.elapsed().as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Reference, closed, has_word, printed, without_comments};
    use std::collections::BTreeSet;

    #[test]
    fn words_are_found_and_comments_are_not() {
        assert!(has_word("Proof. admit. Qed.", "admit"));
        assert!(!has_word("Lemma admits : True.", "admit"));
        assert_eq!(without_comments("a (* Axiom (* deep *) x *) b"), "a  b");
    }

    #[test]
    fn an_assumption_is_seen() {
        let theorems = printed("Print Assumptions a.\n(* Print Assumptions c. *)\nPrint Assumptions b.\n");
        assert_eq!(theorems, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        let line = "Closed under the global context\n";
        assert_eq!(closed(&theorems, &line.repeat(2)), Ok(2));
        assert!(closed(&theorems, line).is_err());
        assert!(closed(&theorems, &format!("{line}Axioms:\nH : False\n")).is_err());
        assert!(closed(&BTreeSet::new(), "").is_err());
    }

    /// The rules that need no prover hold in every build.
    #[test]
    fn nothing_is_assumed() {
        Reference::of(&crate::top()).rules().unwrap();
    }

    #[test]
    fn broken_rules_are_found() {
        let source = std::env::temp_dir().join(format!("motet-prove-{}", std::process::id()));
        std::fs::create_dir_all(source.join("theories")).unwrap();
        let reference = Reference { source: source.clone(), build: source.join("build") };
        let check = |facts: &str, more: Option<&str>| {
            std::fs::write(source.join("_CoqProject"), "-Q theories Motet\ntheories/A.v\ntheories/Checks.v\n").unwrap();
            std::fs::write(source.join("theories/A.v"), facts).unwrap();
            std::fs::write(source.join("theories/Checks.v"), "Print Assumptions t.\n").unwrap();
            if let Some(more) = more {
                std::fs::write(source.join("theories").join(more), "").unwrap();
            }
            reference.rules()
        };
        assert_eq!(check("(* Admitted *)\nTheorem t : True.\nProof. exact I. Qed.\n", None), Ok(()));
        let admitted = check("Theorem t : False.\nAdmitted.\n", None).unwrap_err();
        assert!(admitted.contains("A.v:2") && admitted.contains("Admitted"), "{admitted}");
        assert!(check("Axiom a : False.\n", None).unwrap_err().contains("Axiom"));
        assert!(check("Theorem u : True.\n", None).unwrap_err().contains("not in Checks.v"));
        assert!(check("", Some("B.v")).unwrap_err().contains("nothing builds it"));
        std::fs::remove_dir_all(&source).unwrap();
    }
}
