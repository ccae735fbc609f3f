//! ApplyGuardrail

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::assess::{Action, Assessment, Coverage, Part, Usage, Verdict};
use super::{BLOCKED_MESSAGE, Guardrail};
use crate::answer::Outcome;
use crate::converse::Constraints;
use crate::exception::Exception;
use crate::faults;
use crate::json::{Text, parse, union};
use crate::region::region;
use crate::state::State as Shared;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApplyRequest<'a> {
    #[serde(borrow)]
    source: Option<Text<'a>>,
    content: Option<Vec<ContentBlock<'a>>>,
    output_scope: Option<Text<'a>>,
}

union! {
    ContentBlock<'a> {
        "text" => Text(TextBlock<'a>),
        "image" => Image(ImageBlock<'a>),
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TextBlock<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    qualifiers: Option<Vec<Text<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ImageBlock<'a> {
    #[serde(borrow)]
    format: Option<Text<'a>>,
    source: Option<ImageSource<'a>>,
}

union! {
    ImageSource<'a> {
        "bytes" => Bytes(Text<'a>),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApplyResponse {
    usage: Usage,
    action: &'static str,
    action_reason: &'static str,
    outputs: Vec<Output>,
    assessments: [Assessment; 1],
    guardrail_coverage: Coverage,
}

#[derive(Serialize)]
struct Output {
    text: String,
}

/// `POST /guardrail/{guardrailIdentifier}/version/{guardrailVersion}/apply`
pub(crate) async fn apply(
    State(state): State<Arc<Shared>>,
    Path((identifier, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Outcome {
    let plan = match faults::admit_guardrail(&identifier, &state).await {
        Ok(plan) => plan,
        Err(outcome) => return outcome,
    };
    match Guardrail::named(&identifier, &version, region(&headers), "").and_then(|guardrail| answer(&guardrail, &body))
    {
        Ok(answer) => plan.unary(&identifier, serde_json::to_vec(&answer).unwrap_or_default()),
        Err(exception) => exception.into(),
    }
}

fn answer(guardrail: &Guardrail, body: &[u8]) -> Result<ApplyResponse, Exception> {
    let request: ApplyRequest<'_> = parse(body)?;
    check(&request)?;
    let content = request.content.as_deref().unwrap_or_default();
    let parts: Vec<Part<'_>> = content.iter().filter_map(part).collect();
    let images = content.iter().filter(|block| matches!(block, ContentBlock::Image(_))).count();
    let full = request.output_scope.as_deref() == Some("FULL");

    let Verdict { action, texts, assessment } = guardrail.assess(&parts, images, full);
    let metrics = &assessment.invocation_metrics;
    Ok(ApplyResponse {
        usage: metrics.usage.clone(),
        action: if action == Action::None { "NONE" } else { "GUARDRAIL_INTERVENED" },
        action_reason: action.reason(),
        outputs: match action {
            Action::None => Vec::new(),
            // One for each text, in their order.
            Action::Masked => texts.into_iter().map(|text| Output { text }).collect(),
            Action::Blocked => vec![Output { text: BLOCKED_MESSAGE.to_owned() }],
        },
        guardrail_coverage: metrics.guardrail_coverage.clone(),
        assessments: [assessment],
    })
}

/// A text that is a query or a source to check an answer against is not itself checked, unless it says so.
fn part<'a>(block: &'a ContentBlock<'_>) -> Option<Part<'a>> {
    let ContentBlock::Text(block) = block else { return None };
    let qualifiers = block.qualifiers.as_deref().unwrap_or_default();
    let guarded = qualifiers.is_empty() || qualifiers.iter().any(|qualifier| **qualifier == *"guard_content");
    Some(Part { text: block.text.as_deref().unwrap_or_default(), guarded })
}

fn check(request: &ApplyRequest<'_>) -> Result<(), Exception> {
    let mut found = Constraints::default();
    found.required(&request.source, "source");
    found.one_of(request.source.as_deref(), "source", &["INPUT", "OUTPUT"]);
    found.required(&request.content, "content");
    found.one_of(request.output_scope.as_deref(), "outputScope", &["INTERVENTIONS", "FULL"]);
    for (block, index) in request.content.iter().flatten().zip(1..) {
        let path = format!("content.{index}.member");
        match block {
            ContentBlock::Text(block) => {
                found.required(&block.text, &format!("{path}.text.text"));
                for (qualifier, index) in block.qualifiers.iter().flatten().zip(1..) {
                    let path = format!("{path}.text.qualifiers.{index}.member");
                    found.one_of(Some(qualifier), &path, &["grounding_source", "query", "guard_content"]);
                }
            }
            ContentBlock::Image(image) => {
                found.required(&image.format, &format!("{path}.image.format"));
                found.one_of(image.format.as_deref(), &format!("{path}.image.format"), &["png", "jpeg"]);
                found.required(&image.source, &format!("{path}.image.source"));
            }
            ContentBlock::Unrecognized | ContentBlock::Empty => {}
        }
    }
    found.result()?;
    match request.content.as_deref() {
        Some([]) => Err(Exception::validation("The content of the request must not be empty.")),
        _ => Ok(()),
    }
}
