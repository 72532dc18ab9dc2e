//! Tables of a Markdown page, read strictly: by their columns, with the line of every row.

/// A row, with the line on which it stands, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) line: usize,
    pub(super) cells: Vec<&'a str>,
}

fn cells(line: &str) -> Option<Vec<&str>> {
    Some(line.trim_end().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect())
}

/// The rows of all tables with these columns, in order; none where there is no such table. A row of another number of
/// cells is handed out as it is.
pub(super) fn rows<'a>(text: &'a str, columns: &[&str]) -> Option<Vec<Row<'a>>> {
    let (mut rows, mut found, mut inside) = (Vec::new(), false, false);
    for (line, cells) in (1..).zip(text.lines().map(cells)) {
        match cells {
            None => inside = false,
            Some(cells) if cells == columns => (found, inside) = (true, true),
            Some(cells) if inside && cells.iter().all(|cell| cell.chars().all(|char| char == '-')) => {}
            Some(cells) if inside => rows.push(Row { line, cells }),
            Some(_) => {}
        }
    }
    found.then_some(rows)
}

/// The words between backticks of a cell.
pub(super) fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The words of a cell that is nothing but words between backticks, with commas or blanks between them.
pub(super) fn words(cell: &str) -> Option<Vec<&str>> {
    let even = cell.matches('`').count().is_multiple_of(2);
    let between = cell.split('`').step_by(2).all(|text| text.chars().all(|char| char == ',' || char == ' '));
    (even && between).then(|| quoted(cell).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_by_their_columns() {
        let text =
            "# A\n\n| a | b |\n|---|---|\n| `x` | 1 |\n| y |\n\n| c |\n|---|\n| z |\n| a | b |\n|---|---|\n| w | 2 |\n";
        let found = rows(text, &["a", "b"]).unwrap();
        let found: Vec<_> = found.iter().map(|row| (row.line, row.cells.clone())).collect();
        assert_eq!(found, [(5, vec!["`x`", "1"]), (6, vec!["y"]), (13, vec!["w", "2"])]);
        assert_eq!(rows(text, &["a"]), None);
    }

    #[test]
    fn words_stand_between_backticks() {
        assert_eq!(words("`a`, `b` `c`").unwrap(), ["a", "b", "c"]);
        assert_eq!(words("").unwrap(), [""; 0]);
        assert_eq!(words("`a` and `b`"), None);
        assert_eq!(words("`a"), None);
    }
}
