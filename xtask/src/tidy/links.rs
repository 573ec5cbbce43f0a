//! Links between the documents, and what the book leaves out.

use std::collections::BTreeSet;

use super::{Files, Problem};

const BOOK: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn check(files: &Files) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (line, target) in links(text) {
            if let Some(message) = broken(files, path, target) {
                problems.push(Problem::at(path, line, message));
            }
        }
    }
    problems.extend(left_out(files));
    problems
}

/// The targets of a document's links and pictures, with their lines; not of what stands in code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let ticks = &bare[..bare.len() - bare.trim_start_matches('`').len()];
        match fence {
            Some(open) if ticks == open => fence = None,
            Some(_) => continue,
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {}
        }
        // Every other piece between backticks is code.
        let mut code = false;
        for piece in line.split('`') {
            if !code {
                let targets = piece.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
                links.extend(targets.map(|target| (index + 1, target)));
            }
            code = !code;
        }
        // A link's own text may be code, which the pieces above cut in two.
        let cut = line.match_indices("`](").filter_map(|(at, _)| Some(line[at + 3..].split_once(')')?.0));
        links.extend(cut.filter(|target| !target.contains('`')).map(|target| (index + 1, target)));
    }
    links.dedup();
    links
}

/// What is wrong with a link, if anything is.
fn broken(files: &Files, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (place, anchor) =
        target.split_once('#').map_or((target, None), |(place, anchor)| (place, Some(anchor)));
    let path = if place.is_empty() { from.to_owned() } else { joined(from, place) };
    let folder = format!("{}/", path.trim_end_matches('/'));
    let document = files.get(&path);
    if document.is_none() && !files.keys().any(|file| file.starts_with(&folder)) {
        return Some(format!("the link to {target} leads nowhere"));
    }
    if from.starts_with(BOOK) && !path.starts_with(BOOK) {
        return Some(format!("the link to {target} leads out of the book: name its address"));
    }
    match (anchor, document) {
        (Some(anchor), Some(text)) if !anchors(text).contains(anchor) => {
            Some(format!("{path} has no heading #{anchor}"))
        }
        _ => None,
    }
}

/// `place` as it is meant in the file `from`.
fn joined(from: &str, place: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in place.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors of a document's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let mut anchors = BTreeSet::new();
    for heading in headings {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (1..).map(|count| format!("{slug}-{count}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// Pages that the book does not list.
fn left_out(files: &Files) -> Vec<Problem> {
    let Some(summary) = files.get(SUMMARY) else { return Vec::new() };
    let listed: Vec<String> = links(summary).into_iter().map(|(_, target)| joined(SUMMARY, target)).collect();
    let pages =
        files.keys().filter(|path| path.starts_with(BOOK) && path.ends_with(".md") && *path != SUMMARY);
    let missing = pages.filter(|path| !listed.contains(path));
    missing.map(|path| Problem::new(SUMMARY, format!("does not list {path}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn links_are_found_where_they_are_links() {
        let text = "a [b](c.md), ![d](e.svg)\n`[no](no.md)`\n```sh\n[no](no.md)\n```\n[`f`](g.md#h) `x`\n";
        assert_eq!(links(text), [(1, "c.md"), (1, "e.svg"), (6, "g.md#h")]);
    }

    #[test]
    fn a_link_must_lead_somewhere() {
        let all = files(&[
            ("README.md", "# One\n## The `two`: 3\n## One\n"),
            ("docs/a.md", "# A\n"),
            ("docs/b/c.md", "# C\n"),
        ]);
        let check = |from: &str, target: &str, wrong: Option<&str>| {
            let said = broken(&all, from, target);
            assert_eq!(said.is_some(), wrong.is_some(), "{from} {target} {said:?}");
            assert!(said.unwrap_or_default().contains(wrong.unwrap_or_default()));
        };
        check("README.md", "docs/a.md#a", None);
        check("README.md", "docs", None);
        check("README.md", "#the-two-3", None);
        check("README.md", "#one-1", None);
        check("README.md", "#two", Some("no heading #two"));
        check("README.md", "docs/d.md", Some("leads nowhere"));
        check("README.md", "https://example.com/x", None);
        check("docs/b/c.md", "../a.md", None);
        check("docs/a.md", "../README.md", Some("out of the book"));
    }

    #[test]
    fn the_book_lists_every_page() {
        let all = files(&[("docs/SUMMARY.md", "- [A](a.md)\n"), ("docs/a.md", ""), ("docs/b/c.md", "")]);
        let problems: Vec<_> = left_out(&all).iter().map(ToString::to_string).collect();
        assert_eq!(problems, ["docs/SUMMARY.md: does not list docs/b/c.md"]);
    }
}
