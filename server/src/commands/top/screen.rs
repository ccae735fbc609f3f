//! The view in a terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table};

use super::line::to_seconds;
use super::view::{Row, View};

/// The result of the last scrape.
pub(super) enum Outcome {
    /// The first scrape has no rates yet.
    Waiting,
    /// The rates.
    View(Box<View>),
    /// The admin port cannot be read.
    Failed(String),
}

/// Draws a frame: the numbers of the gateway, its models and its callers.
pub(super) fn draw(frame: &mut Frame<'_>, address: &str, outcome: &Outcome) {
    let [head, summary, models, callers, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(4),
        Constraint::Fill(2),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(Line::styled(format!("bedrock-grpc {address}"), bold), head);
    frame.render_widget(Line::raw("q quits"), foot);
    match outcome {
        Outcome::Waiting => frame.render_widget(Paragraph::new("reading..."), summary),
        Outcome::Failed(error) => frame.render_widget(Paragraph::new(error.as_str()), summary),
        Outcome::View(view) => {
            frame.render_widget(Paragraph::new(summarize(&view.total)), summary);
            draw_table(frame, models, "model", &view.models, true);
            draw_table(frame, callers, "caller", &view.callers, false);
        }
    }
}

/// The lines above the tables.
fn summarize(total: &Row) -> String {
    format!(
        "\ncalls/s {:.1}   failed/s {:.1}   rejected/s {:.1}   in flight {:.0}\n\
         tokens/s {:.0} in, {:.0} out   first event p50 {} p99 {}   dollars/h {:.2}\n",
        total.calls,
        total.failed,
        total.rejected,
        total.in_flight.unwrap_or_default(),
        total.input_tokens,
        total.output_tokens,
        to_seconds(total.first_event_p50),
        to_seconds(total.first_event_p99),
        total.dollars_per_hour,
    )
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, title: &str, rows: &[Row], has_first_event: bool) {
    let mut titles = vec![title, "calls/s", "failed/s", "rejected/s", "running", "tokens in/s", "out/s", "$/h"];
    let mut widths = vec![Constraint::Fill(1)];
    widths.extend([8, 8, 10, 8, 11, 8, 9].map(Constraint::Length));
    if has_first_event {
        titles.extend(["p50", "p99"]);
        widths.extend([9, 9].map(Constraint::Length));
    }
    let to_cells = |row: &Row| {
        let name = if row.name.is_empty() { "(none)" } else { &row.name };
        let mut numbers = vec![
            format!("{:.1}", row.calls),
            format!("{:.1}", row.failed),
            format!("{:.1}", row.rejected),
            row.in_flight.map_or_else(|| "-".to_owned(), |count| format!("{count:.0}")),
            format!("{:.0}", row.input_tokens),
            format!("{:.0}", row.output_tokens),
            format!("{:.2}", row.dollars_per_hour),
        ];
        if has_first_event {
            numbers.extend([to_seconds(row.first_event_p50), to_seconds(row.first_event_p99)]);
        }
        let numbers = numbers.into_iter().map(|number| Cell::from(Line::from(number).right_aligned()));
        TableRow::new(std::iter::once(Cell::from(name.to_owned())).chain(numbers))
    };
    let (name, numbers) = (titles[0], &titles[1..]);
    let numbers = numbers.iter().map(|title| Cell::from(Line::from(*title).right_aligned()));
    let titles = std::iter::once(Cell::from(name)).chain(numbers);
    let header = TableRow::new(titles).style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_widget(Table::new(rows.iter().map(to_cells), widths).header(header), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn text_of(outcome: &Outcome) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 16)).unwrap();
        terminal.draw(|frame| draw(frame, "127.0.0.1:9901", outcome)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn screen_has_the_gateway_its_models_and_its_callers() {
        let model = Row { name: "chat".to_owned(), calls: 2.5, first_event_p99: Some(1.25), ..Row::default() };
        let caller = Row { name: "web".to_owned(), rejected: 7.0, in_flight: Some(4.0), ..Row::default() };
        let total = Row { calls: 2.5, output_tokens: 99.0, ..Row::default() };
        let view = View { total, models: vec![model], callers: vec![caller] };
        insta::assert_snapshot!(text_of(&Outcome::View(Box::new(view))));
    }

    #[test]
    fn screen_has_the_error_of_a_port_that_cannot_be_read() {
        let text = text_of(&Outcome::Failed("admin port 127.0.0.1:9901: connection refused".to_owned()));
        assert!(text.contains("connection refused") && text.contains("q quits"), "{text}");
    }
}
