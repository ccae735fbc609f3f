//! The facts of AWS's own models (`tools/schema/facts`, written by `tools/schema` from botocore).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Operations and shapes: names and kinds.
#[derive(Deserialize)]
pub(crate) struct AwsModel {
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
pub(crate) struct Operation {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) method: String,
    pub(crate) uri: String,
}

#[derive(Deserialize)]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) union: bool,
    #[serde(default)]
    pub(crate) eventstream: bool,
    #[serde(default)]
    pub(crate) exception: bool,
    payload: Option<String>,
    #[serde(default)]
    pub(crate) members: BTreeMap<String, Member>,
    #[serde(default)]
    pub(crate) required: Vec<String>,
    pub(crate) element: Option<String>,
    pub(crate) value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    pub(crate) shape: String,
    /// Where the member is, if it is not in a JSON body: as in AWS's model, or `payload`.
    pub(crate) location: Option<String>,
    pub(crate) location_name: Option<String>,
}

impl AwsModel {
    /// The facts of a service, as `bedrock-runtime`.
    pub(crate) fn load(service: &str) -> Self {
        let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|p| p.join("tools/schema/facts"));
        let folder = folders.find(|p| p.is_dir()).unwrap();
        let facts = fs::read(folder.join(format!("{service}.json"))).unwrap();
        let mut model: Self = serde_json::from_slice(&facts).unwrap();
        for shape in model.shapes.values_mut() {
            if let Some(member) = shape.payload.as_ref().and_then(|name| shape.members.get_mut(name)) {
                member.location = Some("payload".to_owned());
            }
        }
        model
    }

    pub(crate) fn shape(&self, name: &str) -> &Shape {
        &self.shapes[name]
    }

    /// The events of an operation's output stream, or `None` when it has none.
    pub(crate) fn events(&self, operation: &str) -> Option<&str> {
        let output = self.shape(&self.operations[operation].output);
        output.members.values().map(|m| m.shape.as_str()).find(|s| self.shape(s).eventstream)
    }

    /// One JSON value of the shape for each of its fields, at any depth, in which only that field is set. Each has the field's path.
    /// Every structure and every union also has one for a member that AWS has not invented yet.
    pub(crate) fn one_field_at_a_time(&self, shape: &str) -> Vec<(String, Value)> {
        let fact = self.shape(shape);
        match fact.kind.as_str() {
            "structure" => {
                let members = fact.members.iter().filter(|(_, m)| {
                    !self.shape(&m.shape).exception && m.location.as_deref().is_none_or(|l| l == "payload")
                });
                let deep = members.flat_map(|(name, member)| {
                    let values = self.one_field_at_a_time(&member.shape);
                    values.into_iter().map(move |(path, value)| (format!(".{name}{path}"), object(name, value)))
                });
                // An empty structure is a value. An empty union is not.
                let empty = (!fact.union && !fact.eventstream).then(|| (String::new(), json!({})));
                // A request or a response that is not JSON has no field for an unknown member.
                let is_json = fact.members.is_empty() || fact.members.values().any(|m| m.location.is_none());
                let invented = is_json.then(|| (format!(".{INVENTED}"), object(INVENTED, leaf("document"))));
                empty.into_iter().chain(deep).chain(invented).collect()
            }
            "list" => {
                let values = self.one_field_at_a_time(fact.element.as_ref().unwrap());
                values.into_iter().map(|(path, value)| (format!("[]{path}"), json!([value]))).collect()
            }
            "map" => {
                let values = self.one_field_at_a_time(fact.value.as_ref().unwrap());
                values.into_iter().map(|(path, value)| (format!("{{}}{path}"), json!({"a key": value}))).collect()
            }
            kind => vec![(String::new(), leaf(kind))],
        }
    }

    /// Adds to `value` the lists that AWS marks required, which are written even when they are empty.
    pub(crate) fn with_required_lists(&self, shape: &str, value: Value) -> Value {
        let fact = self.shape(shape);
        match (fact.kind.as_str(), value) {
            ("structure", Value::Object(members)) => {
                let mut members: Map<_, _> = members
                    .into_iter()
                    .map(|(name, value)| {
                        let value = match fact.members.get(&name) {
                            Some(member) => self.with_required_lists(&member.shape, value),
                            None => value,
                        };
                        (name, value)
                    })
                    .collect();
                for name in &fact.required {
                    if self.shape(&fact.members[name].shape).kind == "list" {
                        members.entry(name).or_insert(json!([]));
                    }
                }
                Value::Object(members)
            }
            ("list", Value::Array(values)) => {
                let element = fact.element.as_ref().unwrap();
                values.into_iter().map(|v| self.with_required_lists(element, v)).collect()
            }
            ("map", Value::Object(values)) => {
                let element = fact.value.as_ref().unwrap();
                Value::Object(values.into_iter().map(|(k, v)| (k, self.with_required_lists(element, v))).collect())
            }
            (_, value) => value,
        }
    }
}

/// A member that AWS has not invented yet.
pub(crate) const INVENTED: &str = "aMemberOfTomorrow";

fn object(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// A value that shows a wrong type, a rounded number or a lost byte.
fn leaf(kind: &str) -> Value {
    match kind {
        "string" => json!("a \"string\" \u{e9}\u{1f600}\n"),
        "integer" => json!(-2_147_483_648),
        "long" => json!(9_007_199_254_740_993_i64),
        "float" => json!(0.5),
        "double" => json!(0.1),
        "boolean" => json!(false),
        "blob" => json!("AAH+/w=="),
        "timestamp" => json!("2026-01-02T03:04:05.006Z"),
        "document" => json!({"z": 12_345_678_901_234_567_890_u64, "a": [1.0, null, {"b": "c"}]}),
        other => unreachable!("a kind that AWS's model has not had: {other}"),
    }
}
