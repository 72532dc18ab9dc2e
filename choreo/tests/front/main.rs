//! The front of the crate, text in and text out: every form, every refusal, and inputs that nobody would write.

mod choices;
mod composition;
mod documentation;
mod examples;
mod json;
mod layout;
mod loops;
mod messages;
mod no_panic;
mod refused;
mod reports;

use expect_test::Expect;
use motet_choreo::{Diagnostics, GlobalText, Source, load};

/// What a text loads as: its global type, or its refusals.
fn loaded(name: &str, text: &str) -> String {
    match Source::from_text(name, text) {
        Err(refused) => format!("{refused}\n"),
        Ok(source) => match load(&source) {
            Ok(global) => GlobalText(&global).to_string(),
            Err(refused) => refused.to_string(),
        },
    }
}

/// Checks what a choreography loads as.
fn check(text: &str, expect: Expect) {
    expect.assert_eq(&loaded("test.tell", text));
}

/// Checks what the statements of a protocol of three roles load as, without the two lines that are always the same.
fn check_body(body: &str, expect: Expect) {
    let indented: String = body.trim_matches('\n').lines().map(|line| format!("  {line}\n")).collect();
    let all = loaded("test.tell", &format!("protocol P =\n  roles A, B, C\n{indented}"));
    expect.assert_eq(all.strip_prefix("protocol P\nroles A, B, C\n").unwrap_or(&all));
}

/// Checks what JSON loads as.
fn check_json(text: &str, expect: Expect) {
    expect.assert_eq(&loaded("test.json", text));
}

/// The codes of a text's refusals.
fn codes(text: &str) -> Vec<&'static str> {
    let Ok(source) = Source::from_text("test.tell", text) else { return Vec::new() };
    let refused: Option<Diagnostics> = load(&source).err();
    refused.iter().flat_map(|all| all.list().iter().map(|one| one.code.name())).collect()
}
