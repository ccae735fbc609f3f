//! InvokeGuardrailChecks: its request. What is found is in [`scores`](super::scores).

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::scores;
use crate::answer::{Answer, Outcome};
use crate::converse::Constraints;
use crate::exception::Exception;
use crate::json::{Text, parse, union};

const CONTENT_FILTERS: &[&str] = &["VIOLENCE", "HATE", "SEXUAL", "MISCONDUCT", "INSULTS"];
const PROMPT_ATTACKS: &[&str] = &["JAILBREAK", "PROMPT_INJECTION", "PROMPT_LEAKAGE"];
/// Types of personal data in the API's model.
const ENTITIES: usize = 31;

#[derive(Debug, Deserialize)]
pub(super) struct ChecksRequest<'a> {
    #[serde(borrow)]
    pub(super) messages: Option<Vec<Message<'a>>>,
    pub(super) checks: Option<Checks<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Option<Text<'a>>,
    pub(super) content: Option<Vec<ContentBlock<'a>>>,
}

union! {
    ContentBlock<'a> {
        "text" => Text(Text<'a>),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checks<'a> {
    #[serde(borrow)]
    pub(super) content_filter: Option<Categories<'a>>,
    #[serde(borrow)]
    pub(super) prompt_attack: Option<Categories<'a>>,
    #[serde(borrow)]
    pub(super) sensitive_information: Option<Entities<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Categories<'a> {
    #[serde(borrow)]
    pub(super) categories: Option<Vec<Category<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Category<'a> {
    #[serde(borrow)]
    pub(super) category: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entities<'a> {
    #[serde(borrow)]
    pub(super) entities: Option<Vec<Entity<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entity<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Option<Text<'a>>,
}

/// `POST /guardrail-checks/invoke`
pub(crate) async fn invoke(body: Bytes) -> Outcome {
    match answer(&body) {
        Ok(body) => Answer::json(StatusCode::OK, body).into(),
        Err(exception) => exception.into(),
    }
}

fn answer(body: &[u8]) -> Result<Vec<u8>, Exception> {
    let request: ChecksRequest<'_> = parse(body)?;
    check(&request)?;
    Ok(serde_json::to_vec(&scores::of(&request)).unwrap_or_default())
}

fn check(request: &ChecksRequest<'_>) -> Result<(), Exception> {
    let mut found = Constraints::default();
    found.required(&request.messages, "messages");
    not_empty(&mut found, &request.messages, "messages", usize::MAX);
    for (message, index) in request.messages.iter().flatten().zip(1..) {
        let path = format!("messages.{index}.member");
        found.required(&message.role, &format!("{path}.role"));
        found.one_of(message.role.as_deref(), &format!("{path}.role"), &["user", "assistant", "system"]);
        let path = format!("{path}.content");
        found.required(&message.content, &path);
        not_empty(&mut found, &message.content, &path, usize::MAX);
        for (block, index) in message.content.iter().flatten().zip(1..) {
            if let ContentBlock::Text(text) = block {
                found.length(text.len(), &format!("{path}.{index}.member.text"), 1, usize::MAX);
            }
        }
    }
    found.required(&request.checks, "checks");
    let Some(checks) = &request.checks else { return found.result() };
    categories(&mut found, checks.content_filter.as_ref(), "checks.contentFilter.categories", CONTENT_FILTERS);
    categories(&mut found, checks.prompt_attack.as_ref(), "checks.promptAttack.categories", PROMPT_ATTACKS);
    if let Some(check) = &checks.sensitive_information {
        let path = "checks.sensitiveInformation.entities";
        found.required(&check.entities, path);
        not_empty(&mut found, &check.entities, path, ENTITIES);
        for (entity, index) in check.entities.iter().flatten().zip(1..) {
            found.required(&entity.kind, &format!("{path}.{index}.member.type"));
        }
    }
    found.result()?;
    if checks.content_filter.is_none() && checks.prompt_attack.is_none() && checks.sensitive_information.is_none() {
        return Err(Exception::validation("At least one check must be specified."));
    }
    Ok(())
}

fn categories(found: &mut Constraints, check: Option<&Categories<'_>>, path: &str, allowed: &[&str]) {
    let Some(check) = check else { return };
    found.required(&check.categories, path);
    not_empty(found, &check.categories, path, allowed.len());
    for (category, index) in check.categories.iter().flatten().zip(1..) {
        let path = format!("{path}.{index}.member.category");
        found.required(&category.category, &path);
        found.one_of(category.category.as_deref(), &path, allowed);
    }
}

fn not_empty<T>(found: &mut Constraints, list: &Option<Vec<T>>, path: &str, most: usize) {
    if let Some(list) = list {
        found.length(list.len(), path, 1, most);
    }
}
