//! Where an escape sequence of a terminal ends.

use std::ops::RangeInclusive;

/// Returns the end of the sequence that the control character at `start` introduces, `end` being the byte after that
/// character. `None` when the character introduces no sequence.
pub(super) fn sequence_end(bytes: &[u8], character: char, end: usize) -> Option<usize> {
    match character {
        '\u{1b}' => Some(escape_end(bytes, end)),
        '\u{9b}' => Some(csi_end(bytes, end)),
        '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => Some(string_end(bytes, end)),
        _ => None,
    }
}

fn escape_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'[') => csi_end(bytes, at + 1),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => string_end(bytes, at + 1),
        _ => {
            let last = skip(bytes, at, 0x20..=0x2f);
            skip_one(bytes, last, 0x30..=0x7e)
        }
    }
}

fn csi_end(bytes: &[u8], at: usize) -> usize {
    let intermediates = skip(bytes, at, 0x30..=0x3f);
    let last = skip(bytes, intermediates, 0x20..=0x2f);
    skip_one(bytes, last, 0x40..=0x7e)
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (0x07, _) => return at + 1,
            // ST, as ESC \ and as U+009C.
            (0x1b, Some(b'\\')) | (0xc2, Some(0x9c)) => return at + 2,
            (0x1b | b'\n' | b'\r', _) => return at,
            _ => at += 1,
        }
    }
    at
}

fn skip(bytes: &[u8], at: usize, range: RangeInclusive<u8>) -> usize {
    at + bytes[at..].iter().take_while(|byte| range.contains(byte)).count()
}

fn skip_one(bytes: &[u8], at: usize, range: RangeInclusive<u8>) -> usize {
    at + usize::from(bytes.get(at).is_some_and(|byte| range.contains(byte)))
}
