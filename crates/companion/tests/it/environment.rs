//! The library reads no environment, home directory or terminal.

use std::fs;
use std::path::Path;

const CALLS: &[&str] = &[
    "env::var",
    "env::vars",
    "env::args",
    "env::current_dir",
    "env::current_exe",
    "env::home_dir",
    "env::temp_dir",
    "is_terminal",
    "stdin()",
    "stdout()",
    "stderr()",
    "process::exit",
];

fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_library_reads_no_environment() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    sources(&root.join("../mcp/src"), &mut found);
    assert!(found.len() > 30, "{}", found.len());
    for (path, text) in found {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in CALLS {
            assert!(!code.contains(call), "{path} calls {call}");
        }
    }
    for manifest in ["Cargo.toml", "../mcp/Cargo.toml"] {
        let text = fs::read_to_string(root.join(manifest)).unwrap();
        assert!(!text.contains("clap"), "{manifest} depends on clap");
    }
}
