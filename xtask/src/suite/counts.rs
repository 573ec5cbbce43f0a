//! The counts in the summaries that `cargo nextest` and `cargo test` print, and the names of failed tests.

#[derive(Default)]
pub(super) struct Counts {
    passed: usize,
    ignored: usize,
    pub(super) failed: Vec<String>,
}

impl Counts {
    pub(super) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(totals) = line.strip_prefix("test result: ") {
            // "ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.08s"
            self.add(totals.split(['.', ';']));
        } else if let Some((_, totals)) =
            line.strip_prefix("Summary [").and_then(|rest| rest.split_once(": "))
        {
            // "Summary [  12.34s] 850 tests run: 847 passed (2 slow), 2 failed, 1 timed out, 3 skipped"
            self.add(totals.split(','));
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failed(name);
        } else if let Some(rest) =
            ["FAIL [", "TIMEOUT [", "ABORT [", "SIGABRT ["].iter().find_map(|word| line.strip_prefix(word))
        {
            // "FAIL [   0.01s] ( 12/850) codex-gate::it answers::d22": the end of the run repeats it.
            let name = rest.split_once("] ").map_or(rest, |(_, name)| name);
            let name =
                name.strip_prefix('(').and_then(|name| name.split_once(") ")).map_or(name, |(_, name)| name);
            self.failed(name.trim());
        }
    }

    fn add<'a>(&mut self, totals: impl Iterator<Item = &'a str>) {
        for (count, what) in totals.filter_map(|part| part.trim().split_once(' ')) {
            let count = count.parse().unwrap_or(0);
            match what.split(' ').next() {
                Some("passed") => self.passed += count,
                Some("ignored" | "skipped") => self.ignored += count,
                _ => {}
            }
        }
    }

    fn failed(&mut self, name: &str) {
        if !self.failed.iter().any(|failed| failed == name) {
            self.failed.push(name.to_owned());
        }
    }

    pub(super) fn summary(&self) -> String {
        format!("{} passed, {} failed, {} ignored", self.passed, self.failed.len(), self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], summary: &str, failed: &[&str]) {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.read(line));
        assert_eq!(
            (counts.summary().as_str(), counts.failed),
            (summary, failed.iter().map(|name| (*name).to_owned()).collect())
        );
    }

    #[test]
    fn closing_lines_are_added_up() {
        let lines = [
            "running 3 tests\n",
            "test frame::noise ... ok\n",
            "test turn::row_3 ... FAILED\n",
            "test result: FAILED. 11 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.08s\n",
            "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s\r\n",
            "test result: what is this\n",
        ];
        check(&lines, "15 passed, 1 failed, 2 ignored", &["turn::row_3"]);
    }

    #[test]
    fn the_summary_of_nextest_is_read() {
        let lines = [
            "        FAIL [   0.008s] (2/5) codex-gate::it answers::d22_row",
            "     TIMEOUT [  60.004s] (  4/5) codex-companion::it claude::gate::slow",
            "     Summary [  61.010s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped",
            "        FAIL [   0.008s] (2/5) codex-gate::it answers::d22_row",
            "error: test run failed",
        ];
        let failed = ["codex-gate::it answers::d22_row", "codex-companion::it claude::gate::slow"];
        check(&lines, "3 passed, 2 failed, 2 ignored", &failed);
    }
}
