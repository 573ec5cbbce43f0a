# Short names for what a contributor does often. Each recipe is one or two commands of a standard tool.

export CARGO_TERM_COLOR := env("CARGO_TERM_COLOR", "auto")

[private]
default:
    @just --list --unsorted

# Run every check and every test, on the pinned real Codex and Claude Code
test *flags:
    cargo xtask test {{flags}}

# Format the code
fmt:
    cargo fmt --all

# Lint the code, the spelling and the workflows
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    typos
    zizmor --offline .github

# Run the benches of one subject at full length, for example `just bench frame`
bench name *flags:
    cargo bench --package companion-benches --bench {{name}} -- {{flags}}

# Compare instruction counts and ratios with the baseline (`just measure table` writes docs/performance.md)
measure *command="check":
    cargo measure {{command}}

# Build the API documentation and the book (needs `cargo install mdbook`)
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
    mdbook build docs

# Fuzz every target for some seconds (needs nightly Rust and `cargo install cargo-fuzz`)
fuzz seconds="60":
    for target in $(cargo +nightly fuzz list); do \
        mkdir -p "fuzz/target/corpus/$target"; \
        cargo +nightly fuzz run --sanitizer none "$target" "fuzz/target/corpus/$target" "fuzz/corpus/$target" \
            -- -max_total_time={{seconds}} -timeout=25 -rss_limit_mb=2048 -max_len=4096 || exit 1; \
    done

# Everything that must pass before a release (needs `cargo install cargo-deny cargo-semver-checks`)
release-check:
    cargo xtask test
    cargo publish --workspace --dry-run --locked
    cargo xtask dist
    cargo deny check
    cargo semver-checks --workspace --all-features
