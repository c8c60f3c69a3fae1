//! Aligned columns for people.

/// A table under construction; columns are as wide as their widest cell.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a line of titles.
    pub fn new(titles: &[&str]) -> Table {
        Table { rows: vec![titles.iter().map(|title| (*title).to_owned()).collect()] }
    }

    /// A table without titles: names on the left, values on the right.
    pub fn untitled() -> Table {
        Table { rows: Vec::new() }
    }

    /// Adds a line. An empty cell shows as `-`, so that columns can be counted.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(
            cells.into_iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }).collect(),
        );
    }

    /// The lines, each ended by a line break.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max())
            .map(|width| width.unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, column_width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', column_width + 2 - width(cell)));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns line up, also with letters of several octets; empty cells show.
    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["NAME", "ROLE"]);
        table.row(["Böblingen".to_owned(), "active".to_owned()]);
        table.row([String::new(), "standby".to_owned()]);
        assert_eq!(table.render(), "NAME       ROLE\nBöblingen  active\n-          standby\n");
    }
}
