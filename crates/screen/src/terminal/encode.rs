//! Frames to octets for a terminal. Pure.
//!
//! Only what a VT100 knows (DEC VT100 User Guide, chapter 3; ECMA-48): absolute cursor addresses, SGR with the eight
//! colours, and lines as DEC special graphics. The Linux console gets its lines as UTF-8: it ignores DEC graphics in
//! UTF-8 mode. A colour never says anything alone: a terminal without colours shows the same text.

use std::fmt::Write as _;
use std::ops::Range;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// Kinds of terminals, told apart by `TERM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Linux console (`TERM=linux`): knows its size, UTF-8, glyphs of a console font
    Console,
    /// A serial line with a VT100 or something that does as if (any other `TERM`): ASCII and DEC graphics, size unknown
    Serial,
}

impl Kind {
    /// The kind that `TERM` names.
    #[must_use]
    pub fn from_term(term: &str) -> Kind {
        if term == "linux" || term.starts_with("linux-") { Kind::Console } else { Kind::Serial }
    }

    /// Brings a terminal that others may have scribbled on into the state that frames count on: plain characters, no
    /// scrolling region, no wrapping at the right edge, no cursor.
    #[must_use]
    pub fn opening(self) -> &'static str {
        match self {
            Kind::Console => "\x1b%G\x1b[0m\x1b[r\x1b[?6l\x1b[?7l\x1b[?25l",
            Kind::Serial => "\x0f\x1b(B\x1b[0m\x1b[r\x1b[?6l\x1b[?7l\x1b[?25l",
        }
    }

    /// Asks a terminal that cannot be asked otherwise for its size: the cursor goes as far as it can and says where
    /// it is. Empty for the console, whose size the kernel knows.
    #[must_use]
    pub fn size_query(self) -> &'static str {
        match self {
            Kind::Console => "",
            Kind::Serial => "\x1b[999;999H\x1b[6n",
        }
    }
}

/// Empties the whole terminal.
pub const CLEAR: &str = "\x1b[0m\x1b[2J";

/// Unchanged characters between two changed ones that are written again: an address is no shorter.
const GAP_COLUMNS_MAX: u16 = 7;

/// Leaves the terminal to whoever comes next: empty, wrapping, cursor shown.
pub const CLOSING: &str = "\x1b[0m\x1b[2J\x1b[H\x1b[?7h\x1b[?25h";

/// What brings a terminal that shows `shown` to `wanted`; without `shown`, every cell.
#[must_use]
pub fn encode(kind: Kind, shown: Option<&Buffer>, wanted: &Buffer) -> String {
    let mut encoder = Encoder { kind, text: String::new(), at: None, style: None, graphics: false };
    match shown {
        Some(shown) if shown.area == wanted.area => {
            for (x, y, cell) in shown.diff(wanted) {
                for between in encoder.gap_before(x, y) {
                    encoder.put(between, y, &wanted[(between, y)]);
                }
                encoder.put(x, y, cell);
            }
        }
        _ => {
            for (index, cell) in wanted.content.iter().enumerate() {
                let (x, y) = wanted.pos_of(index);
                encoder.put(x, y, cell);
            }
        }
    }
    encoder.end()
}

/// Look of a cell: colour and modifiers.
type Look = (Color, Modifier);

struct Encoder {
    kind: Kind,
    text: String,
    /// Where the cursor is, when that is known
    at: Option<(u16, u16)>,
    style: Option<Look>,
    /// DEC special graphics are selected
    graphics: bool,
}

impl Encoder {
    /// The columns between the cursor and this place, if it is cheaper to write them than to address the place.
    fn gap_before(&self, x: u16, y: u16) -> Range<u16> {
        match self.at {
            Some((from, row)) if row == y && from < x && x - from <= GAP_COLUMNS_MAX => from..x,
            _ => x..x,
        }
    }

    fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        if self.at != Some((x, y)) {
            self.push(format_args!("\x1b[{};{}H", y + 1, x + 1));
        }
        let style = (cell.fg, cell.modifier);
        if self.style != Some(style) {
            self.select(style);
        }
        self.glyph(cell.symbol().chars().next().unwrap_or(' '));
        // At the right edge the cursor stays: its place is known again only after the next address.
        self.at = Some((x + 1, y));
    }

    fn select(&mut self, style: Look) {
        let (colour, modifier) = style;
        self.text.push_str("\x1b[0");
        for (wanted, code) in
            [(Modifier::BOLD, ";1"), (Modifier::UNDERLINED, ";4"), (Modifier::REVERSED, ";7")]
        {
            if modifier.contains(wanted) {
                self.text.push_str(code);
            }
        }
        if let Some(code) = colour_code(colour) {
            self.push(format_args!(";{code}"));
        }
        self.text.push('m');
        self.style = Some(style);
    }

    fn glyph(&mut self, wanted: char) {
        let graphic = if self.kind == Kind::Serial { dec_graphic(wanted) } else { None };
        if graphic.is_some() != self.graphics {
            self.text.push_str(if graphic.is_some() { "\x1b(0" } else { "\x1b(B" });
            self.graphics = graphic.is_some();
        }
        self.text.push(graphic.unwrap_or_else(|| plain(self.kind, wanted)));
    }

    fn end(mut self) -> String {
        if self.graphics {
            self.text.push_str("\x1b(B");
        }
        if self.style.is_some() {
            self.text.push_str("\x1b[0m");
        }
        self.text
    }

    fn push(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.text.write_fmt(arguments).expect("writing to a text never fails");
    }
}

/// SGR 30 to 37; others are shown as they come.
fn colour_code(colour: Color) -> Option<u8> {
    match colour {
        Color::Red => Some(31),
        Color::Green => Some(32),
        Color::Yellow => Some(33),
        Color::Cyan => Some(36),
        _ => None,
    }
}

/// The character of the DEC special graphics set that draws this line.
fn dec_graphic(wanted: char) -> Option<char> {
    let graphic = match wanted {
        '┘' => 'j',
        '┐' => 'k',
        '┌' => 'l',
        '└' => 'm',
        '─' => 'q',
        '│' => 'x',
        _ => return None,
    };
    Some(graphic)
}

/// A character that this terminal certainly shows in one column.
fn plain(kind: Kind, wanted: char) -> char {
    match wanted {
        ' '..='~' => wanted,
        '┌' | '┐' | '└' | '┘' | '─' | '│' | '¡'..='ÿ' if kind == Kind::Console => wanted,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn buffer(text: &str, style: Style) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        buffer.set_string(0, 0, text, style);
        buffer
    }

    /// Low CPU and slow lines: only what differs is sent, nothing when nothing does.
    #[test]
    fn only_differences_are_sent() {
        let before = buffer("abc", Style::new());
        assert_eq!(encode(Kind::Serial, Some(&before), &before), "");
        let after = buffer("axc", Style::new());
        assert_eq!(encode(Kind::Serial, Some(&before), &after), "\x1b[1;2H\x1b[0mx\x1b[0m");
    }

    /// A slow line: a character between two changed ones is written, since an address takes six octets or more.
    #[test]
    fn small_gaps_are_written() {
        let before = buffer("abc", Style::new());
        let after = buffer("xbz", Style::new());
        assert_eq!(encode(Kind::Serial, Some(&before), &after), "\x1b[1;1H\x1b[0mxbz\x1b[0m");
    }

    /// Whatever was scribbled over the screen goes away: a whole frame addresses each row and writes each cell.
    #[test]
    fn whole_frames_write_every_cell() {
        let text = encode(Kind::Serial, None, &buffer("ab", Style::new()));
        assert_eq!(text, "\x1b[1;1H\x1b[0mab  \x1b[2;1H    \x1b[0m");
    }

    /// A frame of another size is no base for differences.
    #[test]
    fn another_size_is_a_whole_frame() {
        let small = Buffer::empty(Rect::new(0, 0, 2, 1));
        let wanted = buffer("ab", Style::new());
        assert_eq!(encode(Kind::Serial, Some(&small), &wanted), encode(Kind::Serial, None, &wanted));
    }

    /// DEC VT100: bold, reverse and colours 30 to 37, never the 256-colour form (its `5` is blinking on a VT100).
    #[test]
    fn attributes_are_those_of_a_vt100() {
        let wanted = buffer("a", Style::new().fg(Color::Red).bold().reversed());
        let text = encode(Kind::Serial, Some(&buffer("", Style::new())), &wanted);
        assert_eq!(text, "\x1b[1;1H\x1b[0;1;7;31ma\x1b[0m");
    }

    /// Lines are DEC graphics on a serial line and UTF-8 on the console; a glyph that may be missing is `?`.
    #[test]
    fn glyphs_fit_the_terminal() {
        let empty = buffer("", Style::new());
        let wanted = buffer("┌─é→", Style::new());
        assert_eq!(encode(Kind::Serial, Some(&empty), &wanted), "\x1b[1;1H\x1b[0m\x1b(0lq\x1b(B??\x1b[0m");
        assert_eq!(encode(Kind::Console, Some(&empty), &wanted), "\x1b[1;1H\x1b[0m┌─é?\x1b[0m");
    }

    /// `TERM` of the units: `linux` on tty1, `vt220` on a serial line.
    #[test]
    fn term_names_the_kind() {
        assert_eq!(Kind::from_term("linux"), Kind::Console);
        assert_eq!(Kind::from_term("vt220"), Kind::Serial);
        assert_eq!(Kind::from_term(""), Kind::Serial);
    }
}
