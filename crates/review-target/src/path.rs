use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use codex_base::text::is_invisible;
use gix::bstr::{BString, ByteSlice as _};

/// The path of a file relative to the top of the work tree, with slashes. The path of a directory ends in a slash.
///
/// A path is any sequence of bytes. `Display` writes it for people and patches. It is quoted as git does,
/// `"caf\303\251\n"`, when it is not UTF-8, or has a control character, a quote, a backslash, three backticks in a row, or
/// a character that reorders or hides text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(pub(crate) BString);

impl FilePath {
    /// The path as the index and the file system have it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path for the file system; `None` when the system cannot represent it.
    #[must_use]
    pub fn to_path(&self) -> Option<PathBuf> {
        gix::path::from_byte_slice(&self.0).ok().map(Into::into)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted("", &self.0))
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilePath({:?})", self.0)
    }
}

/// Writes the path unquoted when it is UTF-8 and does not begin with a quote, else as `Display` does.
#[cfg(feature = "serde")]
impl serde::Serialize for FilePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Ok(name) if !name.starts_with('"') => serializer.serialize_str(name),
            _ => serializer.collect_str(self),
        }
    }
}

/// Returns `prefix` and `name`, quoted together if `name` needs quotes.
pub(crate) fn quoted<'n>(prefix: &str, name: &'n [u8]) -> Cow<'n, str> {
    match name.to_str() {
        Ok(name) if !name.chars().any(needs_quotes) && !name.contains("```") => {
            if prefix.is_empty() {
                Cow::Borrowed(name)
            } else {
                Cow::Owned(format!("{prefix}{name}"))
            }
        }
        text => {
            let mut out = format!("\"{prefix}");
            match text {
                Ok(text) => text.chars().for_each(|c| push_char(&mut out, c)),
                Err(_) => name.iter().for_each(|b| push_byte(&mut out, *b)),
            }
            out.push('"');
            Cow::Owned(out)
        }
    }
}

fn needs_quotes(c: char) -> bool {
    matches!(c, '"' | '\\') || c.is_control() || is_invisible(c)
}

fn push_char(out: &mut String, c: char) {
    if c.is_ascii() || !needs_quotes(c) {
        match u8::try_from(c) {
            Ok(byte) if c.is_ascii() => push_byte(out, byte),
            _ => out.push(c),
        }
    } else {
        c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| push_byte(out, b));
    }
}

fn push_byte(out: &mut String, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        0x07 => b'a',
        0x08 => b'b',
        0x0b => b'v',
        0x0c => b'f',
        // Several backticks could close a fence around the name.
        b'`' => return out.push_str("\\140"),
        b' '..=b'~' => return out.push(char::from(byte)),
        _ => return out.push_str(&format!("\\{byte:03o}")),
    };
    out.push('\\');
    out.push(char::from(letter));
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[track_caller]
    fn check(name: &[u8], expected: &str) {
        assert_eq!(quoted("", name), expected);
    }

    #[test]
    fn harmless_names_are_not_quoted() {
        check(b"a/b c.txt", "a/b c.txt");
        check("gr\u{fc}\u{df}e/\u{65e5}\u{672c}.rs".as_bytes(), "gr\u{fc}\u{df}e/\u{65e5}\u{672c}.rs");
        check(b"-rf", "-rf");
        check(b"``a`", "``a`");
    }

    #[test]
    fn other_names_are_quoted_as_git_does() {
        check(b"a\nb", r#""a\nb""#);
        check(b"tab\there", r#""tab\there""#);
        check(b"say \"hi\"", r#""say \"hi\"""#);
        check(b"back\\slash", r#""back\\slash""#);
        check(b"\x1b[31mred", r#""\033[31mred""#);
        check(b"```", r#""\140\140\140""#);
        check(b"caf\xe9", r#""caf\351""#);
        check("\u{202e}gpj.exe".as_bytes(), r#""\342\200\256gpj.exe""#);
        check("\u{9b}31m".as_bytes(), r#""\302\23331m""#);
        assert_eq!(quoted("a/", b"x\ny"), r#""a/x\ny""#);
        assert_eq!(quoted("a/", b"xy"), "a/xy");
    }
}
