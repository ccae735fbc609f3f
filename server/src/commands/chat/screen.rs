//! Prints a chat: text as it is, everything else dimmed. In a pipe it prints only the text.

use std::io::{IsTerminal as _, Result, Write as _, stdout};

/// Standard output.
pub(super) struct Screen {
    /// Whether standard output is a terminal. Otherwise only the text of responses is printed.
    is_terminal: bool,
    /// Whether to use colors. <https://no-color.org/>
    has_colors: bool,
    /// Whether the last character was not a line end.
    line_is_open: bool,
}

const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

impl Screen {
    pub(super) fn new() -> Self {
        let is_terminal = stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_terminal, has_colors: is_terminal && !no_color, line_is_open: false }
    }

    /// Prints a fragment of the response's text.
    pub(super) fn print_text(&mut self, text: &str) -> Result<()> {
        let text = if self.is_terminal { without_control_characters(text) } else { text.to_owned() };
        self.print(&text)
    }

    /// Prints a fragment of the model's reasoning.
    pub(super) fn print_reasoning(&mut self, text: &str) -> Result<()> {
        self.print_dimmed(&without_control_characters(text))
    }

    /// Prints a line about the conversation, for example the usage.
    pub(super) fn print_note(&mut self, note: &str) -> Result<()> {
        self.end_line()?;
        self.print_dimmed(&without_control_characters(note))?;
        self.end_line()
    }

    /// Starts a new line, if text is on the current one.
    pub(super) fn end_line(&mut self) -> Result<()> {
        if self.line_is_open { self.print("\n") } else { Ok(()) }
    }

    fn print_dimmed(&mut self, text: &str) -> Result<()> {
        match (self.is_terminal, self.has_colors) {
            (false, _) => Ok(()),
            (true, true) => self.print(&format!("{DIM}{text}{RESET}")),
            (true, false) => self.print(text),
        }
    }

    /// Prints and flushes, so that a stream is visible while it arrives.
    fn print(&mut self, text: &str) -> Result<()> {
        if let Some(last) = text.chars().last() {
            self.line_is_open = last != '\n';
        }
        let mut stdout = stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

/// Removes control characters, so that a model cannot control the terminal.
fn without_control_characters(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_removed_and_line_ends_are_kept() {
        assert_eq!(without_control_characters("a\x1b[31mb\n\tc\u{9b}d\r"), "a[31mb\n\tcd");
    }
}
