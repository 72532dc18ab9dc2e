//! Published shapes, held against what there is: every member here or there, or registered as a deviation.
//!
//! `docs/shapes.md` has the published members of each shape, once. Names are compared in `snake_case`, whichever way they
//! are written, and as sets.

use super::error::ParityError;
use super::present::Present;
use super::reference::Reference;
use super::registry::Registry;
use super::table::{Row, rows, words};
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

const HERE: [&str; 5] = ["shape", "members", "here", "differs", "deviations"];
const THERE: [&str; 4] = ["shape", "in the reference", "differs", "deviations"];

/// What was found of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeRow {
    /// The shape.
    pub shape: String,
    /// Where its members were looked for; none where there is no such thing, which is a deviation.
    pub place: Option<String>,
    /// The deviations that it has.
    pub deviations: Vec<String>,
    /// What is wrong with it. A row without is green, or registered.
    pub broken: Vec<String>,
}

/// What was found of all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShapeReport {
    /// The rows, in order: first those about this build, then those about the reference.
    pub rows: Vec<ShapeRow>,
    /// What is wrong besides: rows of a wrong form, and things that this build has and no row looks at.
    pub broken: Vec<String>,
}

impl ShapeReport {
    /// Rows that are as published, and rows with deviations.
    pub fn counts(&self) -> (usize, usize) {
        let green = self.rows.iter().filter(|row| row.deviations.is_empty() && row.broken.is_empty()).count();
        (green, self.rows.iter().filter(|row| !row.deviations.is_empty() && row.broken.is_empty()).count())
    }

    /// The deviations that rows name.
    pub fn named(&self) -> BTreeSet<String> {
        self.rows.iter().flat_map(|row| row.deviations.iter().cloned()).collect()
    }

    /// All that is wrong.
    pub fn findings(&self) -> impl Iterator<Item = &String> {
        self.rows.iter().flat_map(|row| &row.broken).chain(&self.broken)
    }
}

/// A name in `snake_case`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = None;
    for char in name.chars() {
        if char.is_ascii_uppercase() && before.is_some_and(|before: char| before.is_ascii_alphanumeric()) {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
        before = Some(char);
    }
    snake
}

type Names = BTreeSet<String>;

fn set<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Names {
    names.into_iter().map(|name| snake(name.as_ref())).collect()
}

/// What a row says is different: names that are here as well, and published ones that are not.
#[derive(Default)]
struct Differences {
    more: Names,
    less: Names,
}

impl Differences {
    /// `+name`, `-name`, and `published=ours` for a name that is another here.
    fn read(cell: &str) -> Result<Self, String> {
        let mut all = Self::default();
        for word in words(cell).ok_or("`differs` holds more than words between backticks")? {
            match (word.strip_prefix('+'), word.strip_prefix('-'), word.split_once("=>")) {
                (Some(name), ..) => drop(all.more.insert(snake(name))),
                (_, Some(name), _) => drop(all.less.insert(snake(name))),
                (.., Some((published, ours))) => {
                    all.less.insert(snake(published));
                    all.more.insert(snake(ours));
                }
                _ => return Err(format!("`{word}` is neither `+name`, `-name` nor `published=>ours`")),
            }
        }
        Ok(all)
    }

    fn is_empty(&self) -> bool {
        self.more.is_empty() && self.less.is_empty()
    }
}

fn list(names: impl IntoIterator<Item = String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What is wrong between the members that are published, those that are there, and the differences that are stated.
fn compare(published: &Names, present: &Names, stated: &Differences) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |names: Names, what: &str| {
        if !names.is_empty() {
            broken.push(format!("{} {what}", list(names)));
        }
    };
    let (more, less): (Names, Names) = (present - published, published - present);
    say(&more - &stated.more, "there is and is not published");
    say(&less - &stated.less, "is published and missing");
    say(&stated.more - &more, "is said to be there besides, and is not, or is published");
    say(&stated.less - &less, "is said to be missing, and is there, or was never published");
    broken
}

/// Checks the rows of a tree against this build and against the tree's reference.
///
/// # Errors
/// Something cannot be read.
pub fn check_shapes(tree: &Tree, registry: &Registry) -> Result<ShapeReport, ParityError> {
    let page = tree.page(super::SHAPES)?;
    let present = Present::of(tree)?;
    let reference = Reference::of(tree)?;
    check(&page, &present, |place| reference.members(place), registry)
}

fn check(
    page: &str,
    present: &Present,
    reference: impl Fn(&str) -> Result<Vec<String>, String>,
    registry: &Registry,
) -> Result<ShapeReport, ParityError> {
    let no_table = |columns: &[&str]| ParityError::NoTable { page: super::SHAPES.into(), columns: columns.join(", ") };
    let (mut report, mut published, mut looked) = (ShapeReport::default(), BTreeMap::new(), BTreeSet::new());
    for row in rows(page, &HERE).ok_or_else(|| no_table(&HERE))? {
        let Some([shape, members, here, differs, deviations]) = parts(&row, &mut report) else { continue };
        let name = shape.to_owned();
        let Some(members) = words(members) else {
            report.broken.push(at(&row, &name, "the members are more than words between backticks"));
            continue;
        };
        let members = set(members);
        let place = (!here.is_empty()).then(|| here.trim_matches('`').to_owned());
        let found = match &place {
            None => Ok(None),
            Some(place) => present
                .members(place)
                .map(|found| Some(set(found)))
                .ok_or_else(|| format!("there is no `{place}` in this build")),
        };
        looked.extend(place.clone());
        judge(
            &mut report,
            &row,
            Subject { shape: name.clone(), place, members: &members, found, differs, deviations },
            registry,
        );
        if published.insert(name.clone(), members).is_some() {
            report.broken.push(at(&row, &name, "the shape stands twice"));
        }
    }
    for row in rows(page, &THERE).ok_or_else(|| no_table(&THERE))? {
        let Some([shape, there, differs, deviations]) = parts(&row, &mut report) else { continue };
        let name = shape.to_owned();
        let Some(members) = published.get(&name) else {
            report.broken.push(at(&row, &name, "the shape has no row above"));
            continue;
        };
        let place = there.trim_matches('`').to_owned();
        let found = reference(&place).map(|found| Some(set(found)));
        let subject = Subject { shape: name, place: Some(place), members, found, differs, deviations };
        judge(&mut report, &row, subject, registry);
    }
    let unseen = present.places().filter(|place| !looked.contains(*place));
    report.broken.extend(unseen.map(|place| format!("docs/shapes.md: no row looks at `{place}`")));
    Ok(report)
}

fn at(row: &Row<'_>, shape: &str, what: &str) -> String {
    format!("docs/shapes.md:{}: `{shape}`: {what}", row.line)
}

fn parts<'a, const N: usize>(row: &Row<'a>, report: &mut ShapeReport) -> Option<[&'a str; N]> {
    let cells = row.cells.len();
    let found: Option<[&str; N]> = row.cells.clone().try_into().ok();
    let Some(mut found) = found else {
        report.broken.push(format!("docs/shapes.md:{}: {cells} cells where there are {N} columns", row.line));
        return None;
    };
    found[0] = found[0].trim_matches('`');
    Some(found)
}

struct Subject<'a> {
    shape: String,
    place: Option<String>,
    members: &'a Names,
    found: Result<Option<Names>, String>,
    differs: &'a str,
    deviations: &'a str,
}

fn judge(report: &mut ShapeReport, row: &Row<'_>, subject: Subject<'_>, registry: &Registry) {
    let Subject { shape, place, members, found, differs, deviations } = subject;
    let (mut broken, mut named) = (Vec::new(), Vec::new());
    match words(deviations) {
        Some(ids) => named.extend(ids.into_iter().map(str::to_owned)),
        None => broken.push(String::from("the deviations are more than ids between backticks")),
    }
    broken.extend(
        named
            .iter()
            .filter(|id| registry.get(id).is_none())
            .map(|id| format!("the deviation `{id}` is not registered")),
    );
    match (found, Differences::read(differs)) {
        (Err(why), _) | (_, Err(why)) => broken.push(why),
        (Ok(None), Ok(stated)) => {
            if !stated.is_empty() {
                broken.push(String::from("a shape that is not here cannot differ"));
            }
            if named.is_empty() {
                broken.push(String::from("the shape is not here, and no deviation says so"));
            }
        }
        (Ok(Some(found)), Ok(stated)) => {
            broken.extend(compare(members, &found, &stated));
            match (stated.is_empty(), named.is_empty()) {
                (false, true) => broken.push(String::from("it differs, and no deviation says why")),
                (true, false) => broken.push(format!("it differs in nothing: {} is stale here", list(named.clone()))),
                _ => {}
            }
        }
    }
    let broken = broken.iter().map(|what| at(row, &shape, what)).collect();
    report.rows.push(ShapeRow { shape, place, deviations: named, broken });
}
