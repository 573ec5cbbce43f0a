//! Who may import whom.

use super::Problem;
use crate::workspace::Package;

const LIBRARIES: &[&str] = &[
    "codex-base",
    "codex-rpc",
    "codex-scripted",
    "codex-broker",
    "codex-job-store",
    "codex-review-target",
    "codex-gate",
    "codex-companion-core",
];
const TESTKIT: &str = "codex-testkit";
/// What an example shows beside its own crate: a gate whose reviewer is Codex. Only there.
const EXAMPLES: &[(&str, &str)] = &[("codex-gate", "codex-rpc"), ("codex-broker", "codex-scripted")];

/// The crates of the workspace that a crate may use; None for a crate that this page does not know yet.
fn may_import(package: &str) -> Option<&'static [&'static str]> {
    Some(match package {
        "codex-base" | "codex-scripted" => &[],
        "codex-rpc" | "codex-job-store" | "codex-review-target" | "codex-gate" => &["codex-base"],
        "codex-broker" => &["codex-base", "codex-rpc"],
        "codex-companion-core" => &[
            "codex-base",
            "codex-rpc",
            "codex-broker",
            "codex-job-store",
            "codex-review-target",
            "codex-review",
            "codex-gate",
        ],
        TESTKIT => &["codex-rpc", "codex-scripted"],
        "codex-companion" | "codex-guides" | "companion-benches" | "xtask" => LIBRARIES,
        // The command's internals are fuzzed as well: argument strings, and what is read from answers.
        "companion-fuzz-targets" => &[
            "codex-base",
            "codex-rpc",
            "codex-broker",
            "codex-job-store",
            "codex-review-target",
            "codex-gate",
            "codex-companion",
        ],
        _ => return None,
    })
}

pub(super) fn check(packages: &[Package]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let Some(allowed) = may_import(&package.name) else {
            let message =
                format!("layering: say in xtask/src/tidy/layering.rs what {} may import", package.name);
            problems.push(Problem::new(&manifest, message));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.local) {
            let name = dependency.name.as_str();
            // Tests may use the testkit, and whatever the crate itself may use. Benches and xtask are tools: all is
            // tests there.
            let for_tests = dependency.dev || matches!(package.name.as_str(), "companion-benches" | "xtask");
            let for_examples = dependency.dev && EXAMPLES.contains(&(package.name.as_str(), name));
            if !(allowed.contains(&name) || name == TESTKIT && for_tests || for_examples) {
                let kind = if dependency.dev { "dev-depend" } else { "depend" };
                problems.push(Problem::new(
                    &manifest,
                    format!("layering: {} must not {kind} on {name}", package.name),
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    #[test]
    fn the_arrows_of_the_design() {
        let check = |package: &str, dependency: &str, dev: bool, allowed: bool| {
            let dependencies = vec![Dependency { name: dependency.to_owned(), dev, local: true }];
            let package = Package { name: package.to_owned(), dependencies, ..Package::default() };
            let problems = check(&[package]);
            assert_eq!(problems.is_empty(), allowed, "{problems:?}");
        };
        check("codex-companion", "codex-gate", false, true);
        check("codex-broker", "codex-rpc", false, true);
        check("codex-broker", "codex-job-store", false, false);
        check("codex-gate", "codex-rpc", false, false);
        check("codex-gate", "codex-rpc", true, true);
        check("codex-gate", "codex-job-store", true, false);
        check("codex-review-target", "codex-testkit", true, true);
        check("codex-review-target", "codex-testkit", false, false);
        check("codex-companion", "codex-testkit", false, false);
        check("codex-testkit", "codex-rpc", false, true);
        check("codex-testkit", "codex-gate", false, false);
        check("companion-benches", "codex-testkit", false, true);
        check("companion-fuzz-targets", "codex-companion", false, true);
        check("newcomer", "codex-rpc", false, false);
    }

    #[test]
    fn crates_of_others_are_no_matter_of_layers() {
        let dependencies = vec![Dependency { name: "serde".to_owned(), dev: false, local: false }];
        let package = Package { name: "codex-gate".to_owned(), dependencies, ..Package::default() };
        assert_eq!(check(&[package]), []);
    }
}
