//! ListFoundationModels and GetFoundationModel.

use http::StatusCode;
use serde::Serialize;

use super::catalogue::{MODELS, Model};
use crate::converse::Constraints;
use crate::exception::Exception;
use crate::query::Query;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    model_summaries: Vec<Details>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Got {
    model_details: Details,
}

/// FoundationModelSummary and FoundationModelDetails: they have the same members.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    model_arn: String,
    model_id: &'static str,
    model_name: &'static str,
    provider_name: &'static str,
    input_modalities: &'static [&'static str],
    output_modalities: &'static [&'static str],
    response_streaming_supported: bool,
    customizations_supported: &'static [&'static str],
    inference_types_supported: &'static [&'static str],
    model_lifecycle: Lifecycle,
}

#[derive(Debug, Serialize)]
struct Lifecycle {
    status: &'static str,
}

pub(super) fn list(query: &Query, region: &str) -> Result<Listed, Exception> {
    let mut found = Constraints::default();
    let provider = query.get("byProvider");
    let output = query.one_of("byOutputModality", &["TEXT", "IMAGE", "EMBEDDING"], &mut found);
    let inference = query.one_of("byInferenceType", &["ON_DEMAND", "PROVISIONED"], &mut found);
    let customizations = &["FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION"];
    let customization = query.one_of("byCustomizationType", customizations, &mut found);
    if let Some(provider) = provider {
        found.length(provider.len(), "byProvider", 1, 63);
    }
    found.result()?;
    let has = |list: &[&str], wanted: Option<&str>| wanted.is_none_or(|wanted| list.contains(&wanted));
    let matching = MODELS.iter().filter(|model| {
        provider.is_none_or(|provider| model.provider.eq_ignore_ascii_case(provider))
            && has(model.output, output)
            && has(model.inference, inference)
            && has(model.customizations, customization)
    });
    Ok(Listed { model_summaries: matching.map(|model| details(model, region)).collect() })
}

/// By id or ARN.
pub(super) fn get(identifier: &str, region: &str) -> Result<Got, Exception> {
    let id = identifier.split_once(":foundation-model/").map_or(identifier, |(_, id)| id);
    if !id.contains('.') {
        return Err(Exception::validation("The provided model identifier is invalid."));
    }
    let model = MODELS.iter().find(|model| model.id == id);
    let unknown = || {
        Exception::new(
            "ResourceNotFoundException",
            StatusCode::NOT_FOUND,
            "Could not resolve the foundation model from the provided model identifier.",
        )
    };
    model.map(|model| Got { model_details: details(model, region) }).ok_or_else(unknown)
}

pub(super) fn arn(model: &Model, region: &str) -> String {
    format!("arn:aws:bedrock:{region}::foundation-model/{}", model.id)
}

fn details(model: &Model, region: &str) -> Details {
    Details {
        model_arn: arn(model, region),
        model_id: model.id,
        model_name: model.name,
        provider_name: model.provider,
        input_modalities: model.input,
        output_modalities: model.output,
        response_streaming_supported: model.streams,
        customizations_supported: model.customizations,
        inference_types_supported: model.inference,
        model_lifecycle: Lifecycle { status: if model.legacy { "LEGACY" } else { "ACTIVE" } },
    }
}
