//! Reads a tree by a JSON Schema and collects every mistake. The result fits the type that the schema was made from.
//!
//! It knows the part of JSON Schema that schemars writes for the settings.

use serde_json::{Map, Number, Value as Json};

use super::mistake::{Mistake, nearest};
use super::node::{Entry, Node, Value};
use super::origin::Origin;
use super::values::check_format;
use crate::callers::API_KEY_PREFIX;

/// The longest text of a file that a message repeats.
const QUOTE_LIMIT: usize = 60;

/// Reads `node`. Without a new entry in `mistakes` the result is complete.
pub(super) fn read(schema: &Json, node: &Node, mistakes: &mut Vec<Mistake>) -> Json {
    Reader { path: Vec::new(), mistakes }.read(schema, node)
}

/// The schema without the alternative `null`.
pub(super) fn without_null(schema: &Json) -> &Json {
    let alternatives = schema["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    alternatives.iter().find(|alternative| alternative["type"] != "null").unwrap_or(schema)
}

/// Whether values of the schema may have this JSON type.
pub(super) fn has_type(schema: &Json, name: &str) -> bool {
    match &schema["type"] {
        Json::String(only) => only == name,
        Json::Array(types) => types.iter().any(|one| one == name),
        // A choice of texts.
        _ => name == "string" && !choices(schema).is_empty(),
    }
}

/// The texts that the schema allows, if it allows only some.
pub(super) fn choices(schema: &Json) -> Vec<&str> {
    let list = |key: &str| schema[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let constants = list("oneOf").iter().filter_map(|one| one["const"].as_str());
    let nested = list("oneOf").iter().flat_map(|one| one["enum"].as_array().into_iter().flatten());
    let values = list("enum").iter().chain(nested).filter_map(Json::as_str);
    constants.chain(values).collect()
}

struct Reader<'a> {
    path: Vec<String>,
    mistakes: &'a mut Vec<Mistake>,
}

impl Reader<'_> {
    fn read(&mut self, schema: &Json, node: &Node) -> Json {
        let schema = without_null(schema);
        match &node.value {
            Value::Map(entries) if has_type(schema, "object") => self.read_map(schema, node, entries),
            Value::List(items) if has_type(schema, "array") => self.read_list(schema, node, items),
            Value::Text(text) => self.read_text(schema, node, text),
            Value::Bool(value) if has_type(schema, "boolean") => Json::Bool(*value),
            Value::Integer(value) if has_type(schema, "integer") => self.read_integer(schema, node, *value),
            Value::Integer(value) if has_type(schema, "number") => {
                #[allow(clippy::cast_precision_loss, reason = "the limits are small")]
                let value = *value as f64;
                self.read_number(schema, node, value)
            }
            Value::Float(value) if has_type(schema, "number") => self.read_number(schema, node, *value),
            // Some texts look like numbers, for example the version of a guardrail.
            Value::Integer(value) if has_type(schema, "string") => self.read_text(schema, node, &value.to_string()),
            _ => self.reject(schema, node),
        }
    }

    fn read_map(&mut self, schema: &Json, node: &Node, entries: &[Entry]) -> Json {
        let none = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&none);
        let others = schema["additionalProperties"].as_object().map(|_| &schema["additionalProperties"]);
        let mut object = Map::new();
        for Entry { key, origin, node } in entries {
            self.path.push(key.clone());
            match known.get(key).or(others) {
                // A key without a value is as good as no key.
                Some(_) if node.value == Value::Null => {}
                Some(schema) => {
                    let value = self.read(schema, node);
                    object.insert(key.clone(), value);
                }
                None => {
                    let guess = nearest(key, known.keys().map(String::as_str));
                    let guess = guess.map(|guess| format!(", did you mean `{guess}`?")).unwrap_or_default();
                    let allowed = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    self.add(origin, format!("unknown key{guess} (allowed: {allowed})"));
                }
            }
            self.path.pop();
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        for key in required.filter(|key| !object.contains_key(*key)) {
            // A key with a wrong value has its own message.
            if !entries.iter().any(|entry| entry.key == key && entry.node.value != Value::Null) {
                self.add(&node.origin, format!("the key `{key}` is missing: {}", describe(&known[key])));
            }
        }
        Json::Object(object)
    }

    fn read_list(&mut self, schema: &Json, node: &Node, items: &[Node]) -> Json {
        if (items.len() as u64) < schema["minItems"].as_u64().unwrap_or_default() {
            self.add(&node.origin, "found an empty list; at least one entry is needed");
        }
        let values = items.iter().enumerate().map(|(index, item)| {
            self.path.push(index.to_string());
            let value = self.read(&schema["items"], item);
            self.path.pop();
            value
        });
        Json::Array(values.collect())
    }

    fn read_integer(&mut self, schema: &Json, node: &Node, value: i128) -> Json {
        let limit = |key: &str| schema[key].as_f64();
        #[allow(clippy::cast_precision_loss, reason = "the limits are far below 2^53")]
        let number = value as f64;
        let fits = limit("minimum").is_none_or(|min| number >= min) && limit("maximum").is_none_or(|max| number <= max);
        match (fits, u64::try_from(value)) {
            (true, Ok(value)) => Json::Number(Number::from(value)),
            _ => self.reject(schema, node),
        }
    }

    fn read_number(&mut self, schema: &Json, node: &Node, value: f64) -> Json {
        let limit = |key: &str| schema[key].as_f64();
        let fits = limit("minimum").is_none_or(|min| value >= min) && limit("maximum").is_none_or(|max| value <= max);
        match (fits, Number::from_f64(value)) {
            (true, Some(number)) => Json::Number(number),
            _ => self.reject(schema, node),
        }
    }

    fn read_text(&mut self, schema: &Json, node: &Node, text: &str) -> Json {
        // Variables and flags have only text.
        if !matches!(node.origin, Origin::File { .. }) {
            if has_type(schema, "array") {
                let item =
                    |part: &str| Node { origin: node.origin.clone(), value: Value::Text(part.trim().to_owned()) };
                let items: Vec<_> = text.split(',').filter(|part| !part.trim().is_empty()).map(item).collect();
                return self.read_list(schema, node, &items);
            }
            if has_type(schema, "integer")
                && let Ok(value) = text.trim().parse()
            {
                return self.read_integer(schema, node, value);
            }
            if has_type(schema, "number")
                && let Ok(value) = text.trim().parse()
            {
                return self.read_number(schema, node, value);
            }
            if has_type(schema, "boolean")
                && let Some(value) = parse_bool(text)
            {
                return Json::Bool(value);
            }
        }
        if !has_type(schema, "string") {
            return self.reject(schema, node);
        }
        let choices = choices(schema);
        if !choices.is_empty() && !choices.contains(&text) {
            let guess = nearest(text, choices.iter().copied());
            let guess = guess.map(|guess| format!(", did you mean `{guess}`?")).unwrap_or_default();
            self.add(&node.origin, format!("found {}{guess} (allowed: {})", quote(text), choices.join(", ")));
        } else if text.is_empty() && choices.is_empty() {
            self.add(&node.origin, "found an empty text; remove the key if it has no value");
        } else if let Some(Err(problem)) = schema["format"].as_str().map(|format| check_format(format, text)) {
            self.add(&node.origin, format!("found {}: {problem}", quote(text)));
        }
        Json::String(text.to_owned())
    }

    fn reject(&mut self, schema: &Json, node: &Node) -> Json {
        let found = match &node.value {
            Value::Null => "no value".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("the number {value}"),
            Value::Float(value) => format!("the number {value}"),
            Value::Text(text) => quote(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        };
        self.add(&node.origin, format!("found {found}, expected {}", describe(schema)));
        Json::Null
    }

    fn add(&mut self, origin: &Origin, problem: impl Into<String>) {
        self.mistakes.push(Mistake::new(origin.clone(), &self.path, problem));
    }
}

/// A boolean of a variable or a flag.
fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A text for a message: shortened, and only if it has one line. A text of several lines may be a private key.
pub(super) fn quote(text: &str) -> String {
    if text.contains(['\n', '\r']) {
        return "a text of several lines".to_owned();
    }
    if text.contains(API_KEY_PREFIX) {
        return "an API key".to_owned();
    }
    let short = &text[..text.floor_char_boundary(QUOTE_LIMIT)];
    format!("`{short}{}`", if short.len() < text.len() { "…" } else { "" })
}

/// What the schema allows, in words.
pub(super) fn describe(schema: &Json) -> String {
    let schema = without_null(schema);
    let choices = choices(schema);
    if !choices.is_empty() {
        return format!("one of {}", choices.join(", "));
    }
    if has_type(schema, "object") {
        let keys = schema["properties"].as_object().map(|keys| keys.keys().cloned().collect::<Vec<_>>().join(", "));
        return keys.map_or_else(|| "a mapping".to_owned(), |keys| format!("a mapping with {keys}"));
    }
    if has_type(schema, "array") {
        return format!("a list, each entry {}", describe(&schema["items"]));
    }
    if has_type(schema, "integer") {
        return match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
            (Some(min), None) => format!("a whole number, at least {min}"),
            _ => "a whole number".to_owned(),
        };
    }
    if has_type(schema, "number") {
        let limit = |key: &str| schema[key].as_f64().unwrap_or_default();
        return format!("a number from {} to {}", limit("minimum"), limit("maximum"));
    }
    if has_type(schema, "boolean") {
        return "true or false".to_owned();
    }
    match schema["format"].as_str() {
        Some(format) => super::values::describe_format(format).to_owned(),
        None => "a text".to_owned(),
    }
}
