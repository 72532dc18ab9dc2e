//! Ratios: a peer's time per message over Motet's, from the same run of this program.

use std::fmt;

use serde::Serialize;

use crate::measure::{Measurement, median};
use crate::workload::{Sample, Workload};

/// Names of Motet's own peers start with this.
const OWN: &str = "motet";

/// One comparison at one size.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    workload: Workload,
    peer: &'static str,
    own: &'static str,
    size: usize,
    /// Whether both times contain the opening of the sessions.
    with_open: bool,
    peer_ns: f64,
    own_ns: f64,
    ratio: f64,
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, own, size, peer_ns, own_ns, ratio, .. } = self;
        let workload = self.workload.name();
        let what = if self.with_open { "with open" } else { "run" };
        write!(
            f,
            "{workload:<14} {peer:<27} {size:>9} {what:<9} {peer_ns:>12.1} / {own_ns:>6.1} ns = {ratio:>9.1}x {own}"
        )
    }
}

/// All ratios, in the order of the peers' rows.
pub(crate) fn ratios(measurements: &[Measurement]) -> Vec<Ratio> {
    let (own, theirs): (Vec<_>, Vec<_>) = measurements.iter().partition(|m| m.peer.starts_with(OWN));
    let mut found = Vec::new();
    for theirs in theirs {
        // Like with like: as many threads. Where Motet has no such row, one thread has to do; its name says so.
        let of_threads = |threads: usize| {
            let rows = own.iter().filter(move |own| own.threads == threads);
            rows.flat_map(|own| ratios_of(theirs, own))
        };
        let before = found.len();
        found.extend(of_threads(theirs.threads));
        if found.len() == before && theirs.threads != 1 {
            found.extend(of_threads(1));
        }
    }
    found
}

/// The ratios at the smallest and the largest size of each comparison: what a page has room for.
pub(crate) fn outermost(ratios: &[Ratio]) -> impl Iterator<Item = &Ratio> {
    let kind = |r: &Ratio| (r.workload, r.peer, r.own, r.with_open);
    ratios.iter().filter(move |ratio| {
        let sizes = || ratios.iter().filter(|r| kind(r) == kind(ratio)).map(|r| r.size);
        [sizes().min(), sizes().max()].contains(&Some(ratio.size))
    })
}

/// The ratios between two rows; none where they do not compare.
fn ratios_of(theirs: &Measurement, own: &Measurement) -> Vec<Ratio> {
    let (Ok(peer_samples), Ok(own_samples)) = (&theirs.outcome, &own.outcome) else {
        return Vec::new();
    };
    if (theirs.workload, theirs.size) != (own.workload, own.size) {
        return Vec::new();
    }
    let separable = peer_samples.iter().chain(own_samples).all(|s| s.open.is_some());
    // Opening matters where there are many sessions, and is unavoidable where a peer cannot take it apart.
    let bases: &[bool] = match (separable, theirs.workload) {
        (false, _) => &[true],
        (true, Workload::ManySessions) => &[false, true],
        (true, _) => &[false],
    };
    let ratio = |with_open: &bool| {
        let time = match with_open {
            true => Sample::ns_per_message_with_open,
            false => Sample::ns_per_message,
        };
        let peer_ns = median(peer_samples.iter().map(time));
        let own_ns = median(own_samples.iter().map(time));
        Ratio {
            workload: theirs.workload,
            peer: theirs.peer,
            own: own.peer,
            size: theirs.size,
            with_open: *with_open,
            peer_ns,
            own_ns,
            ratio: peer_ns / own_ns,
        }
    };
    bases.iter().map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sampled;

    #[test]
    fn the_same_size_is_needed() {
        let rows = [sampled("motet", 1, 100, 2), sampled("other", 1, 100, 20), sampled("other", 1, 200, 80)];
        let found = ratios(&rows);
        assert_eq!(found.len(), 1);
        assert!((found[0].ratio - 10.0).abs() < 1e-9);
    }

    #[test]
    fn as_many_threads_or_else_one() {
        let one = sampled("motet", 1, 100, 2);
        let two = sampled("motet, 2 workers", 2, 100, 1);
        let other = sampled("other", 2, 100, 20);
        let names = |rows: &[Measurement]| ratios(rows).iter().map(|r| r.own).collect::<Vec<_>>();
        assert_eq!(names(&[one.clone(), other.clone()]), ["motet"]);
        assert_eq!(names(&[one, two, other]), ["motet, 2 workers"]);
    }

    #[test]
    fn a_page_shows_both_ends() {
        let rows: Vec<_> = [10, 20, 30]
            .into_iter()
            .flat_map(|size| [sampled("motet", 1, size, 1), sampled("other", 1, size, 9)])
            .collect();
        let all = ratios(&rows);
        assert_eq!(outermost(&all).map(|r| r.size).collect::<Vec<_>>(), [10, 30]);
    }
}
