//! Growth: how a peer's time rises along the axis of a workload.

use std::fmt;

use motet_benches::exponent;
use serde::Serialize;

use crate::measure::Measurement;
use crate::workload::Workload;

/// An exponent fitted to a peer's rows: time ~ size ^ exponent.
#[derive(Debug, Serialize)]
pub(crate) struct Growth {
    workload: Workload,
    peer: &'static str,
    axis: &'static str,
    from: usize,
    to: usize,
    points: usize,
    exponent: f64,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, axis, from, to, points, exponent, .. } = self;
        let workload = self.workload.name();
        write!(f, "{workload:<14} {peer:<27} exponent {exponent:>5.2}   {axis} {from} to {to}, {points} points")
    }
}

/// Sizes and times of one peer on one workload.
type Series = Vec<(usize, f64)>;

/// The growth of every peer on every workload that it ran at two sizes at least.
pub(crate) fn growth(measurements: &[Measurement]) -> Vec<Growth> {
    series(measurements)
        .into_iter()
        .filter_map(|(workload, peer, points)| {
            // Fixed costs flatten the small sizes; the upper half shows the growth. Three points if there are.
            let tail = &points[(points.len() / 2).min(points.len().saturating_sub(3))..];
            Some(Growth {
                workload,
                peer,
                axis: workload.axis(),
                from: tail.first()?.0,
                to: tail.last()?.0,
                points: tail.len(),
                exponent: exponent(&tail.iter().map(|(size, time)| (*size as f64, *time)).collect::<Vec<_>>())?,
            })
        })
        .collect()
}

/// What succeeded, by workload and peer, in order, sizes ascending.
fn series(measurements: &[Measurement]) -> Vec<(Workload, &'static str, Series)> {
    let mut groups: Vec<(Workload, &'static str, Series)> = Vec::new();
    for row in measurements {
        // The fastest turn: other programs' load comes and goes between the sizes, and would be fitted as growth.
        let Some(ns) = row.fastest_ns_per_message() else {
            continue;
        };
        // A turn may go beyond the message count: what grows is the time for the messages of this size.
        let point = (row.size, ns * row.workload.messages(row.size) as f64);
        let known = groups.iter_mut().find(|(workload, peer, _)| (*workload, *peer) == (row.workload, row.peer));
        match known {
            Some((_, _, points)) => points.push(point),
            None => groups.push((row.workload, row.peer, vec![point])),
        }
    }
    for (_, _, points) in &mut groups {
        points.sort_by_key(|(size, _)| *size);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sampled;

    #[test]
    fn the_upper_half_counts() {
        // Flat up to 400, square from there; given out of order.
        let rows = [(1600, 160), (100, 10), (200, 10), (400, 10), (800, 40)];
        let rows = rows.map(|(size, us)| sampled("other", 1, size, us));
        let found = growth(&rows);
        assert_eq!((found[0].from, found[0].to, found[0].points), (400, 1600, 3));
        assert!((found[0].exponent - 2.0).abs() < 1e-9);
    }

    #[test]
    fn one_size_has_no_growth() {
        assert!(growth(&[sampled("other", 1, 100, 10)]).is_empty());
    }
}
