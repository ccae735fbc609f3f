//! Families that take one text and continue it. They differ in names only, so each is a row of [`families`].

mod families;

use serde_json::{Value, json};

use super::conversation::{Conversation, Limits};
use super::dialect::{Dialect, Finish, Said};
use super::input::Input;
use crate::converse::pieces;
use crate::exception::Exception;
use crate::tokens;

pub(crate) use families::{CLAUDE, COMMAND, COMMAND_R, DEEPSEEK, JURASSIC, LLAMA, MISTRAL, TITAN};

/// How a family names things.
pub(crate) struct Prompted {
    /// The member that holds the prompt.
    prompt: &'static str,
    /// An object that holds the limits; none: they are members of the body.
    config: Option<&'static str>,
    max_tokens: &'static str,
    stop: Option<&'static str>,
    /// Members that have to be there besides the prompt.
    required: &'static [&'static str],
    /// A role mark that the prompt has to end in, and that is none of the user's words.
    turn_mark: Option<(&'static str, &'static str)>,
    answer: fn(&Continuation<'_>) -> Value,
    chunk: Option<fn(&Continuation<'_>, &Piece<'_>) -> Value>,
}

/// A whole answer.
struct Continuation<'a> {
    said: &'a Said<'a>,
    prompt: String,
    text: String,
    input_tokens: usize,
    output_tokens: usize,
}

/// A part of an answer that streams.
struct Piece<'a> {
    text: &'a str,
    is_first: bool,
    /// Set for the last.
    finish: Option<Finish>,
    /// Tokens up to its end.
    tokens: usize,
}

impl Dialect for Prompted {
    fn conversation(&self, input: &Input<'_>) -> Result<Conversation, Exception> {
        let prompt = input.required_text(self.prompt)?;
        for name in self.required {
            input.required(name, input.raw(name))?;
        }
        if prompt.is_empty() {
            return Err(input.malformed(self.prompt, "expected minLength: 1, actual: 0"));
        }
        let config = match self.config {
            Some(name) => input.object(name)?,
            None => Some(input.clone()),
        };
        let mut limits = Limits::default();
        if let Some(config) = config {
            limits.max_tokens = config.integer(self.max_tokens)?;
            if limits.max_tokens.is_some_and(|tokens| tokens < 0) {
                return Err(config.malformed(self.max_tokens, "value is not greater or equal to 0"));
            }
            if let Some(name) = self.stop {
                limits.stop_sequences = config.list(name)?.unwrap_or_default();
            }
        }
        Ok(Conversation::of(self.user_text(&prompt)).with_limits(&limits))
    }

    fn answer(&self, said: &Said<'_>) -> String {
        (self.answer)(&self.continuation(said)).to_string()
    }

    fn chunks(&self, said: &Said<'_>) -> Option<Vec<String>> {
        let chunk = self.chunk?;
        let whole = self.continuation(said);
        let mut texts = pieces(&whole.text);
        if texts.is_empty() {
            texts.push("");
        }
        let last = texts.len() - 1;
        let mut sum = 0;
        let chunks = texts.iter().enumerate().map(|(index, text)| {
            sum += tokens::count(text);
            let finish = (index == last).then(|| said.finish());
            let piece = Piece { text, is_first: index == 0, finish, tokens: sum };
            chunk(&whole, &piece).to_string()
        });
        Some(chunks.collect())
    }
}

impl Prompted {
    /// What the user said last, where the prompt is a dialogue with marks of who speaks.
    fn user_text<'a>(&self, prompt: &'a str) -> &'a str {
        let Some((user, assistant)) = self.turn_mark else { return prompt };
        let turn = prompt.rsplit_once(user).map_or(prompt, |(_, turn)| turn);
        let turn = turn.split_once(assistant).map_or(turn, |(turn, _)| turn).trim();
        if turn.is_empty() { prompt } else { turn }
    }

    fn continuation<'a>(&self, said: &'a Said<'a>) -> Continuation<'a> {
        let prompt = said.input.text(self.prompt).ok().flatten();
        let usage = &said.turn.metadata.usage;
        Continuation {
            said,
            prompt: prompt.map(|prompt| prompt.0.into_owned()).unwrap_or_default(),
            text: said.text(),
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
        }
    }
}

impl Continuation<'_> {
    /// The family's words for an end: at its own end, at the limit, at a stop sequence.
    fn ended(&self, words: [&'static str; 3]) -> &'static str {
        ended(self.said.finish(), words)
    }
}

impl Piece<'_> {
    /// The same for the last piece, null for the others.
    fn ended(&self, words: [&'static str; 3]) -> Value {
        self.finish.map_or(Value::Null, |finish| json!(ended(finish, words)))
    }
}

fn ended(finish: Finish, [end, length, sequence]: [&'static str; 3]) -> &'static str {
    match finish {
        Finish::End => end,
        Finish::Length => length,
        Finish::Sequence => sequence,
    }
}
