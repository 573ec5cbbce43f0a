//! What a user types behind a slash command reaches Codex as it was typed.

use codex_testkit::model::Reply;

use super::{desk, has};

/// Everything that some way of passing arguments is known to break.
const NASTY: &str = r#"why "is" it's \"so\"\n, `date` and $(date) and $HOME?
```sh
echo ${CLAUDE_PLUGIN_ROOT} ${CLAUDE_SESSION_ID} $ARGUMENTS $0 $1 $99
```
!`echo run me`
! and !! and \! and %PATH%
EOF
ARGUMENTS
CODEX_REQUEST_END
then --write, --model nothing and -c a=b are words here; * ? [a-z] ~ {x,y} <(ls) >out & | ;
	tab, 世界, é, 🦀, and a \ at the end: \"#;

/// d16: flags stand before the request; the request is bytes.
#[test]
fn d16_a_request_is_passed_byte_for_byte() {
    let desk = desk!(Reply::message("Understood."));
    let given = desk.given(&format!("/codex:rescue --effort low {NASTY}"));
    has(&given, &["Understood."]);
    let requests = desk.codex.requests();
    assert_eq!(requests[0].prompt(), NASTY);
    assert_eq!(requests[0].effort(), Some("low"));
    // Nothing of it was run or left lying about.
    assert_eq!(desk.repo.output(&["status", "--short"]), " M a.txt");

    for prompt in ["!leading", "\"", "$(touch x)", "-- --write is no flag here"] {
        desk.given(&format!("/codex:rescue {prompt}"));
    }
    let rest: Vec<String> = desk.prompts().split_off(1);
    assert_eq!(rest, ["!leading", "\"", "$(touch x)", "--write is no flag here"]);
}

/// d16: more than any argument of a program can be.
#[test]
fn d16_a_long_request_is_passed_whole() {
    let desk = desk!(Reply::message("Understood."));
    let long: String = (0..30_000).map(|line| format!("`{line:7}`\n")).collect();
    let long = format!("{long}end");
    assert!(long.len() > 300_000);
    has(&desk.given(&format!("/codex:rescue {long}")), &["Understood."]);
    assert!(desk.prompts() == [long], "it was changed on the way");
}

/// d16: the words of an adversarial review's focus, too.
#[test]
fn d16_a_focus_is_passed_byte_for_byte() {
    let desk = desk!(Reply::message("no review"));
    desk.given(&format!("/codex:adversarial-review --wait --scope working-tree {NASTY}"));
    has(&desk.prompts()[0], &[NASTY, "+two"]);
}
