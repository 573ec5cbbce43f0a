//! What was measured: criterion's own samples, and the lines that our other programs leave.
//!
//! Of criterion's samples the quickest counts, not its estimate of the middle: on a machine that others share, the middle
//! is what the others do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::program::Outcome;

/// Figures by name: nanoseconds an iteration, bytes, or plain ratios, as the row that reads them knows.
pub(crate) type Figures = BTreeMap<String, f64>;

/// Where programs of ours leave figures that criterion has no place for: percentiles, memory, whole processes.
pub(crate) fn file(target: &Path) -> PathBuf {
    target.join("xtask").join("figures.tsv")
}

/// The quickest sample of everything that criterion measured since `since`, by full name.
pub(crate) fn criterion(folder: &Path, since: SystemTime) -> Outcome<Figures> {
    let mut figures = Figures::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // No folder, no measurement: the row says so.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if !path.is_dir() {
                continue;
            }
            if entry.file_name() != "new" {
                folders.push(path);
            } else if is_fresh(&path.join("sample.json"), since) {
                let read = |name: &str| {
                    let path = path.join(name);
                    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
                };
                let (benchmark, sample) = (read("benchmark.json")?, read("sample.json")?);
                let (name, quickest) = quickest(&benchmark, &sample)
                    .ok_or_else(|| format!("{} is not as criterion 0.8 writes it", path.display()))?;
                figures.insert(name, quickest);
            }
        }
    }
    Ok(figures)
}

fn is_fresh(file: &Path, since: SystemTime) -> bool {
    fs::metadata(file).and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified >= since)
}

/// The full name of a benchmark, and the nanoseconds of an iteration in its quickest sample.
fn quickest(benchmark: &str, sample: &str) -> Option<(String, f64)> {
    let benchmark: Value = serde_json::from_str(benchmark).ok()?;
    let sample: Value = serde_json::from_str(sample).ok()?;
    let (iterations, times) = (sample["iters"].as_array()?, sample["times"].as_array()?);
    let each = iterations.iter().zip(times).map(|(count, time)| Some(time.as_f64()? / count.as_f64()?));
    let each: Vec<f64> = each.collect::<Option<_>>()?;
    Some((benchmark["full_id"].as_str()?.to_owned(), each.into_iter().min_by(f64::total_cmp)?))
}

/// Lines of a name, a tab and a number; what is something else is left out. Of a name that comes twice, the last counts.
pub(crate) fn lines(text: &str) -> Figures {
    let pairs = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('\t')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BENCHMARK: &str = r#"{"group_id":"frame/4KiB","function_id":"codec","value_str":null,"throughput":{"Bytes":7},
        "full_id":"frame/4KiB/codec","directory_name":"frame_4KiB/codec","title":"frame/4KiB/codec"}"#;
    const SAMPLE: &str = r#"{"sampling_mode":"Linear","iters":[2.0,4.0,6.0],"times":[20.0,33.0,61.0]}"#;

    #[test]
    fn the_quickest_sample_is_read() {
        assert_eq!(quickest(BENCHMARK, SAMPLE), Some(("frame/4KiB/codec".to_owned(), 8.25)));
        assert_eq!(quickest("{}", SAMPLE), None);
        assert_eq!(quickest(BENCHMARK, "nothing"), None);
        assert_eq!(quickest(BENCHMARK, r#"{"iters":[],"times":[]}"#), None);
    }

    #[test]
    fn samples_are_found_where_criterion_puts_them_and_only_fresh_ones() {
        let folder = std::env::temp_dir().join(format!("xtask-figures-{}", std::process::id()));
        let new = folder.join("frame_4KiB/codec/new");
        fs::create_dir_all(&new).unwrap();
        fs::create_dir_all(folder.join("frame_4KiB/codec/base")).unwrap();
        fs::write(new.join("benchmark.json"), BENCHMARK).unwrap();
        fs::write(new.join("sample.json"), SAMPLE).unwrap();
        let written = fs::metadata(new.join("sample.json")).unwrap().modified().unwrap();
        let found = |since| criterion(&folder, since).unwrap();
        assert_eq!(found(written), Figures::from([("frame/4KiB/codec".to_owned(), 8.25)]));
        assert_eq!(found(written + std::time::Duration::from_secs(1)), Figures::new());
        assert_eq!(criterion(&folder.join("nowhere"), written), Ok(Figures::new()));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn lines_are_read() {
        let read = lines("a\t1.5\nb c\t2\nno number\tx\nnothing\na\t3\n");
        assert_eq!(read, Figures::from([("a".to_owned(), 3.0), ("b c".to_owned(), 2.0)]));
    }
}
