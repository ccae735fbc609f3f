//! Members that Bedrock adds to a model's own answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::counts::Counts;
use crate::converse::Turn;

const INTERVENED: &str = "guardrail_intervened";

/// Converse's trace, as far as InvokeModel has it otherwise.
#[derive(Deserialize)]
struct ConverseTrace<'a> {
    #[serde(borrow)]
    guardrail: ConverseAssessments<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConverseAssessments<'a> {
    #[serde(borrow)]
    model_output: Option<&'a RawValue>,
    #[serde(borrow)]
    input_assessment: Option<&'a RawValue>,
    #[serde(borrow)]
    output_assessments: Option<BTreeMap<String, Vec<&'a RawValue>>>,
    #[serde(borrow)]
    action_reason: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Trace<'a> {
    guardrail: Assessments<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Assessments<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model_output: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<BTreeMap<&'a str, &'a RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_reason: Option<&'a RawValue>,
}

/// Adds what a guardrail did, if the request named one.
pub(crate) fn add_guardrail(body: &mut String, turn: &Turn) {
    let intervened = turn.stop.stop_reason == INTERVENED;
    add(body, "amazon-bedrock-guardrailAction", if intervened { "INTERVENED" } else { "NONE" });
    let Ok(trace) = serde_json::to_string(&turn.metadata.trace) else { return };
    if let Ok(ConverseTrace { guardrail }) = serde_json::from_str(&trace) {
        let outputs = guardrail.output_assessments.iter().flatten();
        let outputs = outputs.flat_map(|(id, list)| list.iter().map(|one| BTreeMap::from([(id.as_str(), *one)])));
        let guardrail = Assessments {
            model_output: guardrail.model_output,
            input: guardrail.input_assessment,
            outputs: outputs.collect(),
            action_reason: guardrail.action_reason,
        };
        add(body, "amazon-bedrock-trace", &Trace { guardrail });
    }
}

/// Adds the counts to a stream's last chunk.
pub(crate) fn add_metrics(body: &mut String, counts: &Counts) {
    add(body, "amazon-bedrock-invocationMetrics", counts);
}

/// One more member at the end of a JSON object.
fn add<T: Serialize + ?Sized>(body: &mut String, name: &str, value: &T) {
    if let Ok(value) = serde_json::to_string(value)
        && body.pop() == Some('}')
    {
        let comma = if body.ends_with('{') { "" } else { "," };
        body.push_str(&format!("{comma}\"{name}\":{value}}}"));
    }
}
