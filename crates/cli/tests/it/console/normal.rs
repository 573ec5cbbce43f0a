//! What differs from run to run, made the same: places, ids, times.

use std::path::Path;

/// The ids that readers see, in the order in which a scene comes upon its own.
const JOBS: &[&str] =
    &["job-1m7vs5a8w-graxqa", "job-1m7vs5d2k-t40wmz", "job-1m7vs5h9p-8yb3ce", "job-1m7vs5m4x-nq6r1d"];
const THREADS: &[&str] = &[
    "019c0f6e-7a31-7c52-9d04-2f8b6a1e5c70",
    "019c0f6f-1b84-7e09-8a3d-5c7e9f2b4d16",
    "019c0f70-3c95-7d21-b6f8-8e1a2c4d6f30",
    "019c0f71-5ea7-7f43-a2b9-1d3f5a7c9e52",
];
const PROCESSES: &[&str] = &["48213", "48219", "48225", "48231"];
/// A folder of state, of which the hash is that of the scratch place.
const FOLDERS: &[&str] = &["shop-5d1c9e3f7a204b68"];
const TIME: &str = "2026-01-30T10:00:00.000Z";

/// The replacements of one scene.
pub(super) struct Normal {
    root: String,
    program: String,
    jobs: Vec<String>,
    threads: Vec<String>,
    processes: Vec<String>,
    folders: Vec<String>,
}

impl Normal {
    /// `root` is the scratch place, `program` the file of ours.
    pub(super) fn new(root: &Path, program: &Path) -> Self {
        let (jobs, threads, processes, folders) = Default::default();
        let program = program.canonicalize().unwrap_or_else(|_| program.to_path_buf());
        let (root, program) = (root.to_string_lossy().into_owned(), program.to_string_lossy().into_owned());
        Self { root, program, jobs, threads, processes, folders }
    }

    /// A line as it is shown, as it must be run: the ids that readers see are the scene's own again.
    pub(super) fn restored(&self, line: &str) -> String {
        let lists = [
            (JOBS, &self.jobs),
            (THREADS, &self.threads),
            (PROCESSES, &self.processes),
            (FOLDERS, &self.folders),
        ];
        let pairs = lists.into_iter().flat_map(|(shown, own)| shown.iter().zip(own));
        pairs.fold(line.to_owned(), |line, (shown, own)| line.replace(shown, own))
    }

    /// An output, as readers see it.
    pub(super) fn text(&mut self, output: &str) -> String {
        let text = output.replace(&self.program, "/home/ada/.cargo/bin/codex-companion");
        let text = text.replace(&format!("{}/tmp", self.root), "/tmp").replace(&self.root, "/home/ada");
        // What a scripted model makes Codex remark says nothing about ours.
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("`mock-model` not found")).collect();
        let text = kept.join("\n") + if text.ends_with('\n') { "\n" } else { "" };
        let mut normal = String::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let starts_word =
                !normal.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
            let found = starts_word.then(|| self.replace(rest, &normal)).flatten();
            let (taken, replaced) = found.unwrap_or_else(|| (first.len_utf8(), first.to_string()));
            normal.push_str(&replaced);
            rest = &rest[taken..];
        }
        normal
    }

    /// What stands at the beginning of `text` and differs from run to run: its length, and what is shown.
    fn replace(&mut self, text: &str, before: &str) -> Option<(usize, String)> {
        let hex = |c: char| c.is_ascii_hexdigit();
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let digit = |c: char| c.is_ascii_digit();
        if let Some(taken) = shape(text, &["job-", "_________", "-", "______"], word) {
            return Some((taken, known(&mut self.jobs, &text[..taken], JOBS)));
        }
        if let Some(taken) =
            shape(text, &["________", "-", "____", "-", "____", "-", "____", "-", "____________"], hex)
        {
            return Some((taken, known(&mut self.threads, &text[..taken], THREADS)));
        }
        if let Some(taken) = shape(
            text,
            &["____", "-", "__", "-", "__", "T", "__", ":", "__", ":", "__", ".", "___", "Z"],
            digit,
        ) {
            return Some((taken, TIME.to_owned()));
        }
        if let Some(taken) = shape(text, &["corrupt-", "________", "T", "_________", "Z"], digit) {
            return Some((taken, "corrupt-20260130T100000000Z".to_owned()));
        }
        if let Some(taken) = shape(text, &["brokers/", "________________"], hex) {
            return Some((taken, "brokers/8c41d07be2953fa6".to_owned()));
        }
        if let Some(taken) = shape(text, &["shop-", "________________"], hex) {
            return Some((taken, known(&mut self.folders, &text[..taken], FOLDERS)));
        }
        if let Some(rest) = text.strip_prefix("codex-companion-demo-") {
            let suffix = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            return Some((text.len() - rest.len() + suffix, "codex-companion-demo-k3Zq8w".to_owned()));
        }
        // A process, by the word before it; a time that somebody waited.
        let number = text.find(|c: char| !digit(c)).unwrap_or(text.len());
        let after = &text[number..];
        if number > 1 && (before.ends_with("process ") || before.ends_with("\"pid\": ")) {
            return Some((number, known(&mut self.processes, &text[..number], PROCESSES)));
        }
        let ends = |unit: &str| {
            after.strip_prefix(unit).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        if number == 1 && ends("s") {
            return Some((2, "4s".to_owned()));
        }
        None
    }
}

/// The length of `text`'s beginning if it has this shape: each `_` stands for a character of the class.
fn shape(text: &str, parts: &[&str], class: impl Fn(char) -> bool) -> Option<usize> {
    let mut characters = text.chars();
    let mut length = 0;
    for wanted in parts.iter().flat_map(|part| part.chars()) {
        let found = characters.next()?;
        if !(if wanted == '_' { class(found) } else { found == wanted }) {
            return None;
        }
        length += found.len_utf8();
    }
    (!characters.next().is_some_and(char::is_alphanumeric)).then_some(length)
}

/// The name that readers see for `own`.
fn known(seen: &mut Vec<String>, own: &str, names: &[&str]) -> String {
    let index = seen.iter().position(|known| known == own).unwrap_or_else(|| {
        seen.push(own.to_owned());
        seen.len() - 1
    });
    names.get(index).map_or_else(|| format!("{}{index}", names[0]), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal() -> Normal {
        Normal::new(Path::new("/no/such/place"), Path::new("/no/such/program"))
    }

    #[test]
    fn what_differs_is_the_same_and_the_rest_is_kept() {
        let check = |text: &str, expected: &str| {
            assert_eq!(normal().text(text), expected, "{text}");
        };
        check("job-1aaaaaaaa-bbbbbb, job-1aaaaaaaa-cccccc", &format!("{}, {}", JOBS[0], JOBS[1]));
        check("at /no/such/place/shop in /no/such/place/tmp/x", "at /home/ada/shop in /tmp/x");
        check("[2027-05-06T07:08:09.123Z] x", &format!("[{TIME}] x"));
        check("completed  0s  done", "completed  4s  done");
        check("gpt-5s and 10s and 0 s", "gpt-5s and 10s and 0 s");
        check("shop-0123456789abcdef/jobs", "shop-5d1c9e3f7a204b68/jobs");
        check("process 12, line 12", &format!("process {}, line 12", PROCESSES[0]));
        check("a\ncodex: `mock-model` not found\nb\n", "a\nb\n");
        check("x.corrupt-20270506T070809123Z", "x.corrupt-20260130T100000000Z");
        check("über job-nothing", "über job-nothing");
    }

    #[test]
    fn a_shown_id_leads_back_to_its_own() {
        let mut normal = normal();
        let own = "job-1aaaaaaaa-bbbbbb";
        assert_eq!(normal.text(own), JOBS[0]);
        assert_eq!(normal.restored(&format!("result {}", JOBS[0])), format!("result {own}"));
    }
}
