//! The rules of a gateway: who may call, which model names there are, which Regions are allowed. A reload of the configuration
//! replaces all of them at once, and a running call keeps those that it started with.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::breaker::Breaker;
use crate::bedrock::{IdentitySettings, SessionTag, Upstream};
use crate::callers::{Authenticator, Caller};
use crate::error::Failure;
use crate::pricing::PriceTable;

/// What a name of a model stands for.
#[derive(Debug, Clone)]
pub(crate) struct ModelRoute {
    /// Where calls go. There is at least one.
    pub(crate) targets: Vec<RouteTarget>,
    /// The `maxTokens` of Converse and ConverseStream.
    pub(crate) max_tokens: TokenLimits,
    /// What is added to Converse and ConverseStream where the caller has set nothing.
    pub(crate) defaults: ConverseDefaults,
}

/// A target of a model's name.
#[derive(Debug, Clone)]
pub(crate) struct RouteTarget {
    /// The name of the model and the target's position in the list, for example `chat/0`.
    pub(crate) name: Arc<str>,
    /// The model id, inference profile or ARN at Bedrock.
    pub(crate) model: String,
    /// The Region, if it is not the default one.
    pub(crate) region: Option<String>,
    /// The AWS identity that calls the model.
    pub(crate) identity: IdentitySettings,
    /// The key of the session tag that gets the caller's name. With it each caller has an identity of its own.
    pub(crate) caller_tag: Option<String>,
    /// Targets with a lower number are used first.
    pub(crate) priority: u32,
    /// The share of the calls among targets of the same priority.
    pub(crate) weight: u32,
    /// The health. Names of models with the same target share it.
    pub(crate) breaker: Arc<Breaker>,
}

/// The key of a target's quotas and health. AWS counts quotas by account, Region and model.
pub(crate) type TargetKey = (IdentitySettings, Option<String>, String);

impl RouteTarget {
    /// A target of the gateway's own identity in its Region.
    #[cfg(test)]
    pub(crate) fn new(model: &str) -> Self {
        Self {
            name: model.into(),
            model: model.to_owned(),
            region: None,
            identity: IdentitySettings::default(),
            caller_tag: None,
            priority: 0,
            weight: 1,
            breaker: Arc::default(),
        }
    }

    /// The key of the health.
    pub(crate) fn key(&self) -> TargetKey {
        (self.identity.clone(), self.region.clone(), self.model.clone())
    }

    /// The AWS identity that calls the model for a caller. `None` is the gateway's own.
    pub(crate) fn identity_for(&self, caller: &str) -> Option<Cow<'_, IdentitySettings>> {
        let Some(key) = &self.caller_tag else {
            return (self.identity != IdentitySettings::default()).then_some(Cow::Borrowed(&self.identity));
        };
        let tag = SessionTag { key: key.clone(), caller: caller.to_owned() };
        Some(Cow::Owned(IdentitySettings { session_tag: Some(tag), ..self.identity.clone() }))
    }
}

/// Defaults of Converse and ConverseStream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ConverseDefaults {
    /// The temperature.
    pub(crate) temperature: Option<f32>,
    /// The share of the probability distribution.
    pub(crate) top_p: Option<f32>,
    /// The texts that stop the generation.
    pub(crate) stop_sequences: Vec<String>,
    /// The system prompt, block by block.
    pub(crate) system: Vec<String>,
    /// Whether a cache point is added after the tools.
    pub(crate) cache_tools: bool,
    /// Whether a cache point is added after the system prompt.
    pub(crate) cache_system: bool,
}

/// The `maxTokens` of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TokenLimits {
    /// The value of requests that have none.
    pub(crate) default: Option<i32>,
    /// The largest value.
    pub(crate) limit: Option<i32>,
}

/// The rules of a gateway. They never change.
pub(crate) struct Policy {
    /// Recognizes callers.
    pub(crate) authenticator: Authenticator,
    /// The names of models.
    pub(crate) models: BTreeMap<String, Arc<ModelRoute>>,
    /// Bedrock with the identities of the models, besides the default one.
    pub(crate) identities: HashMap<IdentitySettings, Arc<Upstream>>,
    /// Whether model ids that are no names can be used.
    pub(crate) passthrough: bool,
    /// The only Regions that calls may use. Empty: all.
    pub(crate) regions: Vec<String>,
    /// The key of the caller's name in Bedrock's request metadata.
    pub(crate) request_metadata: Option<String>,
    /// What calls cost.
    pub(crate) pricing: Pricing,
    /// The share of successful calls that are logged.
    pub(crate) logged_successes: f64,
}

/// What calls cost, and who sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pricing {
    /// The prices.
    pub(crate) table: PriceTable,
    /// Whether the trailers of a call have its cost.
    pub(crate) sends_trailer: bool,
}

impl Default for Policy {
    /// The rules of a gateway without configuration: everyone may use everything.
    fn default() -> Self {
        Self {
            authenticator: Authenticator::default(),
            models: BTreeMap::new(),
            identities: HashMap::new(),
            passthrough: true,
            regions: Vec::new(),
            request_metadata: None,
            pricing: Pricing::default(),
            logged_successes: 1.0,
        }
    }
}

impl Policy {
    /// The route of a model that the caller names. `None` if the id is used as it is.
    ///
    /// # Errors
    /// [`Failure::ModelNotAllowed`].
    pub(super) fn route(&self, caller: &Caller, id: &str) -> Result<Option<&Arc<ModelRoute>>, Failure> {
        let route = self.models.get(id);
        if caller.may_use_model(id) && (route.is_some() || self.passthrough) {
            return Ok(route);
        }
        Err(Failure::ModelNotAllowed { allowed: self.allowed_models(caller) })
    }

    /// What the caller may use, for the details of an error: its own patterns, or the names that match them.
    fn allowed_models(&self, caller: &Caller) -> String {
        if self.passthrough {
            return join(caller.models.iter());
        }
        join(self.names_for(caller))
    }

    /// The names of models that the caller may use.
    pub(crate) fn names_for<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a String> {
        self.models.keys().filter(|name| caller.may_use_model(name))
    }

    /// Whether the caller may use a model id that is no name.
    pub(crate) fn may_use_id(&self, caller: &Caller, id: &str) -> bool {
        self.passthrough && caller.may_use_model(id)
    }

    /// All targets of the names.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &RouteTarget> {
        self.models.values().flat_map(|route| &route.targets)
    }

    /// Checks a Region.
    ///
    /// # Errors
    /// [`Failure::RegionNotAllowed`].
    pub(super) fn check_region(&self, caller: &Caller, region: &str) -> Result<(), Failure> {
        let is_allowed = self.regions.is_empty() || self.regions.iter().any(|allowed| allowed == region);
        if is_allowed && caller.may_use_region(region) {
            return Ok(());
        }
        let allowed = if caller.regions.is_empty() { &self.regions } else { &caller.regions };
        Err(Failure::RegionNotAllowed { allowed: join(allowed.iter()) })
    }
}

/// `a, b, c`
pub(super) fn join(parts: impl Iterator<Item = impl ToString>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
}

/// The rules that apply now. Clones share them.
#[derive(Clone)]
pub(crate) struct PolicyHandle(Arc<ArcSwap<Policy>>);

impl PolicyHandle {
    /// A handle on `policy`.
    pub(crate) fn new(policy: Policy) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(policy)))
    }

    /// The rules for a call that starts now.
    pub(crate) fn load(&self) -> Arc<Policy> {
        self.0.load_full()
    }

    /// Replaces the rules. Running calls keep theirs.
    pub(crate) fn replace(&self, policy: Policy) {
        self.0.store(Arc::new(policy));
    }
}

impl std::fmt::Debug for PolicyHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PolicyHandle")
    }
}
