//! The one table of characters that no output contains.

/// Ranges of characters that are never printed, in ascending order. Line feed and tab are not in it.
/// No range runs from ASCII into other characters, since [`SUSPECT`] is computed from the first bytes.
const FORBIDDEN: &[(char, char)] = &[
    // C0 controls without tab and line feed.
    ('\0', '\u{8}'),
    ('\u{b}', '\u{1f}'),
    // DEL and the C1 controls.
    ('\u{7f}', '\u{7f}'),
    ('\u{80}', '\u{9f}'),
    // Soft hyphen.
    ('\u{ad}', '\u{ad}'),
    // Combining grapheme joiner.
    ('\u{34f}', '\u{34f}'),
    // Arabic letter mark: bidirectional.
    ('\u{61c}', '\u{61c}'),
    // Hangul fillers.
    ('\u{115f}', '\u{1160}'),
    // Khmer vowels that draw nothing.
    ('\u{17b4}', '\u{17b5}'),
    // Mongolian variation selectors and vowel separator.
    ('\u{180b}', '\u{180f}'),
    // Zero-width space. The joiners that follow it are conditional, see `is_conditional`.
    ('\u{200b}', '\u{200b}'),
    // Left-to-right and right-to-left marks.
    ('\u{200e}', '\u{200f}'),
    // Line and paragraph separators, bidirectional embeddings and overrides.
    ('\u{2028}', '\u{202e}'),
    // Word joiner, invisible operators, bidirectional isolates, deprecated format characters.
    ('\u{2060}', '\u{206f}'),
    // Hangul filler.
    ('\u{3164}', '\u{3164}'),
    // Variation selectors, except the two that choose between text and emoji.
    ('\u{fe00}', '\u{fe0d}'),
    // Zero-width no-break space, the byte order mark.
    ('\u{feff}', '\u{feff}'),
    // Halfwidth Hangul filler.
    ('\u{ffa0}', '\u{ffa0}'),
    // Unassigned default-ignorable characters and interlinear annotations.
    ('\u{fff0}', '\u{fffb}'),
    // Shorthand and musical format controls.
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    // Tags, variation selectors supplement and the rest of their plane, which is default-ignorable.
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether no output of this crate's text functions ever contains this character.
///
/// The joiners and the emoji variation selectors are not in this set, because they are allowed at some places. See
/// [`is_clean`](super::is_clean) for a check of a whole text, and [`is_invisible`] for a set that includes them.
#[must_use]
pub fn is_forbidden(character: char) -> bool {
    // Most text is ASCII, and most other text is beyond the table's dense part.
    match character {
        '\n' | '\t' | ' '..='~' => false,
        _ => {
            let after = FORBIDDEN.partition_point(|(first, _)| *first <= character);
            after > 0 && character <= FORBIDDEN[after - 1].1
        }
    }
}

/// Whether the character is forbidden, or is one of the joiners and variation selectors that text may contain at
/// some places. None of these characters draws anything by itself.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    is_forbidden(character) || is_conditional(character)
}

/// Characters that are allowed only between or after certain others.
pub(super) fn is_conditional(character: char) -> bool {
    is_joiner(character) || is_emoji_selector(character)
}

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

fn is_emoji_selector(character: char) -> bool {
    matches!(character, '\u{fe0e}' | '\u{fe0f}')
}

/// Whether a conditional character is allowed between these two. `before` is a character that was kept.
pub(super) fn is_allowed(character: char, before: Option<char>, after: Option<char>) -> bool {
    if is_joiner(character) {
        // Scripts and emoji sequences need joiners. In ASCII text they only split words invisibly.
        let joins = |c: char| is_beyond_ascii(c) && !is_joiner(c);
        before.is_some_and(joins) && after.is_some_and(|c| joins(c) && !is_emoji_selector(c))
    } else {
        // One selector after a symbol, or within a keycap such as 1️⃣. A row of them can carry hidden text.
        let keycap = matches!(before, Some('0'..='9' | '#' | '*')) && after == Some('\u{20e3}');
        keycap || before.is_some_and(|c| is_beyond_ascii(c) && !is_conditional(c))
    }
}

fn is_beyond_ascii(character: char) -> bool {
    !character.is_ascii() && !character.is_whitespace() && !is_forbidden(character)
}

/// Whether a byte can be the first byte of a character that is forbidden or conditional. Computed from the table.
pub(super) const SUSPECT: [bool; 256] = {
    let mut suspect = [false; 256];
    let mut row = 0;
    while row < FORBIDDEN.len() {
        let mut byte = first_byte(FORBIDDEN[row].0);
        while byte <= first_byte(FORBIDDEN[row].1) {
            suspect[byte as usize] = true;
            byte += 1;
        }
        row += 1;
    }
    suspect[first_byte('\u{200c}') as usize] = true;
    suspect[first_byte('\u{fe0e}') as usize] = true;
    suspect
};

/// The first byte of a character's UTF-8.
const fn first_byte(character: char) -> u8 {
    character.encode_utf8(&mut [0; 4]).as_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_sorted_and_do_not_overlap() {
        assert!(FORBIDDEN.iter().all(|(first, last)| first <= last));
        assert!(FORBIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn suspect_bytes_find_every_invisible_character() {
        for character in (char::MIN..=char::MAX).filter(|c| is_invisible(*c)) {
            assert!(SUSPECT[usize::from(first_byte(character))], "{character:?}");
        }
        assert!((0x80..=0xbf).all(|byte| !SUSPECT[byte]), "a continuation byte is no first byte");
        assert!(!SUSPECT[usize::from(b'\n')] && !SUSPECT[usize::from(b'\t')] && !SUSPECT[usize::from(b'a')]);
    }

    #[test]
    fn e23_every_character_that_one_of_the_five_old_tables_refused_is_forbidden() {
        let old = [
            ('\0', '\u{8}'),
            ('\u{b}', '\u{1f}'),
            ('\u{7f}', '\u{9f}'),
            ('\u{ad}', '\u{ad}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{180e}', '\u{180e}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{206f}'),
            ('\u{feff}', '\u{feff}'),
            ('\u{fff9}', '\u{fffb}'),
            ('\u{e0000}', '\u{e0fff}'),
        ];
        for (first, last) in old {
            assert!((first..=last).all(is_invisible), "{first:?}..={last:?}");
        }
    }

    #[test]
    fn what_people_write_is_not_in_the_table() {
        for character in "aZ09 ~\n\täß—…“”€яц世界にほんعבあ한👩🔥\u{a0}\u{3000}\u{301}\u{20e3}".chars()
        {
            assert!(!is_invisible(character), "{character:?}");
        }
    }
}
