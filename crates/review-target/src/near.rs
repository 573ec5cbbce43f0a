//! Similar names for a mistyped one.

/// Returns at most three of `candidates` that are similar to `typed`, the most similar first.
pub(crate) fn near_names<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let limit = (typed.chars().count() / 3).clamp(1, 4);
    let lower = typed.to_lowercase();
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|name| distance(&lower, name, limit).map(|distance| (distance, name)))
        .collect();
    found.sort_unstable();
    found.dedup_by(|a, b| a.1 == b.1);
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Returns the edit distance of the names, or of `typed` and the part of `name` after a slash: `fix` is similar to
/// `origin/fix`.
fn distance(typed: &str, name: &str, limit: usize) -> Option<usize> {
    let name = name.to_lowercase();
    let mut tails =
        std::iter::once(name.as_str()).chain(name.match_indices('/').map(|(at, _)| &name[at + 1..]));
    let whole = tails.next().map(|tail| edits(typed, tail));
    let tail = tails.map(|tail| edits(typed, tail) + 1).min();
    whole.into_iter().chain(tail).min().filter(|distance| *distance <= limit)
}

fn edits(a: &str, b: &str) -> usize {
    // Names of very different lengths are never similar: skip the quadratic comparison.
    if a.len().abs_diff(b.len()) > 8 { usize::MAX - 1 } else { strsim::damerau_levenshtein(a, b) }
}

#[cfg(test)]
mod tests {
    use super::near_names;

    #[track_caller]
    fn check(typed: &str, names: &[&str], expected: &[&str]) {
        assert_eq!(near_names(typed, names.iter().copied()), expected);
    }

    #[test]
    fn a_mistyped_name_finds_similar_names() {
        check("mian", &["main", "master", "feature/login"], &["main"]);
        check("MAIN", &["main"], &["main"]);
        check("login", &["feature/login", "main"], &["feature/login"]);
        check("featuer/login", &["feature/login", "feature/logout"], &["feature/login", "feature/logout"]);
        check("zebra", &["main", "master"], &[]);
        check("x", &["a-very-long-name"], &[]);
        check("", &["main"], &[]);
    }
}
