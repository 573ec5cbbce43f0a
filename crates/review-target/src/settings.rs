use std::path::PathBuf;

use crate::repository::ConfigScope;

/// The settings of the repository's configuration that affect how files are compared. No other setting has an effect.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) scope: ConfigScope,
    pub(crate) executable_bit: bool,
    pub(crate) symlinks: bool,
    pub(crate) ignore_case: bool,
    pub(crate) precompose_unicode: bool,
    pub(crate) trust_ctime: bool,
    /// Whether all stat fields of an index entry are compared, or only the size and whole seconds.
    pub(crate) check_stat: bool,
    /// Whether the checkout is sparse. A file that exists in spite of that is compared again.
    pub(crate) sparse: bool,
    /// Files larger than this are never treated as text.
    pub(crate) big_file: u64,
    /// The user's own ignore rules, for all repositories.
    pub(crate) excludes_file: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn read(repo: &gix::Repository, scope: ConfigScope) -> Self {
        let config = repo.config_snapshot();
        let flag = |key: &str, default| config.boolean(key).unwrap_or(default);
        let excludes_file = config.trusted_path("core.excludesFile").ok().flatten().or_else(|| {
            let user = scope == ConfigScope::User;
            // tidy: allow(environment) git's own path of the user's ignore rules, which the caller can turn off
            user.then(|| gix::path::env::xdg_config("ignore", &mut |name| gix::path::env::var(name)))
                .flatten()
        });
        let minimal = config.string("core.checkStat").is_some_and(|v| v.eq_ignore_ascii_case(b"minimal"));
        Self {
            scope,
            executable_bit: flag("core.fileMode", cfg!(unix)),
            symlinks: flag("core.symlinks", cfg!(unix)),
            ignore_case: flag("core.ignoreCase", false),
            precompose_unicode: flag("core.precomposeUnicode", false),
            trust_ctime: flag("core.trustCtime", true),
            check_stat: !minimal,
            sparse: flag("core.sparseCheckout", false) && !flag("sparse.expectFilesOutsideOfPatterns", false),
            big_file: repo.big_file_threshold().unwrap_or(512 << 20),
            excludes_file,
        }
    }
}
