//! The way in: a source to its tree, a tree to its global type, or both at once.

use crate::report::Report;
use crate::roles::Roles;
use crate::syntax::File;
use crate::{Diagnostics, Format, Source, declaration, json_reader, rules};
use motet_types::GlobalType;

/// The global type that a source holds, as a choreography or as JSON.
pub fn load(source: &Source) -> Result<GlobalType, Diagnostics> {
    match source.format() {
        Format::Json => json_reader::read(source),
        Format::Tell => {
            let (file, mut report) = declaration::file(source);
            let Some(file) = file else { return Err(Diagnostics::new(source.clone(), report.into_list())) };
            // The tree may have gaps, but what is in it is worth checking: all errors at once.
            let roles = Roles::of(&file, &mut report);
            rules::check(&file, &roles, &mut report);
            if !report.is_empty() {
                return Err(Diagnostics::new(source.clone(), report.into_list()));
            }
            crate::lower::lower(source, &file, roles).map_err(|one| Diagnostics::new(source.clone(), vec![one]))
        }
    }
}

/// The tree of a choreography. Only the grammar is checked.
pub fn parse(source: &Source) -> Result<File, Diagnostics> {
    match declaration::file(source) {
        (Some(file), report) if report.is_empty() => Ok(file),
        (_, report) => Err(Diagnostics::new(source.clone(), report.into_list())),
    }
}

/// The global type of a tree that was parsed from `source`.
pub fn lower(source: &Source, file: &File) -> Result<GlobalType, Diagnostics> {
    let mut report = Report::new();
    let roles = Roles::of(file, &mut report);
    rules::check(file, &roles, &mut report);
    if !report.is_empty() {
        return Err(Diagnostics::new(source.clone(), report.into_list()));
    }
    crate::lower::lower(source, file, roles).map_err(|one| Diagnostics::new(source.clone(), vec![one]))
}
