//! Removes secrets from text that is written for other people to read: log lines and reports.
//!
//! Nothing that is known to be secret is written in the first place. This is the second barrier: it removes the values of
//! variables that hold secrets, what has the form of a token, and the path of the home directory.

use std::path::Path;

/// Replaces a secret.
const REMOVED: &str = "[removed]";
/// The shortest value of a variable that is removed. Shorter values also occur in ordinary text.
const SHORTEST: usize = 6;
/// How tokens begin: OpenAI, Anthropic, Stripe; GitHub; GitLab; Slack; AWS; JSON Web Tokens; npm; PyPI; Google.
const TOKENS: &[&str] = &[
    "sk-",
    "sk_",
    "rk_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "eyJ",
    "npm_",
    "pypi-",
    "AIza",
];
/// The shortest token, prefix included.
const SHORTEST_TOKEN: usize = 16;
/// The name of a value that is secret contains one of these.
const SECRET_NAMES: &[&str] = &[
    "token",
    "secret",
    "passw",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "private_key",
    "credential",
    "authorization",
];

/// Removes secrets from text.
#[derive(Clone, Default)]
pub struct Redactor {
    home: Option<String>,
    values: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Creates a redactor for these secret values. The path of the home directory is shown as `~`.
    #[must_use]
    pub fn new(home: Option<&Path>, values: impl IntoIterator<Item = String>) -> Self {
        let home = home.map(|home| home.to_string_lossy().trim_end_matches(['/', '\\']).to_owned());
        let mut values: Vec<_> = values.into_iter().filter(|value| value.trim().len() >= SHORTEST).collect();
        // A value can contain another one.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { home: home.filter(|home| !home.is_empty()), values }
    }

    /// Returns the text without secrets.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in &self.values {
            text = text.replace(value.as_str(), REMOVED);
        }
        if let Some(home) = &self.home {
            text = replace_directory(&text, home);
        }
        remove_tokens(&text)
    }
}

/// Whether the name of a variable or a key says that its value is secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // A path is not a name, and `tokens` is a count.
    if name.contains(['/', '.']) || name.ends_with("tokens") {
        return false;
    }
    SECRET_NAMES.iter().any(|secret| name.contains(secret)) || name.ends_with("_key") || name == "key"
}

/// Replaces a directory by `~` where a whole path component ends.
fn replace_directory(text: &str, directory: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(directory) {
        let after = &rest[at + directory.len()..];
        let whole = !after.starts_with(|next: char| next.is_alphanumeric() || "-_.".contains(next));
        output.push_str(&rest[..at]);
        output.push_str(if whole { "~" } else { directory });
        rest = after;
    }
    output.push_str(rest);
    output
}

/// Replaces what has the form of a token, the user and password of URLs, and values with a secret name.
fn remove_tokens(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    // The word before was the name of a secret value, or `Bearer`.
    let mut secret_follows = false;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|next: char| !is_word(next)).unwrap_or(rest.len());
        let word = &rest[..end];
        if !word.is_empty() {
            let token = word.len() >= SHORTEST_TOKEN && TOKENS.iter().any(|prefix| word.starts_with(prefix));
            let scheme = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
            let value = secret_follows && !scheme && word != "removed";
            output.push_str(if token || value { REMOVED } else { word });
            secret_follows = match rest[end..].chars().next() {
                Some('=' | ':' | '"' | '\'') => is_secret_name(word),
                Some(' ') => scheme,
                _ => false,
            };
        }
        rest = &rest[end..];
        if let Some(userinfo) = rest.strip_prefix("://").and_then(userinfo) {
            output.push_str("://");
            output.push_str(REMOVED);
            rest = &rest[3 + userinfo..];
            continue;
        }
        let separator = rest.find(is_word).unwrap_or(rest.len());
        // A name and its value are in one line, separated by punctuation or spaces.
        secret_follows &= rest[..separator].len() <= 6 && !rest[..separator].contains('\n');
        let separator = rest[..separator].find("://").filter(|at| *at > 0).unwrap_or(separator);
        output.push_str(&rest[..separator]);
        rest = &rest[separator..];
    }
    output
}

/// The length of the user and the password of a URL, up to its `@`.
fn userinfo(authority: &str) -> Option<usize> {
    let end = authority
        .find(|next: char| next.is_whitespace() || "/?#\"'<>".contains(next))
        .unwrap_or(authority.len());
    authority[..end].rfind('@')
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || "-_.+/~%".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let redactor = Redactor::new(Some(Path::new("/home/ada/")), ["correct horse".into(), "abc".into()]);
        let redacted = redactor.redact(text);
        assert_eq!(redacted, expected, "{text:?}");
        assert_eq!(redactor.redact(&redacted), expected, "not idempotent: {text:?}");
    }

    #[test]
    fn secrets_are_removed() {
        check("pass correct horse on", "pass [removed] on");
        check("key sk-proj-0123456789abcdef end", "key [removed] end");
        check("ghp_0123456789abcdef", "[removed]");
        check("Authorization: Bearer abc.def-ghi/jkl end", "Authorization: Bearer [removed] end");
        check("OPENAI_API_KEY=short", "OPENAI_API_KEY=[removed]");
        check("{\"access_token\":\"x1\",\"name\":\"y\"}", "{\"access_token\":\"[removed]\",\"name\":\"y\"}");
        check("https://me:pw@example.com/x", "https://[removed]@example.com/x");
        check("see https://me:pw@example.com", "see https://[removed]@example.com");
    }

    #[test]
    fn the_home_directory_is_a_tilde() {
        check("/home/ada/shop and /home/ada", "~/shop and ~");
        check("/home/adam/shop", "/home/adam/shop");
        check("file:///home/ada/x", "file://~/x");
    }

    #[test]
    fn ordinary_text_is_unchanged() {
        for text in [
            "",
            "Codex is ready. 3 jobs, abc",
            "reading src/token.rs line 3",
            "https://example.com/a@b?c=d",
            "the token limit: 5, tokens: 7, src/token.rs:12: error",
            "größer: 世界\n\tindented ://",
            "risk-averse sk-short",
        ] {
            check(text, text);
        }
    }
}
