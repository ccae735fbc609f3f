//! Guardrails: one set of checks for ApplyGuardrail, Converse and ConverseStream, another for InvokeGuardrailChecks.
//!
//! Every guardrail has the same policies: words that block, and personal data that is masked.

mod apply;
mod assess;
mod checks;
mod detect;
mod identity;
mod lexicon;
mod scores;

pub(crate) use apply::apply;
pub(crate) use assess::{Action, Assessment, Part, Verdict};
pub(crate) use checks::invoke;
pub(crate) use identity::Guardrail;

/// What is said in place of what was blocked.
pub(crate) const BLOCKED_MESSAGE: &str = "Sorry, the model cannot answer this question.";
/// Characters that are charged as one.
const TEXT_UNIT: usize = 1_000;

fn text_units(characters: usize) -> usize {
    characters.div_ceil(TEXT_UNIT)
}
