//! A caller and what it may use.

use super::ANONYMOUS;
use super::pattern::Pattern;

/// A caller, and what it may use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Caller {
    /// The name, for the log, the spans and Bedrock's request metadata.
    pub(crate) name: String,
    /// The model ids and names that it may use.
    pub(crate) models: Vec<Pattern>,
    /// The operations that it may use.
    pub(crate) operations: Vec<Pattern>,
    /// The Regions that it may use. Empty: all.
    pub(crate) regions: Vec<String>,
    /// The guardrail that its requests always have.
    pub(crate) guardrail: Option<RequiredGuardrail>,
    /// The largest request in bytes, if it is smaller than the gateway's limit.
    pub(crate) max_request: Option<u64>,
}

/// A guardrail that a caller's requests always have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequiredGuardrail {
    /// Its id or ARN.
    pub(crate) id: String,
    /// Its version.
    pub(crate) version: String,
}

impl Caller {
    /// The caller of a gateway without configured callers. It may use everything.
    pub(crate) fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.to_owned(),
            models: vec![Pattern::everything()],
            operations: vec![Pattern::everything()],
            regions: Vec::new(),
            guardrail: None,
            max_request: None,
        }
    }

    /// Whether no callers are configured.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.name == ANONYMOUS
    }

    /// Whether it may use the model with this id or name.
    pub(crate) fn may_use_model(&self, id: &str) -> bool {
        self.models.iter().any(|pattern| pattern.matches(id))
    }

    /// Whether it may use the operation.
    pub(crate) fn may_use_operation(&self, name: &str) -> bool {
        self.operations.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether it may use the Region.
    pub(crate) fn may_use_region(&self, region: &str) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|allowed| allowed == region)
    }
}
