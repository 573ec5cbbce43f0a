//! Building a release and putting it together.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use toml::Table;

use super::archive::{self, Entry};
use super::graph::Graph;
use super::npm::{self, Release};
use super::time::Time;
use super::{notices, sbom};
use crate::program::{self, Outcome};
use crate::workspace::{self, Workspace};

const PROGRAM: &str = "codex-companion";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The most bytes of the program. What makes it larger than this needs a reason, here.
const LARGEST: usize = 13_000_000;

/// A completion script's name is what its shell looks for.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "codex-companion.bash"),
    ("elvish", "codex-companion.elv"),
    ("fish", "codex-companion.fish"),
    ("powershell", "_codex-companion.ps1"),
    ("zsh", "_codex-companion"),
];
const LEGAL: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];
const DOCUMENTS: &[&str] = &["README.md", "CHANGELOG.md"];
/// What Claude Code takes as a marketplace: add the unpacked folder.
const PLUGIN: &[&str] = &[".claude-plugin/", "plugins/"];

pub(super) fn run() -> Outcome {
    let workspace = Workspace::read()?;
    let (time, target) = (Time::of_source()?, host()?);
    let path = build(&workspace.target)?;
    let content = fs::read(&path).map_err(|error| format!("could not read {}: {error}", path.display()))?;
    let size = content.len();
    if size > LARGEST {
        return Err(format!(
            "the program has {size} bytes, and {LARGEST} are the most: see docs/dependencies.md"
        ));
    }
    let program = Entry::new(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX), content).executable();

    let mut graph = Graph::read(&["--locked", "--filter-platform", &target])?;
    graph.keep_built(&[PROGRAM], &target)?;
    let mut legal = LEGAL.iter().map(|path| Entry::of_repository(path)).collect::<Outcome<Vec<_>>>()?;
    legal.push(Entry::new("THIRD-PARTY.md", notices::make(&graph, PROGRAM)));

    let mut entries = vec![program.clone()];
    entries.extend(legal.iter().cloned());
    entries.extend(documents()?);
    entries.extend(told_by(&path)?);
    let folder = format!("{PROGRAM}-{VERSION}-{target}");
    let mut files = vec![if target.contains("windows") {
        (format!("{folder}.zip"), archive::zip(&folder, &entries, time)?)
    } else {
        (format!("{folder}.tar.gz"), archive::tar_gz(&folder, &entries, time)?)
    }];

    let lock = Entry::of_repository("Cargo.lock")?;
    let bom = sbom::make(&graph, PROGRAM, &String::from_utf8_lossy(&lock.content), time)?;
    let bom = serde_json::to_string_pretty(&bom).map_err(|error| error.to_string())? + "\n";
    files.push((format!("{folder}.cdx.json"), bom.into_bytes()));

    let (description, repository, license) = about()?;
    let release = Release {
        version: VERSION,
        description: &description,
        repository: &repository,
        license: &license,
        legal: &legal,
        time,
    };
    let packages = npm::packages(&release, &target, &program)?;
    let says = {
        let place = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        npm::try_out(&packages, place.path())?
    };
    if says != format!("{PROGRAM} {VERSION}") {
        return Err(format!("installed from its npm packages, the program says that it is {says:?}"));
    }
    files.extend(packages);
    write(&workspace.target.join("dist"), &files)?;
    println!("program: {size} bytes, {} % of the most; npx starts it", size * 100 / LARGEST);
    Ok(())
}

/// A release build that knows no path of this machine, in a folder of its own because of that.
fn build(target: &Path) -> Outcome<PathBuf> {
    let folder = target.join("dist-build");
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| {
        Some(Path::new(&std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"))?).join(".cargo"))
    });
    let mut flags = vec![format!("--remap-path-prefix={}=/build", workspace::root().display())];
    flags.extend(home.map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    let mut command = program::cargo();
    command
        .args(["build", "--profile", "dist", "--locked", "--package", PROGRAM, "--target-dir"])
        .arg(&folder);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).env_remove("RUSTFLAGS");
    program::status(command.current_dir(workspace::root()))?;
    Ok(folder.join("dist").join(PROGRAM).with_extension(std::env::consts::EXE_EXTENSION))
}

/// The platform that this is built on and for.
fn host() -> Outcome<String> {
    let told = program::output(Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "`rustc -vV` does not say for what platform it builds".to_owned())
}

fn documents() -> Outcome<Vec<Entry>> {
    let files = workspace::files()?;
    let plugin =
        files.iter().map(String::as_str).filter(|path| PLUGIN.iter().any(|begins| path.starts_with(begins)));
    DOCUMENTS.iter().copied().chain(plugin).map(Entry::of_repository).collect()
}

/// What the program says about itself: completions, and a manual page for each command.
fn told_by(program: &Path) -> Outcome<Vec<Entry>> {
    let says = |words: &[&str]| program::output(Command::new(program).args(words));
    let mut entries = Vec::new();
    for (shell, name) in COMPLETIONS {
        entries.push(Entry::new(format!("completions/{name}"), says(&["completions", shell])?));
    }
    entries.push(Entry::new(format!("man/man1/{PROGRAM}.1"), says(&["man"])?));
    for command in commands(&says(&["--help"])?) {
        entries.push(Entry::new(format!("man/man1/{PROGRAM}-{command}.1"), says(&["man", &command])?));
    }
    Ok(entries)
}

/// The commands that `--help` lists: below a line that ends in `ommands:`, the first word of each indented line.
fn commands(help: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut listed = false;
    for line in help.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            listed = line.to_ascii_lowercase().ends_with("commands:");
        } else if let Some(name) = line.strip_prefix("  ").filter(|name| listed && !name.starts_with(' ')) {
            commands.extend(name.split_whitespace().next().filter(|name| *name != "help").map(str::to_owned));
        }
    }
    commands
}

/// Description, repository and licence, as the manifests have them.
fn about() -> Outcome<(String, String, String)> {
    let read = |path: &str| -> Option<Table> {
        String::from_utf8(Entry::of_repository(path).ok()?.content).ok()?.parse().ok()
    };
    let about = || {
        let (program, root) = (read("crates/cli/Cargo.toml")?, read("Cargo.toml")?);
        let shared = root.get("workspace")?.get("package")?;
        let text = |value: &toml::Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        Some((
            text(program.get("package")?, "description")?,
            text(shared, "repository")?,
            text(shared, "license")?,
        ))
    };
    about().ok_or_else(|| "the manifests have another shape than expected".to_owned())
}

/// Replaces the folder by these files and their checksums.
fn write(folder: &Path, files: &[(String, Vec<u8>)]) -> Outcome {
    let failed = |error: std::io::Error| format!("could not write {}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    for (name, content) in files {
        fs::write(folder.join(name), content).map_err(failed)?;
        println!("{:>9}  {name}", content.len());
    }
    fs::write(folder.join("SHA256SUMS"), checksums(files)).map_err(failed)
}

/// As `sha256sum --check` reads them.
fn checksums(files: &[(String, Vec<u8>)]) -> String {
    let mut lines: Vec<String> = files
        .iter()
        .map(|(name, content)| format!("{}  {name}\n", hexadecimal(&Sha256::digest(content))))
        .collect();
    lines.sort_by(|left, right| left[64..].cmp(&right[64..]));
    lines.concat()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_sha256sum() {
        let files = [("b.txt".to_owned(), b"abc".to_vec()), ("a.txt".to_owned(), Vec::new())];
        assert_eq!(
            checksums(&files),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.txt\n\
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.txt\n"
        );
    }

    #[test]
    fn commands_are_read_from_the_help() {
        let help = "Does it.\n\nUsage: x [OPTIONS]\n\nCommands:\n  review   Reviews\n           a lot\n  mcp      Serves\n  help     Helps\n\nOptions:\n  -h, --help  Print help\n";
        assert_eq!(commands(help), ["review", "mcp"]);
        assert_eq!(commands("Options:\n  -h"), [""; 0]);
    }

    #[test]
    fn the_manifests_tell_what_it_is() {
        let (description, repository, license) = about().unwrap();
        assert!(
            description.contains("Codex") && repository.starts_with("https://"),
            "{description} {repository}"
        );
        assert_eq!(license, "MIT OR Apache-2.0");
    }

    #[test]
    fn the_folder_has_these_files_and_no_older_ones() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("dist");
        write(&folder, &[("old".to_owned(), b"1".to_vec())]).unwrap();
        write(&folder, &[("new".to_owned(), b"2".to_vec())]).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["SHA256SUMS", "new"]);
    }
}
