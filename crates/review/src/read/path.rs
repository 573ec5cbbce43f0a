//! File names as findings have them.

/// Makes a path relative to the first of `roots` that it is in, with `/` between its parts and no `.` parts.
///
/// `roots` are names of the root of one work tree. Nothing is read from disk. A path that is outside, or that climbs
/// above the root, is returned as it was written.
///
/// ```
/// # use codex_review::normalize_path;
/// assert_eq!(normalize_path("/repo/src/./a.rs", &["/repo"]), "src/a.rs");
/// assert_eq!(normalize_path("/etc/hosts", &["/repo"]), "/etc/hosts");
/// ```
#[must_use]
pub fn normalize_path<R: AsRef<str>>(file: &str, roots: &[R]) -> String {
    let has_drive = |path: &str| path.as_bytes().get(1) == Some(&b':');
    let windows = roots.iter().map(AsRef::as_ref).any(|root| root.contains('\\') || has_drive(root));
    let slashed = |path: &str| if windows { path.replace('\\', "/") } else { path.to_owned() };
    let written = slashed(file.trim());
    let inside = roots.iter().find_map(|root| {
        let root = slashed(root.as_ref());
        let rest = written.strip_prefix(root.trim_end_matches('/'))?;
        rest.strip_prefix('/').map(str::to_owned)
    });
    let relative = match inside {
        Some(relative) => relative,
        None if written.starts_with('/') || (windows && has_drive(&written)) => return written,
        None => written.clone(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return written;
                }
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_to_the_work_tree() {
        let roots = ["/home/me/repo", "/private/home/me/repo/"];
        let table = [
            ("src/a.rs", "src/a.rs"),
            ("./src//a.rs", "src/a.rs"),
            (" src/x/../a.rs ", "src/a.rs"),
            ("/home/me/repo/src/a.rs", "src/a.rs"),
            ("/private/home/me/repo/src/./a.rs", "src/a.rs"),
            ("/home/me/repository/a.rs", "/home/me/repository/a.rs"),
            ("/etc/passwd", "/etc/passwd"),
            ("../other/a.rs", "../other/a.rs"),
            ("/home/me/repo/../x", "/home/me/repo/../x"),
            ("a\\b.rs", "a\\b.rs"),
            ("", ""),
        ];
        for (file, expected) in table {
            assert_eq!(normalize_path(file, &roots), expected, "{file:?}");
        }
        assert_eq!(normalize_path("C:\\repo\\src\\a.rs", &["C:\\repo"]), "src/a.rs");
        assert_eq!(normalize_path("src\\a.rs", &["C:\\repo"]), "src/a.rs");
        assert_eq!(normalize_path("D:\\x", &["C:\\repo"]), "D:/x");
    }
}
