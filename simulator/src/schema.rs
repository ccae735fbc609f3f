//! Values made from a JSON schema: a tool's arguments, and answers in JSON.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Members, Text};

/// A schema may refer to itself.
const MAX_DEPTH: usize = 12;

/// Makes a value for a schema, members in the schema's own order.
///
/// `const`, the first of `enum`, or `default` where there is one. Otherwise a string is the last capitalised word of
/// `text`, or else the property's name; an integer 1 and a number 1.5, or the minimum; a boolean true; an array has
/// one item; an object has all of its properties, required or not.
pub(crate) fn example(schema: &RawValue, text: &str) -> String {
    let maker = Maker { root: schema, word: last_capitalised_word(text) };
    let mut json = String::new();
    maker.write(schema, "value", 0, &mut json);
    json
}

struct Maker<'a> {
    root: &'a RawValue,
    word: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Schema<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Kinds<'a>>,
    #[serde(rename = "const", borrow)]
    constant: Option<&'a RawValue>,
    #[serde(rename = "enum", borrow)]
    choices: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    default: Option<&'a RawValue>,
    #[serde(borrow)]
    minimum: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<Members<'a, &'a RawValue>>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(rename = "anyOf", borrow)]
    any_of: Option<Vec<&'a RawValue>>,
    #[serde(rename = "oneOf", borrow)]
    one_of: Option<Vec<&'a RawValue>>,
    #[serde(rename = "allOf", borrow)]
    all_of: Option<Vec<&'a RawValue>>,
    #[serde(rename = "$ref", borrow)]
    reference: Option<Text<'a>>,
}

/// `"string"`, or `["string", "null"]`. Kept raw until asked, since `untagged` would copy.
#[derive(Deserialize)]
#[serde(transparent)]
struct Kinds<'a>(#[serde(borrow)] &'a RawValue);

impl<'a> Kinds<'a> {
    fn first(&self) -> Option<Text<'a>> {
        if let Ok(kind) = serde_json::from_str(self.0.get()) {
            return Some(kind);
        }
        let kinds: Vec<Text<'a>> = serde_json::from_str(self.0.get()).ok()?;
        kinds.into_iter().find(|kind| **kind != *"null")
    }
}

impl<'a> Maker<'a> {
    fn write(&self, raw: &'a RawValue, name: &str, depth: usize, json: &mut String) {
        // `true` is a schema as well, and so is one that is wrong in some member: neither constrains anything.
        let schema: Schema<'a> = serde_json::from_str(raw.get()).unwrap_or_default();
        if depth > MAX_DEPTH {
            return json.push_str("null");
        }
        let first = schema.choices.as_ref().and_then(|choices| choices.first());
        if let Some(given) = schema.constant.or(first.copied()).or(schema.default) {
            return json.push_str(given.get());
        }
        let branch = [&schema.any_of, &schema.one_of, &schema.all_of]
            .into_iter()
            .flatten()
            .flatten()
            .find(|branch| !is_null(branch));
        let target = schema.reference.as_deref().and_then(|path| self.resolve(path));
        if let Some(other) = target.or(branch.copied()) {
            return self.write(other, name, depth + 1, json);
        }
        let kind = schema.kind.as_ref().and_then(Kinds::first);
        match kind.as_deref() {
            Some("integer") => json.push_str(schema.minimum.map_or("1", RawValue::get)),
            Some("number") => json.push_str(schema.minimum.map_or("1.5", RawValue::get)),
            Some("boolean") => json.push_str("true"),
            Some("null") => json.push_str("null"),
            Some("array") => {
                json.push('[');
                if let Some(items) = schema.items {
                    self.write(items, name, depth + 1, json);
                }
                json.push(']');
            }
            Some("object") => self.write_object(&schema, depth, json),
            None if schema.properties.is_some() => self.write_object(&schema, depth, json),
            _ => json.push_str(&quoted(self.word.unwrap_or(name))),
        }
    }

    fn write_object(&self, schema: &Schema<'a>, depth: usize, json: &mut String) {
        json.push('{');
        let properties = schema.properties.iter().flat_map(|members| &members.0);
        for (index, (name, property)) in properties.enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(&quoted(name));
            json.push(':');
            self.write(property, name, depth + 1, json);
        }
        json.push('}');
    }

    /// A reference within the schema: `#/$defs/City`.
    fn resolve(&self, path: &str) -> Option<&'a RawValue> {
        let mut target = self.root;
        for step in path.strip_prefix('#')?.split('/').skip(1) {
            let members: Members<'a, &'a RawValue> = serde_json::from_str(target.get()).ok()?;
            target = members.get(step).copied()?;
        }
        Some(target)
    }
}

fn is_null(schema: &RawValue) -> bool {
    let schema: Schema<'_> = serde_json::from_str(schema.get()).unwrap_or_default();
    matches!(schema.kind, Some(kind) if kind.0.get() == "\"null\"")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn last_capitalised_word(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_alphanumeric()).rfind(|word| word.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(schema: &str, text: &str) -> String {
        example(serde_json::from_str(schema).unwrap(), text)
    }

    #[test]
    fn objects_keep_the_order_of_the_schema() {
        let schema = r#"{"type":"object","properties":{"zone":{"type":"string","enum":["B","A"]},
            "city":{"type":"string"},"days":{"type":"integer","minimum":3},"wind":{"type":"number"},
            "alerts":{"type":"array","items":{"type":"boolean"}},
            "at":{"properties":{"lat":{"type":["null","number"]}}}},"required":["city"]}"#;
        assert_eq!(
            made(schema, "What is the weather in Paris?"),
            r#"{"zone":"B","city":"Paris","days":3,"wind":1.5,"alerts":[true],"at":{"lat":1.5}}"#
        );
        assert_eq!(made(r#"{"type":"object","properties":{"city":{"type":"string"}}}"#, "rain?"), r#"{"city":"city"}"#);
    }

    #[test]
    fn references_branches_and_loops_end() {
        let schema = r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##;
        assert!(serde_json::from_str::<serde_json::Value>(&made(schema, "")).is_ok());
        let schema = r##"{"$defs":{"C":{"const":"x"}},"anyOf":[{"type":"null"},{"$ref":"#/$defs/C"}]}"##;
        assert_eq!(made(schema, ""), "\"x\"");
        assert_eq!(made("true", "Hi"), "\"Hi\"");
    }
}
