//! Where strings end and where brackets stand, found 64 bytes at a time.
//!
//! Each block of 64 bytes becomes a few 64-bit masks, one bit a byte. What strings and escapes hide is taken out
//! with arithmetic on the masks, so there is no branch per byte, and every byte is classified once.

use wide::u8x64;

/// A forward reader of a frame's structure: the offsets that it is asked for must not go back.
pub(super) struct Structure<'a> {
    bytes: &'a [u8],
    /// Where the block after the current one begins; a multiple of 64.
    next: usize,
    /// The current block's quotes that open or close a string.
    quotes: u64,
    /// The current block's brackets outside strings, and stray bytes that look like them.
    brackets: u64,
    /// These and the colons outside strings.
    marks: u64,
    /// All ones if the current block ends inside a string, else zero.
    inside: u64,
    /// One if the current block ends in a backslash that escapes the byte after it, else zero.
    escaping: u64,
    /// What was in any block so far.
    seen: Seen,
}

/// What is rare, and needs more work when it is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// A backslash.
    pub(super) backslash: bool,
    /// A byte outside ASCII.
    pub(super) non_ascii: bool,
    /// A control character inside a string.
    pub(super) control: bool,
}

impl<'a> Structure<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            next: 0,
            quotes: 0,
            brackets: 0,
            marks: 0,
            inside: 0,
            escaping: 0,
            seen: Seen::default(),
        }
    }

    /// The first quote at `from` or after it that opens or closes a string, or else the end of the frame.
    #[inline(always)]
    pub(super) fn next_quote(&mut self, from: usize) -> usize {
        self.find(from, |this| this.quotes)
    }

    /// The first bracket at `from` or after it that stands outside strings, or else the end of the frame. Outside
    /// strings, where JSON has none of them, `Y`, `y`, `_` and DEL count as brackets too.
    #[inline(always)]
    pub(super) fn next_bracket(&mut self, from: usize) -> usize {
        self.find(from, |this| this.brackets)
    }

    /// The same, or the first colon outside strings.
    #[inline(always)]
    pub(super) fn next_mark(&mut self, from: usize) -> usize {
        self.find(from, |this| this.marks)
    }

    /// What was in any block so far.
    #[inline(always)]
    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    #[inline(always)]
    fn find(&mut self, from: usize, mask: impl Fn(&Self) -> u64) -> usize {
        if from < self.next {
            let found = mask(self) & (!0 << (from % 64));
            if found != 0 {
                return self.next - 64 + found.trailing_zeros() as usize;
            }
        }
        self.find_beyond(from, mask)
    }

    /// The same, from the next block on.
    #[inline(never)]
    fn find_beyond(&mut self, from: usize, mask: impl Fn(&Self) -> u64) -> usize {
        while let Some(rest) = self.bytes.get(self.next..).filter(|rest| !rest.is_empty()) {
            let passed = from.saturating_sub(self.next);
            // The last block overlaps the one before it.
            let skip = 64_usize.saturating_sub(rest.len());
            match rest.first_chunk().or(self.bytes.last_chunk()) {
                Some(block) => self.load(block, skip),
                None => self.load_short(rest, skip),
            }
            let found = if passed < 64 { mask(self) & (!0 << passed) } else { 0 };
            if found != 0 {
                return self.next - 64 + found.trailing_zeros() as usize;
            }
        }
        self.bytes.len()
    }

    /// Loads the only block of a frame of less than 64 bytes.
    #[cold]
    fn load_short(&mut self, rest: &[u8], skip: usize) {
        let mut block = [b' '; 64];
        block[skip..].copy_from_slice(rest);
        self.load(&block, skip);
    }

    /// Makes `block` the current one, without its first `skip` bytes.
    #[inline(always)]
    fn load(&mut self, block: &[u8; 64], skip: usize) {
        if self.escaping != 0 || unusual(u8x64::new(*block)) {
            self.load_unusual(block, skip);
        } else {
            self.set(block, skip, 0, 0);
        }
    }

    /// The same where a byte is escaped, or there may be a backslash, a control character or a non-ASCII byte.
    #[cold]
    fn load_unusual(&mut self, block: &[u8; 64], skip: usize) {
        let bytes = u8x64::new(*block);
        let backslashes = same(bytes, b'\\').to_bitmask() >> skip;
        self.seen.backslash |= backslashes != 0;
        self.seen.non_ascii |= bytes.to_bitmask() != 0;
        let mut escaped = self.escaping;
        let mut escaping = backslashes & !escaped;
        self.escaping = 0;
        while escaping != 0 {
            let first = escaping & escaping.wrapping_neg();
            escaped |= first << 1;
            self.escaping = first >> 63;
            // A backslash that is escaped escapes nothing.
            escaping &= !(first | first << 1);
        }
        self.set(block, skip, escaped, is_control(bytes).to_bitmask() >> skip);
    }

    #[inline(always)]
    fn set(&mut self, block: &[u8; 64], skip: usize, escaped: u64, controls: u64) {
        let bytes = u8x64::new(*block);
        let quotes = same(bytes, b'"').to_bitmask() >> skip & !escaped;
        let colons = same(bytes, b':').to_bitmask() >> skip;
        // With 0x26 set, the four brackets are all 0x7f, as are `Y`, `y`, `_` and DEL.
        let brackets = same(bytes | u8x64::splat(0x26), 0x7f).to_bitmask() >> skip;
        // Each bit becomes the parity of the quotes up to it: a string from its opening quote on, without the closing.
        let mut inside = quotes;
        for distance in [1, 2, 4, 8, 16, 32] {
            inside ^= inside << distance;
        }
        inside ^= self.inside;
        self.next += 64;
        self.inside = (inside >> 63).wrapping_neg();
        self.quotes = quotes;
        self.brackets = brackets & !inside;
        self.marks = (brackets | colons) & !inside;
        self.seen.control |= controls & inside != 0;
    }
}

/// The bytes of a block that are `byte`.
#[inline(always)]
fn same(block: u8x64, byte: u8) -> u8x64 {
    block.simd_eq(u8x64::splat(byte))
}

/// The bytes below 0x20.
#[inline(always)]
fn is_control(block: u8x64) -> u8x64 {
    block.min(u8x64::splat(0x1f)).simd_eq(block)
}

/// Whether there is a backslash, a control character, or a byte outside ASCII.
#[inline(always)]
fn unusual(block: u8x64) -> bool {
    (same(block, b'\\') | is_control(block) | block).to_bitmask() != 0
}

#[cfg(test)]
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the methods are not general over the lifetime"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes that matter, their neighbours, and runs of bytes that do not.
    fn interesting() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            3 => prop::sample::select(b"\"\\{}[]:".as_slice()).prop_map(|byte| vec![byte]),
            1 => prop::sample::select(b"!#Z\x00\x1f\x20;=|~\x9b\xdb\xfb\xa2\xdc\x80\xff".as_slice()).prop_map(|byte| vec![byte]),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
            1 => (0..90_usize).prop_map(|length| vec![b'x'; length]),
        ];
        prop::collection::vec(byte, 0..200).prop_map(|runs| runs.concat())
    }

    proptest! {
        #[test]
        fn the_structure_agrees_with_a_byte_by_byte_reader(bytes in interesting()) {
            let (mut quotes, mut brackets, mut marks, mut control) = (vec![], vec![], vec![], false);
            let (mut inside, mut escaped) = (false, false);
            for (at, &byte) in bytes.iter().enumerate() {
                let quote = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                control |= inside && byte < 0x20;
                if quote {
                    inside = !inside;
                    quotes.push(at);
                } else if !inside && b"{}[]Yy_\x7f".contains(&byte) {
                    brackets.push(at);
                    marks.push(at);
                } else if !inside && byte == b':' {
                    marks.push(at);
                }
            }
            let seen = Seen { backslash: bytes.contains(&b'\\'), non_ascii: !bytes.is_ascii(), control };
            let all = |next: fn(&mut Structure<'_>, usize) -> usize| {
                let (mut structure, mut at, mut found) = (Structure::new(&bytes), 0, Vec::new());
                loop {
                    let next = next(&mut structure, at);
                    if next == bytes.len() {
                        return (found, structure.seen());
                    }
                    found.push(next);
                    at = next + 1;
                }
            };
            prop_assert_eq!(all(|it, from| it.next_quote(from)), (quotes, seen));
            prop_assert_eq!(all(|it, from| it.next_bracket(from)), (brackets, seen));
            prop_assert_eq!(all(|it, from| it.next_mark(from)), (marks, seen));
        }
    }
}
