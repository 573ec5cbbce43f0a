//! Verdicts: none without its mark, as somebody reads who knows no Markdown.

use codex_gate::Verdict;
use serde_json::Value;

/// Any answer; what is not UTF-8 is replaced, as the reviewers' adapters do.
///
/// # Panics
/// When an answer allows or blocks that does not say so, says both, or means something else with other line ends.
pub fn verdicts(data: &[u8]) {
    let answer = String::from_utf8_lossy(data);
    let verdict = Verdict::parse(&answer);
    match &verdict {
        Verdict::Allow { reason } => {
            assert!(reason.len() <= Verdict::REASON_BYTES + '…'.len_utf8());
            assert!(says(&answer, "allow"), "nothing allows");
            assert!(!blocks(&answer), "a line blocks");
        }
        Verdict::Block { reason, findings } => {
            assert!(
                reason.len() <= Verdict::REASON_BYTES + '…'.len_utf8()
                    && findings.len() <= Verdict::MAX_FINDINGS
            );
            assert!(says(&answer, "block"), "nothing blocks");
        }
        Verdict::Unparseable(why) => {
            assert!(why.excerpt.len() <= 200 + '…'.len_utf8() && !why.excerpt.contains(['\n', '\u{1b}']));
            // The form that the prompt asks for is always understood.
            let exact = answer
                .strip_prefix("ALLOW: fine\n")
                .is_some_and(|rest| !rest.to_ascii_lowercase().contains("block"));
            assert!(!exact && !answer.starts_with("BLOCK: broken\n"));
        }
    }
    // Whitespace around the answer and the kind of line ends mean nothing.
    assert_eq!(Verdict::parse(&format!("\n \n{answer}")), verdict, "lines before it");
    assert_eq!(Verdict::parse(&format!("{answer}  \n\n")), verdict, "white space behind it");
    if !answer.contains('\r') {
        let lines = answer.replace('\n', "\r\n");
        assert_eq!(Verdict::parse(&lines), verdict, "CRLF");
    }
    // And whoever adds a block to the end of an approval has not approved.
    let both = Verdict::parse(&format!("{answer}\nBLOCK: no"));
    assert!(!matches!(both, Verdict::Allow { .. }));
}

/// Whether the first line that has a letter or a digit says the word before anything else, or an object says it.
fn says(answer: &str, word: &str) -> bool {
    let lines = || answer.split(['\n', '\r']);
    let first = lines()
        .map(bare)
        .find(|line| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
    let object = answer.match_indices('{').find_map(|(at, _)| {
        serde_json::Deserializer::from_str(&answer[at..]).into_iter::<Value>().next()?.ok()
    });
    let stated = |name: &str| {
        let said = object.as_ref()?.get(name)?.as_str()?.trim();
        Some(said.eq_ignore_ascii_case(word))
    };
    first.is_some() || stated("verdict") == Some(true) || stated("decision") == Some(true)
}

/// Whether a line begins with the word and a colon, with nothing but marks before them. (`BLOCK::new` is a path.)
fn blocks(answer: &str) -> bool {
    answer.lines().filter_map(|line| bare(line).strip_prefix("BLOCK:")).any(|reason| !reason.starts_with(':'))
}

/// A line from its first letter on.
fn bare(line: &str) -> &str {
    line.trim_start_matches(|c: char| !c.is_alphabetic())
}
