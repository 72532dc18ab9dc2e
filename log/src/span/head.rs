//! What a cut leaves, as bytes: they stand at the beginning of a checkpoint's payload, and in the head of the log.

use super::certificate::{CertificateError, CutCertificate};
use super::request::CarriedSpan;
use super::stretch::{Digest, Stretch};
use super::{SpanId, SpanKind};
use crate::planted::planted;
use crate::{Lsn, Record};

const MAGIC: [u8; 8] = *b"motetcut";
const VERSION: u16 = 1;

/// What a cut leaves of what it dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutHead {
    /// The certificate.
    pub certificate: CutCertificate,
    /// The digests of all records before the cut, since the log began: the next cut goes on from them.
    pub dropped: Stretch,
    /// The spans that were open at the cut.
    pub carried: Vec<CarriedSpan>,
    /// Their opening records, in order. Spans that one record opened share it.
    pub opening: Vec<Record>,
}

/// Bytes that are not what a cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// They do not begin as they should.
    #[error("what a cut leaves does not begin like this")]
    Magic,
    /// They were written by a version that this one does not know.
    #[error("what a cut left has version {found}; this program reads version {VERSION}")]
    UnknownVersion {
        /// The version.
        found: u16,
    },
    /// They end too early, or a count in them cannot be.
    #[error("what a cut left is damaged at byte {at}")]
    Damaged {
        /// Bytes from the beginning.
        at: usize,
    },
    /// They do not fit their own certificate.
    #[error("what a cut left is not what it was: {0}")]
    Altered(#[from] CertificateError),
}

impl CutHead {
    /// The bytes: magic and version; the certificate ([`CutCertificate::encode`]); how many roots the dropped records have, and each;
    /// how many spans, and each with its record's position, kind and key; how many records, and each with position,
    /// kind, length and bytes. Numbers are little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &self.certificate.encode()].concat();
        number(&mut bytes, self.dropped.roots().count() as u64);
        self.dropped.roots().for_each(|root| bytes.extend_from_slice(&root.0));
        number(&mut bytes, self.carried.len() as u64);
        for one in &self.carried {
            number(&mut bytes, one.since.get());
            bytes.extend_from_slice(&one.span.kind.0.to_le_bytes());
            bytes.extend_from_slice(&one.span.key);
        }
        number(&mut bytes, self.opening.len() as u64);
        for record in &self.opening {
            number(&mut bytes, record.lsn.get());
            bytes.extend_from_slice(&record.kind.to_le_bytes());
            number(&mut bytes, record.bytes.len() as u64);
            bytes.extend_from_slice(&record.bytes);
        }
        bytes
    }

    /// Reads what stands at the beginning of `bytes`, and says how many of them it is. It is held against its own
    /// certificate, so an altered bit is noticed here.
    ///
    /// # Errors
    /// [`BadHead`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), BadHead> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.array()? != MAGIC {
            return Err(BadHead::Magic);
        }
        let found = u16::from_le_bytes(reader.array()?);
        if found != VERSION {
            return Err(BadHead::UnknownVersion { found });
        }
        let damaged = BadHead::Damaged { at: reader.at };
        let certificate = CutCertificate::decode(&reader.array()?).ok_or(damaged)?;
        let roots = reader.many(32, Reader::digest)?;
        let damaged = BadHead::Damaged { at: reader.at };
        let dropped = Stretch::from_roots(Lsn::ZERO, certificate.cut, &roots).ok_or(damaged)?;
        let carried = reader.many(42, Reader::carried)?;
        let opening = reader.many(18, Reader::record)?;
        if !planted("head-trusts-bytes") {
            certificate.verify_dropped(&dropped)?;
            certificate.verify_carried(&carried, &opening)?;
        }
        Ok((Self { certificate, dropped, carried, opening }, reader.at))
    }
}

fn number(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

/// Bytes, and how far they have been read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], BadHead> {
        let damaged = BadHead::Damaged { at: self.at };
        let end = self.at.checked_add(count).ok_or(damaged)?;
        let taken = self.bytes.get(self.at..end).ok_or(damaged)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadHead> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| BadHead::Damaged { at })
    }

    fn count(&mut self) -> Result<usize, BadHead> {
        let at = self.at;
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| BadHead::Damaged { at })
    }

    fn lsn(&mut self) -> Result<Lsn, BadHead> {
        self.array().map(|bytes| Lsn::new(u64::from_le_bytes(bytes)))
    }

    fn digest(&mut self) -> Result<Digest, BadHead> {
        self.array().map(Digest)
    }

    fn carried(&mut self) -> Result<CarriedSpan, BadHead> {
        let since = self.lsn()?;
        let kind = SpanKind(u16::from_le_bytes(self.array()?));
        Ok(CarriedSpan { since, span: SpanId { kind, key: self.array()? } })
    }

    fn record(&mut self) -> Result<Record, BadHead> {
        let (lsn, kind) = (self.lsn()?, u16::from_le_bytes(self.array()?));
        let length = self.count()?;
        Ok(Record { lsn, kind, bytes: self.take(length)?.to_vec() })
    }

    /// A count, and so many of what `one` reads, each at least `least` bytes: a count that cannot be makes no room.
    fn many<T>(&mut self, least: usize, one: impl Fn(&mut Self) -> Result<T, BadHead>) -> Result<Vec<T>, BadHead> {
        let count = self.count()?;
        if count > (self.bytes.len() - self.at) / least {
            return Err(BadHead::Damaged { at: self.at });
        }
        (0..count).map(|_| one(self)).collect()
    }
}
