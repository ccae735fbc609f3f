//! `config show`: what applies, and where each value comes from.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::load::Loaded;
use super::settings::Settings;

/// The settings as YAML. A comment behind each value names its origin. Passwords in URLs are replaced.
pub(crate) fn show(loaded: &Loaded) -> String {
    let mut text = String::new();
    let json = serde_json::to_value(&loaded.settings).unwrap_or_default();
    write_value(&mut text, loaded, &json, &mut Vec::new());
    text
}

/// The settings as JSON. Passwords in URLs are replaced, and keys without a value are left out.
pub(crate) fn show_json(settings: &Settings) -> Json {
    let mut json = serde_json::to_value(settings).unwrap_or_default();
    redact(&mut json);
    json
}

fn redact(json: &mut Json) {
    match json {
        Json::String(text) => *text = redact_url(text),
        Json::Array(items) => items.iter_mut().for_each(redact),
        Json::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(redact);
        }
        _ => {}
    }
}

fn write_value(text: &mut String, loaded: &Loaded, json: &Json, path: &mut Vec<String>) {
    let indent = "  ".repeat(path.len());
    let Some(members) = json.as_object() else { return };
    for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        path.push(key.clone());
        match value {
            Json::Object(inner) if inner.is_empty() => {}
            Json::Object(_) => {
                let _ = writeln!(text, "{indent}{}:", scalar(&Json::String(key.clone())));
                write_value(text, loaded, value, path);
            }
            _ => {
                let origin = match loaded.tree.contains(path) {
                    true => loaded.tree.origin_of(path).to_string(),
                    false => "default".to_owned(),
                };
                let _ = writeln!(text, "{indent}{}: {} # {origin}", scalar(&Json::String(key.clone())), scalar(value));
            }
        }
        path.pop();
    }
}

/// A value in YAML's flow style. JSON is YAML, and texts without special characters need no quotes.
fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => {
            let text = redact_url(text);
            let is_plain = !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b))
                && text.bytes().any(|b| b.is_ascii_alphabetic())
                && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'/' || b == b'_')
                && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
                    .contains(&text.to_lowercase().as_str())
                && text.parse::<f64>().is_err();
            if is_plain { text } else { Json::String(text).to_string() }
        }
        Json::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members = members.map(|(key, value)| format!("{key}: {}", scalar(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A URL without the password in it.
fn redact_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://REDACTED{}", &rest[at..]),
        None => text.to_owned(),
    }
}
