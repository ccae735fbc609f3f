//! `bedrock-grpc chat`: a conversation with a model, in a terminal or as a filter.

mod conversation;
mod input;
mod screen;
mod slash_command;
mod turn;

use std::io::{IsTerminal as _, Read as _};

use bedrock_grpc_client::Client;
use bedrock_grpc_client::build::{tool_result_text, user};

use self::conversation::Conversation;
use self::input::{Input, Line};
use self::screen::Screen;
use self::slash_command::SlashCommand;
use self::turn::{TurnEnd, run_turn};
use super::connection::{CommandError, connect, print_error};
use crate::cli::ChatOptions;

/// Runs a chat until the user ends it, or one turn if there is a prompt or standard input is not a terminal.
pub(super) async fn chat(options: ChatOptions) -> Result<(), CommandError> {
    let mut conversation = Conversation::new(&options)?;
    let client = connect(&options.connection).await?;
    let mut screen = Screen::new();
    let stdin_is_terminal = std::io::stdin().is_terminal();
    if stdin_is_terminal && options.prompt.is_none() {
        return run_interactive(&client, conversation, Input::new(options.history)?, &mut screen).await;
    }
    let mut prompt = options.prompt.unwrap_or_default();
    if !stdin_is_terminal {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        prompt = [prompt.trim(), text.trim()].join("\n\n").trim().to_owned();
    }
    if prompt.is_empty() {
        return Err(CommandError::Usage("there is no prompt".into()));
    }
    conversation.push_user(prompt);
    match run_turn(&client, &mut conversation, &mut screen).await? {
        TurnEnd::Finished | TurnEnd::Stopped => Ok(()),
        TurnEnd::ToolsRequested(_) => {
            Err(CommandError::Usage("the model requests a tool; use an interactive chat".into()))
        }
    }
}

async fn run_interactive(
    client: &Client,
    mut conversation: Conversation,
    mut input: Input,
    screen: &mut Screen,
) -> Result<(), CommandError> {
    screen.print_note(&format!("{}. /help lists the commands. Ctrl-D ends the chat.", conversation.model()))?;
    loop {
        let text = match input.read("> ").await? {
            Line::Text(text) if text.trim().is_empty() => continue,
            Line::Text(text) => text,
            Line::Interrupted => continue,
            Line::End => return input.save(),
        };
        if let Some(command) = SlashCommand::parse(&text) {
            match command.and_then(|command| command.run(&mut conversation, screen)) {
                Ok(true) => {}
                Ok(false) => return input.save(),
                Err(error) => print_error(&error),
            }
            continue;
        }
        conversation.push_user(text);
        converse(client, &mut conversation, &mut input, screen).await?;
    }
}

/// Runs turns until the model requests no tool. The user gives the results of tools.
async fn converse(
    client: &Client,
    conversation: &mut Conversation,
    input: &mut Input,
    screen: &mut Screen,
) -> Result<(), CommandError> {
    loop {
        match run_turn(client, conversation, screen).await {
            Ok(TurnEnd::Finished | TurnEnd::Stopped) => return Ok(()),
            Ok(TurnEnd::ToolsRequested(calls)) => {
                let mut results = Vec::new();
                for call in calls {
                    let Line::Text(result) = input.read(&format!("result of {}> ", call.name)).await? else {
                        conversation.remove_last_turn();
                        return Ok(());
                    };
                    results.push(tool_result_text(call.id, result));
                }
                conversation.push(user(results));
            }
            Err(error @ CommandError::Call(_)) => {
                print_error(&error);
                // The prompt can be sent again with the key for the previous line.
                conversation.remove_last_turn();
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}
