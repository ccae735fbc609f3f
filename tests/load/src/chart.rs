//! Charts as SVG, drawn without a library: a handful of lines, bars and texts.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 72.0;
const BOTTOM: f64 = 48.0;

/// Blue, orange, grey, light grey. Readers who cannot distinguish red and green can distinguish these.
const COLORS: [&str; 4] = ["#1f5fa8", "#d9722a", "#6b7280", "#b6bcc6"];

/// Groups of two bars.
pub(crate) struct Bars {
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) series: [&'static str; 2],
    pub(crate) bars: Vec<(&'static str, [f64; 2])>,
}

/// Lines over numbers or categories.
pub(crate) struct Lines {
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    pub(crate) unit: &'static str,
    /// The labels below the points, if the x values are indices.
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) series: Vec<(&'static str, Vec<(f64, f64)>)>,
}

/// An SVG with the axis up to `most`.
struct Canvas {
    svg: String,
    most: f64,
}

impl Canvas {
    fn new(title: &str, unit: &str, series: &[&str], most: f64) -> Self {
        let step = step(most);
        let most = (most / step).ceil() * step;
        let mut canvas = Self { svg: String::new(), most };
        let _ = write!(
            canvas.svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"13\" role=\"img\" aria-label=\"{title}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        canvas.text(LEFT, 26.0, "start", &format!("<tspan font-size=\"16\" font-weight=\"bold\">{title}</tspan>"));
        let mut x = LEFT;
        for (name, color) in series.iter().zip(COLORS) {
            let _ = writeln!(canvas.svg, "<rect x=\"{x}\" y=\"40\" width=\"12\" height=\"12\" fill=\"{color}\"/>");
            canvas.text(x + 18.0, 51.0, "start", name);
            x += 40.0 + name.len() as f64 * 7.0;
        }
        let mut value = 0.0;
        while value <= most + step / 2.0 {
            let y = canvas.y(value);
            let _ = writeln!(
                canvas.svg,
                "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#e3e6ea\"/>",
                WIDTH - RIGHT
            );
            canvas.text(LEFT - 8.0, y + 4.0, "end", &number(value));
            value += step;
        }
        canvas.text(LEFT - 8.0, TOP - 14.0, "end", unit);
        canvas
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.most * (HEIGHT - TOP - BOTTOM)
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let _ = writeln!(
            self.svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#24292f\">{text}</text>"
        );
    }

    fn end(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

impl Bars {
    /// The chart as SVG.
    pub(crate) fn draw(&self) -> String {
        let most = self.bars.iter().flat_map(|(_, values)| values).fold(0.0_f64, |most, value| most.max(*value));
        let mut canvas = Canvas::new(self.title, self.unit, &self.series, most);
        let group = (WIDTH - LEFT - RIGHT) / self.bars.len() as f64;
        for (index, (name, values)) in self.bars.iter().enumerate() {
            let middle = LEFT + group * (index as f64 + 0.5);
            for (bar, (value, color)) in values.iter().zip(COLORS).enumerate() {
                let (x, y) = (middle + (bar as f64 - 1.0) * 58.0 + 3.0, canvas.y(*value));
                let height = HEIGHT - BOTTOM - y;
                let _ = writeln!(
                    canvas.svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"52\" height=\"{height:.1}\" fill=\"{color}\"/>"
                );
                canvas.text(x + 26.0, y - 6.0, "middle", &format!("{value:.2}"));
            }
            canvas.text(middle, HEIGHT - BOTTOM + 22.0, "middle", name);
        }
        canvas.end()
    }
}

impl Lines {
    /// The chart as SVG.
    pub(crate) fn draw(&self) -> String {
        let points = || self.series.iter().flat_map(|(_, points)| points);
        let most = points().fold(0.0_f64, |most, point| most.max(point.1));
        let widest = points().fold(1.0_f64, |widest, point| widest.max(point.0));
        let names: Vec<&str> = self.series.iter().map(|(name, _)| *name).collect();
        let mut canvas = Canvas::new(self.title, self.unit, &names, most);
        let x = |value: f64| LEFT + 24.0 + value / widest * (WIDTH - LEFT - RIGHT - 64.0);
        for ((_, points), color) in self.series.iter().zip(COLORS) {
            let path: Vec<_> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), canvas.y(p.1))).collect();
            let _ = writeln!(
                canvas.svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2.5\"/>",
                path.join(" ")
            );
            for point in points {
                let (cx, cy) = (x(point.0), canvas.y(point.1));
                let _ = writeln!(canvas.svg, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4\" fill=\"{color}\"/>");
            }
        }
        if let Some((_, points)) = self.series.first() {
            for point in points {
                let category = self.categories.as_ref().and_then(|names| names.get(point.0 as usize)).cloned();
                canvas.text(x(point.0), HEIGHT - BOTTOM + 20.0, "middle", &category.unwrap_or_else(|| number(point.0)));
                canvas.text(x(point.0), canvas.y(point.1) - 10.0, "middle", &number(point.1));
            }
        }
        canvas.text(WIDTH - RIGHT, HEIGHT - 10.0, "end", self.x);
        canvas.end()
    }
}

/// The distance between two lines of the axis: 1, 2 or 5 times a power of ten, so that there are at most six lines.
fn step(most: f64) -> f64 {
    let most = if most > 0.0 { most } else { 1.0 };
    let power = 10_f64.powf((most / 6.0).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|step| most / step <= 6.0).unwrap_or(10.0 * power)
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_at_most_six_round_steps() {
        assert_eq!([step(1.6), step(146.0), step(0.7), step(6.0)].map(number), ["0.5", "50", "0.2", "1"]);
    }

    #[test]
    fn a_chart_has_a_point_and_a_label_for_each_value() {
        let svg = Lines {
            title: "t",
            x: "streams",
            unit: "ms",
            categories: None,
            series: vec![("a", vec![(0.0, 1.5), (10.0, 3.25)])],
        }
        .draw();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains(">3.25<") && svg.ends_with("</svg>\n"));
    }
}
