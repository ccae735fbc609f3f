//! What a family of models that talk does its own way: the form of its requests and of its answers.

use super::conversation::Conversation;
use super::input::Input;
use crate::converse::{Block, ConverseRequest, Turn};
use crate::exception::Exception;
use crate::noise::{characters, seed};

/// A form of requests and answers.
pub(crate) trait Dialect: Send + Sync {
    /// The request as Converse would have it, or what is wrong with it.
    fn conversation(&self, input: &Input<'_>) -> Result<Conversation, Exception>;

    /// Rules for what stands in the conversation, where the family has none of its own.
    fn check(&self, _request: &ConverseRequest<'_>) -> Result<(), Exception> {
        Ok(())
    }

    /// The whole answer, a JSON object.
    fn answer(&self, said: &Said<'_>) -> String;

    /// The answer as the JSON objects of a stream; `None` if these models don't stream.
    fn chunks(&self, said: &Said<'_>) -> Option<Vec<String>>;

    /// Whether the counts of cached tokens belong to this family's answers.
    fn caches(&self) -> bool {
        false
    }
}

/// What was said, and what it answers.
pub(crate) struct Said<'a> {
    pub(crate) model_id: &'a str,
    pub(crate) input: &'a Input<'a>,
    pub(crate) turn: &'a Turn,
    /// Of the request: ids are made from it.
    pub(crate) seed: u64,
}

/// Why an answer ends, for the families that say it in words of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    End,
    Length,
    Sequence,
}

impl<'a> Said<'a> {
    pub(crate) fn new(model_id: &'a str, body: &[u8], input: &'a Input<'a>, turn: &'a Turn) -> Self {
        Self { model_id, input, turn, seed: seed(&[model_id.as_bytes(), body]) }
    }

    /// So many letters and digits that belong to the request.
    pub(crate) fn id(&self, length: usize) -> String {
        characters(self.seed, length)
    }

    /// The answer's text, for families that have nothing but text.
    pub(crate) fn text(&self) -> String {
        let texts = self.turn.content.iter().filter_map(|block| match block {
            Block::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) fn finish(&self) -> Finish {
        match self.turn.stop.stop_reason {
            "max_tokens" => Finish::Length,
            "stop_sequence" => Finish::Sequence,
            _ => Finish::End,
        }
    }

    pub(crate) fn stop_sequence(&self) -> Option<&'a str> {
        let fields = self.turn.stop.additional_model_response_fields.as_ref();
        fields.map(|fields| fields.stop_sequence.as_str())
    }
}
