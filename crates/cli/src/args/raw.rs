//! Splits a raw argument string, as slash commands pass it: leading flags, then the rest verbatim.
//!
//! The rules differ from a shell's:
//!
//! - Words are separated by whitespace. A word that begins with `-`, except `-` itself, is a flag. The first other
//!   word begins the rest, and the rest is kept byte for byte.
//! - `--` ends the flags; the rest begins after the whitespace that follows it.
//! - A flag that takes a value takes the next word, or what follows its `=`; a short one also what is attached to it
//!   (`-mspark`). The value can be quoted with `'…'` or `"…"`; only the closing quote is special inside, and whitespace
//!   or the end must follow it.
//! - Only the whitespace around flags is trimmed: without any flag the whole string is the rest.

use clap::{ArgAction, Command};

/// The parts of a raw string.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split<'a> {
    /// Flags and their values, ready for the parser.
    pub(super) flags: Vec<String>,
    /// Everything else; empty when there is nothing else.
    pub(super) rest: &'a str,
}

/// Splits the leading flags of `command` from a raw string. Unknown flags are passed on, so that the parser reports
/// them. The error names the quote that is not closed.
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
            // Without a preceding flag, leading whitespace belongs to the prompt.
            return Ok(Split { rest: if flags.is_empty() { raw } else { text }, flags });
        }
        rest = flag(command, text, end, &mut flags)?;
    }
}

/// Splits one flag, whose first word is `text[..end]`, and its value; returns the text after them.
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
            let letter = word[1..].chars().next().expect("`-` is not a flag");
            let takes_value = takes_value(command, |arg| arg.get_short() == Some(letter));
            (if takes_value { 1 + letter.len_utf8() } else { end }, takes_value)
        }
    };
    flags.push(text[..name_end].to_owned());
    if !takes_value {
        return Ok(&text[end..]);
    }
    // A value that can be omitted is not the next flag.
    let optional = is_optional(command, &text[..name_end]);
    if optional && name_end == end && text[end..].trim_start().starts_with('-') {
        return Ok(&text[end..]);
    }
    let attached = name_end < end;
    let after = if attached { &text[name_end..] } else { text[end..].trim_start() };
    if after.is_empty() {
        return Ok(after);
    }
    let (value, rest) = value(after)?;
    flags.push(value.to_owned());
    Ok(rest)
}

fn takes_value(command: &Command, is_it: impl Fn(&clap::Arg) -> bool) -> bool {
    let found = command.get_arguments().find(|arg| is_it(arg));
    found.is_some_and(|arg| matches!(arg.get_action(), ArgAction::Set | ArgAction::Append))
}

/// Whether the value of a long flag can be omitted.
fn is_optional(command: &Command, flag: &str) -> bool {
    let named = |arg: &&clap::Arg| arg.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long));
    let range = command.get_arguments().find(named).and_then(clap::Arg::get_num_args);
    range.is_some_and(|range| range.min_values() == 0)
}

/// The value at the beginning of a text, without its quotes, and the text after it.
fn value(text: &str) -> Result<(&str, &str), String> {
    match text.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let Some(length) = text[1..].find(quote) else {
                return Err(format!("the quote {quote} is not closed"));
            };
            let rest = &text[length + 2..];
            if rest.chars().next().is_some_and(|next| !next.is_whitespace()) {
                return Err(format!("whitespace is missing after {}", &text[..length + 2]));
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
            .arg(Arg::new("report").long("report").num_args(0..=1))
    }

    #[track_caller]
    fn check(raw: &str, flags: &[&str], rest: &str) {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        assert_eq!(split(&command(), raw), Ok(Split { flags, rest }), "{raw:?}");
    }

    #[test]
    fn leading_flags_are_split_and_the_rest_is_verbatim() {
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
        check("--report", &["--report"], "");
        check("--report --write x", &["--report", "--write"], "x");
        check("--report file x", &["--report", "file"], "x");
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
    fn bad_quotes_are_errors() {
        assert_eq!(split(&command(), "--model 'a b"), Err("the quote ' is not closed".into()));
        assert_eq!(split(&command(), "--model=\"a b"), Err("the quote \" is not closed".into()));
        assert_eq!(split(&command(), "--model 'a'b c"), Err("whitespace is missing after 'a'".into()));
    }

    proptest! {
        #[test]
        fn a_prompt_that_begins_with_a_word_is_unchanged(prompt in "(?s)[^\\s-].{0,40}") {
            let raw = format!("--write --model spark {prompt}");
            let split = split(&command(), &raw).unwrap();
            prop_assert_eq!(split.rest, prompt);
            prop_assert_eq!(split.flags, ["--write", "--model", "spark"]);
        }

        #[test]
        fn any_string_is_accepted_and_the_rest_is_its_suffix(raw in r#"[-=mcw"' a\n]{0,30}|(?s).{0,30}"#) {
            if let Ok(split) = split(&command(), &raw) {
                prop_assert!(raw.ends_with(split.rest));
            }
        }
    }
}
