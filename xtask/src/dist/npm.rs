//! The packages for npm: a launcher, and a program for each platform of which npm installs the one that fits.
//!
//! `npm/platforms.json` lists the platforms. The launcher's package names all of them as optional dependencies; a release
//! on one platform makes that platform's.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::archive::{self, Entry};
use super::time::Time;
use crate::program::{self, Outcome};

const LAUNCHER: &str = "npm/codex-companion/bin/codex-companion.js";
const README: &str = "npm/codex-companion/README.md";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
const NPX: &str = if cfg!(windows) { "npx.cmd" } else { "npx" };

/// What all packages of a release share.
pub(super) struct Release<'a> {
    pub(super) version: &'a str,
    pub(super) description: &'a str,
    pub(super) repository: &'a str,
    pub(super) license: &'a str,
    /// The licences, and what is compiled in.
    pub(super) legal: &'a [Entry],
    pub(super) time: Time,
}

/// A line of `npm/platforms.json`.
struct Platform {
    package: String,
    target: String,
    os: String,
    cpu: String,
    libc: Option<String>,
}

impl Platform {
    fn all() -> Outcome<Vec<Self>> {
        let entry = Entry::of_repository("npm/platforms.json")?;
        let read = || -> Option<Vec<Self>> {
            let manifest: Value = serde_json::from_slice(&entry.content).ok()?;
            let platforms = manifest["platforms"].as_array()?.iter().map(|one| {
                let text = |key: &str| one[key].as_str().map(str::to_owned);
                Some(Self {
                    package: text("package")?,
                    target: text("target")?,
                    os: text("os")?,
                    cpu: text("cpu")?,
                    libc: text("libc"),
                })
            });
            platforms.collect()
        };
        read().ok_or_else(|| "npm/platforms.json has another shape than expected".to_owned())
    }

    fn name(&self) -> String {
        format!("@codex-companion/{}", self.package)
    }
}

/// The packages that can be made here, as file name and content: the launcher's, and that of `target` if it is listed.
pub(super) fn packages(
    release: &Release<'_>,
    target: &str,
    program: &Entry,
) -> Outcome<Vec<(String, Vec<u8>)>> {
    let platforms = Platform::all()?;
    let mut packages =
        vec![(format!("npm-codex-companion-{}.tgz", release.version), launcher(release, &platforms)?)];
    if let Some(platform) = platforms.iter().find(|platform| platform.target == target) {
        let name = format!("npm-codex-companion-{}-{}.tgz", platform.package, release.version);
        packages.push((name, for_platform(release, platform, program)?));
    }
    Ok(packages)
}

fn launcher(release: &Release<'_>, platforms: &[Platform]) -> Outcome<Vec<u8>> {
    let optional: serde_json::Map<String, Value> =
        platforms.iter().map(|platform| (platform.name(), release.version.into())).collect();
    let mut manifest = manifest(release, "codex-companion");
    manifest["bin"] = json!({ "codex-companion": "bin/codex-companion.js" });
    manifest["engines"] = json!({ "node": ">=18" });
    manifest["keywords"] = json!(["codex", "claude-code", "review", "agent", "mcp"]);
    manifest["optionalDependencies"] = optional.into();
    let entries = vec![
        Entry::of_repository(LAUNCHER)?.at("bin/codex-companion.js").executable(),
        Entry::of_repository(README)?.at("README.md"),
    ];
    // Nothing is compiled into it.
    let own = release.legal.iter().filter(|entry| entry.path.starts_with("LICENSE")).cloned();
    pack(release, &manifest, entries.into_iter().chain(own).collect())
}

fn for_platform(release: &Release<'_>, platform: &Platform, program: &Entry) -> Outcome<Vec<u8>> {
    let mut manifest = manifest(release, &platform.name());
    manifest["description"] = format!("The program of codex-companion for {}", platform.package).into();
    manifest["os"] = json!([platform.os]);
    manifest["cpu"] = json!([platform.cpu]);
    if let Some(libc) = &platform.libc {
        manifest["libc"] = json!([libc]);
    }
    // A program that stays packed cannot be started.
    manifest["preferUnplugged"] = true.into();
    let readme = format!(
        "# {}\n\nThe program for {}. Install `codex-companion`, which chooses it.\n",
        platform.name(),
        platform.target
    );
    let path = format!("bin/{}", program.path);
    let mut entries = release.legal.to_vec();
    entries.extend([program.clone().at(path).executable(), Entry::new("README.md", readme)]);
    pack(release, &manifest, entries)
}

fn manifest(release: &Release<'_>, name: &str) -> Value {
    json!({
        "name": name,
        "version": release.version,
        "description": release.description,
        "license": format!("({})", release.license),
        "repository": { "type": "git", "url": format!("git+{}.git", release.repository) },
        "homepage": format!("{}#readme", release.repository),
        // A name with a scope is private where this does not say otherwise.
        "publishConfig": { "access": "public" },
    })
}

fn pack(release: &Release<'_>, manifest: &Value, mut entries: Vec<Entry>) -> Outcome<Vec<u8>> {
    let text = serde_json::to_string_pretty(manifest).map_err(|error| error.to_string())?;
    entries.push(Entry::new("package.json", text + "\n"));
    archive::tar_gz("package", &entries, release.time)
}

/// Installs the packages into an empty folder without a network, and gives what the program says to `--version`.
pub(super) fn try_out(packages: &[(String, Vec<u8>)], folder: &Path) -> Outcome<String> {
    let failed = |error: std::io::Error| format!("could not write to {}: {error}", folder.display());
    let mut npm = Command::new(NPM);
    npm.args(["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    for (name, content) in packages {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(failed)?;
        npm.arg(path);
    }
    // Without a manifest of its own npm would look for one in the folders above.
    std::fs::write(folder.join("package.json"), "{\"private\":true}\n").map_err(failed)?;
    let cache = folder.join("cache");
    program::output(npm.current_dir(folder).env("npm_config_cache", &cache))?;
    let mut npx = Command::new(NPX);
    npx.args(["--no-install", "codex-companion", "--version"])
        .current_dir(folder)
        .env("npm_config_cache", &cache);
    Ok(program::output(&mut npx)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const TIME: Time = Time(1_767_225_600);

    fn release(legal: &[Entry]) -> Release<'_> {
        Release {
            version: "1.2.3",
            description: "Asks.",
            repository: "https://example.org/us/ours",
            license: "MIT OR Apache-2.0",
            legal,
            time: TIME,
        }
    }

    fn unpacked(package: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package));
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), content)
        });
        entries.collect()
    }

    fn manifest_of(package: &[u8]) -> Value {
        let files = unpacked(package);
        serde_json::from_slice(&files.iter().find(|(path, _)| path == "package/package.json").unwrap().1)
            .unwrap()
    }

    #[test]
    fn the_launcher_names_every_platform_in_its_own_version() {
        let legal = [Entry::new("LICENSE-MIT", "MIT")];
        let program = Entry::new("codex-companion", "program").executable();
        let packages = packages(&release(&legal), "x86_64-unknown-linux-gnu", &program).unwrap();
        assert_eq!(packages.len(), 2);
        let launcher = manifest_of(&packages[0].1);
        assert_eq!(launcher["license"], "(MIT OR Apache-2.0)");
        let optional = launcher["optionalDependencies"].as_object().unwrap();
        assert!(optional.len() >= 6 && optional.values().all(|version| version == "1.2.3"), "{optional:?}");
        let platform = manifest_of(&packages[1].1);
        assert!(optional.contains_key(platform["name"].as_str().unwrap()));
        assert_eq!((&platform["os"][0], &platform["cpu"][0]), (&json!("linux"), &json!("x64")));
        let paths: Vec<String> = unpacked(&packages[1].1).into_iter().map(|(path, _)| path).collect();
        let expected = ["LICENSE-MIT", "README.md", "bin/codex-companion", "package.json"];
        assert_eq!(paths, expected.map(|path| format!("package/{path}")));
    }

    #[test]
    fn an_unlisted_platform_gets_the_launcher_alone() {
        let program = Entry::new("codex-companion", "program");
        assert_eq!(packages(&release(&[]), "riscv64gc-unknown-linux-gnu", &program).unwrap().len(), 1);
    }

    /// The platform that the tests run on, if we have a package for it.
    #[cfg(unix)]
    fn here() -> Option<String> {
        let cpu = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => other,
        };
        let os = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
        let found = Platform::all().unwrap().into_iter().find(|one| one.os == os && one.cpu == cpu);
        found.map(|platform| platform.target)
    }

    #[cfg(unix)]
    fn installed(script: &str, without_program: bool) -> Outcome<String> {
        let target = here().expect("tests run on a platform that we have a package for");
        let program = Entry::new("codex-companion", format!("#!/bin/sh\n{script}\n"));
        let mut packages = packages(&release(&[]), &target, &program).unwrap();
        if without_program {
            packages.pop();
        }
        try_out(&packages, tempfile::tempdir().unwrap().path())
    }

    #[test]
    #[cfg(unix)]
    fn npm_installs_both_and_npx_starts_the_program() {
        assert_eq!(installed(r#"echo "started with $*""#, false), Ok("started with --version".to_owned()));
    }

    #[test]
    #[cfg(unix)]
    fn the_programs_exit_is_the_launchers() {
        let error = installed("echo 'it blocks' >&2; exit 4", false).unwrap_err();
        assert!(error.contains("exit status: 4") && error.contains("it blocks"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_missing_program_is_explained() {
        let error = installed("", true).unwrap_err();
        assert!(error.contains("exit status: 127") && error.contains("--omit=optional"), "{error}");
    }
}
