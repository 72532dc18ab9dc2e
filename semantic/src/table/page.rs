//! A table as a page of documentation.

use super::{Break, Claim, Field, Formula, Machine, Sort, Term};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Names for the numbers in a formula: those of the machine's fields and of the event's arguments.
struct Names<'a> {
    fields: &'a [Field],
    given: &'a [Field],
}

impl Names<'_> {
    fn sort(&self, term: &Term) -> Option<Sort> {
        match *term {
            Term::Field(at) => self.fields.get(at).map(|field| field.sort),
            Term::Given(at) => self.given.get(at).map(|field| field.sort),
            Term::After(term) => self.sort(term),
            _ => None,
        }
    }

    fn number(number: u64, sort: Option<Sort>) -> String {
        match sort {
            Some(Sort::Flag) => (if number == 1 { "yes" } else { "no" }).to_string(),
            Some(Sort::Choice(names)) => {
                let name = usize::try_from(number).ok().and_then(|at| names.get(at));
                name.map_or_else(|| number.to_string(), |name| (*name).to_string())
            }
            _ => number.to_string(),
        }
    }

    fn term(&self, term: &Term, sort: Option<Sort>) -> String {
        let name = |list: &[Field], at: usize| list.get(at).map_or("?", |field| field.name).to_string();
        match *term {
            Term::Field(at) => name(self.fields, at),
            Term::Given(at) => format!("*{}*", name(self.given, at)),
            Term::Number(number) => Self::number(number, sort),
            Term::Plus(left, right) => format!("{} + {}", self.term(left, None), self.term(right, None)),
            Term::Minus(left, right) => format!("{} − {}", self.term(left, None), self.term(right, None)),
            Term::Larger(left, right) => format!("max({}, {})", self.term(left, sort), self.term(right, sort)),
            Term::Mapped(term, map) => {
                let from = self.sort(term);
                let pairs: Vec<String> = (0..)
                    .zip(map)
                    .map(|(at, &to)| format!("{}: {}", Self::number(at, from), Self::number(to, sort)))
                    .collect();
                format!("{}[{}]", self.term(term, None), pairs.join(", "))
            }
            Term::After(term) => format!("{}'", self.term(term, sort)),
        }
    }

    fn pair(&self, left: &Term, sign: &str, right: &Term) -> String {
        let (first, second) = (self.sort(left), self.sort(right));
        format!("{} {sign} {}", self.term(left, second), self.term(right, first))
    }

    fn formula(&self, formula: &Formula) -> String {
        let list = |list: &[Formula], word: &str| {
            let parts: Vec<String> = list.iter().map(|part| self.formula(part)).collect();
            format!("({})", parts.join(word))
        };
        match formula {
            Formula::Equal(left, right) => self.pair(left, "=", right),
            Formula::Differ(left, right) => self.pair(left, "≠", right),
            Formula::AtMost(left, right) => self.pair(left, "≤", right),
            Formula::Below(left, right) => self.pair(left, "<", right),
            Formula::OneOf(term, numbers) => {
                let sort = self.sort(term);
                let names: Vec<String> = numbers.iter().map(|&number| Self::number(number, sort)).collect();
                format!("{} in {{{}}}", self.term(term, None), names.join(", "))
            }
            Formula::Not(formula) => format!("not ({})", self.formula(formula)),
            Formula::All(parts) => list(parts, " and "),
            Formula::Any(parts) => list(parts, " or "),
            Formula::Implies(first, second) => format!("{} → {}", self.formula(first), self.formula(second)),
        }
    }
}

fn plain(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn claims(text: &mut String, title: &str, names: &Names<'_>, claims: &[Claim]) {
    if claims.is_empty() {
        return;
    }
    *text += &format!("\n| {title} | says | broken by |\n|---|---|---|\n");
    for claim in claims {
        let breaks = match claim.breaks {
            Break::Need(event, at) => format!("`{event}` without its need {}", at + 1),
            Break::Put(event, field, to) => {
                let to = names.term(&to, names.sort(&field));
                format!("`{event}` with {} := {to}", names.term(&field, None))
            }
        };
        *text += &format!("| {}: {} | {} | {breaks} |\n", claim.name, plain(claim.doc), names.formula(&claim.holds));
    }
}

/// The machine's table as Markdown: fields, events with needs and changes, claims. `x'` is x after the event.
pub fn page(machine: &Machine) -> String {
    let mut text = format!("## {}\n\n{}\n\n| field | holds | is |\n|---|---|---|\n", machine.name, plain(machine.doc));
    let fields = Names { fields: machine.fields, given: &[] };
    for field in machine.fields {
        let sort = match field.sort {
            Sort::Flag => "yes, no".to_string(),
            Sort::Count => "a number".to_string(),
            Sort::Choice(names) => names.join(", "),
        };
        text += &format!("| `{}` | {sort} | {} |\n", field.name, plain(field.doc));
    }
    text += &format!("\nIt starts with {}.\n", fields.formula(&machine.initial));
    text += "\n| event | needs, else | then |\n|---|---|---|\n";
    for event in machine.events {
        let names = Names { fields: machine.fields, given: event.given };
        let needs: Vec<String> = event
            .needs
            .iter()
            .map(|need| {
                let refusal = machine.refusals.get(need.refusal).map_or("?", |(name, _)| name);
                format!("{}, else `{refusal}`", names.formula(&need.holds))
            })
            .collect();
        let sets: Vec<String> = event
            .sets
            .iter()
            .map(|set| format!("{} := {}", names.term(&set.field, None), names.term(&set.to, names.sort(&set.field))))
            .collect();
        let given: Vec<&str> = event.given.iter().map(|field| field.name).collect();
        let given = if given.is_empty() { String::new() } else { format!(" *{}*", given.join(", ")) };
        let sets = if sets.is_empty() { "nothing changes".to_string() } else { sets.join("; ") };
        text += &format!("| `{}`{given}: {} | {} | {sets} |\n", event.name, plain(event.doc), needs.join("; "));
    }
    claims(&mut text, "invariant", &fields, machine.invariants);
    claims(&mut text, "law", &fields, machine.laws);
    let (goal, steps) = &machine.goal;
    text += &format!("\nA state worth reaching, {steps} events away: {}.\n", fields.formula(goal));
    text
}
