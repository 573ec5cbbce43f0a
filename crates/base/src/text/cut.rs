/// Returns the longest prefix of `text` that has at most `max_bytes` bytes and ends between two characters.
#[must_use]
pub fn clip(text: &str, max_bytes: usize) -> &str {
    if text.len() <= max_bytes {
        return text;
    }
    let mut end = max_bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Returns the longest suffix of `text` that has at most `max_bytes` bytes and begins between two characters.
#[must_use]
pub fn clip_start(text: &str, max_bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(max_bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip("aé", 3), "aé");
        assert_eq!(clip_start("éa", 2), "a");
        assert_eq!(clip_start("éa", 9), "éa");
    }
}
