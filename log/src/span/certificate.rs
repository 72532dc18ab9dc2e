//! What a cut leaves behind: a certificate of what was dropped, what stayed and what was carried.
//!
//! Everything here is arithmetic on digests: whoever checks a certificate needs no log.

use super::request::{CarriedSpan, Cut};
use super::stretch::{CARRIED, CERTIFICATE, Digest, NotNext, Stretch, hash, record_digest};
use crate::planted::planted;
use crate::{Lsn, Record};

/// Bytes of an encoded certificate.
pub const CERTIFICATE_BYTES: usize = 176;

/// What was done to a log at a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CutCertificate {
    /// The first record that stayed.
    pub cut: Lsn,
    /// The position behind the last record at that time.
    pub end: Lsn,
    /// All records before the cut, since the log began.
    pub dropped_root: Digest,
    /// The records from the cut to the end.
    pub kept_root: Digest,
    /// The spans that were open at the cut, with their opening records.
    pub carried_root: Digest,
    /// The machine's state at the cut, as whoever made the checkpoint commits to it.
    pub state: Digest,
}

/// What it takes to see that both parts of a cut log are the whole: a few dozen digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutWitness {
    /// The records before the cut, since the log began.
    pub dropped: Stretch,
    /// The records from the cut to the end.
    pub kept: Stretch,
}

/// A certificate that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The parts are not those of the certificate.
    #[error("what is given as {part} is not what the certificate speaks of")]
    Differs {
        /// Which one.
        part: Part,
    },
    /// The parts do not make up the log.
    #[error("what was dropped and what was kept at {cut} do not make up the log")]
    NotTheLog {
        /// The cut.
        cut: Lsn,
    },
    /// The records do not follow one another.
    #[error(transparent)]
    NotNext(#[from] NotNext),
    /// A span is carried without its opening record, or with another record.
    #[error("the span that is open since record {since} is carried with record {found:?}")]
    NotCarried {
        /// The record that opened it.
        since: Lsn,
        /// The record that is there, if any.
        found: Option<Lsn>,
    },
    /// More records are carried than spans are open.
    #[error("record {lsn} is carried, but no span that is open begins there")]
    TooMany {
        /// The record.
        lsn: Lsn,
    },
}

/// A part of a cut log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The records before the cut.
    Dropped,
    /// The records from the cut on.
    Kept,
    /// The opening records of open spans.
    Carried,
}

impl core::fmt::Display for Part {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Dropped => "dropped",
            Self::Kept => "kept",
            Self::Carried => "carried",
        })
    }
}

impl CutCertificate {
    /// The certificate of a cut: `dropped` are the records before it since the log began, `kept` those from it on,
    /// `opening` the opening records of the carried spans in their order, and `state` commits to the machine there.
    ///
    /// # Errors
    /// [`CertificateError::NotNext`] when the two do not meet at the cut, and what [`carried_root`] answers.
    pub fn new(
        cut: &Cut,
        dropped: &Stretch,
        kept: &Stretch,
        opening: &[Record],
        state: Digest,
    ) -> Result<Self, CertificateError> {
        for found in [dropped.to(), kept.from()] {
            if found != cut.at {
                return Err(NotNext { expected: cut.at, found }.into());
            }
        }
        Ok(Self {
            cut: cut.at,
            end: kept.to(),
            dropped_root: dropped.root(),
            kept_root: kept.root(),
            carried_root: carried_root(&cut.carried, opening)?,
            state,
        })
    }

    /// One digest of it all, for the record that heads the log from then on.
    pub fn digest(&self) -> Digest {
        let (cut, end) = (self.cut.get().to_le_bytes(), self.end.get().to_le_bytes());
        let roots = [&self.dropped_root, &self.kept_root, &self.carried_root, &self.state];
        let [dropped, kept, carried, state] = roots.map(|root| root.0.as_slice());
        hash(CERTIFICATE, &[&cut, &end, dropped, kept, carried, state])
    }

    /// The bytes: cut and end, little-endian; the digests of what was dropped, kept and carried, and of the state; and
    /// the certificate's own.
    pub fn encode(&self) -> [u8; CERTIFICATE_BYTES] {
        let mut bytes = [0; CERTIFICATE_BYTES];
        let (numbers, digests) = bytes.split_at_mut(16);
        numbers[..8].copy_from_slice(&self.cut.get().to_le_bytes());
        numbers[8..].copy_from_slice(&self.end.get().to_le_bytes());
        let all = [self.dropped_root, self.kept_root, self.carried_root, self.state, self.digest()];
        digests.chunks_exact_mut(32).zip(all).for_each(|(place, digest)| place.copy_from_slice(&digest.0));
        bytes
    }

    /// Reads what [`CutCertificate::encode`] gives; none if a bit of it was altered.
    pub fn decode(bytes: &[u8; CERTIFICATE_BYTES]) -> Option<Self> {
        let lsn = |at: usize| bytes[at..].first_chunk().map(|number| Lsn::new(u64::from_le_bytes(*number)));
        let digest = |nth: usize| bytes[16 + 32 * nth..].first_chunk().map(|digest| Digest(*digest));
        let (dropped_root, kept_root, carried_root, state) = (digest(0)?, digest(1)?, digest(2)?, digest(3)?);
        let read = Self { cut: lsn(0)?, end: lsn(8)?, dropped_root, kept_root, carried_root, state };
        (digest(4)? == read.digest()).then_some(read)
    }

    /// Whether the witness is of this cut, and what was dropped and what was kept recombine to the whole log, whose
    /// root was `whole` ([`Stretch::root`] from the first record there ever was).
    ///
    /// # Errors
    /// [`CertificateError`] says what does not hold.
    pub fn verify(&self, witness: &CutWitness, whole: &Digest) -> Result<(), CertificateError> {
        self.verify_dropped(&witness.dropped)?;
        self.verify_kept(&witness.kept)?;
        let mut both = witness.dropped.clone();
        both.append(&witness.kept)?;
        match both.root() == *whole || planted("certificate-skips-whole") {
            true => Ok(()),
            false => Err(CertificateError::NotTheLog { cut: self.cut }),
        }
    }

    /// Whether these are the records that were dropped.
    ///
    /// # Errors
    /// [`CertificateError::Differs`].
    pub fn verify_dropped(&self, dropped: &Stretch) -> Result<(), CertificateError> {
        let place = dropped.from() == Lsn::ZERO && dropped.to() == self.cut;
        same(Part::Dropped, place && dropped.root() == self.dropped_root)
    }

    /// Whether these are the records that were kept.
    ///
    /// # Errors
    /// [`CertificateError::Differs`].
    pub fn verify_kept(&self, kept: &Stretch) -> Result<(), CertificateError> {
        let place = kept.from() == self.cut && kept.to() == self.end;
        same(Part::Kept, place && kept.root() == self.kept_root)
    }

    /// Whether these spans were carried, with these opening records.
    ///
    /// # Errors
    /// [`CertificateError::Differs`], and what [`carried_root`] answers.
    pub fn verify_carried(&self, carried: &[CarriedSpan], opening: &[Record]) -> Result<(), CertificateError> {
        same(Part::Carried, carried_root(carried, opening)? == self.carried_root)
    }
}

const fn same(part: Part, same: bool) -> Result<(), CertificateError> {
    match same {
        true => Ok(()),
        false => Err(CertificateError::Differs { part }),
    }
}

/// The digest of carried spans with their opening records, which stand in the same order. Spans that one record opened
/// share it.
///
/// # Errors
/// [`CertificateError::NotCarried`] or [`CertificateError::TooMany`] when records and spans do not fit.
pub fn carried_root(carried: &[CarriedSpan], opening: &[Record]) -> Result<Digest, CertificateError> {
    let mut bytes = Vec::with_capacity(carried.len() * 74);
    let mut records = opening.iter();
    let mut last: Option<(Lsn, Digest)> = None;
    for &CarriedSpan { since, span } in carried {
        let shared = last.filter(|(lsn, _)| *lsn == since);
        let digest = match shared {
            Some((_, digest)) => digest,
            None => match records.next() {
                Some(record) if record.lsn == since => record_digest(record),
                other => return Err(CertificateError::NotCarried { since, found: other.map(|record| record.lsn) }),
            },
        };
        last = Some((since, digest));
        bytes.extend_from_slice(&since.get().to_le_bytes());
        bytes.extend_from_slice(&span.kind.0.to_le_bytes());
        bytes.extend_from_slice(&span.key);
        if !planted("certificate-skips-carried-bytes") {
            bytes.extend_from_slice(&digest.0);
        }
    }
    match records.next() {
        Some(record) => Err(CertificateError::TooMany { lsn: record.lsn }),
        None => Ok(hash(CARRIED, &[&bytes])),
    }
}

/// The stretch of these records, which follow one another from `from` on.
///
/// # Errors
/// [`NotNext`] when they do not.
pub fn stretch_of<'a>(from: Lsn, records: impl IntoIterator<Item = &'a Record>) -> Result<Stretch, NotNext> {
    let mut stretch = Stretch::new(from);
    records.into_iter().try_for_each(|record| stretch.push(record.lsn, record_digest(record)))?;
    Ok(stretch)
}
