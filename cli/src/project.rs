//! `motet project`: the local types.

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::out::Out;
use motet_choreo::{TooLong, local_json, local_text};
use motet_types::RoleId;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A choreography (`.tell`) or a global type (`.json`).
    file: PathBuf,
    /// Only this role.
    #[arg(long)]
    role: Option<String>,
}

fn too_long(error: &TooLong) -> Failure {
    Failure::refused("too_long", error.to_string())
        .help("branches that lead to the same place are written out once for each; ask for a smaller role")
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let source = input::read_source(&args.file)?;
    let (_, projection) = input::project(&source)?;
    let names = projection.names();
    let roles: Vec<RoleId> = match &args.role {
        None => (0..projection.roots().len()).filter_map(|at| u16::try_from(at).ok()).map(RoleId).collect(),
        Some(wanted) => match names.role(wanted) {
            Some(role) => vec![role],
            None => return Err(unknown_role(wanted, &names.roles)),
        },
    };
    if out.json {
        // Written piece by piece: the types can be too deep for a tree of JSON values.
        out.text("{")?;
        for (at, role) in roles.into_iter().enumerate() {
            let name = serde_json::Value::from(names.role_name(role)).to_string();
            let local = local_json(&projection, role).map_err(|error| too_long(&error))?;
            out.text(if at > 0 { "," } else { "" })?;
            out.text(&name)?;
            out.text(":")?;
            out.text(&local)?;
        }
        return out.text("}\n");
    }
    for role in roles {
        let local = local_text(&projection, role).map_err(|error| too_long(&error))?;
        out.line(format_args!("{}: {local}", names.role_name(role)))?;
    }
    Ok(())
}

/// A role that the protocol does not have.
fn unknown_role(wanted: &str, known: &[String]) -> Failure {
    Failure::usage("unknown_role", format!("the protocol has no role `{wanted}`; its roles are {}", known.join(", ")))
        .field("known", known.to_vec())
}
