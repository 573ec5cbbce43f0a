//! `cargo xtask api [--check]`: the public interface of each library as text, under `docs/public-api/`.
//!
//! `cargo public-api` needs a nightly compiler; this uses its library with the pinned stable one. A change of the interface
//! shows in review as a change of these files, and the check fails where they are out of date. The
//! same text shows whose types the interface is made of: an embedder who meets one of another crate must be able to count
//! on it, so a crate before its 1.0 needs a reason.
//!
//! The text is made from rustdoc's JSON, whose format belongs to one version of the compiler; so does this check.

use crate::program::{self, Outcome};

/// The compiler whose rustdoc we read. `tools` pins what reads it; both move together.
pub(crate) const TOOLCHAIN: &str = "1.95";

#[cfg(not(feature = "tools"))]
pub(crate) fn run(check: bool) -> Outcome {
    program::with_tools(&["api"], check.then_some("--check"))
}

#[cfg(feature = "tools")]
pub(crate) use text::run;

/// The check, where it can be made: with the compiler that it is written for, on Linux.
pub(crate) fn check_if_possible() -> Outcome {
    let told = program::output(std::process::Command::new("rustc").arg("--version"))?;
    if cfg!(target_os = "linux") && is_toolchain(&told) {
        return run(true);
    }
    println!("not checked: that takes Rust {TOOLCHAIN} on Linux, and here is {}", told.trim());
    Ok(())
}

fn is_toolchain(told: &str) -> bool {
    let rest = told.strip_prefix("rustc ").and_then(|rest| rest.strip_prefix(TOOLCHAIN));
    rest.is_some_and(|rest| rest.starts_with('.'))
}

/// When cargo runs us as rustdoc: the real one, with JSON unlocked for it alone. Set for all of cargo, that variable
/// would rebuild every dependency that looks at it.
pub(crate) fn as_rustdoc() -> Option<Outcome> {
    let rustdoc = std::env::var_os(RUSTDOC)?;
    let mut command = std::process::Command::new(rustdoc);
    Some(program::status(command.args(std::env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1")))
}

const RUSTDOC: &str = "XTASK_RUSTDOC";

#[cfg(feature = "tools")]
mod text {
    use std::collections::BTreeSet;
    use std::fs;

    use super::RUSTDOC;
    use crate::program::{self, Outcome};
    use crate::workspace::{self, Workspace};

    const FOLDER: &str = "docs/public-api";

    /// Whose types may stand in our interfaces.
    const TRUSTED: &[(&str, &str)] = &[
        ("std", "the language's"),
        ("core", "the language's"),
        ("alloc", "the language's"),
        ("bytes", "1.x"),
        ("serde", "1.x"),
        ("serde_core", "1.x, where serde's traits are defined"),
        ("serde_json", "1.x"),
        ("tokio", "1.x"),
        ("futures_core", "0.3: `Stream`, which the events of a turn are"),
        ("tokio_util", "0.7: the codec traits, which `FrameCodec` is there to implement"),
    ];

    pub(crate) fn run(check: bool) -> Outcome {
        let workspace = Workspace::read()?;
        let ours: Vec<String> =
            workspace.published.iter().map(|package| package.name.replace('-', "_")).collect();
        let mut problems = Vec::new();
        // The program's library part promises nothing, as its documentation says.
        for package in workspace.published.iter().filter(|package| package.name != "codex-companion") {
            let text = interface(&workspace, &package.name)?;
            let path = format!("{FOLDER}/{}.txt", package.name);
            for name in foreign(&text, &ours) {
                problems.push(format!("{path}: types of `{name}` are public; see xtask/src/api.rs"));
            }
            let file = workspace::root().join(&path);
            let failed = |error| format!("could not write {path}: {error}");
            if !check {
                fs::create_dir_all(workspace::root().join(FOLDER)).map_err(failed)?;
                fs::write(&file, &text).map_err(failed)?;
                println!("{path}: {} lines", text.lines().count());
            } else if let Some(line) = first_difference(&fs::read_to_string(&file).unwrap_or_default(), &text)
            {
                problems
                    .push(format!("{path} is behind: run `cargo xtask api`. The first difference:\n{line}"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }

    /// One item a line, sorted; without what every type has from the standard library.
    fn interface(workspace: &Workspace, package: &str) -> Outcome<String> {
        let mut command = program::cargo();
        command.args(["rustdoc", "--quiet", "--package", package, "--lib", "--all-features", "--"]);
        command.args(["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
        let us = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
        command
            .env(RUSTDOC, std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into()))
            .env("RUSTDOC", us);
        program::status(command.current_dir(workspace::root()))?;
        let json = workspace.target.join("doc").join(package.replace('-', "_")).with_extension("json");
        let api = public_api::Builder::from_rustdoc_json(json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .build()
            .map_err(|error| format!("cannot read what rustdoc says of {package}: {error}"))?;
        Ok(api.items().map(|item| format!("{item}\n")).collect())
    }

    /// The crates, other than ours and the trusted ones, that paths in the text begin with.
    fn foreign(text: &str, ours: &[String]) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let within = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for path in text.split(|c| !within(c)) {
            let name = path.split("::").next().unwrap_or_default();
            // A type parameter's associated type begins with a capital; `::` alone follows a closing bracket.
            let is_crate = path.contains("::") && name.starts_with(|c: char| c.is_lowercase() || c == '_');
            if is_crate
                && !ours.iter().any(|own| own == name)
                && !TRUSTED.iter().any(|(trusted, _)| *trusted == name)
            {
                names.insert(name.to_owned());
            }
        }
        names
    }

    fn first_difference(then: &str, now: &str) -> Option<String> {
        let (before, after): (BTreeSet<_>, BTreeSet<_>) = (then.lines().collect(), now.lines().collect());
        let gone = before.difference(&after).next().map(|line| format!("- {line}"));
        let new = after.difference(&before).next().map(|line| format!("+ {line}"));
        let lines: Vec<String> = gone.into_iter().chain(new).collect();
        (then != now).then(|| lines.join("\n"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn crates_of_others_are_found() {
            let check = |text: &str, expected: &[&str]| {
                let found = foreign(text, &["codex_gate".to_owned()]);
                assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
            };
            check("pub fn codex_gate::ask(&self, limit: core::time::Duration) -> serde_json::Value", &[]);
            check("pub fn codex_gate::repo(&self) -> &gix::Repository", &["gix"]);
            check("impl<T: rmcp::Tool> codex_gate::X for Vec<jiff::civil::Date>", &["jiff", "rmcp"]);
            check("pub fn codex_gate::x<T>() -> <T as core::str::FromStr>::Err where T::Err: Sized", &[]);
        }

        #[test]
        fn a_difference_is_shown() {
            assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
            assert_eq!(first_difference("a\nb\n", "a\nc\n").unwrap(), "- b\n+ c");
            assert_eq!(first_difference("", "a\n").unwrap(), "+ a");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_toolchain;

    #[test]
    fn the_toolchain_is_told_apart() {
        assert!(is_toolchain("rustc 1.95.0 (59807616e 2026-04-14)"));
        assert!(!is_toolchain("rustc 1.96.0 (aaaaaaaaa 2026-06-01)"));
        assert!(!is_toolchain("rustc 1.950.0"));
    }
}
