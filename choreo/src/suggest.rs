//! Did you mean: the known name nearest to an unknown one.

/// Names longer than this are not compared; the cost is their product.
const MAX_COMPARED: usize = 64;

/// Candidates beyond this many are not looked at.
const MAX_CANDIDATES: usize = 1000;

/// The candidate with the fewest edits to `name`, if they are few enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().count() > MAX_COMPARED {
        return None;
    }
    // A name of two letters is one slip away from too many others.
    let allowed = name.chars().count() / 3;
    let near = candidates.into_iter().take(MAX_CANDIDATES).filter(|known| known.chars().count() <= MAX_COMPARED);
    let (edits, best) = near.map(|known| (edits(name, known), known)).min_by_key(|(edits, _)| *edits)?;
    (edits <= allowed).then_some(best)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`; case counts for nothing.
fn edits(a: &str, b: &str) -> usize {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (a, b) = (fold(a), fold(b));
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}
