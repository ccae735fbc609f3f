//! Guardrails around a model: what the user says is checked before it, what it says after it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::content::{ContentBlock, GuardrailConverseContentBlock};
use super::request::{ConverseRequest, GuardrailConfiguration};
use super::response::Block;
use crate::exception::Exception;
use crate::guardrail::{Action, Assessment, BLOCKED_MESSAGE, Guardrail, Part, Verdict};

pub(super) const STOP_REASON: &str = "guardrail_intervened";
/// A request that names a guardrail by its id alone does not say where it is.
const REGION: &str = "us-east-1";
const DRAFT: &str = "DRAFT";

/// The guardrail that a request names, and what it has found so far.
#[derive(Debug)]
pub(super) struct Guard {
    guardrail: Guardrail,
    traced: bool,
    full: bool,
    action: Action,
    trace: Assessments,
}

/// `trace` in an answer: what the guardrail found.
#[derive(Debug, Serialize)]
pub(crate) struct Trace {
    guardrail: Assessments,
}

/// GuardrailTraceAssessment; its maps are by guardrail id.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Assessments {
    /// What the model said before it was changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_output: Vec<String>,
    input_assessment: BTreeMap<String, Assessment>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    output_assessments: BTreeMap<String, [Assessment; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_reason: Option<&'static str>,
}

/// The user's words as the model gets to see them; nothing when they are blocked.
pub(super) struct Admitted(pub(super) Option<String>);

/// Whether the request's guardrail can be one.
pub(super) fn check(request: &ConverseRequest<'_>) -> Result<(), Exception> {
    match &request.guardrail_config {
        Some(config) => named(config).map(drop),
        None => Ok(()),
    }
}

fn named(config: &GuardrailConfiguration<'_>) -> Result<Guardrail, Exception> {
    let identifier = config.guardrail_identifier.as_deref().unwrap_or_default();
    let version = config.guardrail_version.as_deref().unwrap_or(DRAFT);
    Guardrail::named(identifier, version, REGION, "guardrailConfig.")
}

impl Guard {
    /// Of a request that has been checked.
    pub(super) fn of(request: &ConverseRequest<'_>) -> Option<Self> {
        let config = request.guardrail_config.as_ref()?;
        let trace = config.trace.as_deref();
        Some(Self {
            guardrail: named(config).ok()?,
            traced: matches!(trace, Some("enabled" | "enabled_full")),
            full: trace == Some("enabled_full"),
            action: Action::None,
            trace: Assessments::default(),
        })
    }

    /// Checks the last user message: what is marked as `guardContent`, or all of it if nothing is.
    pub(super) fn admit(&mut self, content: &[ContentBlock<'_>]) -> Admitted {
        let marked = content.iter().any(|block| matches!(block, ContentBlock::GuardContent(_)));
        let part = |block| {
            let (text, is_marked) = text(block)?;
            Some(Part { text, guarded: is_marked || !marked })
        };
        let parts: Vec<Part<'_>> = content.iter().filter_map(part).collect();
        let images = content.iter().filter(|block| is_image(block, marked)).count();
        let Verdict { action, texts, assessment } = self.guardrail.assess(&parts, images, self.full);
        self.note(action);
        self.trace.input_assessment.insert(self.guardrail.id.clone(), assessment);
        Admitted((action != Action::Blocked).then(|| texts.join(" ")))
    }

    /// Checks the model's text, and changes it if need be.
    pub(super) fn release(&mut self, content: Vec<Block>) -> Vec<Block> {
        let said = |block: &Block| match block {
            Block::Text(text) => Some(text.clone()),
            _ => None,
        };
        let said: Vec<String> = content.iter().filter_map(said).collect();
        let parts: Vec<Part<'_>> = said.iter().map(|text| Part { text, guarded: true }).collect();
        let Verdict { action, texts, assessment } = self.guardrail.assess(&parts, 0, self.full);
        self.note(action);
        self.trace.output_assessments.insert(self.guardrail.id.clone(), [assessment]);
        let mut texts = texts.into_iter();
        let masked = |block| match block {
            Block::Text(text) => Block::Text(texts.next().unwrap_or(text)),
            other => other,
        };
        match action {
            Action::None => content,
            Action::Masked => {
                self.trace.model_output = said;
                content.into_iter().map(masked).collect()
            }
            Action::Blocked => {
                self.trace.model_output = said;
                vec![blocked()]
            }
        }
    }

    /// Whether anything was blocked or masked, on either side.
    pub(super) fn has_intervened(&self) -> bool {
        self.action != Action::None
    }

    pub(super) fn into_trace(mut self) -> Option<Trace> {
        self.trace.action_reason = self.has_intervened().then(|| self.action.reason());
        self.traced.then_some(Trace { guardrail: self.trace })
    }

    fn note(&mut self, action: Action) {
        self.action = self.action.max(action);
    }
}

/// What is said in place of what was blocked.
pub(super) fn blocked() -> Block {
    Block::Text(BLOCKED_MESSAGE.to_owned())
}

/// A block's text, and whether it is marked to be guarded.
pub(super) fn text<'a>(block: &'a ContentBlock<'_>) -> Option<(&'a str, bool)> {
    match block {
        ContentBlock::Text(text) => Some((text, false)),
        ContentBlock::GuardContent(GuardrailConverseContentBlock::Text(guarded)) => {
            Some((guarded.text.as_deref()?, true))
        }
        _ => None,
    }
}

fn is_image(block: &ContentBlock<'_>, marked: bool) -> bool {
    match block {
        ContentBlock::Image(_) => !marked,
        ContentBlock::GuardContent(GuardrailConverseContentBlock::Image(_)) => true,
        _ => false,
    }
}
