//! The commands of a chat, for example `/model`.

use std::path::{Path, PathBuf};

use super::conversation::Conversation;
use super::screen::Screen;
use crate::commands::connection::CommandError;

/// A command of the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SlashCommand {
    Help,
    /// Shows or sets the model.
    Model(Option<String>),
    /// Shows or sets the system prompt. `/system -` removes it.
    System(Option<String>),
    Save(PathBuf),
    Load(PathBuf),
    Clear,
    Quit,
}

const HELP: &str = "\
/model [ID]      show or set the model
/system [TEXT]   show or set the system prompt; /system - removes it
/save FILE       save the conversation as a request of ConverseStream
/load FILE       continue a saved conversation
/clear           start a new conversation
/quit            end the chat; so does Ctrl-D
A line that ends with \\ continues on the next line. Ctrl-C stops a response.";

impl SlashCommand {
    /// Parses a line. `None` if it is not a command.
    pub(super) fn parse(line: &str) -> Option<Result<Self, CommandError>> {
        let line = line.trim();
        let (name, argument) = line.strip_prefix('/')?.split_once(char::is_whitespace).unwrap_or((&line[1..], ""));
        let argument = (!argument.trim().is_empty()).then(|| argument.trim().to_owned());
        let file = |argument: Option<String>| {
            argument.map(PathBuf::from).ok_or_else(|| CommandError::Usage(format!("/{name} needs a file")))
        };
        Some(match name {
            "help" => Ok(Self::Help),
            "model" => Ok(Self::Model(argument)),
            "system" => Ok(Self::System(argument)),
            "save" => file(argument).map(Self::Save),
            "load" => file(argument).map(Self::Load),
            "clear" => Ok(Self::Clear),
            "quit" | "exit" => Ok(Self::Quit),
            _ => Err(CommandError::Usage(format!("there is no command /{name}; /help lists the commands"))),
        })
    }

    /// Runs the command. Returns false if the chat ends.
    pub(super) fn run(self, conversation: &mut Conversation, screen: &mut Screen) -> Result<bool, CommandError> {
        match self {
            Self::Help => screen.print_note(HELP)?,
            Self::Model(None) => screen.print_note(conversation.model())?,
            Self::Model(Some(model)) => conversation.set_model(model),
            Self::System(None) => screen.print_note(&conversation.system())?,
            Self::System(Some(text)) => conversation.set_system(if text == "-" { "" } else { &text }),
            Self::Save(path) => {
                conversation.save(&path)?;
                print_path(screen, "saved", &path)?;
            }
            Self::Load(path) => {
                conversation.load(&path)?;
                print_path(screen, "loaded", &path)?;
            }
            Self::Clear => conversation.clear(),
            Self::Quit => return Ok(false),
        }
        Ok(true)
    }
}

fn print_path(screen: &mut Screen, what: &str, path: &Path) -> std::io::Result<()> {
    screen.print_note(&format!("{what} {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_parsed_with_their_arguments() {
        let parse = |line| SlashCommand::parse(line).map(|command| command.map_err(|error| error.to_string()));
        assert_eq!(parse("hello /model"), None);
        assert_eq!(parse("/model"), Some(Ok(SlashCommand::Model(None))));
        assert_eq!(parse(" /system  Be brief. "), Some(Ok(SlashCommand::System(Some("Be brief.".to_owned())))));
        assert_eq!(parse("/save a b.json"), Some(Ok(SlashCommand::Save("a b.json".into()))));
        assert_eq!(parse("/load"), Some(Err("/load needs a file".to_owned())));
        assert_eq!(parse("/modle x"), Some(Err("there is no command /modle; /help lists the commands".to_owned())));
    }
}
