//! The licences of what is compiled in: most of them ask that their text goes with the program.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use super::graph::{Graph, Package};

const NAMES: &[&str] = &["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// One document: who is in it, then every text once, with the names of those whose it is.
pub(super) fn make(graph: &Graph, program: &str) -> String {
    let foreign = graph.packages.values().filter(|package| package.source.is_some());
    let mut packages: Vec<&Package> = foreign.collect();
    packages.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    let mut document = format!(
        "# What {program} is built from\n\nThe program contains these packages, unchanged, under the licences given. Their sources are \
         on crates.io,\nunder https://crates.io/crates/NAME/VERSION, and where each names its own.\n\n"
    );
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let license = package.license.as_deref().unwrap_or("no licence named");
        let repository = package.repository.as_deref().unwrap_or_default();
        let _ = writeln!(document, "- {} {}: {license} {repository}", package.name, package.version);
        for text in texts_of(package) {
            texts.entry(text).or_default().push(package.name.clone());
        }
    }
    let mut texts: Vec<(Vec<String>, String)> =
        texts.into_iter().map(|(text, names)| (names, text)).collect();
    texts.sort_unstable();
    for (names, text) in texts {
        let _ = write!(document, "\n## {}\n\n```text\n{text}\n```\n", names.join(", "));
    }
    document
}

fn texts_of(package: &Package) -> Vec<String> {
    let files = fs::read_dir(&package.folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = files.map(|file| file.path()).filter(|path| path.is_file()).collect();
    paths.sort_unstable();
    let named = paths.into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        NAMES.iter().any(|begins| name.starts_with(begins))
    });
    let texts = named.filter_map(|path| fs::read_to_string(path).ok());
    // Line ends and white space around it make no other licence.
    texts
        .map(|text| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::graph::tests::small;

    #[test]
    fn each_text_is_there_once_with_the_names_of_its_packages() {
        let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        fs::write(folders[0].path().join("LICENSE-MIT"), "Be kind.\r\n").unwrap();
        fs::write(folders[1].path().join("COPYING"), "Be kind.\n").unwrap();
        fs::write(folders[1].path().join("NOTICE"), "By me.").unwrap();
        fs::write(folders[1].path().join("lib.rs"), "code").unwrap();
        fs::write(folders[2].path().join("LICENSE"), "Only for tests.").unwrap();
        let mut graph = small();
        for (id, folder) in ["l", "b2", "b1"].into_iter().zip(&folders) {
            graph.packages.get_mut(id).unwrap().folder = folder.path().to_owned();
        }
        graph.keep("ours v0.1.0\nleft v1.0.0\nbase v2.0.0\n");
        let document = make(&graph, "ours");
        assert!(
            document.contains("- base 2.0.0: MIT") && document.contains("- left 1.0.0: MIT"),
            "{document}"
        );
        assert_eq!(document.matches("Be kind.").count(), 1);
        assert!(
            document.contains("## base, left\n") && document.contains("## base\n\n```text\nBy me."),
            "{document}"
        );
        assert!(!document.contains("Only for tests.") && !document.contains("code"), "{document}");
    }
}
