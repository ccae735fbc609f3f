//! InvokeGuardrailChecks: its answer.

use serde::Serialize;

use super::checks::{Categories, ChecksRequest, ContentBlock, Entities};
use super::lexicon::{self, severity};
use super::{detect, text_units};

/// More findings than this are cut off, and the answer says so.
const MAX_FINDINGS: usize = 100;
/// What has the form of personal data is taken for it.
const CONFIDENCE: f64 = 0.99;

#[derive(Serialize)]
pub(super) struct ChecksResponse<'a> {
    results: Results<'a>,
    usage: Usages,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Results<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_filter: Option<Severities<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_attack: Option<Severities<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive_information: Option<Findings>,
}

#[derive(Serialize)]
struct Severities<'a> {
    results: Vec<Severity<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Severity<'a> {
    category: &'a str,
    severity_score: f64,
}

#[derive(Serialize)]
struct Findings {
    results: Vec<Finding>,
    truncated: bool,
}

/// Offsets are in characters, indices from 0.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    #[serde(rename = "type")]
    kind: &'static str,
    confidence_score: f64,
    begin_offset: usize,
    end_offset: usize,
    message_index: usize,
    content_index: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usages {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_filter: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_attack: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive_information: Option<Usage>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    text_units: usize,
}

/// A text and where it stands.
struct Located<'a> {
    text: &'a str,
    from_user: bool,
    message_index: usize,
    content_index: usize,
}

pub(super) fn of<'a>(request: &'a ChecksRequest<'_>) -> ChecksResponse<'a> {
    let located = located(request);
    let texts: Vec<&str> = located.iter().map(|located| located.text).collect();
    // Only a user attacks a prompt.
    let prompts: Vec<&str> = located.iter().filter(|located| located.from_user).map(|located| located.text).collect();
    let checks = request.checks.as_ref();
    let content_filter = checks.and_then(|checks| checks.content_filter.as_ref());
    let prompt_attack = checks.and_then(|checks| checks.prompt_attack.as_ref());
    let sensitive = checks.and_then(|checks| checks.sensitive_information.as_ref());
    let used = || Usage { text_units: text_units(texts.iter().map(|text| text.chars().count()).sum()) };
    ChecksResponse {
        usage: Usages {
            content_filter: content_filter.map(|_| used()),
            prompt_attack: prompt_attack.map(|_| used()),
            sensitive_information: sensitive.map(|_| used()),
        },
        results: Results {
            content_filter: content_filter.map(|check| severities(check, lexicon::CONTENT, &texts)),
            prompt_attack: prompt_attack.map(|check| severities(check, lexicon::PROMPT_ATTACK, &prompts)),
            sensitive_information: sensitive.map(|check| findings(check, &located)),
        },
    }
}

fn located<'a>(request: &'a ChecksRequest<'_>) -> Vec<Located<'a>> {
    let mut located = Vec::new();
    for (message_index, message) in request.messages.iter().flatten().enumerate() {
        let from_user = message.role.as_deref() == Some("user");
        for (content_index, block) in message.content.iter().flatten().enumerate() {
            if let ContentBlock::Text(text) = block {
                located.push(Located { text, from_user, message_index, content_index });
            }
        }
    }
    located
}

fn severities<'a>(check: &'a Categories<'_>, lexicon: &[(&str, &[&str])], texts: &[&str]) -> Severities<'a> {
    let categories = check.categories.iter().flatten().filter_map(|category| category.category.as_deref());
    let severity = |category| Severity { category, severity_score: severity(lexicon, category, texts) };
    Severities { results: categories.map(severity).collect() }
}

/// Types that no pattern stands for are asked for in vain.
fn findings(check: &Entities<'_>, located: &[Located<'_>]) -> Findings {
    let asked: Vec<&str> = check.entities.iter().flatten().filter_map(|entity| entity.kind.as_deref()).collect();
    let mut results = Vec::new();
    for Located { text, message_index, content_index, .. } in located {
        for found in detect::pii(text).into_iter().filter(|found| asked.contains(&found.kind)) {
            let begin_offset = text[..found.range.start].chars().count();
            results.push(Finding {
                kind: found.kind,
                confidence_score: CONFIDENCE,
                begin_offset,
                end_offset: begin_offset + text[found.range].chars().count(),
                message_index: *message_index,
                content_index: *content_index,
            });
        }
    }
    let truncated = results.len() > MAX_FINDINGS;
    results.truncate(MAX_FINDINGS);
    Findings { results, truncated }
}
