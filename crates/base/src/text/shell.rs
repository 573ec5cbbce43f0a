//! Text as a word of a shell command.

/// Quotes text as one word for a POSIX shell.
#[must_use]
pub fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn any_text_is_one_word() {
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("it's $(x)\n`y`"), "'it'\\''s $(x)\n`y`'");
    }
}
