//! Handlers around handlers forward everything: whoever wraps an `EffectHandler` writes out every method of the trait, those
//! with a default too. So a method that is added to the trait, with a default or without, cannot be forgotten anywhere.

use std::path::{Path, PathBuf};

/// Where the trait stands.
const TRAIT: &str = "machine/src/effect.rs";
/// Folders without code of ours, and the one that has to name what it looks for.
const OUTSIDE: [&str; 3] = ["target", "fuzz", "xtask"];

/// All sources of ours below a folder.
pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') && !OUTSIDE.contains(&name.as_str()) {
            sources(&path, found)?;
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The block that follows a line which begins with `start`, up to the line with its closing brace at the margin.
fn block<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let at = if text.starts_with(start) { 0 } else { text.find(&format!("\n{start}"))? + 1 };
    let rest = &text[at..];
    Some(rest.find("\n}").map_or(rest, |end| &rest[..end]))
}

/// The names of the functions that stand in a block, one level deep.
fn methods(block: &str) -> Vec<&str> {
    let names = block.lines().filter_map(|line| line.strip_prefix("    fn "));
    names.map(|line| line.split(['(', '<']).next().unwrap_or_default()).collect()
}

/// What the wrappers in a text leave out, each as a line.
fn left_out(name: &str, text: &str, wanted: &[&str]) -> (usize, Vec<String>) {
    let (mut wrappers, mut broken) = (0, Vec::new());
    for (at, line) in text.lines().enumerate() {
        let Some((head, of)) = line.strip_prefix("impl<").and_then(|rest| rest.split_once("EffectHandler for ")) else {
            continue;
        };
        // A wrapper is generic over the handler inside.
        if !head.contains("EffectHandler") {
            continue;
        }
        wrappers += 1;
        let written = block(text, line).map(methods).unwrap_or_default();
        for method in wanted.iter().filter(|method| !written.contains(method)) {
            let of = of.trim_end_matches(['{', ' ']);
            broken.push(format!("{name}:{}: the handler {of} does not forward `{method}`", at + 1));
        }
    }
    (wrappers, broken)
}

/// Every method of the trait that a handler around a handler does not write out. Answers how many wrappers there are.
///
/// # Errors
/// When files cannot be read, or the trait is not found.
pub fn check(top: &Path) -> Result<(usize, Vec<String>), String> {
    let path = top.join(TRAIT);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let declared = block(&text, "pub trait EffectHandler").map(methods).unwrap_or_default();
    if declared.is_empty() {
        return Err(format!("{TRAIT} declares no methods of `EffectHandler`"));
    }
    let (mut files, mut all, mut broken) = (Vec::new(), 0, Vec::new());
    sources(top, &mut files)?;
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.strip_prefix(top).unwrap_or(&file).display().to_string();
        let (wrappers, lines) = left_out(&name, &text, &declared);
        all += wrappers;
        broken.extend(lines);
    }
    Ok((all, broken))
}

#[cfg(test)]
mod tests {
    use super::{block, left_out, methods};

    const TEXT: &str = "\
pub trait EffectHandler: Send {
    fn identity(&self) -> &str {
        fn inner() {}
        \"host\"
    }
    fn handle_effect<T>(&self, request: T) -> T;
}
impl EffectHandler for Alone {
    fn handle_effect(&self) {}
}
impl<H: EffectHandler + ?Sized> EffectHandler for &H {
    fn identity(&self) {}
    fn handle_effect(&self) {}
}
impl<H: EffectHandler> EffectHandler for Around<H> {
    fn handle_effect(&self) {}
}
";

    #[test]
    fn what_is_left_out_is_found() {
        let declared = methods(block(TEXT, "pub trait EffectHandler").unwrap());
        assert_eq!(declared, ["identity", "handle_effect"]);
        let (wrappers, broken) = left_out("x.rs", TEXT, &declared);
        assert_eq!(wrappers, 2);
        assert_eq!(broken, ["x.rs:15: the handler Around<H> does not forward `identity`"]);
    }
}
