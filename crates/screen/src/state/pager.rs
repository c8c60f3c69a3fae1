//! A long text of which a part is visible.

use crate::words::wrap;

/// Blanks before the further parts of a line that was broken.
const INDENT: usize = 2;

/// Lines, broken to the width of the screen, and which of them is the first visible one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    source: Vec<String>,
    wrapped: Vec<String>,
    width: usize,
    height: usize,
    top: usize,
}

impl Pager {
    /// Shows another text. `at_end`: its end, else the same place as before as far as it exists.
    pub fn set_lines(&mut self, lines: Vec<String>, at_end: bool) {
        self.source = lines;
        self.break_lines();
        self.top = if at_end { self.top_max() } else { self.top.min(self.top_max()) };
    }

    /// Fits the text into another area; the end stays in view when it was.
    pub fn resize(&mut self, width: usize, height: usize) {
        if (width, height) == (self.width, self.height) {
            return;
        }
        let at_end = self.is_at_end();
        (self.width, self.height) = (width, height);
        self.break_lines();
        self.top = if at_end { self.top_max() } else { self.top.min(self.top_max()) };
    }

    /// Moves towards the end, or with a negative number towards the start.
    pub fn scroll(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines).min(self.top_max());
    }

    /// Moves by whole areas, with one line in common.
    pub fn page(&mut self, pages: isize) {
        let lines = isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1);
        self.scroll(pages * lines);
    }

    /// To the first line.
    pub fn to_start(&mut self) {
        self.top = 0;
    }

    /// To the last line.
    pub fn to_end(&mut self) {
        self.top = self.top_max();
    }

    /// The last line is visible.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.top == self.top_max()
    }

    /// The visible lines.
    #[must_use]
    pub fn visible(&self) -> &[String] {
        &self.wrapped[self.top..self.wrapped.len().min(self.top + self.height)]
    }

    /// Which lines are visible, for people: `3-20 of 57`; empty when all are.
    #[must_use]
    pub fn place(&self) -> String {
        let (first, last, all) = (self.top + 1, self.top + self.visible().len(), self.wrapped.len());
        if first == 1 && last == all { String::new() } else { format!("{first}-{last} of {all}") }
    }

    fn top_max(&self) -> usize {
        self.wrapped.len().saturating_sub(self.height)
    }

    fn break_lines(&mut self) {
        self.wrapped = self.source.iter().flat_map(|line| wrap(line, self.width, INDENT)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pager(lines: usize) -> Pager {
        let mut pager = Pager::default();
        pager.resize(20, 5);
        pager.set_lines((1..=lines).map(|number| number.to_string()).collect(), true);
        pager
    }

    /// A log is followed at its end; a page has one line in common with the next.
    #[test]
    fn pages_overlap_by_a_line_and_stop_at_the_ends() {
        let mut pager = pager(12);
        assert_eq!(pager.visible(), ["8", "9", "10", "11", "12"]);
        pager.page(-1);
        assert_eq!(pager.visible(), ["4", "5", "6", "7", "8"]);
        assert_eq!(pager.place(), "4-8 of 12");
        pager.page(-3);
        assert_eq!(pager.visible(), ["1", "2", "3", "4", "5"]);
        pager.page(9);
        assert!(pager.is_at_end());
    }

    /// A text that became shorter, or an area that became larger, leaves no view past the end.
    #[test]
    fn the_view_stays_within_the_text() {
        let mut pager = pager(12);
        pager.set_lines(vec!["only".to_owned()], false);
        assert_eq!(pager.visible(), ["only"]);
        assert_eq!(pager.place(), "");
        pager.set_lines(Vec::new(), false);
        assert!(pager.visible().is_empty());
        pager.resize(0, 0);
        pager.scroll(1);
        assert!(pager.visible().is_empty());
    }

    /// A smaller terminal breaks the lines anew and keeps the end in view.
    #[test]
    fn another_size_keeps_the_end() {
        let mut pager = Pager::default();
        pager.resize(20, 2);
        pager.set_lines(vec!["first".to_owned(), "a line of words".to_owned()], true);
        pager.resize(10, 2);
        assert_eq!(pager.visible(), ["a line of", "  words"]);
    }
}
