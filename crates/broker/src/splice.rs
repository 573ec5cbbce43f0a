//! A frame with a replaced id, without a copy.

use std::ops::Range;

use bytes::Bytes;

/// A frame to be written, in which one span of bytes (the request id) is replaced.
///
/// The router copies nothing. The receiver copies the three [`parts`](Self::parts) once, or uses slices of the frame from
/// [`pieces`](Self::pieces) without a copy.
#[derive(Debug, Clone)]
pub struct Spliced<'a> {
    frame: &'a Bytes,
    span: Range<usize>,
    id: &'a [u8],
}

impl<'a> Spliced<'a> {
    /// The unchanged frame.
    pub fn whole(frame: &'a Bytes) -> Self {
        Self { frame, span: 0..0, id: &[] }
    }

    /// The frame with `id`, the text of a JSON value, instead of the bytes of `span`.
    ///
    /// # Panics
    ///
    /// When the span is not inside the frame.
    pub fn with_id(frame: &'a Bytes, span: Range<usize>, id: &'a [u8]) -> Self {
        assert!(span.start <= span.end && span.end <= frame.len());
        Self { frame, span, id }
    }

    /// The number of bytes to write, without a newline.
    pub fn length(&self) -> usize {
        self.frame.len() - self.span.len() + self.id.len()
    }

    /// Returns the bytes before the id, the id, and the bytes after it.
    pub fn parts(&self) -> [&'a [u8]; 3] {
        [&self.frame[..self.span.start], self.id, &self.frame[self.span.end..]]
    }

    /// Like [`Self::parts`], but shares the frame's memory. Only the id is copied.
    pub fn pieces(&self) -> [Bytes; 3] {
        let id = Bytes::copy_from_slice(self.id);
        [self.frame.slice(..self.span.start), id, self.frame.slice(self.span.end..)]
    }

    /// Returns the bytes as one vector, for tests and logs.
    pub fn to_vec(&self) -> Vec<u8> {
        self.parts().concat()
    }
}

/// The decimal text of a number, without an allocation.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(mut number: u64) -> Self {
        let mut decimal = Self { digits: [b'0'; 20], start: 20 };
        loop {
            decimal.start -= 1;
            decimal.digits[decimal.start] = b"0123456789"[(number % 10) as usize];
            number /= 10;
            if number == 0 {
                return decimal;
            }
        }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

/// Parses an id of the router: digits only.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decimals_are_read_back(value in 0..u64::MAX / 2) {
            let decimal = Decimal::new(value);
            prop_assert_eq!(std::str::from_utf8(decimal.text()).unwrap(), value.to_string());
            prop_assert_eq!(number(decimal.text()), Some(value));
        }
    }

    #[test]
    fn only_digits_are_numbers() {
        for text in ["", "-1", "1.0", "\"1\"", "12345678901234567890", "null"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_the_id_is_replaced() {
        let frame = Bytes::from_static(br#"{"id":7,"method":"m","params":{"id":7}}"#);
        let spliced = Spliced::with_id(&frame, 6..7, b"\"abc\"");
        assert_eq!(spliced.to_vec(), br#"{"id":"abc","method":"m","params":{"id":7}}"#);
        assert_eq!(spliced.length(), spliced.to_vec().len());
        assert_eq!(spliced.pieces().concat(), spliced.to_vec());
        assert_eq!(spliced.pieces()[2].as_ptr(), frame[7..].as_ptr());
        assert_eq!(Spliced::whole(&frame).to_vec(), frame);
    }
}
