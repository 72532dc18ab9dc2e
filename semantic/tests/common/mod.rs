//! What the tests share: enumerating small states and events of a table.
#![allow(dead_code)]

use motet_semantic::table::{Field, Machine, Sort};

/// All values of a field, up to `most` for numbers.
pub(crate) fn values(field: &Field, most: u64) -> Vec<u64> {
    match field.sort {
        Sort::Flag => vec![0, 1],
        Sort::Count => (0..=most).collect(),
        Sort::Choice(names) => (0..names.len() as u64).collect(),
    }
}

/// All tuples of values of these fields.
pub(crate) fn tuples(fields: &[Field], most: u64) -> Vec<Vec<u64>> {
    fields.iter().fold(vec![Vec::new()], |tuples, field| {
        let more = |tuple: &Vec<u64>| {
            let tuple = tuple.clone();
            values(field, most).into_iter().map(move |value| [tuple.clone(), vec![value]].concat())
        };
        tuples.iter().flat_map(more).collect()
    })
}

/// All events of a machine with all small arguments.
pub(crate) fn events(machine: &Machine, most: u64) -> Vec<(usize, Vec<u64>)> {
    let each = machine.events.iter().enumerate();
    each.flat_map(|(at, event)| tuples(event.given, most).into_iter().map(move |given| (at, given))).collect()
}
