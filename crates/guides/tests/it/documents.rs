//! Links between the documents. `lychee` would check them too, and web addresses besides, but takes minutes to build.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::repository::{assert_none, file, files, root};

const BOOK: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

fn documents() -> impl Iterator<Item = (&'static str, &'static str)> {
    let documents = files().iter().filter(|(path, _)| path.ends_with(".md"));
    documents.map(|(path, text)| (path.as_str(), text.as_str()))
}

/// The targets of a document's links and images.
fn links(text: &str) -> Vec<String> {
    let links = Parser::new(text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    });
    links.collect()
}

/// The anchors of a document's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let title = heading.take().unwrap_or_default().to_lowercase();
                let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let numbered = (1..).map(|count| format!("{slug}-{count}"));
                anchors.extend(
                    std::iter::once(slug.clone()).chain(numbered).find(|name| !anchors.contains(name)),
                );
            }
            Event::Text(text) | Event::Code(text) => {
                heading.iter_mut().for_each(|heading| heading.push_str(&text));
            }
            _ => {}
        }
    }
    anchors
}

/// `target` as it is meant in the document `from`: a path from the root.
fn resolved(from: &str, target: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(from).parent().unwrap().join(target).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    path.to_string_lossy().replace('\\', "/")
}

fn problem(from: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (target, anchor) =
        link.split_once('#').map_or((link, None), |(target, anchor)| (target, Some(anchor)));
    let path = if target.is_empty() { from.to_owned() } else { resolved(from, target) };
    if !root().join(&path).exists() {
        return Some(format!("{from}: the target of the link {link} does not exist"));
    }
    if from.starts_with(BOOK) && !path.starts_with(BOOK) {
        return Some(format!("{from}: the link {link} leaves the book: write its web address"));
    }
    let missing = anchor.filter(|anchor| path.ends_with(".md") && !anchors(file(&path)).contains(*anchor));
    missing.map(|anchor| format!("{from}: {path} has no heading #{anchor}"))
}

#[test]
fn links_between_documents_lead_somewhere() {
    let problems = documents()
        .flat_map(|(path, text)| links(text).into_iter().filter_map(move |link| problem(path, &link)));
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn the_book_lists_every_page() {
    let listed: Vec<String> = links(file(SUMMARY)).iter().map(|link| resolved(SUMMARY, link)).collect();
    let pages = documents().map(|(path, _)| path).filter(|path| path.starts_with(BOOK) && *path != SUMMARY);
    let missing = pages.filter(|path| !listed.iter().any(|listed| listed == path));
    assert_none(&missing.map(|path| format!("{SUMMARY} does not list {path}")).collect::<Vec<_>>());
}

#[test]
fn anchors_are_those_of_github() {
    let found = anchors("# A `b` c!\n\ntext\n\n## x, y & z\n\n## A b c\n");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a-b-c", "a-b-c-1", "x-y--z"]);
    assert_eq!(links("[a](b.md#c) `[d](e)` ![f](g.svg)\n```\n[h](i)\n```\n"), ["b.md#c", "g.svg"]);
    assert_eq!(resolved("docs/embedding/a.md", "../b.md"), "docs/b.md");
}
