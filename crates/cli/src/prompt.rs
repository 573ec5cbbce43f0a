//! Prompts, byte for byte.
//!
//! A prompt comes from the words after the options, from a file, or from a piped standard input. It is sent to Codex
//! unchanged: nothing is trimmed, unquoted or searched for options.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use codex_companion_core::{MAX_PROMPT_CHARS, check_prompt_length};

use crate::exit::{Failure, Kind};
use crate::stdio::{self, Unread};

/// The arguments for a prompt.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Prompt")]
pub struct PromptArgs {
    /// Read the prompt from FILE (`-` is standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "words")]
    pub prompt_file: Option<PathBuf>,
    /// The prompt
    #[arg(value_name = "PROMPT", trailing_var_arg = true)]
    pub words: Vec<OsString>,
}

/// Where a prompt comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Words(String),
    /// A file.
    File(PathBuf),
    /// A pipe on standard input.
    Stdin,
    /// No source.
    None,
}

impl PromptArgs {
    /// Returns where the prompt comes from: words, otherwise the file, otherwise standard input if that `is_piped`.
    ///
    /// One word is kept byte for byte, several are joined by single spaces. With words or a file, standard input is
    /// never touched.
    ///
    /// # Errors
    /// A word that is not UTF-8.
    pub fn source(&self, is_piped: bool) -> Result<Source, Failure> {
        if !self.words.is_empty() {
            let words =
                self.words.iter().map(|word| word.to_str().ok_or_else(|| not_utf8("an argument", None)));
            return Ok(Source::Words(words.collect::<Result<Vec<_>, _>>()?.join(" ")));
        }
        Ok(match &self.prompt_file {
            Some(file) if file.as_os_str() == "-" => Source::Stdin,
            Some(file) => Source::File(file.clone()),
            None if is_piped => Source::Stdin,
            None => Source::None,
        })
    }
}

/// How long a read of standard input waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Before its first byte.
    pub first: Duration,
    /// Between one read and the next.
    pub between: Duration,
    /// Whether a silent standard input means that there is no prompt, rather than that one is missing.
    pub optional: bool,
}

impl Source {
    /// Reads the prompt. `None` when there is no source or it is empty.
    ///
    /// # Errors
    /// A file that cannot be read, bytes that are not UTF-8, more than [`MAX_PROMPT_CHARS`] characters, a standard input that stays
    /// open and silent for longer than `patience`, unless the prompt is optional and nothing came at all.
    pub fn read(
        self,
        stdin: impl Read + Send + 'static,
        patience: Patience,
    ) -> Result<Option<String>, Failure> {
        let (bytes, origin) = match self {
            Self::None => return Ok(None),
            Self::Words(words) => (words.into_bytes(), "the command line".to_owned()),
            Self::Stdin => match read_stdin(stdin, patience)? {
                Some(bytes) => (bytes, "standard input".to_owned()),
                None => return Ok(None),
            },
            Self::File(path) => {
                let origin = path.display().to_string();
                // Checked before it is opened: opening a pipe without a writer would wait forever.
                let open = path.metadata().and_then(|data| {
                    let regular = data
                        .is_file()
                        .then_some(())
                        .ok_or_else(|| io::Error::other("it is not a regular file"));
                    regular.and_then(|()| File::open(&path))
                });
                let file = open.map_err(|error| {
                    Failure::new(Kind::Prompt, format!("cannot open the prompt file {origin}"))
                        .caused_by(error)
                })?;
                let most = u64::try_from(stdio::MOST).unwrap_or(u64::MAX);
                let bytes =
                    stdio::read_to_end(file.take(most + 1)).map_err(|error| cannot_read(&origin, error))?;
                if bytes.len() > stdio::MOST {
                    return Err(too_much(&origin));
                }
                (bytes, origin)
            }
        };
        let prompt = String::from_utf8(bytes)
            .map_err(|error| not_utf8(&origin, Some(error.utf8_error().valid_up_to())))?;
        check_prompt_length(&prompt)?;
        Ok((!prompt.is_empty()).then_some(prompt))
    }
}

fn read_stdin(stdin: impl Read + Send + 'static, patience: Patience) -> Result<Option<Vec<u8>>, Failure> {
    match stdio::read_within(stdin, patience.first, patience.between, stdio::MOST) {
        Err(Unread::TooMuch) => Err(too_much("standard input")),
        Ok(bytes) => Ok(Some(bytes)),
        Err(Unread::Silent(limit)) if patience.optional && limit == patience.first => Ok(None),
        Err(Unread::Silent(limit)) => {
            let message = format!("standard input is open, but no data arrived for {} s", limit.as_secs());
            Err(Failure::new(Kind::Prompt, message).with_hint(
                "close it (`< /dev/null`), or give the prompt on the command line or with --prompt-file",
            ))
        }
        Err(Unread::Failed(error)) => Err(cannot_read("standard input", error)),
    }
}

fn too_much(origin: &str) -> Failure {
    let message = format!(
        "the prompt from {origin} has more than the {MAX_PROMPT_CHARS} characters that Codex accepts"
    );
    Failure::new(Kind::PromptTooLong, message)
        .with_hint("put the long part into a file of the repository and name that file in the prompt")
}

fn cannot_read(origin: &str, error: std::io::Error) -> Failure {
    Failure::new(Kind::Prompt, format!("cannot read the prompt from {origin}")).caused_by(error)
}

fn not_utf8(origin: &str, valid_up_to: Option<usize>) -> Failure {
    let place = valid_up_to.map(|at| format!(" (byte {at})")).unwrap_or_default();
    Failure::new(Kind::Prompt, format!("the prompt from {origin} is not UTF-8{place}"))
        .with_hint("convert it to UTF-8; a prompt is sent byte for byte")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const PATIENT: Patience =
        Patience { first: Duration::from_secs(60), between: Duration::from_secs(60), optional: false };

    /// A pipe without data that stays open: some programs start others with such a standard input.
    #[test]
    fn a_silent_pipe_ends_the_wait() {
        let hasty =
            Patience { first: Duration::from_millis(20), between: Duration::from_millis(20), optional: true };
        let (reader, mut writer) = std::io::pipe().unwrap();
        assert_eq!(Source::Stdin.read(reader, hasty).unwrap(), None);
        let (reader, _open) = std::io::pipe().unwrap();
        let failure = Source::Stdin.read(reader, Patience { optional: false, ..hasty }).unwrap_err();
        assert!(failure.to_string().contains("standard input is open"), "{failure}");
        // Half a prompt is not a prompt.
        let (reader, mut other) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut other, b"half of it").unwrap();
        let hasty = Patience { between: Duration::from_millis(30), ..hasty };
        assert!(Source::Stdin.read(reader, hasty).is_err());
        drop(std::io::Write::write_all(&mut writer, b"late"));
    }

    fn words(words: &[&str]) -> PromptArgs {
        PromptArgs { words: words.iter().map(OsString::from).collect(), ..PromptArgs::default() }
    }

    #[test]
    fn d16_one_word_is_kept_and_several_are_joined() {
        for text in [
            "a  b",
            " lead and trail ",
            "\"q\" 'q' \\ `x` $(y) ${Z}\n\n",
            "größer 世界",
            "--flag in prose",
            "",
        ] {
            assert_eq!(words(&[text]).source(true).unwrap(), Source::Words(text.into()));
        }
        assert_eq!(words(&["a", "b  c", "", "d"]).source(true).unwrap(), Source::Words("a b  c  d".into()));
    }

    #[test]
    fn files_and_pipes_come_after_words() {
        let file = |name: &str| PromptArgs { prompt_file: Some(name.into()), ..PromptArgs::default() };
        assert_eq!(file("a").source(true).unwrap(), Source::File("a".into()));
        assert_eq!(file("-").source(false).unwrap(), Source::Stdin);
        assert_eq!(words(&[]).source(true).unwrap(), Source::Stdin);
        assert_eq!(words(&[]).source(false).unwrap(), Source::None);
    }

    #[test]
    fn d16_piped_text_is_unchanged() {
        let big = "0123456789".repeat(30_000);
        for text in [" \n lead\r\nand trail \n", "\u{feff}bom", big.as_str()] {
            assert_eq!(
                Source::Stdin.read(Cursor::new(text.to_owned()), PATIENT).unwrap().as_deref(),
                Some(text)
            );
        }
        assert_eq!(Source::Stdin.read(&b""[..], PATIENT).unwrap(), None);
        assert_eq!(Source::None.read(&b"never read"[..], PATIENT).unwrap(), None);
    }

    #[test]
    fn a_prompt_that_cannot_be_sent_is_an_error() {
        let failure = Source::Stdin.read(&b"abc\xff"[..], PATIENT).unwrap_err();
        assert_eq!(failure.to_string(), "the prompt from standard input is not UTF-8 (byte 3)");

        let failure = Source::File("/nowhere/at/all".into()).read(&b""[..], PATIENT).unwrap_err();
        assert_eq!(failure.to_string(), "cannot open the prompt file /nowhere/at/all");
        assert_eq!(failure.causes().len(), 1);

        assert!(check_prompt_length(&"é".repeat(MAX_PROMPT_CHARS)).is_ok());
        let failure = check_prompt_length(&"é".repeat(MAX_PROMPT_CHARS + 1)).unwrap_err();
        assert_eq!(failure.to_string(), "the prompt has 1048577 characters; Codex takes 1048576");
        assert_eq!((failure.kind(), crate::exit::Exit::from(&failure).code()), (Kind::PromptTooLong, 2));
    }

    #[cfg(unix)]
    #[test]
    fn a_word_that_is_not_utf8_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let args = PromptArgs { words: vec![OsString::from_vec(vec![b'a', 0xff])], ..PromptArgs::default() };
        assert_eq!(args.source(false).unwrap_err().to_string(), "the prompt from an argument is not UTF-8");
    }
}
