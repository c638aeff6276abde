//! A small table: columns as wide as they must be, and never wider than the page.

use crate::report::display_width::{shortened, width};

/// How far from the left a table stands.
const INDENT: usize = 4;

/// LineWidth between columns, and between those of a table that has no room.
const GAP: usize = 2;
const NARROW_GAP: usize = 1;

/// A shortened column is still this wide.
const LEAST: usize = 10;

/// A column with cells that may overflow is still this wide: an IPv4 address and its port.
const ADDRESS: usize = 21;

/// What happens to a column that has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It has its room.
    Whole,
    /// Its cells are cut in their middle.
    Shorten,
    /// A cell that is too wide stands on a line of its own.
    Overflow,
}

/// A table of plain text.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<(&'static str, Fit)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn column(&mut self, title: &'static str, fit: Fit) {
        self.columns.push((title, fit));
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The header's line, and each row's lines, none of more than so many columns if it can be helped.
    pub(super) fn lines(&self, columns: usize) -> (String, Vec<Vec<String>>) {
        let (widths, gap) = self.widths(columns);
        let titles: Vec<_> = self
            .columns
            .iter()
            .map(|(title, _)| (*title).to_owned())
            .collect();
        let header = self.fit(&titles, &widths, (gap, columns)).join("\n");
        let rows = self
            .rows
            .iter()
            .map(|row| self.fit(row, &widths, (gap, columns)));
        (header, rows.collect())
    }

    /// How wide each column is, and the gap between two.
    fn widths(&self, columns: usize) -> (Vec<usize>, usize) {
        let (widths, excess) = self.widths_apart(GAP, columns);
        if excess == 0 {
            return (widths, GAP);
        }
        (self.widths_apart(NARROW_GAP, columns).0, NARROW_GAP)
    }

    /// How wide each column is with such gaps, and by how many columns all are still too wide.
    fn widths_apart(&self, gap: usize, columns: usize) -> (Vec<usize>, usize) {
        let mut widths: Vec<_> = self.columns.iter().map(|(title, _)| width(title)).collect();
        let titles = widths.clone();
        for row in &self.rows {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = width(cell).max(*column);
            }
        }
        let gaps = gap * widths.len().saturating_sub(1);
        let mut excess = (INDENT + gaps + widths.iter().sum::<usize>()).saturating_sub(columns);
        let rounds = [
            (Fit::Overflow, ADDRESS),
            (Fit::Shorten, LEAST),
            (Fit::Overflow, 0),
            (Fit::Shorten, 0),
        ];
        for (giving, least) in rounds {
            for ((column, title), (_, fit)) in widths.iter_mut().zip(&titles).zip(&self.columns) {
                if *fit != giving {
                    continue;
                }
                let given = excess.min(column.saturating_sub(least.max(*title)));
                *column -= given;
                excess -= given;
            }
        }
        (widths, excess)
    }

    /// A row's lines, with such gaps and on a page so wide.
    fn fit(&self, cells: &[String], widths: &[usize], (gap, page): (usize, usize)) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = " ".repeat(INDENT);
        for ((cell, columns), (_, fit)) in cells.iter().zip(widths).zip(&self.columns) {
            let mut cell = cell.clone();
            if width(&cell) > *columns && *fit == Fit::Shorten {
                cell = shortened(&cell, *columns);
            }
            let start = width(&line);
            if start + width(&cell) > page {
                // It ends where the page does, below what stands there.
                let before = page.saturating_sub(width(&cell)).max(INDENT);
                lines.push(std::mem::replace(&mut line, " ".repeat(before)));
            }
            line.push_str(&cell);
            if width(&cell) > *columns {
                lines.push(std::mem::replace(&mut line, " ".repeat(start + columns)));
            } else {
                line.push_str(&" ".repeat(columns - width(&cell)));
            }
            line.push_str(&" ".repeat(gap));
        }
        lines.push(line);
        lines
            .into_iter()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &str = "/inventory.Stock/Reserve";

    fn table(client: &str, method: &str) -> String {
        let mut table = Table::default();
        table.column("conn", Fit::Whole);
        table.column("client", Fit::Overflow);
        table.column("method", Fit::Shorten);
        table.column("packets", Fit::Whole);
        let packets = "3778 → 4784".to_owned();
        table.row(vec!["0".into(), client.into(), method.into(), packets]);
        let (header, rows) = table.lines(80);
        format!("{header}\n{}", rows.concat().join("\n"))
    }

    #[test]
    fn what_fits_is_shown_whole() {
        insta::assert_snapshot!(table("10.77.0.1:51854", METHOD), @r"
            conn  client           method                    packets
            0     10.77.0.1:51854  /inventory.Stock/Reserve  3778 → 4784
        ");
    }

    #[test]
    fn a_long_method_gives_way() {
        let method = "/very.long.package.name.of.a.service.Inventory/ReserveEverythingAtOnce";
        insta::assert_snapshot!(table("10.77.0.1:51854", method), @r"
            conn  client           method                                    packets
            0     10.77.0.1:51854  /very.long.package.n…rveEverythingAtOnce  3778 → 4784
        ");
    }

    #[test]
    fn a_long_address_has_a_line_of_its_own() {
        let address = "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:51854";
        insta::assert_snapshot!(table(address, METHOD), @r"
            conn  client                           method                    packets
            0     [2001:db8:85a3:8d3:1319:8a2e:370:7348]:51854
                                                   /inventory.Stock/Reserve  3778 → 4784
        ");
    }
}
