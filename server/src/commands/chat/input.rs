//! Reads lines from the terminal, with editing and history.

use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};

use crate::commands::connection::CommandError;

/// A line editor.
pub(super) struct Input {
    /// `None` only while a line is read on another thread.
    editor: Option<Editor<(), FileHistory>>,
    history: Option<PathBuf>,
}

/// What the user entered.
pub(super) enum Line {
    /// A text. It has several lines if the user ended lines with a backslash or pasted them.
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D.
    End,
}

/// Lines that the history keeps.
const HISTORY_LINES: usize = 1000;

impl Input {
    /// Opens the editor, with the history of a file if there is one.
    pub(super) fn new(history: Option<PathBuf>) -> Result<Self, CommandError> {
        let builder = Config::builder().max_history_size(HISTORY_LINES).map_err(to_command_error)?;
        let config = builder.auto_add_history(true).bracketed_paste(true).build();
        let mut editor = Editor::with_config(config).map_err(to_command_error)?;
        if let Some(path) = history.as_deref().filter(|path| path.exists()) {
            editor.load_history(path).map_err(to_command_error)?;
        }
        Ok(Self { editor: Some(editor), history })
    }

    /// Reads a text. A line that ends with a backslash continues on the next line.
    pub(super) async fn read(&mut self, prompt: &str) -> Result<Line, CommandError> {
        let mut text = String::new();
        let mut prompt = prompt.to_owned();
        loop {
            match self.read_line(prompt).await {
                Ok(line) => match line.strip_suffix('\\') {
                    Some(start) => text.extend([start, "\n"]),
                    None => return Ok(Line::Text(text + &line)),
                },
                Err(ReadlineError::Interrupted) => return Ok(Line::Interrupted),
                Err(ReadlineError::Eof) => return Ok(Line::End),
                Err(error) => return Err(to_command_error(error)),
            }
            prompt = ". ".to_owned();
        }
    }

    /// Reads one line on a thread that may block.
    async fn read_line(&mut self, prompt: String) -> Result<String, ReadlineError> {
        let Some(mut editor) = self.editor.take() else { return Err(ReadlineError::Eof) };
        let read = tokio::task::spawn_blocking(move || (editor.readline(&prompt), editor));
        let (line, editor) = read.await.map_err(|_| ReadlineError::Eof)?;
        self.editor = Some(editor);
        line
    }

    /// Saves the history, if it has a file.
    pub(super) fn save(&mut self) -> Result<(), CommandError> {
        match (&mut self.editor, &self.history) {
            (Some(editor), Some(path)) => editor.save_history(path).map_err(to_command_error),
            _ => Ok(()),
        }
    }
}

fn to_command_error(error: ReadlineError) -> CommandError {
    CommandError::Io(std::io::Error::other(error))
}
