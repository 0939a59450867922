//! Tables and numbers for people to read.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table of `rows`. Columns whose titles end in `>` are aligned to the right.
pub fn table<const N: usize>(titles: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.map(|title| title.trim_end_matches('>')));
    for row in rows {
        table.add_row(row);
    }
    for (column, title) in table.column_iter_mut().zip(titles) {
        if title.ends_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A count with a comma every three digits.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let head = (digits.len() - 1) % 3 + 1;
    let rest = digits.as_bytes()[head..].chunks(3).map(|chunk| String::from_utf8_lossy(chunk).into_owned());
    std::iter::once(digits[..head].to_owned()).chain(rest).collect::<Vec<_>>().join(",")
}

/// A share in percent; 1 is 100 %.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_grouped() {
        let counts = [0, 999, 1000, 1_234_567, u64::MAX];
        assert_eq!(counts.map(super::grouped), ["0", "999", "1,000", "1,234,567", "18,446,744,073,709,551,615"]);
    }
}
