//! Timing whole processes beside one another.
//!
//! A time alone says more about the machine than about the program, so what is reported is the ratio of medians
//! within one run, in which the programs take turns: whatever disturbs the machine disturbs them alike.

use std::time::Duration;

use crate::program::Outcome;

pub(crate) struct Contestant<'a> {
    pub(crate) name: String,
    /// One run, which tells how long it took; what it does besides is not counted.
    pub(crate) run: Box<dyn FnMut() -> Outcome<Duration> + 'a>,
}

pub(crate) struct Timed {
    pub(crate) name: String,
    pub(crate) median: Duration,
    pub(crate) fastest: Duration,
}

/// Runs each contestant once unmeasured, then `runs` times in turns.
pub(crate) fn interleaved(mut contestants: Vec<Contestant<'_>>, runs: usize) -> Outcome<Vec<Timed>> {
    let mut times = vec![Vec::with_capacity(runs); contestants.len()];
    for round in 0..=runs {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let time = (contestant.run)().map_err(|error| format!("{}: {error}", contestant.name))?;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let timed = contestants.into_iter().zip(times).map(|(contestant, mut times)| {
        times.sort_unstable();
        Timed {
            name: contestant.name,
            median: median(&times),
            fastest: times.first().copied().unwrap_or_default(),
        }
    });
    Ok(timed.collect())
}

/// The median of sorted times: the mean of the middle two where there is no middle one.
fn median(sorted: &[Duration]) -> Duration {
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => Duration::ZERO,
        (length, middle) if length % 2 == 1 => sorted[middle],
        (_, middle) => (sorted[middle - 1] + sorted[middle]) / 2,
    }
}

/// A table of medians, and each one's ratio to the first row's.
pub(crate) fn table(timed: &[Timed]) -> String {
    let floor = timed.first().map_or(0.0, |first| first.median.as_secs_f64());
    let milliseconds = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
    let mut rows = vec![["".to_owned(), "median ms".to_owned(), "fastest ms".to_owned(), "ratio".to_owned()]];
    rows.extend(timed.iter().map(|row| {
        let ratio = format!("{:.2}", row.median.as_secs_f64() / floor);
        [row.name.clone(), milliseconds(row.median), milliseconds(row.fastest), ratio]
    }));
    columns(&rows)
}

/// Left-aligned names, right-aligned figures.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(
                |(column, (cell, &width))| {
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let check = |times: &[u64], expected: u64| {
            let times: Vec<_> = times.iter().copied().map(Duration::from_micros).collect();
            assert_eq!(median(&times), Duration::from_micros(expected));
        };
        check(&[], 0);
        check(&[7], 7);
        check(&[1, 3], 2);
        check(&[1, 2, 90], 2);
    }

    #[test]
    fn contestants_take_turns_after_one_run_unmeasured() {
        let order = std::cell::RefCell::new(String::new());
        let contestant = |name: &str| {
            let (order, name) = (&order, name.to_owned());
            let run = {
                let name = name.clone();
                Box::new(move || {
                    order.borrow_mut().push_str(&name);
                    Ok(Duration::from_millis(1))
                })
            };
            Contestant { name, run }
        };
        let timed = interleaved(vec![contestant("a"), contestant("b")], 2).unwrap();
        assert_eq!(order.take(), "ababab");
        assert_eq!(timed.iter().map(|timed| timed.median.as_millis()).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn a_failing_contestant_ends_it() {
        let run = Box::new(|| Err("broke".to_owned()));
        let failed = interleaved(vec![Contestant { name: "a".to_owned(), run }], 2);
        assert_eq!(failed.err().as_deref(), Some("a: broke"));
    }

    #[test]
    fn tables() {
        let timed = |name: &str, micros| {
            let time = Duration::from_micros(micros);
            Timed { name: name.to_owned(), median: time, fastest: time }
        };
        let expected = "         median ms  fastest ms  ratio\nempty         0.80        0.80   1.00\nversion       1.20        1.20   1.50\n";
        assert_eq!(table(&[timed("empty", 800), timed("version", 1200)]), expected);
    }
}
