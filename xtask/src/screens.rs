//! `cargo xtask screens`: what the program really prints, put into the documents and drawn as pictures.
//!
//! A [scene](scenes) is a few command lines in a scratch place, with a Codex that answers from a script. What they print is
//! put wherever a document says `<!-- screen: NAME -->` above a fenced block, and scenes that are pictures are drawn
//! as `docs/screens/NAME.svg`. With `--check` nothing is written, and a difference fails: an output that is shown is an
//! output that is.

mod normal;
mod place;
mod scenes;
mod svg;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::program::{self, Outcome};
use crate::workspace::{self, Workspace};
use place::Programs;

const PICTURES: &str = "docs/screens";
const MARK: &str = "<!-- screen: ";

pub(crate) fn run(check: bool, only: Option<&str>) -> Outcome {
    if cfg!(not(unix)) {
        return Err("the screens are those of Unix: take them there".to_owned());
    }
    let workspace = Workspace::read()?;
    let mut command = program::cargo();
    command.args([
        "build",
        "--quiet",
        "--package",
        "codex-companion",
        "--package",
        "codex-testkit",
        "--bins",
    ]);
    program::status(command.current_dir(workspace::root()))?;
    play(&workspace, check, only)
}

/// As `run` with `--check`, with the programs that the tests have built.
pub(crate) fn check_built(workspace: &Workspace) -> Outcome {
    play(workspace, true, None)
}

fn play(workspace: &Workspace, check: bool, only: Option<&str>) -> Outcome {
    let folder = workspace.target.join("debug");
    let programs =
        Programs { companion: folder.join("codex-companion"), codex: folder.join("scripted-codex") };
    // Outside of this repository, whose work tree would be found from within.
    let scratch = std::env::temp_dir().join(format!("screens-{}", std::process::id()));
    let mut texts = BTreeMap::new();
    let (mut pictures, mut pictured) = (BTreeMap::new(), Vec::new());
    for scene in scenes::all().into_iter().filter(|scene| only.is_none_or(|only| scene.name == only)) {
        let played = place::play(&scene, &programs, &scratch);
        // Whatever came of it; what is left there is no matter of ours.
        let _ = fs::remove_dir_all(&scratch);
        let text = played.map_err(|error| format!("the scene {} failed: {error}", scene.name))?;
        if scene.picture {
            pictured.push(scene.name);
            pictures.insert(format!("{PICTURES}/{}.svg", scene.name), svg::draw(scene.name, &text));
        }
        texts.insert(scene.name, text);
    }
    if only.is_some() {
        texts.values().for_each(|text| println!("{text}"));
        return Ok(());
    }
    let root = workspace::root();
    let files = workspace::files()?;
    let mut wanted = pictures;
    let mut used = BTreeSet::new();
    for path in files.iter().filter(|path| path.ends_with(".md")) {
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        let shows = |name: &&&str| text.contains(&format!("screens/{name}.svg"));
        used.extend(pictured.iter().filter(shows));
        if text.contains(MARK) {
            let filled = fill(&text, &texts, &mut used).map_err(|error| format!("{path}: {error}"))?;
            wanted.insert(path.clone(), filled);
        }
    }
    let unseen: Vec<&str> = texts.keys().copied().filter(|name| !used.contains(name)).collect();
    if !unseen.is_empty() {
        return Err(format!("no document shows the scenes {}", unseen.join(", ")));
    }
    let mut differ = Vec::new();
    for path in files.iter().filter(|path| path.starts_with(PICTURES) && !wanted.contains_key(*path)) {
        differ.push(format!("{path}: no scene is drawn there any longer"));
        if !check {
            fs::remove_file(root.join(path)).map_err(|error| format!("cannot remove {path}: {error}"))?;
        }
    }
    for (path, text) in &wanted {
        let there = fs::read_to_string(root.join(path)).unwrap_or_default();
        if there == *text {
            continue;
        }
        differ.push(format!("{path}:{}", difference(&there, text)));
        if !check {
            write(&root.join(path), text)?;
        }
    }
    match (differ.is_empty(), check) {
        (true, _) => Ok(()),
        (false, true) => Err(format!(
            "what the program prints is not what the documents show; `cargo xtask screens` mends it\n{}",
            differ.join("\n")
        )),
        (false, false) => {
            println!("{}", differ.join("\n"));
            Ok(())
        }
    }
}

/// Puts the texts into the fenced blocks that are marked for them.
fn fill<'a>(
    document: &str,
    texts: &BTreeMap<&'a str, String>,
    used: &mut BTreeSet<&'a str>,
) -> Outcome<String> {
    let mut filled = String::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        filled.push_str(line);
        filled.push('\n');
        let Some(name) = line.strip_prefix(MARK) else { continue };
        let name = name.trim_end_matches("-->").trim();
        let (name, text) =
            texts.get_key_value(name).ok_or_else(|| format!("there is no scene named {name}"))?;
        let fence = lines.next().unwrap_or_default();
        if !fence.starts_with("```") {
            return Err(format!("no fenced block follows the mark of {name}"));
        }
        used.insert(name);
        filled.push_str(&format!("{fence}\n{text}```\n"));
        if !lines.any(|line| line.trim_end() == "```") {
            return Err(format!("the block of {name} does not end"));
        }
    }
    Ok(filled)
}

/// The first line that differs: its number, what is there and what should be.
fn difference(there: &str, wanted: &str) -> String {
    let (mut old, mut new, mut number) = (there.lines(), wanted.lines(), 1);
    loop {
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old == new => number += 1,
            (old, new) => {
                return format!(
                    "{number}:\n  - {}\n  + {}",
                    old.unwrap_or_default(),
                    new.unwrap_or_default()
                );
            }
        }
    }
}

fn write(path: &Path, text: &str) -> Outcome {
    let folder = path.parent().expect("a file is in a folder");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_block_is_replaced_and_nothing_else() {
        let texts = BTreeMap::from([("help", "$ x --help\nnew\n".to_owned())]);
        let mut used = BTreeSet::new();
        let document = "# A\n\n<!-- screen: help -->\n```console\nold\nolder\n```\n\nbelow\n";
        let filled = fill(document, &texts, &mut used).unwrap();
        assert_eq!(filled, "# A\n\n<!-- screen: help -->\n```console\n$ x --help\nnew\n```\n\nbelow\n");
        assert!(used.contains("help"));
        assert_eq!(fill(&filled, &texts, &mut used).unwrap(), filled);
    }

    #[test]
    fn marks_that_lead_nowhere_are_errors() {
        let texts = BTreeMap::from([("help", String::new())]);
        let fill = |text: &str| fill(text, &texts, &mut BTreeSet::new()).unwrap_err();
        assert!(fill("<!-- screen: hlep -->\n```\n```\n").contains("no scene named hlep"));
        assert!(fill("<!-- screen: help -->\n\nwords\n").contains("no fenced block"));
        assert!(fill("<!-- screen: help -->\n```\nwords\n").contains("does not end"));
    }

    #[test]
    fn a_difference_is_told_by_its_first_line() {
        assert_eq!(difference("a\nb\n", "a\nc\n"), "2:\n  - b\n  + c");
        assert_eq!(difference("a\n", "a\nb\n"), "2:\n  - \n  + b");
    }
}
