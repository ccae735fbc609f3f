//! The JSON Schema of the settings.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::settings::Settings;

/// The schema, without references, so that it can be walked.
pub(super) static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Settings>().to_value();
    schema["title"] = "Configuration of bedrock-grpc".into();
    schema
});

/// The schema as text, for editors.
pub(crate) fn schema_text() -> String {
    let mut schema = SCHEMA.clone();
    remove_extensions(&mut schema);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Removes the names of flags and our own formats, which mean nothing to an editor.
fn remove_extensions(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            members.retain(|name, value| !(name.starts_with("x-") || name == "format" && value.is_string()));
            members.values_mut().for_each(remove_extensions);
        }
        Json::Array(items) => items.iter_mut().for_each(remove_extensions),
        _ => {}
    }
}

/// The keys as tables in Markdown, for the documentation.
#[cfg(test)]
pub(super) fn key_tables() -> String {
    let mut text = String::new();
    add_table(&mut text, &SCHEMA, "");
    text
}

#[cfg(test)]
fn add_table(text: &mut String, schema: &Json, path: &str) {
    use std::fmt::Write as _;

    use super::read::{describe, without_null};

    let schema = without_null(schema);
    let Some(properties) = schema["properties"].as_object() else { return };
    if !path.is_empty() {
        let _ = write!(text, "\n### `{path}`\n");
    }
    let _ = write!(text, "\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
    let mut inner = Vec::new();
    for (key, property) in properties {
        let described = without_null(property);
        let values = &described["additionalProperties"];
        let child = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if described["properties"].is_object() {
            inner.push((child.clone(), described));
        } else if values["properties"].is_object() {
            inner.push((format!("{child}.NAME"), values));
        } else if described["items"]["properties"].is_object() {
            inner.push((format!("{child}[]"), &described["items"]));
        }
        let value = match described["properties"].is_object()
            || values.is_object()
            || described["items"]["properties"].is_object()
        {
            true => format!("see [below](#{})", anchor(inner.last().map_or("", |(path, _)| path))),
            false => describe(property),
        };
        let mut meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let mut default = match &property["default"] {
            Json::Null | Json::Object(_) => String::new(),
            Json::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        if let Some(at) = meaning.find(" [default: ") {
            default = meaning.split_off(at)[" [default: ".len()..].trim_end_matches(']').to_owned();
        } else if schema["required"].as_array().is_some_and(|keys| keys.iter().any(|required| required == key)) {
            default = "required".to_owned();
        }
        if let Some(flag) = property["x-flag"].as_str() {
            let _ = write!(meaning, " (`--{flag}`)");
        }
        let _ =
            writeln!(text, "| `{key}` | {} | {default} | {} |", value.replace('|', "\\|"), meaning.replace('|', "\\|"));
    }
    for (path, schema) in inner {
        add_table(text, schema, &path);
    }
}

/// The anchor of a heading, as GitHub makes it.
#[cfg(test)]
fn anchor(path: &str) -> String {
    path.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>().to_lowercase()
}
