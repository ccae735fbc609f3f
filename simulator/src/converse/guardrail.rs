//! A guardrail with one rule: it blocks a user message that holds the word "forbidden", in any case.

use std::collections::BTreeMap;

use serde::Serialize;

use super::request::{ConverseRequest, GuardrailConfiguration};

const WORD: &str = "forbidden";
pub(super) const STOP_REASON: &str = "guardrail_intervened";
pub(super) const BLOCKED_MESSAGE: &str = "Sorry, the model cannot answer this question.";

/// `trace` in an answer: what the guardrail found.
#[derive(Debug, Serialize)]
pub(crate) struct Trace {
    guardrail: Assessments,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Assessments {
    /// By guardrail id.
    input_assessment: BTreeMap<String, Assessment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_reason: Option<&'static str>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Assessment {
    #[serde(skip_serializing_if = "Option::is_none")]
    word_policy: Option<WordPolicy>,
    invocation_metrics: InvocationMetrics,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WordPolicy {
    custom_words: [CustomWord; 1],
    managed_word_lists: [(); 0],
}

#[derive(Debug, Serialize)]
struct CustomWord {
    #[serde(rename = "match")]
    matched: String,
    action: &'static str,
    detected: bool,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct InvocationMetrics {
    guardrail_processing_latency: u32,
}

/// What a guardrail makes of a request.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) blocked: bool,
    pub(super) trace: Option<Trace>,
}

/// Looks at the last user message, if the request names a guardrail.
pub(super) fn assess(request: &ConverseRequest<'_>, user_text: &str) -> Verdict {
    let Some(config) = &request.guardrail_config else {
        return Verdict::default();
    };
    let found = find(user_text);
    let trace =
        matches!(config.trace.as_deref(), Some("enabled" | "enabled_full")).then(|| Trace::new(config, found.clone()));
    Verdict { blocked: found.is_some(), trace }
}

/// The word as the user wrote it.
fn find(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let found = words.find(|word| word.eq_ignore_ascii_case(WORD));
    found.map(str::to_owned)
}

impl Trace {
    fn new(config: &GuardrailConfiguration<'_>, found: Option<String>) -> Self {
        let id = config.guardrail_identifier.as_deref().unwrap_or_default();
        // An ARN ends in the id: arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123
        let id = id.rsplit('/').next().unwrap_or(id).to_owned();
        let action_reason = found.is_some().then_some("Guardrail blocked.");
        let assessment = Assessment {
            word_policy: found.map(|matched| WordPolicy {
                custom_words: [CustomWord { matched, action: "BLOCKED", detected: true }],
                managed_word_lists: [],
            }),
            invocation_metrics: InvocationMetrics { guardrail_processing_latency: 10 },
        };
        Self { guardrail: Assessments { input_assessment: BTreeMap::from([(id, assessment)]), action_reason } }
    }
}
