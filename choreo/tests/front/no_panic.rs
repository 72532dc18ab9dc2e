//! Inputs that nobody would write: cut, altered, shuffled, deep, long. Each loads or is refused; none panics, hangs
//! or runs out of stack.

use crate::{codes, loaded};
use motet_choreo::{Code, MAX_DIAGNOSTICS, MAX_NODES, MAX_SOURCE_BYTES, Source, SourceError, load};
use std::path::Path;

/// A small generator with a fixed seed; what matters is that every run sees the same inputs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap_or(0)
    }
}

/// The examples, and a file with everything that is refused.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = std::fs::read_dir(examples).expect("the examples are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut corpus: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "tell"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("a readable example")))
        .collect();
    assert!(corpus.len() >= 6);
    corpus.sort();
    corpus.push(("every.tell".to_owned(), EVERYTHING.as_bytes().to_vec()));
    corpus.push(("type.json".to_owned(), TYPE.as_bytes().to_vec()));
    corpus
}

const EVERYTHING: &str = r#"
module m exposing (P)
import base.types as T exposing (X, ..)
type alias R = { a : Int, b : List<Maybe Int> }
type U = | V | W(Int, (Bool, String))
effect Runtime
  authoritative ready : Session -> Result E W { class : authoritative }
{- a {- nested -} comment -}
protocol P(A) requires B uses C under D = {
  roles B, C[3], D[N]
  A { meta : "x" } -> B : M of a.b.C
  A ->* : M { a : Int }
  choice A at { | X when (a > 1.5) => (A -> B : X) | Y => { A -> B : Y } }
  rec L
    A -> C[0..2] : N(R, U)
    loop decide by A
      A -> C[*] : O
    loop while "x"
      A -> B : Q
    loop repeat 3
      A -> B : Q
    par
      | A -> B : X
      | B -> A : Y
    timeout 5s A at
      A -> B : Z
    on timeout => A -> B : W
    case e of
      | Ok(x) => A -> B : E
    continue L
  call Q
}
where protocol Q = loop forever A -> B : M
"#;

const TYPE: &str = r#"{"kind":"rec","var":"X","body":{"kind":"comm","sender":"A","receiver":"B","branches":[
{"label":{"name":"M","sort":{"prod":["nat",{"vector":3}]}},"continuation":{"kind":"var","name":"X"}},
{"label":{"name":"N","sort":"unit"},"continuation":{"kind":"end"}}]}}"#;

/// Loads bytes whatever they are, and renders the outcome, which must not panic either.
fn survive(name: &str, bytes: &[u8]) {
    if let Ok(source) = Source::from_bytes(name, bytes) {
        match load(&source) {
            Ok(global) => {
                assert!(!motet_choreo::GlobalText(&global).to_string().is_empty());
                // Whatever loads is well formed: the front has said all there is to say, with places.
                assert_eq!(motet_choreo::check(&global), Ok(()), "{}", source.text());
            }
            Err(refused) => {
                assert!(!refused.list().is_empty() && refused.list().len() <= MAX_DIAGNOSTICS);
                assert!(refused.located().all(|one| one.line >= 1 && one.column >= 1));
                assert!(refused.list().iter().all(|one| one.span.start <= one.span.end));
            }
        }
    }
}

#[test]
fn every_prefix_and_suffix() {
    for (name, bytes) in corpus() {
        for cut in 0..bytes.len() {
            survive(&name, &bytes[..cut]);
            survive(&name, &bytes[cut..]);
        }
    }
}

#[test]
fn altered_bytes() {
    let mut random = Random(0x5EED_0001);
    for (name, bytes) in corpus() {
        for _ in 0..2000 {
            let mut bytes = bytes.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = match random.below(3) {
                    0 => bytes[at] ^ (1 << random.below(8)),
                    1 => b"{}()[]|:,.*<>=-\n \"$"[random.below(19)],
                    _ => u8::try_from(random.below(256)).unwrap_or(0),
                };
            }
            survive(&name, &bytes);
        }
    }
}

#[test]
fn shuffled_words_and_lines() {
    let mut random = Random(0x5EED_0002);
    for (name, bytes) in corpus() {
        let text = String::from_utf8(bytes).expect("text");
        let words: Vec<&str> = text.split_inclusive([' ', '\n', '(', ')', '{', '}', ',', ':']).collect();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for round in 0..1000 {
            let mut pieces = if round % 2 == 0 { words.clone() } else { lines.clone() };
            for _ in 0..=random.below(6) {
                if pieces.is_empty() {
                    break;
                }
                let (a, b) = (random.below(pieces.len()), random.below(pieces.len()));
                match random.below(4) {
                    0 => pieces.swap(a, b),
                    1 => pieces.insert(a, pieces[b]),
                    2 => drop(pieces.remove(a)),
                    _ => pieces[a] = pieces[b],
                }
            }
            survive(&name, pieces.concat().as_bytes());
        }
    }
}

/// Pieces of statements: put together at random they are often almost right, which is where mistakes hide.
const PIECES: &[&str] = &[
    "A -> B : M",
    "B -> A : N(Int)",
    "A ->* : T",
    "C[*] -> A : O",
    "A -> C[0..2] : R",
    "choice A at",
    "choice B at",
    "| L =>",
    "| M =>",
    "rec X",
    "rec Y",
    "continue X",
    "continue Y",
    "loop decide by A",
    "loop repeat 2",
    "loop forever",
    "loop while \"x\"",
    "par",
    "|",
    "call Q",
    "call R",
    "{",
    "}",
    "(",
    ")",
    "timeout 5s A at",
    "on timeout =>",
    "where",
    "protocol Q =",
    "protocol R =",
    "roles A, B",
    "A ->",
    ": M",
    "when (x)",
];

#[test]
fn pieces_put_together() {
    let mut random = Random(0x5EED_0003);
    let mut loaded = 0;
    for _ in 0..6000 {
        let mut text = String::from("protocol P =\n  roles A, B, C[3]\n");
        let mut indent = 2;
        for _ in 0..=random.below(14) {
            match random.below(6) {
                0 => text.push(' '),
                1 => indent += 2,
                2 => indent = 2 + 2 * random.below(4),
                _ => {}
            }
            if !text.ends_with(' ') {
                text.push_str(&format!("\n{:indent$}", ""));
            }
            text.push_str(PIECES[random.below(PIECES.len())]);
        }
        if random.below(2) == 0 {
            text.push_str("\nwhere\n  protocol Q =\n    A -> B : Q\n  protocol R = loop forever A -> B : R");
        }
        survive("soup.tell", text.as_bytes());
        loaded += u32::from(codes(&text).is_empty());
    }
    assert!(loaded > 60, "only {loaded} of them load");
}

#[test]
fn sources_that_are_none() {
    assert_eq!(Source::from_bytes("x", b""), Err(SourceError::Empty { name: "x".into() }));
    let bad = Source::from_bytes("x", b"protocol \xff");
    assert_eq!(bad, Err(SourceError::NotUtf8 { name: "x".into(), offset: 9 }));
    let zero = Source::from_bytes("x", b"ab\0c");
    assert_eq!(zero, Err(SourceError::ZeroByte { name: "x".into(), offset: 2 }));
    let bytes = MAX_SOURCE_BYTES + 1;
    let large = Source::from_bytes("x", &vec![b' '; bytes]);
    assert_eq!(large, Err(SourceError::TooLarge { name: "x".into(), bytes }));
}

#[test]
fn nesting_is_bounded() {
    let nest = |open: &str, close: &str, levels: usize| {
        let (open, close) = (open.repeat(levels), close.repeat(levels));
        format!("protocol P = {{ roles A, B {open} A -> B : M {close} }}")
    };
    assert!(codes(&nest("loop forever {", "}", 100)).is_empty());
    for levels in [300, 10_000] {
        assert_eq!(codes(&nest("loop forever {", "}", levels)), [Code::TooDeep.name()]);
        assert!(codes(&nest("loop forever ", "", levels)).contains(&Code::TooDeep.name()));
        assert!(codes(&nest("par {|", "}", levels)).contains(&Code::TooDeep.name()));
        assert!(codes(&nest("choice A at | L => A -> B : L ", "", levels)).contains(&Code::TooDeep.name()));
    }
    let types = format!("protocol P =\n roles A, B\n A -> B : M({}Int{})", "(".repeat(9000), ")".repeat(9000));
    assert_eq!(codes(&types), [Code::TooDeep.name()]);
    let generic = format!("protocol P =\n roles A, B\n A -> B : M({}Int{})", "L<".repeat(9000), ">".repeat(9000));
    assert_eq!(codes(&generic), [Code::TooDeep.name()]);
    let comments = format!("{}protocol P =\n roles A, B\n A -> B : M", "{-".repeat(100_000));
    assert!(codes(&comments).contains(&Code::Syntax.name()));
}

#[test]
fn chains_of_declarations_cost_no_stack() {
    let aliases: String = (0..20_000).map(|at| format!("type alias T{at} = T{}\n", at + 1)).collect();
    assert!(codes(&format!("{aliases}protocol P =\n roles A, B\n A -> B : M(T0)")).is_empty());
    let pairs: String = (0..1000).map(|at| format!("type alias T{at} = (T{n}, T{n})\n", n = at + 1)).collect();
    let nested = codes(&format!("{pairs}protocol P =\n roles A, B\n A -> B : M(T0)"));
    assert_eq!(nested, [Code::TooDeep.name()]);
    let calls: String = (0..20_000).map(|at| format!(" protocol Q{at} =\n  call Q{}\n", at + 1)).collect();
    let calls = format!("protocol P =\n roles A, B\n call Q0\nwhere\n{calls} protocol Q20000 =\n  A -> B : M\n");
    assert!(codes(&calls).contains(&Code::TooDeep.name()));
}

#[test]
fn a_call_of_a_call_of_a_call_is_bounded() {
    // Twenty protocols that each call the next twice: a million messages; with forty, a trillion.
    let doubling = |levels: usize| {
        let calls: String =
            (0..levels).map(|at| format!(" protocol Q{at} =\n  call Q{n}\n  call Q{n}\n", n = at + 1)).collect();
        format!("protocol P =\n roles A, B\n call Q0\nwhere\n{calls} protocol Q{levels} =\n  A -> B : M\n")
    };
    assert!(codes(&doubling(10)).is_empty());
    assert_eq!(codes(&doubling(40)), [Code::TooLarge.name()]);
}

#[test]
fn long_files() {
    let many = 100_000;
    let body = " A -> B : M\n B -> A : N\n".repeat(many / 2);
    let source = Source::from_text("long.tell", &format!("protocol P =\n roles A, B\n{body}")).expect("a source");
    let global = load(&source).expect("a long protocol");
    assert_eq!(global.nodes().len(), many + 1);
    let repeated = "protocol P =\n roles A, B\n loop repeat 1000000\n  A -> B : M";
    let global = load(&Source::from_text("million.tell", repeated).expect("a source")).expect("a long protocol");
    assert!(global.nodes().len() <= MAX_NODES);
    assert_eq!(loaded("million.tell", repeated).lines().count(), 1_000_003);
    let wrong = format!("protocol P =\n roles A, B\n{}", " A -> C : M\n".repeat(many));
    assert_eq!(codes(&wrong).len(), MAX_DIAGNOSTICS);
}

#[test]
fn many_loops_in_a_row() {
    let one = " rec X\n  choice A at\n   | Go => A -> B : Go\n           continue X\n   | No => A -> B : No\n";
    let source = Source::from_text("rows.tell", &format!("protocol P =\n roles A, B\n{}", one.repeat(5000)));
    let global = load(&source.expect("a source")).expect("a long protocol");
    assert_eq!(global.names.vars.len(), 5000);
}

#[test]
fn many_errors_cost_little() {
    let roles: Vec<String> = (0..2000).map(|at| format!("RatherLongRoleName{at}")).collect();
    let wrong: String = (0..100_000).map(|at| format!(" RatherLongRoleNaem{at} -> X : M\n")).collect();
    let text = format!("protocol P =\n roles {}\n{wrong}", roles.join(", "));
    assert_eq!(codes(&text).len(), MAX_DIAGNOSTICS);
    assert_eq!(codes(&format!("protocol P =\n{}", "§ ".repeat(1 << 20))).len(), MAX_DIAGNOSTICS);
    let fields: String = (0..100_000).map(|at| format!("\"a{at}\":0,")).collect();
    let refused = loaded("many.json", &format!("{{{fields}\"kind\":\"end\"}}"));
    assert!(refused.starts_with("error[motet::choreo::json_shape] 1:2 $: unknown field `a0`"), "{refused}");
}

#[test]
fn many_names_of_loops() {
    let one = |at: usize| {
        format!(" rec X{at}\n  choice A at\n   | G => A -> B : G\n          continue X{at}\n   | N => A -> B : N\n")
    };
    let rows = |count| format!("protocol P =\n roles A, B\n{}", (0..count).map(one).collect::<String>());
    assert!(codes(&rows(1000)).is_empty());
    assert_eq!(codes(&rows(2000)), [Code::TooLarge.name()]);
    let branches: String = (0..20_000)
        .map(|at| format!("  | L{at} => A -> B : L{at}\n    rec X\n     A -> B : M\n     call Q\n"))
        .collect();
    let text = format!(
        "protocol P =\n roles A, B\n choice A at\n{branches}{}where protocol Q =\n A -> B : M",
        rows(0).replace("protocol P =\n roles A, B\n", &(0..1000).map(one).collect::<String>())
    );
    assert!(codes(&text).is_empty());
}
