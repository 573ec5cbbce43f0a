//! Finds and opens a repository, and checks that it is trusted.

use std::path::{Path, PathBuf};

use gix::sec::{Permission, Trust};

use crate::{Error, ErrorKind};

/// Which git configuration is read in addition to the repository's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigScope {
    /// That of the system and the user, found as git finds it: ignore rules, attributes and `safe.directory`. The git
    /// library reads `HOME`, `XDG_CONFIG_HOME` and the
    /// `GIT_CONFIG_*` variables for it; variables that name a repository, such as `GIT_DIR`, have no effect.
    #[default]
    User,
    /// None: the results depend on the repository alone.
    Repository,
}

/// Opens the repository that contains `start`. Its paths are absolute, with links resolved.
pub(crate) fn open(start: &Path, scope: ConfigScope) -> Result<gix::ThreadSafeRepository, Error> {
    let start = absolute(start)?;
    let discovery = gix::discover::upwards::Options {
        trust: gix::discover::upwards::TrustPolicy::Required(Trust::Reduced),
        ..Default::default()
    };
    let options = open_options(scope);
    let map = gix::sec::trust::Mapping { full: options.clone(), reduced: options };
    let repository = gix::ThreadSafeRepository::discover_opts(&start, discovery, map).map_err(|error| {
        if error.is_permission_denied() && !is_io_denied(&error) {
            return not_trusted(&start);
        }
        if error.downcast_any_ref::<gix::discover::upwards::Error>().is_some() {
            let message = format!("`{}` is not in a git repository", start.display());
            return Error::new(ErrorKind::NotARepository, message)
                .with_hint("change to a directory of a repository, or create one with `git init`");
        }
        Error::git(format_args!("open the repository of `{}`", start.display()), error)
    })?;
    if repository.work_dir().is_none() {
        let message =
            format!("`{}` is a bare repository: it has no work tree", repository.git_dir().display());
        return Err(Error::new(ErrorKind::BareRepository, message).with_hint("run this in a work tree of it"));
    }
    Ok(without_namespace(repository))
}

/// A namespace comes from an environment variable and would hide existing branches.
fn without_namespace(repository: gix::ThreadSafeRepository) -> gix::ThreadSafeRepository {
    let mut local = repository.to_thread_local();
    if local.clear_namespace().is_some() { local.into_sync() } else { repository }
}

/// Opens the repository whose work tree is `directory`, and none above it; `None` when there is none, or it is not
/// trusted.
pub(crate) fn open_exactly(directory: &Path, scope: ConfigScope) -> Option<gix::ThreadSafeRepository> {
    let repository = gix::ThreadSafeRepository::open_opts(directory, open_options(scope)).ok()?;
    repository.work_dir().is_some().then(|| without_namespace(repository))
}

pub(crate) fn absolute(start: &Path) -> Result<PathBuf, Error> {
    let resolved = if cfg!(windows) { std::path::absolute(start) } else { start.canonicalize() };
    let resolved = resolved.map_err(|e| Error::io("enter", start, e))?;
    if !resolved.is_dir() {
        let reason = std::io::Error::from(std::io::ErrorKind::NotADirectory);
        return Err(Error::io("enter", start, reason));
    }
    Ok(resolved)
}

/// The size of each thread's cache of delta bases in bytes, unless the user sets `core.deltaBaseCacheLimit`.
const DELTA_BASES: &str = "gitoxide.core.deltaBaseCacheLimit=4194304";

fn open_options(scope: ConfigScope) -> gix::open::Options {
    let mut permissions = match scope {
        ConfigScope::User => gix::open::Permissions::all(),
        ConfigScope::Repository => gix::open::Permissions::isolated(),
    };
    permissions.env.ssh_prefix = Permission::Deny;
    permissions.env.http_transport = Permission::Deny;
    permissions.env.identity = Permission::Deny;
    permissions.env.objects = Permission::Deny;
    // On Windows the git library would run `git` to find these files.
    permissions.attributes.system &= !cfg!(windows);
    let mut options = gix::open::Options::default()
        .permissions(permissions)
        .bail_if_untrusted(true)
        .config_overrides([DELTA_BASES])
        .filter_config_section(is_used);
    if cfg!(windows) {
        options = options.system_config_path("C:/Program Files/Git/etc/gitconfig");
    }
    options
}

/// Whether a section of the configuration is used. Sections from variables that name another repository, work tree or
/// index are not: the caller's directory decides, also when the caller runs inside a git hook.
fn is_used(section: &gix::config::file::Metadata) -> bool {
    section.source != gix::config::Source::EnvOverride
        && (section.trust == Trust::Full || section.source.kind() != gix::config::source::Kind::Repository)
}

fn is_io_denied(error: &gix::Error) -> bool {
    error.iter_errors().any(<dyn std::error::Error>::is::<std::io::Error>)
}

fn not_trusted(start: &Path) -> Error {
    // git's own hint names the top of the work tree. The repository is not open, so use the nearest `.git`.
    let top = start.ancestors().find(|directory| directory.join(".git").exists()).unwrap_or(start);
    Error::new(
        ErrorKind::NotTrusted,
        format!("the repository at `{}` belongs to another user", top.display()),
    )
    .with_hint(format!("if you trust it: git config --global --add safe.directory '{}'", top.display()))
}
