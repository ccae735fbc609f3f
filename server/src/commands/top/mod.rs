//! `bedrock-grpc top`: what a gateway does now, from its admin port.

mod admin_client;
mod exposition;
mod line;
mod screen;
mod snapshot;
mod view;

use std::collections::VecDeque;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::SystemTime;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

pub(super) use self::admin_client::AdminClient;
use self::line::{to_json_line, to_line};
use self::screen::{Outcome, draw};
use self::snapshot::Snapshot;
use self::view::View;
use super::connection::{CommandError, print_error};
use crate::cli::TopOptions;

/// The number of scrapes over which quantiles are computed. Too few streams begin within one interval.
const WINDOW: usize = 10;

/// The last scrapes.
#[derive(Default)]
struct History(VecDeque<Snapshot>);

impl History {
    /// Adds a scrape, and returns the view if there was one before.
    fn push(&mut self, now: Snapshot) -> Option<View> {
        let view = match (self.0.front(), self.0.back()) {
            (Some(oldest), Some(before)) => Some(View::new(oldest, before, &now)),
            _ => None,
        };
        self.0.push_back(now);
        if self.0.len() > WINDOW {
            self.0.pop_front();
        }
        view
    }
}

/// Runs the command: a screen in a terminal, lines in a pipe.
///
/// # Errors
/// When the address is wrong, the terminal fails, or the first scrape in a pipe fails.
pub(super) async fn top(options: TopOptions) -> Result<(), CommandError> {
    let client = AdminClient::new(&options.address, options.token.clone())?;
    if stdout().is_terminal() && !options.json && options.count.is_none() {
        show_screen(&client, &options).await
    } else {
        print_lines(&client, &options).await
    }
}

/// Prints a line for each interval, until `--count` lines are printed or nobody reads them.
async fn print_lines(client: &AdminClient, options: &TopOptions) -> Result<(), CommandError> {
    let mut history = History::default();
    history.push(client.read_snapshot().await?);
    let mut ticks = interval(options.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut printed = 0;
    while options.count.is_none_or(|count| printed < count) {
        ticks.tick().await;
        let view = match client.read_snapshot().await {
            Ok(snapshot) => history.push(snapshot),
            Err(error) => {
                print_error(&error);
                continue;
            }
        };
        let Some(view) = view else { continue };
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let line = if options.json { to_json_line(&time, &view) } else { to_line(&time, &view) };
        match writeln!(stdout().lock(), "{line}").and_then(|()| stdout().flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            outcome => outcome?,
        }
        printed += 1;
    }
    Ok(())
}

/// Shows the screen until the user ends it.
async fn show_screen(client: &AdminClient, options: &TopOptions) -> Result<(), CommandError> {
    let mut terminal = ratatui::try_init()?;
    let mut input = read_input();
    let mut history = History::default();
    let mut outcome = Outcome::Waiting;
    let mut ticks = interval(options.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = loop {
        if let Err(error) = terminal.draw(|frame| draw(frame, &options.address, &outcome)) {
            break Err(error.into());
        }
        tokio::select! {
            _ = ticks.tick() => match client.read_snapshot().await {
                Ok(snapshot) => {
                    if let Some(view) = history.push(snapshot) {
                        outcome = Outcome::View(Box::new(view));
                    }
                }
                Err(error) => outcome = Outcome::Failed(error.to_string()),
            },
            event = input.recv() => match event {
                Some(event) if !is_end(&event) => {}
                _ => break Ok(()),
            },
        }
    };
    ratatui::try_restore()?;
    ended
}

/// The events of the terminal. They are read on a separate thread, because a read blocks.
fn read_input() -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Whether the user ends the program: `q`, Escape or Ctrl-C.
fn is_end(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    let is_control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (is_control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}
