//! ListInferenceProfiles.

use serde::Serialize;

use super::catalogue::{MODELS, PROFILES};
use super::models::arn;
use crate::converse::Constraints;
use crate::exception::Exception;
use crate::query::{Query, next_token};
use crate::region::ACCOUNT;

const LIST: &str = "inference-profiles";
const SYSTEM_DEFINED: &str = "SYSTEM_DEFINED";
const APPLICATION: &str = "APPLICATION";
const CREATED: &str = "2025-06-01T00:00:00Z";
/// The one profile that somebody made.
const TEAM_PROFILE: &str = "simulated0team";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    inference_profile_summaries: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// InferenceProfileSummary
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    inference_profile_name: String,
    description: String,
    created_at: &'static str,
    updated_at: &'static str,
    inference_profile_arn: String,
    models: Vec<ProfileModel>,
    inference_profile_id: String,
    status: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileModel {
    model_arn: String,
}

pub(super) fn list(query: &Query, region: &str) -> Result<Listed, Exception> {
    let mut found = Constraints::default();
    // Without a type, Bedrock lists those that it defines itself.
    let kind = query.one_of("type", &[SYSTEM_DEFINED, APPLICATION], &mut found).unwrap_or(SYSTEM_DEFINED);
    let page = query.page(LIST, &mut found)?;
    found.result()?;
    let rest = all(region)
        .into_iter()
        .zip(1..)
        .filter(|(profile, number)| profile.kind == kind && page.after.is_none_or(|after| *number > after));
    let mut rest = rest.peekable();
    let mut last = 0;
    let mut summaries = Vec::new();
    while let Some((profile, number)) = rest.next_if(|_| summaries.len() < page.size) {
        last = number;
        summaries.push(profile);
    }
    Ok(Listed {
        inference_profile_summaries: summaries,
        next_token: rest.peek().is_some().then(|| next_token(LIST, last)),
    })
}

fn all(region: &str) -> Vec<Summary> {
    let mut profiles = Vec::new();
    for profile in PROFILES {
        for model in profile.models.iter().filter_map(|index| MODELS.get(*index)) {
            let id = format!("{}.{}", profile.prefix, model.id);
            profiles.push(Summary {
                inference_profile_name: format!("{} {} {}", profile.geography, model.provider, model.name),
                description: format!("Routes requests to {} in {}.", model.name, profile.regions.join(" and ")),
                created_at: CREATED,
                updated_at: CREATED,
                inference_profile_arn: format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{id}"),
                models: profile.regions.iter().map(|region| ProfileModel { model_arn: arn(model, region) }).collect(),
                inference_profile_id: id,
                status: "ACTIVE",
                kind: SYSTEM_DEFINED,
            });
        }
    }
    profiles.extend(MODELS.get(2).map(|model| Summary {
        inference_profile_name: "Team profile".to_owned(),
        description: format!("Counts what one team spends on {}.", model.name),
        created_at: CREATED,
        updated_at: CREATED,
        inference_profile_arn: format!(
            "arn:aws:bedrock:{region}:{ACCOUNT}:application-inference-profile/{TEAM_PROFILE}"
        ),
        models: vec![ProfileModel { model_arn: arn(model, region) }],
        inference_profile_id: TEAM_PROFILE.to_owned(),
        status: "ACTIVE",
        kind: APPLICATION,
    }));
    profiles
}
