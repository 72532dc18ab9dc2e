//! Spans, and where a log may be cut.
//!
//! A span is an opening and a closing record with one name. A cut is safe if and only if every span that is open there
//! is carried. [`LogIndex`] and [`select_cut`] find one while the log grows, [`scan_cut`] by reading it.

mod certificate;
mod compact;
mod head;
mod id;
mod index;
mod open_set;
mod request;
mod rules;
mod scan;
mod stretch;

pub use certificate::{
    CERTIFICATE_BYTES, CertificateError, CutCertificate, CutWitness, Part, carried_root, stretch_of,
};
pub use compact::{CompactError, compact};
pub use head::{BadHead, CutHead};
pub use id::{SpanEdge, SpanId, SpanKind};
pub use index::{LogIndex, select_cut};
pub(crate) use open_set::OpenSet;
pub use request::{CarriedSpan, Cut, CutError, CutRequest, OpenSpans, Weight};
pub use rules::{Effect, SpanRules, SpanTable};
pub use scan::{SpanSource, scan_cut};
pub use stretch::{Digest, NotNext, Stretch, record_digest};
