//! What models make that do not talk: vectors and pictures.

use super::input::Input;
use crate::exception::Exception;

/// Reads a body and makes its answer. These models neither stream nor count their tokens for CountTokens.
pub(crate) type Maker = fn(model_id: &str, input: &Input<'_>) -> Result<Made, Exception>;

#[derive(Debug)]
pub(crate) struct Made {
    /// The answer's body, JSON.
    pub(crate) body: String,
    /// Counted for vectors only.
    pub(crate) input_tokens: Option<usize>,
}
