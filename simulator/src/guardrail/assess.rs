//! What a guardrail makes of a text.

use serde::Serialize;

use super::identity::Guardrail;
use super::{detect, text_units};

/// So long does it always take, in milliseconds.
const LATENCY: u32 = 10;

/// A piece of what is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) text: &'a str,
    /// What is not, counts as covered by no check.
    pub(crate) guarded: bool,
}

/// The strongest thing that any policy did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    None,
    Masked,
    Blocked,
}

#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) action: Action,
    /// The parts, with what was masked.
    pub(crate) texts: Vec<String>,
    pub(crate) assessment: Assessment,
}

/// GuardrailAssessment
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assessment {
    #[serde(skip_serializing_if = "Option::is_none")]
    word_policy: Option<WordPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive_information_policy: Option<SensitiveInformationPolicy>,
    pub(super) invocation_metrics: InvocationMetrics,
    applied_guardrail_details: AppliedGuardrailDetails,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WordPolicy {
    custom_words: Vec<Entry>,
    managed_word_lists: Vec<Entry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SensitiveInformationPolicy {
    pii_entities: Vec<Entry>,
    /// No guardrail here has expressions of its own.
    regexes: [(); 0],
}

/// A finding in any of the lists. A custom word is the only one without a type.
#[derive(Debug, Serialize)]
struct Entry {
    #[serde(rename = "match")]
    matched: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    action: &'static str,
    detected: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvocationMetrics {
    guardrail_processing_latency: u32,
    pub(super) usage: Usage,
    pub(super) guardrail_coverage: Coverage,
}

/// GuardrailUsage: text units by policy. Those of policies that no guardrail here has are 0.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    topic_policy_units: usize,
    content_policy_units: usize,
    word_policy_units: usize,
    sensitive_information_policy_units: usize,
    sensitive_information_policy_free_units: usize,
    contextual_grounding_policy_units: usize,
    content_policy_image_units: usize,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Coverage {
    text_characters: Covered,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Covered>,
}

#[derive(Clone, Debug, Serialize)]
struct Covered {
    guarded: usize,
    total: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AppliedGuardrailDetails {
    guardrail_id: String,
    guardrail_version: String,
    guardrail_arn: String,
    guardrail_origin: [&'static str; 1],
    guardrail_ownership: &'static str,
}

impl Guardrail {
    /// `full` lists what was looked for and not found, too, as Bedrock does it: personal data, but not words.
    pub(crate) fn assess(&self, parts: &[Part<'_>], images: usize, full: bool) -> Verdict {
        let guarded = || parts.iter().filter(|part| part.guarded).map(|part| part.text);
        let custom_words: Vec<_> = guarded().flat_map(detect::custom_words).map(|word| blocked(word, None)).collect();
        let profanity = guarded().flat_map(detect::profanity);
        let managed_word_lists: Vec<_> = profanity.map(|word| blocked(word, Some("PROFANITY"))).collect();
        let mut pii_entities: Vec<_> = guarded().flat_map(anonymized).collect();

        let action = match (custom_words.is_empty() && managed_word_lists.is_empty(), pii_entities.is_empty()) {
            (false, _) => Action::Blocked,
            (true, false) => Action::Masked,
            (true, true) => Action::None,
        };
        if full {
            let found: Vec<_> = pii_entities.iter().filter_map(|entry| entry.kind).collect();
            pii_entities.extend(detect::pii_kinds().filter(|kind| !found.contains(kind)).map(undetected));
        }
        let characters = |text: &str| text.chars().count();
        let covered = guarded().map(characters).sum();
        let units = text_units(covered);
        let assessment = Assessment {
            word_policy: (action == Action::Blocked).then_some(WordPolicy { custom_words, managed_word_lists }),
            sensitive_information_policy: (!pii_entities.is_empty())
                .then_some(SensitiveInformationPolicy { pii_entities, regexes: [] }),
            invocation_metrics: InvocationMetrics {
                guardrail_processing_latency: LATENCY,
                usage: Usage {
                    word_policy_units: units,
                    sensitive_information_policy_units: units,
                    content_policy_image_units: images,
                    ..Usage::default()
                },
                guardrail_coverage: Coverage {
                    text_characters: Covered {
                        guarded: covered,
                        total: parts.iter().map(|part| characters(part.text)).sum(),
                    },
                    images: (images > 0).then_some(Covered { guarded: images, total: images }),
                },
            },
            applied_guardrail_details: AppliedGuardrailDetails {
                guardrail_id: self.id.clone(),
                guardrail_version: self.version.clone(),
                guardrail_arn: self.arn.clone(),
                guardrail_origin: ["REQUEST"],
                guardrail_ownership: "SELF",
            },
        };
        let text = |part: &Part<'_>| if part.guarded { detect::masked(part.text) } else { part.text.to_owned() };
        Verdict { action, texts: parts.iter().map(text).collect(), assessment }
    }
}

impl Action {
    /// In Bedrock's words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::None => "No action.",
            Self::Masked => "Guardrail masked.",
            Self::Blocked => "Guardrail blocked.",
        }
    }
}

fn blocked(word: &str, kind: Option<&'static str>) -> Entry {
    Entry { matched: word.to_owned(), kind, action: "BLOCKED", detected: true }
}

fn anonymized(text: &str) -> impl Iterator<Item = Entry> {
    detect::pii(text).into_iter().map(|found| Entry {
        matched: text[found.range].to_owned(),
        kind: Some(found.kind),
        action: "ANONYMIZED",
        detected: true,
    })
}

fn undetected(kind: &'static str) -> Entry {
    Entry { matched: String::new(), kind: Some(kind), action: "NONE", detected: false }
}
