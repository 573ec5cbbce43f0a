//! Resolves the names that people type to commits.

use gix::bstr::{BStr, ByteSlice as _};

use crate::near::near_names;
use crate::{CommitId, Error, ErrorKind};

/// The largest number of references that are searched for names similar to a mistyped one.
const NAMES_SEARCHED: usize = 20_000;

/// Returns the commit that `typed` names, in any syntax that git accepts.
pub(crate) fn commit(repo: &gix::Repository, typed: &str) -> Result<CommitId, Error> {
    if typed.is_empty() {
        return Err(Error::new(ErrorKind::UnknownRevision, "the name of the revision is empty")
            .with_hint("name a branch, a tag or a commit"));
    }
    let id = repo.rev_parse_single(BStr::new(typed)).map_err(|error| unknown(repo, typed, error))?;
    let object = match id.object() {
        Ok(object) => object,
        Err(error) if error.is_not_found() => return Err(missing_object(typed, error)),
        Err(error) => return Err(Error::git(format_args!("read `{typed}`"), error)),
    };
    let kind = object.kind;
    match object.peel_to_kind(gix::object::Kind::Commit) {
        Ok(commit) => Ok(CommitId(commit.id)),
        Err(_) if matches!(kind, gix::object::Kind::Tree | gix::object::Kind::Blob) => {
            let message = format!("`{typed}` names a {kind}, not a commit");
            Err(Error::new(ErrorKind::UnknownRevision, message).with_hint("name a branch, a tag or a commit"))
        }
        Err(error) => {
            let message = format!("`{typed}` does not lead to a commit");
            Err(Error::new(ErrorKind::UnknownRevision, message).with_source(error))
        }
    }
}

fn missing_object(typed: &str, error: gix::Error) -> Error {
    Error::new(ErrorKind::UnknownRevision, format!("the commit `{typed}` is not in this repository"))
        .with_hint("fetch it first")
        .with_source(error)
}

fn unknown(repo: &gix::Repository, typed: &str, error: gix::Error) -> Error {
    use gix::revision::spec::parse::Error as ParseError;
    if error.is_corrupted() && !error.is_not_found() && !error.is_validation() {
        return Error::git(format_args!("look up `{typed}`"), error);
    }
    if let Some(ParseError::AmbiguousPrefix { candidates, .. }) = error.downcast_any_ref() {
        let message = format!("`{typed}` is ambiguous: {} objects begin with it", candidates.len());
        return Error::new(ErrorKind::UnknownRevision, message).with_hint("write more of its digits");
    }
    let message = if typed.contains("..") && !typed.contains('{') {
        format!("`{typed}` is a range; one commit is needed")
    } else {
        format!("`{typed}` is not a revision of this repository")
    };
    let hint = hint_for(repo, typed);
    Error::new(ErrorKind::UnknownRevision, message).with_hint(hint).with_source(error)
}

fn hint_for(repo: &gix::Repository, typed: &str) -> String {
    if typed.contains("@{u}") || typed.contains("@{upstream}") || typed.contains("@{push}") {
        return "the branch has no upstream yet: `git branch --set-upstream-to=REMOTE/BRANCH`".to_owned();
    }
    // `featuer/login~2`: the typing error is in the name, not in the suffix.
    let name_end =
        typed.find(['~', '^', ':']).into_iter().chain(typed.find("@{")).min().unwrap_or(typed.len());
    let (name, rest) = typed.split_at(name_end);
    let known = reference_names(repo);
    if known.iter().any(|known| known == name) {
        return format!("`{name}` exists, but `{rest}` does not: its history may be shorter, or shallow");
    }
    let near = near_names(name, known.iter().map(String::as_str));
    match near.as_slice() {
        [] => "`git branch --all` and `git tag` list the existing names".to_owned(),
        [only] => format!("did you mean `{only}{rest}`?"),
        [others @ .., last] => {
            let others: Vec<String> = others.iter().map(|name| format!("`{name}{rest}`")).collect();
            format!("did you mean {} or `{last}{rest}`?", others.join(", "))
        }
    }
}

/// Returns the short names of local branches, remote branches and tags.
fn reference_names(repo: &gix::Repository) -> Vec<String> {
    let mut names = vec!["HEAD".to_owned()];
    let Ok(platform) = repo.references() else { return names };
    for iter in [platform.local_branches(), platform.remote_branches(), platform.tags()].into_iter().flatten()
    {
        let left = NAMES_SEARCHED.saturating_sub(names.len());
        let found = iter.filter_map(Result::ok).take(left);
        names.extend(found.map(|r| r.name().shorten().to_str_lossy().into_owned()));
    }
    names
}

/// Returns the short name and the commit of the default branch: the one that `origin/HEAD` points to, else the first of
/// main, master and trunk that exists, local before remote.
pub(crate) fn default_branch(repo: &gix::Repository) -> Result<Option<(String, CommitId)>, Error> {
    let origin_head = try_reference(repo, "refs/remotes/origin/HEAD")?;
    if let Some(target) = origin_head.as_ref().and_then(|r| r.target().try_name().map(ToOwned::to_owned))
        && let Some(found) = branch_at(repo, target.as_bstr())?
    {
        return Ok(Some(found));
    }
    for name in ["main", "master", "trunk"] {
        for prefix in ["refs/heads/", "refs/remotes/origin/"] {
            if let Some(found) = branch_at(repo, format!("{prefix}{name}").as_bytes().as_bstr())? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

fn branch_at(repo: &gix::Repository, full_name: &BStr) -> Result<Option<(String, CommitId)>, Error> {
    let Some(mut reference) = try_reference(repo, &full_name.to_str_lossy())? else { return Ok(None) };
    let short = reference.name().shorten().to_str_lossy().into_owned();
    let commit =
        reference.peel_to_commit().map_err(|e| Error::git(format_args!("read the branch `{short}`"), e))?;
    Ok(Some((short, CommitId(commit.id))))
}

fn try_reference<'r>(repo: &'r gix::Repository, name: &str) -> Result<Option<gix::Reference<'r>>, Error> {
    repo.try_find_reference(name).map_err(|e| Error::git(format_args!("read the reference `{name}`"), e))
}
