//! What the program prints is what the documents show.
//!
//! A [scene](scenes) is a few command lines in a scratch directory, with a Codex that answers from a script. Its output is compared
//! with the fenced block after `<!-- screen: NAME -->` in a document, and a scene that is a picture with `docs/screens/NAME.svg`.
//! `SNAPSHOTS=overwrite cargo test -p codex-companion --test it console::` writes both anew. `trycmd` runs the blocks of a document
//! as they are written; ours need repositories, files and a Codex that the reader does not see, hence the scenes.

mod normal;
mod place;
mod scenes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anstyle_svg::Term;
use codex_testkit::program::scripted_codex;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use place::Programs;
use scenes::Scene;

/// The result of a step: the error is a message for a person.
type Outcome<T = ()> = Result<T, String>;

const PICTURES: &str = "docs/screens";
const MARK: &str = "<!-- screen: ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The documents: path from the root, and text.
fn documents() -> Vec<(String, String)> {
    let mut documents = Vec::new();
    for directory in ["", "docs", "docs/embedding"] {
        for entry in fs::read_dir(root().join(directory)).unwrap() {
            let path = Path::new(directory).join(entry.unwrap().file_name());
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(root().join(&path)).unwrap();
                documents.push((path.to_string_lossy().into_owned(), text));
            }
        }
    }
    documents
}

/// Plays every scene, a few at a time: the output by name.
fn play(scenes: &[Scene]) -> BTreeMap<&'static str, String> {
    let companion = Path::new(env!("CARGO_BIN_EXE_codex-companion")).to_path_buf();
    let programs = Programs { companion, codex: scripted_codex().to_path_buf() };
    let (waiting, played) = (Mutex::new(scenes.iter()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(scene) = waiting.lock().unwrap().next() else { break };
                    // Outside of this repository, whose work tree would be found from within.
                    let scratch = tempfile::tempdir().unwrap();
                    let text = place::play(scene, &programs, scratch.path());
                    let text =
                        text.unwrap_or_else(|error| panic!("the scene {} failed: {error}", scene.name));
                    played.lock().unwrap().insert(scene.name, text);
                }
            });
        }
    });
    played.into_inner().unwrap()
}

#[test]
fn documents_show_what_the_program_prints() {
    let scenes = scenes::all();
    let texts = play(&scenes);
    let assert = Assert::new().action_env("SNAPSHOTS");
    let mut shown = BTreeSet::new();
    let compare = |text: String, path: &str| {
        let expected = Data::read_from(&root().join(path), Some(DataFormat::Text)).raw();
        assert.eq(Data::text(text).raw(), expected);
    };
    for scene in scenes.iter().filter(|scene| scene.picture) {
        compare(picture(&texts[scene.name]), &format!("{PICTURES}/{}.svg", scene.name));
    }
    for (path, text) in documents() {
        let pictured = scenes
            .iter()
            .map(|scene| scene.name)
            .filter(|name| text.contains(&format!("screens/{name}.svg")));
        shown.extend(pictured);
        if text.contains(MARK) {
            let filled = fill(&text, &texts, &mut shown).unwrap_or_else(|error| panic!("{path}: {error}"));
            compare(filled, &path);
        }
    }
    let hidden: Vec<&str> = texts.keys().copied().filter(|name| !shown.contains(name)).collect();
    assert!(hidden.is_empty(), "no document shows the scenes {hidden:?}");
    for entry in fs::read_dir(root().join(PICTURES)).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let drawn = scenes.iter().any(|scene| scene.picture && name == format!("{}.svg", scene.name));
        assert!(drawn, "{PICTURES}/{name}: no scene draws it");
    }
}

/// A screen as SVG, with the lines that were typed in bold.
fn picture(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("$ ") {
        Some(typed) => format!("\x1b[32m$\x1b[0m \x1b[1m{typed}\x1b[0m\n"),
        None => format!("{line}\n"),
    });
    Term::new().render_svg(&lines.collect::<String>())
}

/// Puts the texts into the fenced blocks that are marked for them.
fn fill<'a>(
    document: &str,
    texts: &BTreeMap<&'a str, String>,
    shown: &mut BTreeSet<&'a str>,
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
        shown.insert(name);
        filled.push_str(&format!("{fence}\n{text}```\n"));
        if !lines.any(|line| line.trim_end() == "```") {
            return Err(format!("the block of {name} does not end"));
        }
    }
    Ok(filled)
}

#[test]
fn a_marked_block_is_replaced_and_nothing_else() {
    let texts = BTreeMap::from([("help", "$ x --help\nnew\n".to_owned())]);
    let mut shown = BTreeSet::new();
    let document = "# A\n\n<!-- screen: help -->\n```console\nold\nolder\n```\n\nbelow\n";
    let filled = fill(document, &texts, &mut shown).unwrap();
    assert_eq!(filled, "# A\n\n<!-- screen: help -->\n```console\n$ x --help\nnew\n```\n\nbelow\n");
    assert!(shown.contains("help"));
    assert_eq!(fill(&filled, &texts, &mut shown).unwrap(), filled);
}

#[test]
fn marks_without_a_scene_or_a_block_are_errors() {
    let texts = BTreeMap::from([("help", String::new())]);
    let fill = |text: &str| fill(text, &texts, &mut BTreeSet::new()).unwrap_err();
    assert!(fill("<!-- screen: hlep -->\n```\n```\n").contains("no scene named hlep"));
    assert!(fill("<!-- screen: help -->\n\nwords\n").contains("no fenced block"));
    assert!(fill("<!-- screen: help -->\n```\nwords\n").contains("does not end"));
}
