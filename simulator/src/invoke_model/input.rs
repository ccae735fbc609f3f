//! A body of InvokeModel: an object whose members are the model's own, and what Bedrock says when they don't fit.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exception::Exception;
use crate::json::{Members, Text};

/// Members of this kind are for Bedrock itself, whatever the model: `amazon-bedrock-guardrailConfig`.
const BEDROCK: &str = "amazon-bedrock-";

/// The body's members, unread. Each model family reads its own; `null` counts as absent.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    /// Where it stands, as a JSON Pointer: empty for the body itself.
    path: String,
    members: Members<'a, &'a RawValue>,
}

impl<'a> Input<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Exception> {
        let members = serde_json::from_slice(body)
            .map_err(|_| Exception::validation("Malformed input request, please reformat your input and try again."))?;
        Ok(Self { path: String::new(), members })
    }

    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.members.get(name).copied().filter(|raw| raw.get() != "null")
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<Text<'a>>, Exception> {
        self.get(name, "String")
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Exception> {
        self.get(name, "Integer")
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Exception> {
        self.get(name, "Boolean")
    }

    pub(crate) fn list<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<Vec<T>>, Exception> {
        self.get(name, "JSONArray")
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, Exception> {
        let members = self.get(name, "JSONObject")?;
        Ok(members.map(|members| Self { path: format!("{}/{name}", self.path), members }))
    }

    pub(crate) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Exception> {
        value.ok_or_else(|| self.malformed("", &format!("required key [{name}] not found")))
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<Text<'a>, Exception> {
        self.required(name, self.text(name)?)
    }

    /// Refuses every member but these, as the models with a closed schema do.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Exception> {
        match self.members.0.iter().find(|(name, _)| !known.contains(&&**name) && !name.starts_with(BEDROCK)) {
            Some((name, _)) => Err(self.malformed("", &format!("extraneous key [{}] is not permitted", &**name))),
            None => Ok(()),
        }
    }

    /// A text out of a closed vocabulary.
    pub(crate) fn one_of(&self, name: &str, allowed: &[&str]) -> Result<Option<Text<'a>>, Exception> {
        match self.text(name)? {
            Some(value) if !allowed.contains(&&*value) => {
                Err(self.malformed(name, &format!("{} is not a valid enum value", &*value)))
            }
            value => Ok(value),
        }
    }

    /// A number out of a few, as lengths of vectors are.
    pub(crate) fn one_size_of(&self, name: &str, allowed: &[usize], usual: usize) -> Result<usize, Exception> {
        let Some(value) = self.integer(name)? else { return Ok(usual) };
        match usize::try_from(value).ok().filter(|value| allowed.contains(value)) {
            Some(value) => Ok(value),
            None => Err(self.malformed(name, &format!("{value} is not a valid enum value"))),
        }
    }

    /// What Bedrock says about a member (or, with an empty name, about the object itself).
    pub(crate) fn malformed(&self, name: &str, what: &str) -> Exception {
        let slash = if name.is_empty() { "" } else { "/" };
        Exception::validation(format!(
            "Malformed input request: #{}{slash}{name}: {what}, please reformat your input and try again.",
            self.path
        ))
    }

    fn get<T: Deserialize<'a>>(&self, name: &str, expected: &str) -> Result<Option<T>, Exception> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|error| match kind(raw.get()) {
            // The right type, with something wrong in it.
            found if found == expected => self.malformed(name, &error.to_string()),
            found => self.malformed(name, &format!("expected type: {expected}, found: {found}")),
        })
    }
}

fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "String",
        Some(b'[') => "JSONArray",
        Some(b'{') => "JSONObject",
        Some(b't' | b'f') => "Boolean",
        Some(b'n') => "Null",
        _ if json.contains(['.', 'e', 'E']) => "BigDecimal",
        _ => "Integer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(refused: Result<impl Sized, Exception>) -> String {
        let answer = refused.err().unwrap().answer();
        format!("{:?}", answer.body)
    }

    #[test]
    fn refusals_name_the_place() {
        let input = Input::parse(br#"{"texts":"a","config":{"size":3,"kind":"x"},"none":null}"#).unwrap();
        assert!(message(input.required_text("prompt")).contains("#: required key [prompt] not found, please"));
        assert!(message(input.list::<Text<'_>>("texts")).contains("#/texts: expected type: JSONArray, found: String"));
        let config = input.object("config").unwrap().unwrap();
        assert!(
            message(config.one_size_of("size", &[256], 256)).contains("#/config/size: 3 is not a valid enum value")
        );
        assert!(message(config.one_of("kind", &["y"])).contains("#/config/kind: x is not"));
        assert!(message(config.only(&["size"])).contains("#/config: extraneous key [kind] is not permitted"));
        assert!(!input.has("none"));
        let input = Input::parse(br#"{"texts":[1]}"#).unwrap();
        assert!(message(input.list::<Text<'_>>("texts")).contains("#/texts: invalid type: integer"));
        assert!(Input::parse(b"[]").is_err());
    }
}
