//! Plots as inline SVG: lines over time or over quantiles.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;

/// One line: its name and its points.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// What stands below and beside the lines.
pub(super) struct Axes<'a> {
    pub(super) below: &'a [(f64, String)],
    pub(super) unit: &'a str,
    /// Powers of ten instead of equal steps.
    pub(super) is_log: bool,
}

/// Draws lines; nothing if there are no points.
pub(super) fn draw(lines: &[Line<'_>], axes: &Axes<'_>) -> String {
    let points = || lines.iter().flat_map(|line| line.points.iter());
    if points().count() < 2 {
        return String::from("<p class=\"none\">too short to draw</p>");
    }
    let scale = |value: f64| {
        if axes.is_log {
            value.max(0.01).log10()
        } else {
            value
        }
    };
    let min_x = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let max_x = points()
        .map(|point| point.0)
        .fold(f64::NEG_INFINITY, f64::max);
    let top = points()
        .map(|point| scale(point.1))
        .fold(f64::NEG_INFINITY, f64::max);
    let low = points()
        .map(|point| scale(point.1))
        .fold(f64::INFINITY, f64::min);
    let (low, top) = if axes.is_log {
        (low.floor(), top.ceil().max(low.floor() + 1.0))
    } else {
        (0.0, top.max(1e-9) * 1.05)
    };
    let x =
        |value: f64| LEFT + (value - min_x) / (max_x - min_x).max(1e-9) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| TOP + (top - value) / (top - low) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        axes.unit
    );
    for (value, label) in steps(low, top, axes.is_log) {
        let at = y(value);
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"beside\" x=\"{}\" y=\"{:.1}\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for (value, label) in axes.below {
        let _ = write!(
            svg,
            "<text class=\"below\" x=\"{:.1}\" y=\"{}\">{label}</text>",
            x(value.clamp(min_x, max_x)),
            HEIGHT - 8.0
        );
    }
    for (index, line) in lines.iter().enumerate() {
        let path: Vec<_> = line
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.0), y(scale(point.1))))
            .collect();
        let _ = write!(
            svg,
            "<polyline class=\"line-{index}\" points=\"{}\"><title>{}</title></polyline>",
            path.join(" "),
            line.name
        );
    }
    svg.push_str("</svg><p class=\"legend\">");
    for (index, line) in lines.iter().enumerate() {
        let _ = write!(svg, "<span class=\"line-{index}\">{}</span> ", line.name);
    }
    let _ = write!(svg, "({})</p>", axes.unit);
    svg
}

/// Where lines across the plot stand, with what they are called.
fn steps(low: f64, top: f64, is_log: bool) -> Vec<(f64, String)> {
    if is_log {
        let mut at = low;
        let mut steps = Vec::new();
        while at <= top + 1e-9 {
            steps.push((at, format!("{}", 10_f64.powf(at))));
            at += 1.0;
        }
        return steps;
    }
    let rough = (top - low) / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    (0..=5)
        .map(|index| low + step * f64::from(index))
        .filter(|value| *value <= top)
        .map(|value| (value, short(value)))
        .collect()
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.1}M", value / 1e6),
        value if value >= 1e3 => format!("{:.0}k", value / 1e3),
        value if value >= 10.0 || value == 0.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_holds_every_line_and_no_number_that_is_none() {
        for is_log in [false, true] {
            let lines = [
                Line {
                    name: "p50",
                    points: vec![(0.0, 0.0), (1.0, 0.0)],
                },
                Line {
                    name: "p99",
                    points: vec![(0.0, 3.0), (1.0, 900.0)],
                },
            ];
            let axes = Axes {
                below: &[(0.0, "start".to_owned())],
                unit: "ms",
                is_log,
            };
            let svg = draw(&lines, &axes);
            assert_eq!(svg.matches("<polyline").count(), 2);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn nothing_to_draw_says_so() {
        let axes = Axes {
            below: &[],
            unit: "ms",
            is_log: false,
        };
        assert!(draw(&[], &axes).contains("too short"));
    }
}
