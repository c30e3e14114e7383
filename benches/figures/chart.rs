//! Chart of delays by number of agents, with logarithmic scales on both axes.

use std::fmt::Write;

/// A way of waiting: its name and the median delay in milliseconds by number of agents.
pub struct Series {
    pub name: &'static str,
    pub points: Vec<(u32, f64)>,
}

const COLOURS: [&str; 4] = ["#1a7f37", "#0969da", "#9a6700", "#cf222e"];
// Edges of the plot area within the image.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 450.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 300.0;
/// Range of the delays, in powers of ten of a millisecond.
const POWERS: (i32, i32) = (-2, 4);

/// Renders the chart as SVG.
pub fn svg(title: &str, below: &str, series: &[Series]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 360\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>{title}</title>\n<rect width=\"640\" height=\"360\" fill=\"white\"/>\n"
    );
    for power in POWERS.0..=POWERS.1 {
        let (y, name) = (y(10f64.powi(power)), 10f64.powi(power));
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#d0d7de\"/>\
             <text x=\"62\" y=\"{:.1}\" text-anchor=\"end\">{name} ms</text>",
            y + 4.0
        );
    }
    for (agents, _) in series.first().map(|one| one.points.as_slice()).unwrap_or_default() {
        let x = x(*agents);
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"320\" text-anchor=\"middle\">{agents}</text>");
    }
    let middle = (LEFT + RIGHT) / 2.0;
    let _ = writeln!(svg, "<text x=\"{middle}\" y=\"345\" text-anchor=\"middle\">{below}</text>");
    let mut names = Vec::new();
    for (one, colour) in series.iter().zip(COLOURS) {
        let places: Vec<_> =
            one.points.iter().map(|(agents, delay)| (x(*agents), y(*delay))).collect();
        let line: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for (x, y) in &places {
            let _ =
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        names.extend(places.last().map(|(x, y)| (x + 8.0, y + 4.0, one.name, colour)));
    }
    // From top to bottom, so that no label overlaps another.
    names.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut above = f64::NEG_INFINITY;
    for (x, y, name, colour) in names {
        above = y.max(above + 15.0);
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{above:.1}\" fill=\"{colour}\">{name}</text>");
    }
    svg + "</svg>\n"
}

/// Returns the x coordinate of a number of agents, from 10 to 10 000.
fn x(agents: u32) -> f64 {
    LEFT + (RIGHT - LEFT) * (f64::from(agents).log10() - 1.0) / 3.0
}

fn y(delay: f64) -> f64 {
    let (least, most) = (f64::from(POWERS.0), f64::from(POWERS.1));
    BOTTOM - (BOTTOM - TOP) * (delay.log10() - least) / (most - least)
}
