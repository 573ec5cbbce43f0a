//! A screen as a picture: the text in a window, as SVG that needs nothing from elsewhere.

use std::fmt::Write as _;

/// Columns of the screen; longer lines go on below, as they would in a terminal.
const COLUMNS: usize = 100;
const CHARACTER: f64 = 8.4;
const LINE: usize = 19;
const MARGIN: usize = 16;
const BAR: usize = 32;

pub(super) fn draw(name: &str, text: &str) -> String {
    let lines: Vec<(bool, String)> = text.lines().flat_map(wrapped).collect();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "columns are few"
    )]
    let width = 2 * MARGIN + (COLUMNS as f64 * CHARACTER) as usize;
    let height = BAR + 2 * MARGIN + lines.len() * LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"A terminal: {name}\">\n\
         <style>text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d8dee9;\
         white-space:pre}}.asked{{fill:#a3be8c;font-weight:600}}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#20242c\"/>\n"
    );
    for (index, colour) in ["#bf616a", "#ebcb8b", "#a3be8c"].into_iter().enumerate() {
        let x = MARGIN + 6 + index * 20;
        let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{}\" r=\"6\" fill=\"{colour}\"/>", BAR / 2 + 2);
    }
    for (index, (asked, line)) in lines.iter().enumerate().filter(|(_, (_, line))| !line.is_empty()) {
        let y = BAR + MARGIN + (index + 1) * LINE - 5;
        let class = if *asked { " class=\"asked\"" } else { "" };
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\"{class} xml:space=\"preserve\">{}</text>",
            escaped(line)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line in pieces that fit, and whether it is one that somebody typed.
fn wrapped(line: &str) -> Vec<(bool, String)> {
    let asked = line.starts_with("$ ");
    let characters: Vec<char> = line.chars().collect();
    let pieces = characters.chunks(COLUMNS).map(|piece| (asked, piece.iter().collect()));
    let pieces: Vec<_> = pieces.collect();
    if pieces.is_empty() { vec![(false, String::new())] } else { pieces }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_drawn_line_by_line() {
        let svg = draw("x", "$ a <b>\n\nc & d\n");
        assert!(svg.contains("class=\"asked\" xml:space=\"preserve\">$ a &lt;b&gt;</text>"), "{svg}");
        assert!(svg.contains(">c &amp; d</text>"), "{svg}");
        assert_eq!(svg.matches("<text").count(), 2);
    }

    #[test]
    fn long_lines_go_on_below() {
        let pieces = wrapped(&"é".repeat(COLUMNS + 1));
        assert_eq!(pieces.iter().map(|(_, piece)| piece.chars().count()).collect::<Vec<_>>(), [COLUMNS, 1]);
        assert_eq!(wrapped(""), [(false, String::new())]);
    }
}
