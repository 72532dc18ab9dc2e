//! A record beside the log: what [`replay`](crate::replay) reads, with every event. It says nothing that the log could
//! still lose.

use super::{Durable, DurableError};
use crate::record::RecordWriter;
use std::io::Write;

impl<E> Durable<E> {
    /// Writes what has happened since the last call into a record, after the log is synced past it. The record's header
    /// must have been written.
    ///
    /// # Errors
    /// [`DurableError::NoRecord`] unless the run was begun with [`DurableOptions::record`](super::DurableOptions::record).
    pub fn write_record<W: Write>(&mut self, record: &mut RecordWriter<W>) -> Result<(), DurableError> {
        let (inputs, events) = self.unrecorded()?;
        Ok(record.append(&self.runtime, &inputs, &events)?)
    }

    /// Writes the rest and the end, and answers what was written to.
    ///
    /// # Errors
    /// As [`Durable::write_record`].
    pub fn finish_record<W: Write>(&mut self, mut record: RecordWriter<W>) -> Result<W, DurableError> {
        self.write_record(&mut record)?;
        Ok(record.finish(&mut self.runtime)?)
    }

    /// Inputs and events since the last call; all of them are durable.
    fn unrecorded(&mut self) -> Result<(Vec<u8>, Vec<u8>), DurableError> {
        self.sync()?;
        let inputs = self.unrecorded.as_mut().map(std::mem::take).ok_or(DurableError::NoRecord)?;
        Ok((inputs, self.runtime.drain_trace()))
    }
}
