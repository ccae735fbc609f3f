//! Which guardrail is meant. All of them exist, but one.

use http::StatusCode;

use crate::converse::Constraints;
use crate::exception::Exception;
use crate::region::ACCOUNT;

/// The one id that names nothing.
const MISSING: &str = "missing";
const IDENTIFIER: &str = "(|([a-z0-9]+)|(arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+))";
const VERSION: &str = "(|([1-9][0-9]{0,7})|(DRAFT))";

#[derive(Clone, Debug)]
pub(crate) struct Guardrail {
    pub(crate) id: String,
    pub(super) version: String,
    pub(super) arn: String,
}

impl Guardrail {
    /// By id or ARN; paths are those of the members, for the refusal.
    pub(crate) fn named(identifier: &str, version: &str, region: &str, path: &str) -> Result<Self, Exception> {
        let mut found = Constraints::default();
        // An ARN ends in the id: arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123
        let id = match identifier.strip_prefix("arn:aws") {
            Some(arn) => arn.split_once(":guardrail/").map_or("", |(_, id)| id),
            None => identifier,
        };
        let valid = !id.is_empty() && id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        found.matches(identifier, &format!("{path}guardrailIdentifier"), IDENTIFIER, valid);
        found.matches(version, &format!("{path}guardrailVersion"), VERSION, is_version(version));
        found.result()?;
        if id == MISSING {
            return Err(Exception::new(
                "ResourceNotFoundException",
                StatusCode::NOT_FOUND,
                "The guardrail identifier or version provided in the request does not exist.",
            ));
        }
        let arn = match identifier == id {
            true => format!("arn:aws:bedrock:{region}:{ACCOUNT}:guardrail/{id}"),
            false => identifier.to_owned(),
        };
        Ok(Self { id: id.to_owned(), version: version.to_owned(), arn })
    }
}

fn is_version(version: &str) -> bool {
    let number = (1..=8).contains(&version.len())
        && !version.starts_with('0')
        && version.bytes().all(|digit| digit.is_ascii_digit());
    number || version == "DRAFT"
}
