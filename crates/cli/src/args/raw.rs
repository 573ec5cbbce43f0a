//! One raw argument string, as a slash command has it: leading flags, then everything else verbatim.
//!
//! The rules, which are not a shell's:
//!
//! - Words are split on white space. A word that begins with `-`, other than a lone `-`, is a flag; the first word
//!   that is none begins the rest, and the rest is kept byte for byte.
//! - `--` ends the flags; the rest begins behind the white space that follows it.
//! - A flag that takes a value takes the next word, or what follows its `=`; a short one also what is attached to it
//!   (`-mspark`). The value may stand in `'…'` or `"…"`, in which nothing is special but the closing quote; behind that
//!   must be white space or the end.
//! - Nothing is trimmed but the white space around flags: without any flag the whole string is the rest.

use clap::{ArgAction, Command};

/// A raw string, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split<'a> {
    /// Flags and their values, ready for the parser.
    pub(super) flags: Vec<String>,
    /// Everything else; empty when there is nothing else.
    pub(super) rest: &'a str,
}

/// Takes the leading flags of `command` off a raw string. Flags that it does not have are passed on for the parser to
/// refuse. The error says which quote is not closed.
pub(super) fn split<'a>(command: &Command, raw: &'a str) -> Result<Split<'a>, String> {
    let mut flags = Vec::new();
    let mut rest = raw;
    loop {
        let text = rest.trim_start();
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let word = &text[..end];
        if word == "--" {
            return Ok(Split { flags, rest: text[end..].trim_start() });
        }
        if !word.starts_with('-') || word == "-" {
            // Without a flag before it, white space at the beginning is the prompt's own.
            return Ok(Split { rest: if flags.is_empty() { raw } else { text }, flags });
        }
        rest = flag(command, text, end, &mut flags)?;
    }
}

/// Takes one flag, whose first word is `text[..end]`, and its value; returns what follows.
fn flag<'a>(
    command: &Command,
    text: &'a str,
    end: usize,
    flags: &mut Vec<String>,
) -> Result<&'a str, String> {
    let word = &text[..end];
    if let Some(equals) = word.find('=').filter(|_| word.starts_with("--")) {
        let (value, rest) = value(&text[equals + 1..])?;
        flags.push(format!("{}{value}", &text[..=equals]));
        return Ok(rest);
    }
    let (name_end, takes_value) = match word.strip_prefix("--") {
        Some(long) => (
            end,
            takes_value(command, |arg| {
                arg.get_long_and_visible_aliases().unwrap_or_default().contains(&long)
            }),
        ),
        None => {
            let letter = word[1..].chars().next().expect("a lone dash is no flag");
            let takes_value = takes_value(command, |arg| arg.get_short() == Some(letter));
            (if takes_value { 1 + letter.len_utf8() } else { end }, takes_value)
        }
    };
    flags.push(text[..name_end].to_owned());
    if !takes_value {
        return Ok(&text[end..]);
    }
    let attached = name_end < end;
    let behind = if attached { &text[name_end..] } else { text[end..].trim_start() };
    if behind.is_empty() {
        return Ok(behind);
    }
    let (value, rest) = value(behind)?;
    flags.push(value.to_owned());
    Ok(rest)
}

fn takes_value(command: &Command, is_it: impl Fn(&clap::Arg) -> bool) -> bool {
    let found = command.get_arguments().find(|arg| is_it(arg));
    found.is_some_and(|arg| matches!(arg.get_action(), ArgAction::Set | ArgAction::Append))
}

/// A value at the beginning of a text, without its quotes, and what follows it.
fn value(text: &str) -> Result<(&str, &str), String> {
    match text.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let Some(length) = text[1..].find(quote) else {
                return Err(format!("the quote {quote} is not closed"));
            };
            let rest = &text[length + 2..];
            if rest.chars().next().is_some_and(|next| !next.is_whitespace()) {
                return Err(format!("white space is missing behind {}", &text[..length + 2]));
            }
            Ok((&text[1..=length], rest))
        }
        _ => Ok(text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;
    use proptest::prelude::*;

    use super::*;

    fn command() -> Command {
        Command::new("x")
            .arg(Arg::new("model").short('m').long("model"))
            .arg(Arg::new("config").short('c').long("config").action(ArgAction::Append))
            .arg(Arg::new("write").short('w').long("write").action(ArgAction::SetTrue))
    }

    #[track_caller]
    fn check(raw: &str, flags: &[&str], rest: &str) {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        assert_eq!(split(&command(), raw), Ok(Split { flags, rest }), "{raw:?}");
    }

    #[test]
    fn leading_flags_are_taken_and_the_rest_is_verbatim() {
        check("", &[], "");
        check("fix it", &[], "fix it");
        check("  fix it  \n", &[], "  fix it  \n");
        check("--write fix  --model it", &["--write"], "fix  --model it");
        check("\t--write\n  fix\nit\n", &["--write"], "fix\nit\n");
        check("--model spark -w fix", &["--model", "spark", "-w"], "fix");
        check("--model=spark fix", &["--model=spark"], "fix");
        check("-mspark fix", &["-m", "spark"], "fix");
        check("-c a=\"b c\" fix", &["-c", "a=\"b"], "c\" fix");
        check("-c 'a=\"b c\"' fix", &["-c", "a=\"b c\""], "fix");
        check("--model 'a b' --model=\"c 'd\" x", &["--model", "a b", "--model=c 'd"], "x");
        check("--write -- --not a flag", &["--write"], "--not a flag");
        check("--", &[], "");
        check("- a list item", &[], "- a list item");
        check("--unknown thing", &["--unknown"], "thing");
        check("--model", &["--model"], "");
        check("--write=x y", &["--write=x"], "y");
    }

    #[test]
    fn d16_prose_is_not_parsed() {
        let prose = "say \"hi\" & 'bye' \\n `x` $(rm -rf /) ${Y} --write -m \n\t```\ntrailing  ";
        check(prose, &[], prose);
        check(&format!("--model spark {prose}"), &["--model", "spark"], prose);
        let long = "größer 世界 ".repeat(20_000);
        check(&long, &[], &long);
    }

    #[test]
    fn bad_quotes_are_told() {
        assert_eq!(split(&command(), "--model 'a b"), Err("the quote ' is not closed".into()));
        assert_eq!(split(&command(), "--model=\"a b"), Err("the quote \" is not closed".into()));
        assert_eq!(split(&command(), "--model 'a'b c"), Err("white space is missing behind 'a'".into()));
    }

    proptest! {
        #[test]
        fn a_prompt_that_begins_with_a_word_comes_through(prompt in "(?s)[^\\s-].{0,40}") {
            let raw = format!("--write --model spark {prompt}");
            let split = split(&command(), &raw).unwrap();
            prop_assert_eq!(split.rest, prompt);
            prop_assert_eq!(split.flags, ["--write", "--model", "spark"]);
        }

        #[test]
        fn any_string_is_survived_and_the_rest_is_its_end(raw in r#"[-=mcw"' a\n]{0,30}|(?s).{0,30}"#) {
            if let Ok(split) = split(&command(), &raw) {
                prop_assert!(raw.ends_with(split.rest));
            }
        }
    }
}
