//! The table of ratios: rows, what their goals make of the figures, and the place in the document where it stands.

use std::fmt::Write as _;

use super::figures::Figures;
use super::rows::{Beside, Goal, Row, Unit};

const BEGIN: &str = "<!-- cargo measure table: begin -->";
const END: &str = "<!-- cargo measure table: end -->";
const HEAD: [&str; 6] = ["what", "ours", "peer", "floor", "ours : peer : floor", "goal"];

/// The table, and below it what there is to say of each goal that was missed.
pub(super) fn write(rows: &[Row], figures: &Figures) -> String {
    let mut cells = vec![HEAD.map(str::to_owned)];
    let mut notes: Vec<&str> = Vec::new();
    for row in rows {
        let ours = figures.get(row.ours).copied();
        let beside = |beside: Option<Beside>| beside.and_then(|beside| figures.get(beside.id).copied());
        let (peer, floor) = (beside(row.peer), beside(row.floor));
        let (goals, missed) = goals(row, ours, peer, floor);
        let mut goals = goals;
        if missed && !row.why.is_empty() {
            let at = notes.iter().position(|note| *note == row.why).unwrap_or_else(|| {
                notes.push(row.why);
                notes.len() - 1
            });
            _ = write!(goals, " ({})", at + 1);
        }
        let named = |beside: Option<Beside>, value: Option<f64>| {
            beside.map_or("–".to_owned(), |beside| format!("{} {}", beside.label, shown(row.unit, value)))
        };
        cells.push([
            row.what.to_owned(),
            shown(row.unit, ours),
            named(row.peer, peer),
            named(row.floor, floor),
            ratios(ours, peer, floor),
            goals,
        ]);
    }
    let mut text = markdown(&cells);
    for (at, note) in notes.iter().enumerate() {
        _ = write!(text, "\n{}. {note}", at + 1);
    }
    text.push('\n');
    text
}

/// Ours is 1; `0.5` behind it is what takes half as long.
fn ratios(ours: Option<f64>, peer: Option<f64>, floor: Option<f64>) -> String {
    let Some(ours) = ours.filter(|_| peer.is_some() || floor.is_some()) else { return "–".to_owned() };
    let ratio = |other: Option<f64>| other.map_or("–".to_owned(), |other| short(other / ours));
    format!("1 : {} : {}", ratio(peer), ratio(floor))
}

/// The goals with what came of them, and whether one was missed.
fn goals(row: &Row, ours: Option<f64>, peer: Option<f64>, floor: Option<f64>) -> (String, bool) {
    let mut missed = false;
    let told = row.goals.iter().map(|goal| {
        let (wanted, bound, reached) = match *goal {
            Goal::AtMost(most) => (format!("≤ {}", shown(row.unit, Some(most))), Some(most), None),
            Goal::PerSecond(least) => {
                let amount = if let Unit::Bytes(bytes) = row.unit { bytes } else { 1.0 };
                let most = amount * 1e9 / least;
                (format!("≥ {}", rate(row.unit, most)), Some(most), None)
            }
            Goal::PeerTakes(least) => (
                format!("peer ≥ {} ×", short(least)),
                peer.map(|peer| peer / least),
                peer.zip(ours).map(|(peer, ours)| peer / ours),
            ),
            Goal::OfPeer(most) => (
                format!("≤ {} × peer", short(most)),
                peer.map(|peer| peer * most),
                peer.zip(ours).map(|(peer, ours)| ours / peer),
            ),
            Goal::OfFloor(most) => (
                format!("≤ {} × floor", short(most)),
                floor.map(|floor| floor * most),
                floor.zip(ours).map(|(floor, ours)| ours / floor),
            ),
            Goal::OverFloor(most) => {
                (format!("≤ floor + {}", shown(row.unit, Some(most))), floor.map(|floor| floor + most), None)
            }
        };
        let Some((ours, bound)) = ours.zip(bound) else { return format!("{wanted}: not measured") };
        let reached = reached.map_or(String::new(), |reached| format!(" at {}", short(reached)));
        if ours <= bound {
            format!("{wanted}: met{reached}")
        } else {
            missed = true;
            format!("{wanted}: **missed**{reached}")
        }
    });
    let told: Vec<String> = told.collect();
    (if told.is_empty() { "–".to_owned() } else { told.join("; ") }, missed)
}

/// A figure in its unit, with as many digits as mean something.
fn shown(unit: Unit, value: Option<f64>) -> String {
    let Some(value) = value else { return "not measured".to_owned() };
    match unit {
        Unit::Messages | Unit::Bytes(_) => rate(unit, value),
        Unit::Memory => format!("{} MB", short(value / 1e6)),
        Unit::TimeOf(count) => shown(Unit::Time, Some(value / count)),
        Unit::Time => match value {
            value if value < 1e3 => format!("{} ns", short(value)),
            value if value < 1e6 => format!("{} µs", short(value / 1e3)),
            value if value < 1e9 => format!("{} ms", short(value / 1e6)),
            value => format!("{} s", short(value / 1e9)),
        },
    }
}

/// How much a second, of what takes so many nanoseconds.
fn rate(unit: Unit, nanoseconds: f64) -> String {
    let (amount, noun) = match unit {
        Unit::Bytes(bytes) => (bytes, "B/s"),
        _ => (1.0, "/s"),
    };
    let value = amount * 1e9 / nanoseconds;
    match value {
        value if value >= 1e9 => format!("{} G{noun}", short(value / 1e9)),
        value if value >= 1e6 => format!("{} M{noun}", short(value / 1e6)),
        value => format!("{} k{noun}", short(value / 1e3)),
    }
}

/// Three digits that count.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        value if value >= 0.0995 => 2,
        value if value >= 0.00995 => 3,
        _ => 5,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn markdown<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        for (cell, &width) in row.iter().zip(&widths) {
            _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if at == 0 {
            for &width in &widths {
                _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}

/// The document with what stands between the two markers replaced; `None` when they are not there, once and in order.
pub(super) fn replace(document: &str, between: &str) -> Option<String> {
    let (head, rest) = document.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    (!tail.contains(BEGIN) && !tail.contains(END))
        .then(|| format!("{head}{BEGIN}\n\n{}\n\n{END}{tail}", between.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Option<Beside> = Some(Beside { label: "git", id: "peer" });
    const FLOOR: Option<Beside> = Some(Beside { label: "lstat", id: "floor" });

    fn row(goals: &'static [Goal]) -> Row {
        Row { what: "a look", ours: "ours", peer: PEER, floor: FLOOR, unit: Unit::Time, goals, why: "It is." }
    }

    fn figures(ours: f64, peer: f64, floor: f64) -> Figures {
        Figures::from([("ours".into(), ours), ("peer".into(), peer), ("floor".into(), floor)])
    }

    #[test]
    fn a_row_is_written_with_its_ratios_and_goals() {
        let text = write(&[row(&[Goal::OfPeer(0.5), Goal::AtMost(3e6)])], &figures(2e6, 5e6, 1e6));
        let expected = "\
| what   | ours | peer     | floor      | ours : peer : floor | goal                                  |
|--------|------|----------|------------|---------------------|---------------------------------------|
| a look | 2 ms | git 5 ms | lstat 1 ms | 1 : 2.5 : 0.5       | ≤ 0.5 × peer: met at 0.4; ≤ 3 ms: met |

";
        assert_eq!(text.trim_end(), expected.trim_end());
    }

    #[test]
    fn a_missed_goal_is_said_and_explained_once() {
        let rows = [row(&[Goal::OfFloor(1.5)]), row(&[Goal::OverFloor(1e6)])];
        let text = write(&rows, &figures(4e6, 5e6, 1e6));
        assert!(text.contains("≤ 1.5 × floor: **missed** at 4 (1)"), "{text}");
        assert!(text.contains("≤ floor + 1 ms: **missed** (1)"), "{text}");
        assert!(text.ends_with("\n1. It is.\n"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let text = write(&[row(&[Goal::OfPeer(0.5)])], &Figures::from([("ours".into(), 12.0)]));
        assert!(text.contains("| 12 ns | git not measured | lstat not measured | –"), "{text}");
        assert!(text.contains("≤ 0.5 × peer: not measured"), "{text}");
        assert!(!text.contains("It is."), "{text}");
    }

    #[test]
    fn bounds_a_second_are_those_of_what_is_counted() {
        let check = |unit, least: &'static [Goal], ours: f64, expected: &str| {
            let row = Row { unit, ..row(least) };
            let (told, _) = goals(&row, Some(ours), Some(8.0 * ours), None);
            assert_eq!(told, expected);
        };
        check(Unit::Bytes(50e6), &[Goal::PerSecond(1e9)], 10e6, "≥ 1 GB/s: met");
        check(Unit::Bytes(50e6), &[Goal::PerSecond(1e9)], 60e6, "≥ 1 GB/s: **missed**");
        check(Unit::Messages, &[Goal::PerSecond(2.5e6)], 390.0, "≥ 2.5 M/s: met");
        check(Unit::Time, &[Goal::PeerTakes(10.0)], 80.0, "peer ≥ 10 ×: **missed** at 8");
        check(Unit::Time, &[Goal::PeerTakes(7.5)], 80.0, "peer ≥ 7.5 ×: met at 8");
    }

    #[test]
    fn figures_are_short() {
        let check = |unit, value: f64, expected: &str| assert_eq!(shown(unit, Some(value)), expected);
        check(Unit::Time, 7.654, "7.65 ns");
        check(Unit::Time, 99_960.0, "100 µs");
        check(Unit::Time, 50_812_000.0, "50.8 ms");
        check(Unit::Time, 3.6e9, "3.6 s");
        check(Unit::TimeOf(1000.0), 88_000.0, "88 ns");
        check(Unit::Messages, 322.0, "3.11 M/s");
        check(Unit::Messages, 2500.0, "400 k/s");
        check(Unit::Bytes(5e7), 5e6, "10 GB/s");
        check(Unit::Memory, 6.4e6, "6.4 MB");
        assert_eq!(short(0.0001), "0.0001");
        assert_eq!(short(0.012_34), "0.012");
    }

    #[test]
    fn the_document_keeps_what_is_around_the_markers() {
        let document = format!("# A\n\n{BEGIN}\nold\n{END}\n\nmore\n");
        let once = replace(&document, "new\n").unwrap();
        assert_eq!(once, format!("# A\n\n{BEGIN}\n\nnew\n\n{END}\n\nmore\n"));
        assert_eq!(replace(&once, "new").unwrap(), once);
        assert_eq!(replace("# A\n", "new"), None);
        assert_eq!(replace(&format!("{END}{BEGIN}"), "new"), None);
        assert_eq!(replace(&format!("{document}{document}"), "new"), None);
    }
}
