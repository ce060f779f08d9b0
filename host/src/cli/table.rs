//! Tables with aligned columns.

use super::output::printable;

/// Columns are two spaces apart; the last one is not padded.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table. A heading that starts with `>` is aligned to the right.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; control characters in it are shown, not obeyed.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.headings.len());
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The text, each line ended.
    pub(crate) fn render(&self, heading: impl Fn(&str) -> String) -> String {
        let columns: Vec<Column> = (0..self.headings.len()).map(|index| self.column(index)).collect();
        let titles: Vec<String> =
            self.headings.iter().map(|h| h.trim_start_matches('>').to_owned()).collect();
        let mut text = format!("{}\n", heading(&line(&columns, &titles)));
        for row in &self.rows {
            text.push_str(&line(&columns, row));
            text.push('\n');
        }
        text
    }

    fn column(&self, index: usize) -> Column {
        let title = self.headings[index];
        let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
        let width = cells.chain([title.trim_start_matches('>').chars().count()]).max().unwrap_or(0);
        Column { width, right: title.starts_with('>') }
    }
}

struct Column {
    width: usize,
    right: bool,
}

fn line(columns: &[Column], cells: &[String]) -> String {
    let mut text = String::new();
    for (column, cell) in columns.iter().zip(cells) {
        let gap = " ".repeat(column.width.saturating_sub(cell.chars().count()));
        let (before, after) = if column.right { (gap.as_str(), "") } else { ("", gap.as_str()) };
        text.push_str(before);
        text.push_str(cell);
        text.push_str(after);
        text.push_str("  ");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["NAME", ">SIZE", "NOTE"]);
        table.row(["rg".to_owned(), "5 B".to_owned(), "größer".to_owned()]);
        table.row(["longer-name".to_owned(), "1.2 MiB".to_owned(), String::new()]);
        let want = "NAME            SIZE  NOTE\nrg               5 B  größer\nlonger-name  1.2 MiB\n";
        assert_eq!(table.render(str::to_owned), want);
    }
}
