//! Octets from a terminal to keys. Pure.
//!
//! A serial line delivers an escape sequence in pieces, so the decoder keeps what it has and the shell says when the
//! time for the rest is up ([`Decoder::expire`]). Whatever it does not know is swallowed whole: half a sequence must
//! not become letters, since letters are commands.

/// Longest escape sequence that is waited for, in octets; a longer one is noise.
const SEQUENCE_BYTES_MAX: usize = 32;

const ESCAPE: u8 = 0x1b;
const LINE_FEED: u8 = b'\n';
const CARRIAGE_RETURN: u8 = b'\r';

/// A key, or what the terminal says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A printable ASCII character
    Char(char),
    /// Return or Enter
    Enter,
    /// Escape
    Escape,
    /// Tabulator
    Tab,
    /// Shift and Tab
    BackTab,
    /// Backspace, also as Delete (127)
    Backspace,
    /// Delete
    Delete,
    /// Arrow
    Up,
    /// Arrow
    Down,
    /// Arrow
    Left,
    /// Arrow
    Right,
    /// Home
    Home,
    /// End
    End,
    /// Page up
    PageUp,
    /// Page down
    PageDown,
    /// Ctrl-L
    Redraw,
    /// Answer to the cursor-position query (ECMA-48 CPR), both from 1
    CursorAt {
        /// Row
        row: u16,
        /// Column
        column: u16,
    },
    /// The cursor-position *query* itself (ECMA-48 DSR 6): no terminal sends it, so the line echoes what we write, or
    /// another screen is at its other end
    Echo,
}

/// Where the decoder is in a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Ground,
    /// After a carriage return: a line feed belongs to it
    AfterReturn,
    /// After ESC
    Escape,
    /// After `ESC [`
    Control,
    /// After `ESC O`
    Single,
    /// After `ESC [ [`: a function key of the Linux console
    LinuxFunction,
}

/// The decoder of one terminal.
#[derive(Debug, Default)]
pub struct Decoder {
    place: Place,
    parameters: Vec<u8>,
}

impl Decoder {
    /// The keys that these octets complete.
    pub fn decode(&mut self, octets: &[u8]) -> Vec<Key> {
        octets.iter().filter_map(|octet| self.step(*octet)).collect()
    }

    /// A sequence has begun and its end is not here yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !matches!(self.place, Place::Ground | Place::AfterReturn)
    }

    /// The rest of a sequence has not come: ESC alone is the key, anything else is dropped.
    pub fn expire(&mut self) -> Option<Key> {
        let place = std::mem::take(&mut self.place);
        self.parameters.clear();
        (place == Place::Escape).then_some(Key::Escape)
    }

    fn step(&mut self, octet: u8) -> Option<Key> {
        match std::mem::take(&mut self.place) {
            Place::AfterReturn if octet == LINE_FEED => None,
            Place::Ground | Place::AfterReturn => self.ground(octet),
            Place::Escape => self.after_escape(octet),
            Place::Control => self.control(octet),
            Place::Single => final_of(octet, &[]),
            Place::LinuxFunction => None,
        }
    }

    fn ground(&mut self, octet: u8) -> Option<Key> {
        match octet {
            ESCAPE => self.place = Place::Escape,
            CARRIAGE_RETURN => {
                self.place = Place::AfterReturn;
                return Some(Key::Enter);
            }
            LINE_FEED => return Some(Key::Enter),
            b'\t' => return Some(Key::Tab),
            0x08 | 0x7f => return Some(Key::Backspace),
            0x0c => return Some(Key::Redraw),
            b' '..=b'~' => return Some(Key::Char(char::from(octet))),
            _ => {}
        }
        None
    }

    fn after_escape(&mut self, octet: u8) -> Option<Key> {
        match octet {
            b'[' => {
                self.parameters.clear();
                self.place = Place::Control;
            }
            b'O' => self.place = Place::Single,
            ESCAPE => {
                self.place = Place::Escape;
                return Some(Key::Escape);
            }
            // A key with Alt: no command of ours.
            _ => {}
        }
        None
    }

    fn control(&mut self, octet: u8) -> Option<Key> {
        match octet {
            b'[' if self.parameters.is_empty() => self.place = Place::LinuxFunction,
            // Parameters and intermediates (ECMA-48, 5.4)
            b' '..=b'?' if self.parameters.len() < SEQUENCE_BYTES_MAX => {
                self.parameters.push(octet);
                self.place = Place::Control;
            }
            b'@'..=b'~' => return final_of(octet, &std::mem::take(&mut self.parameters)),
            ESCAPE => self.place = Place::Escape,
            _ => {}
        }
        None
    }
}

/// The key of a sequence with this final octet.
fn final_of(octet: u8, parameters: &[u8]) -> Option<Key> {
    let numbers = numbers(parameters);
    match octet {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'H' => Some(Key::Home),
        b'F' => Some(Key::End),
        b'M' => Some(Key::Enter), // the Enter of a keypad in application mode
        b'Z' => Some(Key::BackTab),
        b'n' if numbers == [6] => Some(Key::Echo),
        b'R' => match *numbers.as_slice() {
            [row, column] if row > 0 && column > 0 => Some(Key::CursorAt { row, column }),
            _ => None,
        },
        b'~' => match numbers.first() {
            Some(1 | 7) => Some(Key::Home),
            Some(3) => Some(Key::Delete),
            Some(4 | 8) => Some(Key::End),
            Some(5) => Some(Key::PageUp),
            Some(6) => Some(Key::PageDown),
            _ => None,
        },
        _ => None,
    }
}

/// Numbers separated by semicolons; none when there is anything else among them.
fn numbers(parameters: &[u8]) -> Vec<u16> {
    let text = std::str::from_utf8(parameters).unwrap_or_default();
    text.split(';').map(str::parse).collect::<Result<_, _>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(octets: &[u8]) -> Vec<Key> {
        Decoder::default().decode(octets)
    }

    /// ECMA-48 and the keypads of VT100, VT220, xterm and the Linux console.
    #[test]
    fn terminals_send_the_same_key_in_several_ways() {
        assert_eq!(decode(b"\x1b[A\x1bOA"), [Key::Up; 2]);
        assert_eq!(decode(b"\x1b[H\x1bOH\x1b[1~\x1b[7~"), [Key::Home; 4]);
        assert_eq!(
            decode(b"\x1b[5~\x1b[6~\x1b[3~\x1b[Z"),
            [Key::PageUp, Key::PageDown, Key::Delete, Key::BackTab]
        );
        assert_eq!(decode(b"\x08\x7f"), [Key::Backspace; 2]);
        assert_eq!(decode(b"x\x0c\t"), [Key::Char('x'), Key::Redraw, Key::Tab]);
    }

    /// A terminal program may send CR, LF or both for one press of Enter.
    #[test]
    fn enter_counts_once() {
        assert_eq!(decode(b"\r"), [Key::Enter]);
        assert_eq!(decode(b"\n"), [Key::Enter]);
        assert_eq!(decode(b"\r\n"), [Key::Enter]);
        assert_eq!(decode(b"\r\r\n\n"), [Key::Enter; 3]);
    }

    /// A slow line brings a sequence octet by octet.
    #[test]
    fn sequences_arrive_in_pieces() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(b"\x1b"), []);
        assert!(decoder.is_waiting());
        assert_eq!(decoder.decode(b"[5"), []);
        assert!(decoder.is_waiting());
        assert_eq!(decoder.decode(b"~"), [Key::PageUp]);
        assert!(!decoder.is_waiting());
    }

    /// Escape alone is known by the silence after it; half a sequence is noise.
    #[test]
    fn escape_alone_ends_with_its_time() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(b"\x1b"), []);
        assert_eq!(decoder.expire(), Some(Key::Escape));
        assert_eq!(decoder.decode(b"\x1b[5"), []);
        assert_eq!(decoder.expire(), None);
        assert_eq!(decoder.decode(b"~"), [Key::Char('~')]);
    }

    /// What is not known never becomes letters: letters are commands.
    #[test]
    fn unknown_sequences_are_swallowed() {
        assert_eq!(decode(b"\x1b[[A\x1b[15~\x1bOP\x1b[1;5R\x1bx"), [Key::CursorAt { row: 1, column: 5 }]);
        assert_eq!(decode(b"\x1b[?64;1;2c"), []);
        assert_eq!(decode("ä\u{0}\u{3}".as_bytes()), []);
    }

    /// A sequence without end is given up and does not grow.
    #[test]
    fn sequences_are_bounded() {
        let mut decoder = Decoder::default();
        decoder.decode(b"\x1b[");
        decoder.decode(&[b'1'; 4 * SEQUENCE_BYTES_MAX]);
        assert!(decoder.parameters.len() <= SEQUENCE_BYTES_MAX);
    }

    /// The size of a serial terminal (ECMA-48 CPR), and our own query coming back.
    #[test]
    fn the_answer_to_the_query_is_told_from_its_echo() {
        assert_eq!(decode(b"\x1b[24;80R"), [Key::CursorAt { row: 24, column: 80 }]);
        assert_eq!(decode(b"\x1b[0;80R\x1b[R"), []);
        assert_eq!(decode(b"\x1b[6n"), [Key::Echo]);
    }
}
