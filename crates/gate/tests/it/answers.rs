//! Answers as models write them, and what each means.

use codex_gate::{Problem, Unparseable, Verdict};
use proptest::prelude::*;

#[derive(Debug, PartialEq)]
enum Meaning {
    Allow(&'static str),
    Block(&'static str),
    Not(Problem),
}
use Meaning::{Allow, Block, Not};
use Problem::{BadJson, Empty, NoVerdict, SaysBoth};

#[rustfmt::skip]
const ANSWERS: &[(&str, Meaning)] = &[
    // The form that was asked for.
    ("ALLOW: the change is small and right", Allow("the change is small and right")),
    ("BLOCK: the lock is never released", Block("the lock is never released")),
    ("ALLOW: fine\n", Allow("fine")),
    ("ALLOW: fine\r\nchecked the tests too\r\n", Allow("fine")),
    ("\n\n  ALLOW: fine", Allow("fine")),
    ("\u{feff}ALLOW: fine", Allow("fine")),
    ("ALLOW:fine", Allow("fine")),
    ("ALLOW:", Allow("")),
    ("BLOCK:", Block("")),
    ("ALLOW: it returns a: b", Allow("it returns a: b")),
    // Case and separators.
    ("allow: fine", Allow("fine")),
    ("Block: not fine", Block("not fine")),
    ("aLLoW: fine", Allow("fine")),
    ("ALLOW : fine", Allow("fine")),
    ("ALLOW：没有问题", Allow("没有问题")),
    ("BLOCK： データが失われる", Block("データが失われる")),
    ("ALLOW — nothing to add", Allow("nothing to add")),
    ("BLOCK - the file is gone", Block("the file is gone")),
    ("BLOCK -- the file is gone", Block("the file is gone")),
    ("ALLOW", Allow("")),
    ("Allow.", Allow("")),
    ("BLOCK\n\nThe migration drops a column.", Block("The migration drops a column.")),
    // Markdown around it. d22: the first of these blocked a turn.
    ("**ALLOW:** fine", Allow("fine")),
    ("**ALLOW: fine**", Allow("fine")),
    ("**ALLOW**: fine", Allow("fine")),
    ("__BLOCK:__ not fine", Block("not fine")),
    ("*ALLOW*: fine", Allow("fine")),
    ("`ALLOW:` fine", Allow("fine")),
    ("`BLOCK: not fine`", Block("not fine")),
    ("# ALLOW: fine", Allow("fine")),
    ("### **BLOCK:** not fine", Block("not fine")),
    ("> ALLOW: fine", Allow("fine")),
    ("- ALLOW: fine", Allow("fine")),
    ("* BLOCK: not fine", Block("not fine")),
    ("• ALLOW: fine", Allow("fine")),
    ("1. BLOCK: not fine", Block("not fine")),
    ("> - **ALLOW:** fine", Allow("fine")),
    ("\"ALLOW: fine\"", Allow("fine")),
    ("“BLOCK: not fine”", Block("not fine")),
    ("```\nALLOW: fine\n```", Allow("fine")),
    ("```text\nBLOCK: not fine\n```", Block("not fine")),
    ("~~~\nALLOW: fine\n~~~", Allow("fine")),
    ("```ALLOW: fine```", Allow("fine")),
    ("---\n\n**ALLOW: fine**\n\n---", Allow("fine")),
    ("✅ ALLOW: fine", Allow("fine")),
    ("ALLOW -", Allow("")),
    ("BLOCK -\n\nnot fine", Block("not fine")),
    ("⚠️ **BLOCK:** not fine", Block("not fine")),
    ("❌ BLOCK: not fine", Block("not fine")),
    ("ALLOW: keep the name `allow_list`", Allow("keep the name `allow_list`")),
    ("**ALLOW:** `x` is **right**", Allow("`x` is **right")),
    // Text that follows.
    ("ALLOW: fine\n\nI would not block on the naming.", Allow("fine")),
    ("ALLOW: nothing here should block the release", Allow("nothing here should block the release")),
    ("ALLOW: there is no reason to BLOCK", Allow("there is no reason to BLOCK")),
    ("ALLOW: fine\n\nThe blocking: call moved to a thread; blocks: none.", Allow("fine")),
    ("ALLOW: fine\n\n> a roadblock: none\nunblock: done", Allow("fine")),
    ("BLOCK: the test is stubbed\n\nTo ALLOW: write it.", Block("the test is stubbed\nTo ALLOW: write it.")),
    // A block stays a block: what follows quotes the work.
    ("BLOCK: robots.txt opens everything\nALLOW: *\n", Block("robots.txt opens everything\nALLOW: *")),
    ("BLOCK: see below\n- allow: true is the default now", Block("see below")),
    // JSON.
    (r#"{"verdict":"allow","reason":"fine"}"#, Allow("fine")),
    (r#"{"verdict": "BLOCK", "summary": "not fine", "findings": []}"#, Block("not fine")),
    (r#"{"decision":"block","reason":"not fine","extra":{"a":[1]}}"#, Block("not fine")),
    ("```json\n{\n  \"verdict\": \"Allow\"\n}\n```", Allow("")),
    ("{\"verdict\":\"allow\",\"reason\":\"fine\"}\n\nThe tests pass.", Allow("fine")),
    ("{\"verdict\":\"block\",\"findings\":null}\nALLOW: x", Block("")),
    // Both, or neither.
    ("ALLOW: fine\nBLOCK: not fine", Not(SaysBoth)),
    ("ALLOW: fine\n\nOn reflection:\n\n**Block:** it drops data", Not(SaysBoth)),
    ("ALLOW: fine\n- block - no\n> BLOCK — the parser loops", Not(SaysBoth)),
    ("ALLOW: fine\nBLOCK -", Not(SaysBoth)),
    ("ALLOW: fine\nBLOCK -\r\nthe parser loops", Not(SaysBoth)),
    ("ALLOW: fine, or BLOCK: not fine", Not(SaysBoth)),
    ("ALLOW: BLOCK", Not(SaysBoth)),
    ("ALLOW: fine\rBLOCK: old Macs", Not(SaysBoth)),
    ("ALLOW: fine\u{2028}block: paragraph separators", Not(SaysBoth)),
    ("ALLOW: fine\n~~BLOCK: taken back~~", Not(SaysBoth)),
    ("{\"verdict\":\"allow\"}\nBLOCK: no", Not(SaysBoth)),
    ("{\"verdict\":\"allow\"}\n{\"verdict\":\"block\"}", Not(SaysBoth)),
    (r#"{"verdict":"allow","decision":"block"}"#, Not(SaysBoth)),
    ("ALLOW/BLOCK: undecided", Not(NoVerdict)),
    ("ALLOW or BLOCK", Not(NoVerdict)),
    // Text that only mentions the words.
    ("I would ALLOW: this is fine", Not(NoVerdict)),
    ("The verdict is ALLOW: fine", Not(NoVerdict)),
    ("Looks good.\n\nALLOW: fine", Not(NoVerdict)),
    ("Allow me to explain: the change", Not(NoVerdict)),
    ("Allow-list handling changed", Not(NoVerdict)),
    ("Allow::new() leaks", Not(NoVerdict)),
    ("ALLOWED: fine", Not(NoVerdict)),
    ("ALLOW_ALL: true", Not(NoVerdict)),
    ("Blocking: the call waits", Not(NoVerdict)),
    ("DISALLOW: no", Not(NoVerdict)),
    ("DO NOT ALLOW: it loops", Not(NoVerdict)),
    ("!ALLOW: no", Not(NoVerdict)),
    ("~~ALLOW: fine~~ BLOCK: not fine", Not(NoVerdict)),
    ("- [ ] ALLOW: fine\n- [x] BLOCK: not fine", Not(NoVerdict)),
    ("-ALLOW: a removed line", Not(NoVerdict)),
    ("ALLOW? I am not sure", Not(NoVerdict)),
    ("ALLOW (with reservations): hm", Not(NoVerdict)),
    ("❌ ALLOW: the sign and the word disagree", Not(NoVerdict)),
    ("allow: false", Not(NoVerdict)),
    ("block: none", Not(NoVerdict)),
    ("ALLOW: <why nothing stands in the way>", Not(NoVerdict)),
    ("BLOCK: <what stands in the way>\n", Not(NoVerdict)),
    ("CANNOT REVIEW: the work tree is empty", Not(NoVerdict)),
    ("АLLOW: the first letter is Cyrillic", Not(NoVerdict)),
    ("A L L O W : fine", Not(NoVerdict)),
    // No answer, and errors in its place.
    ("", Not(Empty)),
    ("  \n\t\n", Not(Empty)),
    ("```\n```", Not(Empty)),
    ("---\n***\n", Not(Empty)),
    ("✅", Not(Empty)),
    ("stream disconnected before completion: error sending request", Not(NoVerdict)),
    ("429 Too Many Requests: you exceeded your current quota", Not(NoVerdict)),
    ("I'm sorry, but I can't help with that.", Not(NoVerdict)),
    (r#"{"error":{"message":"overloaded","code":529}}"#, Not(BadJson)),
    (r#"{"verdict":"maybe"}"#, Not(BadJson)),
    (r#"{"verdict":true}"#, Not(BadJson)),
    (r#"{"verdict":"allow","#, Not(BadJson)),
    (r#"{"verdict":"allow","verdict":"block"}"#, Not(BadJson)),
    ("{ALLOW: fine}", Not(BadJson)),
];

fn check(answer: &str, expected: &Meaning) {
    let verdict = Verdict::parse(answer);
    let agrees = match (&verdict, expected) {
        (Verdict::Allow { reason }, Allow(expected)) => reason == expected,
        (Verdict::Block { reason, .. }, Block(expected)) => reason == expected,
        (Verdict::Unparseable(Unparseable { problem, .. }), Not(expected)) => problem == expected,
        _ => false,
    };
    assert!(agrees, "{answer:?}\n means {verdict:?}\n   not {expected:?}");
}

#[test]
fn d22_every_answer_means_what_the_table_says() {
    for (answer, expected) in ANSWERS {
        check(answer, expected);
    }
}

#[test]
fn a_block_names_what_to_change() {
    let answer = "BLOCK: two faults\n\n\
        - [high] src/cache.rs:10-14: stale entries are served. Fix: compare the generation.\n\
        \x20 Seen with two writers.\n\
        - `src/main.rs:7` exits with 0 on errors\n\n\
        Otherwise good.";
    let Verdict::Block { reason, findings } = Verdict::parse(answer) else { panic!() };
    assert_eq!(reason, "two faults");
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0].location().as_deref(), Some("src/cache.rs:10-14"));
    assert_eq!(findings[0].title, "stale entries are served.");
    assert!(findings[0].recommendation.as_deref().unwrap().starts_with("compare the generation."));
    assert_eq!(findings[1].location().as_deref(), Some("src/main.rs:7"));
    assert_eq!(findings[1].title, "exits with 0 on errors");
}

/// Each of these makes a parser that looks back or ahead too far take quadratic time: then the test does not end.
#[test]
fn length_costs_no_more_than_length() {
    let n = 400_000;
    let long = [
        format!("ALLOW: {}", "block ".repeat(n)),
        format!("ALLOW: fine\n{}", "*".repeat(8 * n)),
        format!("ALLOW: fine\n{}", "* block".repeat(n)),
        format!("ALLOW: fine\n{}", "k".repeat(8 * n)),
        format!("ALLOW: fine\n{}", "block *****".repeat(n)),
        format!("ALLOW: fine\n{}", "\n".repeat(8 * n)),
        "\n".repeat(8 * n),
        "*".repeat(8 * n),
        "> ".repeat(4 * n),
        "1. ".repeat(4 * n),
        "```\n".repeat(2 * n),
        format!("{{\"reason\":\"{}\",\"verdict\":\"allow\"}}", "\\n".repeat(4 * n)),
        format!("BLOCK: {}", "x".repeat(8 * n)),
        format!("BLOCK: x\n{}", "- [high] a.rs:1: y. Fix: z\n".repeat(n)),
    ];
    for answer in &long {
        let verdict = Verdict::parse(answer);
        if let Verdict::Allow { reason } | Verdict::Block { reason, .. } = &verdict {
            assert!(reason.len() <= Verdict::REASON_BYTES + 3);
        }
        if let Verdict::Block { findings, .. } = &verdict {
            assert!(findings.len() <= Verdict::MAX_FINDINGS);
        }
    }
}

#[test]
fn an_answer_of_50_mb_is_fine() {
    let mut answer = "ALLOW: long but fine\n".to_owned();
    while answer.len() < 50_000_000 {
        answer.push_str("I looked at the next file as well, and it keeps its contract with the caller.\n");
    }
    assert!(matches!(Verdict::parse(&answer), Verdict::Allow { .. }));
    answer.push_str("BLOCK: the last file does not\n");
    assert!(matches!(Verdict::parse(&answer), Verdict::Unparseable(Unparseable { problem: SaysBoth, .. })));
}

proptest! {
    #[test]
    fn any_text_can_be_read(answer in "\\PC*|[\\s\\S]{0,200}") {
        let _ = Verdict::parse(&answer);
    }

    #[test]
    fn text_of_its_own_parts_can_be_read(parts in prop::collection::vec(prop::sample::select(vec![
        "ALLOW", "BLOCK", "allow", "block", ":", "：", "-", "*", "**", "`", "```", "\n", "\r", " ", "#", ">", "~", "{", "}", "\"verdict\"",
        "\"allow\"", "\"block\"", ",", "1.", "✅", "❌", "\u{feff}", "é", "k", "K", "<", "—", "fine", "[high]", "a.rs:1", "Fix:",
    ]), 0..40)) {
        let answer = parts.concat();
        match Verdict::parse(&answer) {
            // What allows says so, and says nothing else.
            Verdict::Allow { .. } => {
                prop_assert!(answer.to_lowercase().contains("allow"));
                let blocks = answer.split(['\n', '\r']).skip(1).any(|line| line.to_lowercase().starts_with("block:"));
                prop_assert!(!blocks, "{answer:?}");
            }
            Verdict::Block { .. } => prop_assert!(answer.to_lowercase().contains("block")),
            Verdict::Unparseable(_) => {}
        }
    }

    #[test]
    fn without_the_word_nothing_is_allowed(answer in "[^aA]*") {
        let allowed = matches!(Verdict::parse(&answer), Verdict::Allow { .. });
        prop_assert!(!allowed);
    }

    #[test]
    fn marks_do_not_change_the_meaning(
        before in prop::sample::select(vec!["", "**", "# ", "> ", "- ", "`", "\n\n", "```\n", "3. ", "> **", "_", "\u{feff}"]),
        word in prop::sample::select(vec!["ALLOW", "allow", "Allow", "BLOCK", "block", "Block"]),
        colon in prop::sample::select(vec![":", "：", " :", ":**", "**:", "`:"]),
        reason in "[a-jl-z][a-jl-z ]{0,40}",
    ) {
        prop_assume!(!["on", "off", "or", "no", "yes", "true", "false", "null", "none"].contains(&reason.trim()));
        match Verdict::parse(&format!("{before}{word}{colon} {reason}")) {
            Verdict::Allow { reason: read } => {
                prop_assert!(word.eq_ignore_ascii_case("allow"));
                prop_assert_eq!(read, reason.trim());
            }
            Verdict::Block { reason: read, .. } => {
                prop_assert!(word.eq_ignore_ascii_case("block"));
                prop_assert_eq!(read, reason.trim());
            }
            other @ Verdict::Unparseable(_) => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_block_anywhere_behind_takes_an_allow_back(
        middle in "[\\s\\S]{0,200}",
        mark in prop::sample::select(vec!["", "**", "- ", "> ", "## ", "7) "]),
        word in prop::sample::select(vec!["BLOCK", "block", "Block"]),
    ) {
        let answer = format!("ALLOW: fine {middle}\n{mark}{word}: not fine\nmore");
        let allowed = matches!(Verdict::parse(&answer), Verdict::Allow { .. });
        prop_assert!(!allowed);
    }
}
