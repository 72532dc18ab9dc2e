//! A difference as a `.tell` file: the protocol, what decided the run, and both traces, as comments.

use super::both::Difference;
use super::case::Case;
use motet_choreo::{Source, global_to_json, load};
use serde_json::Value as Json;

/// How many lines before and after the difference are shown.
const AROUND: (usize, usize) = (12, 6);

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or("?")
}

fn sort(json: &Json) -> String {
    match json {
        Json::String(name) => match name.as_str() {
            "nat" => "Nat".into(),
            "bool" => "Bool".into(),
            "string" => "String".into(),
            "real" => "Real".into(),
            _ => "Unit".into(),
        },
        Json::Object(fields) => match fields.get("prod").and_then(Json::as_array) {
            Some(parts) => format!("({})", parts.iter().map(sort).collect::<Vec<_>>().join(", ")),
            // Vectors have no text; the JSON below has them.
            None => "String".into(),
        },
        _ => "Unit".into(),
    }
}

fn message(sender: &str, receiver: &str, label: &Json) -> String {
    let (name, sort) = (text(label, "name"), sort(&label["sort"]));
    match sort.as_str() {
        "Unit" => format!("{sender} -> {receiver} : {name}"),
        sort if sort.starts_with('(') => format!("{sender} -> {receiver} : {name}{sort}"),
        sort => format!("{sender} -> {receiver} : {name}({sort})"),
    }
}

fn statements(global: &Json, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let mut line = |text: String| {
        *out += &format!("{indent}{text}\n");
    };
    match text(global, "kind") {
        "var" => line(format!("continue {}", text(global, "name"))),
        "rec" => {
            line(format!("rec {}", text(global, "var")));
            statements(&global["body"], depth + 1, out);
        }
        "comm" => {
            let (sender, receiver) = (text(global, "sender"), text(global, "receiver"));
            let branches = global["branches"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let [only] = branches {
                line(message(sender, receiver, &only["label"]));
                statements(&only["continuation"], depth, out);
                return;
            }
            line(format!("choice {sender} at"));
            for branch in branches {
                let label = &branch["label"];
                *out += &format!("{indent}  | {} =>\n", text(label, "name"));
                *out += &format!("{indent}    {}\n", message(sender, receiver, label));
                statements(&branch["continuation"], depth + 2, out);
            }
        }
        _ => {}
    }
}

fn trace(out: &mut String, title: &str, lines: &[String], at: usize) {
    *out += &format!("--\n-- {title} ({} lines)\n", lines.len());
    let first = at.saturating_sub(AROUND.0);
    for (number, line) in lines.iter().enumerate().skip(first).take(AROUND.0 + AROUND.1) {
        let mark = if number == at { ">" } else { " " };
        *out += &format!("-- {mark} {number:4} {line}\n");
    }
    if at >= lines.len() {
        *out += &format!("-- > {at:4} (nothing)\n");
    }
}

/// The difference as the text of a `.tell` file.
pub fn tell(case: &Case, difference: &Difference) -> String {
    let roles = case.protocol().map(|global| global.names.roles.join(", ")).unwrap_or_default();
    let mut out = String::new();
    out += &format!("-- The machine and the reference differ in their {}, at {}.\n", difference.what, difference.at);
    out += &format!("protocol Difference =\n  roles {roles}\n");
    statements(&case.global, 1, &mut out);
    let same = Source::from_text("difference.tell", &out)
        .ok()
        .and_then(|source| load(&source).ok())
        .and_then(|global| global_to_json(&global).ok())
        .and_then(|json| serde_json::from_str::<Json>(&json).ok())
        .is_some_and(|json| json == case.global);
    if !same {
        out.push_str("-- The text above is for reading; this is the type:\n");
    }
    out += &format!("-- {}\n", case.global);
    let Case {
        hooks,
        padding,
        besides,
        seed,
        mood,
        slow,
        fails,
        owns,
        wants,
        buffer,
        outputs,
        flow,
        tight,
        sessions,
        wave,
        limit,
        ..
    } = case;
    out += &format!(
        "--\n-- hooks {hooks}, padding {padding}, besides {besides:?}, seed {seed}, mood {mood:?}, slow {slow}, fails {fails}, owns {owns},\n"
    );
    out += &format!("-- wants {wants:?}, flow {flow:?}, tight {tight},\n");
    out += &format!("-- {buffer:?}, outputs {outputs:?}, sessions {sessions}, wave {wave}, at most {limit} steps\n");
    trace(&mut out, "the machine", &difference.here, difference.at);
    trace(&mut out, "the reference", &difference.reference, difference.at);
    out
}
