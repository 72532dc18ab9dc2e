//! `motet trace`: the events of a record, as columns or as JSON.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::record;
use motet_bridge::event_json;
use motet_machine::TraceReader;
use motet_runtime::{EventWords, SessionImages};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A trace, as `motet run --trace` writes it.
    file: PathBuf,
    /// Only the events of this session.
    #[arg(long)]
    session: Option<u64>,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Outcome<()> {
    let record = record::load(&args.file)?;
    let images = SessionImages::of(&record);
    let mut first = true;
    if out.json {
        out.text("[")?;
    } else {
        out.line("    tick  session  event                 who")?;
    }
    let mut reader = TraceReader::new(&record.events);
    while let Some(event) = reader.next() {
        let event = event.map_err(|error| Failure::refused("bad_record", error.to_string()))?;
        if args.session.is_some_and(|only| event.session.0 != only) {
            continue;
        }
        let image = images.image_at(event.session, event.tick).ok_or_else(|| record::unopened(event.session))?;
        if out.json {
            // One by one, as they are read: a trace can be longer than memory should hold as JSON.
            out.text(if first { "" } else { "," })?;
            out.text(&event_json(image, &event, reader.text()).to_string())?;
        } else {
            let words = EventWords::of(Some(image), event.event, reader.text());
            let who = if words.who.is_empty() { words.what } else { format!("{}  {}", words.who, words.what) };
            let line = format!("{:>8}  {:>7}  {:20}  {who}", event.tick.0, event.session.0, words.kind);
            out.line(line.trim_end())?;
        }
        first = false;
    }
    if out.json { out.text("]\n") } else { Ok(()) }
}
