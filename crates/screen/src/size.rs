//! Size of a terminal.

/// What a terminal that does not say has.
const COLUMNS_DEFAULT: u16 = 80;
const ROWS_DEFAULT: u16 = 24;
/// Larger is not used: a slow line would take too long.
const COLUMNS_MAX: u16 = 240;
const ROWS_MAX: u16 = 80;

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns
    pub columns: u16,
    /// Rows
    pub rows: u16,
}

impl Default for Size {
    fn default() -> Self {
        Size { columns: COLUMNS_DEFAULT, rows: ROWS_DEFAULT }
    }
}

impl Size {
    /// The size that a terminal says it has, as far as it is used.
    #[must_use]
    pub fn clamped(columns: u16, rows: u16) -> Size {
        Size { columns: columns.clamp(1, COLUMNS_MAX), rows: rows.clamp(1, ROWS_MAX) }
    }
}
