//! From settings to the rules and options of the running gateway.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::caller_settings::{CallerSettings, JwtSettings, ModelSettings, TargetSettings};
use super::settings::{ClientCertificates, Settings, TlsSettings, TlsVersion};
use super::values::Region;
use crate::bedrock::{IdentitySettings, Upstream};
use crate::callers::{
    ANONYMOUS, AuthenticationOptions, Authenticator, Caller, IdentityPattern, IssuerSettings, KeySourceError,
    RequiredGuardrail,
};
use crate::net::TlsOptions;
use crate::pricing::PriceTable;
use crate::routing::{Breaker, ConverseDefaults, ModelRoute, Policy, Pricing, RouteTarget, TargetKey, TokenLimits};

impl Settings {
    /// The rules. The keys of unchanged issuers, and identities that are in use, come from `previous`. Other identities are made
    /// from `upstream`.
    ///
    /// # Errors
    /// When the certificates of an issuer cannot be used.
    pub(crate) fn policy(&self, upstream: &Upstream, previous: Option<&Policy>) -> Result<Policy, KeySourceError> {
        let authentication = &self.authentication;
        let options = AuthenticationOptions {
            callers: self.callers.iter().map(|(name, settings)| to_caller(name, settings)).collect(),
            issuers: authentication.jwt.iter().map(|(name, settings)| to_issuer(name, settings)).collect(),
            trusted_proxies: authentication.trusted_proxies.clone(),
            failures_per_minute: authentication.failures_per_minute,
            health: authentication.health,
        };
        let mut breakers: HashMap<TargetKey, Arc<Breaker>> = previous
            .into_iter()
            .flat_map(Policy::targets)
            .map(|target| (target.key(), Arc::clone(&target.breaker)))
            .collect();
        let models: BTreeMap<_, _> =
            self.models.iter().map(|(name, model)| (name.clone(), to_route(name, model, &mut breakers))).collect();
        let mut identities = HashMap::new();
        for identity in self.identities(&models) {
            let known = previous.and_then(|previous| previous.identities.get(&identity)).cloned();
            let make = || known.unwrap_or_else(|| Arc::new(upstream.with_identity(identity.clone())));
            identities.entry(identity.clone()).or_insert_with(make);
        }
        Ok(Policy {
            authenticator: Authenticator::new(options, previous.map(|policy| &policy.authenticator))?,
            models,
            identities,
            passthrough: self.passthrough,
            regions: to_names(&self.aws.regions),
            request_metadata: authentication.request_metadata.clone(),
            pricing: Pricing { table: PriceTable::new(self.own_prices.clone()), sends_trailer: self.prices.trailer },
            logged_successes: self.log.success_sample,
        })
    }

    /// The AWS identities that `models` need besides the gateway's own, for the callers that can use them.
    fn identities(&self, models: &BTreeMap<String, Arc<ModelRoute>>) -> HashSet<IdentitySettings> {
        let mut identities = HashSet::new();
        for (name, route) in models {
            let callers =
                self.callers.iter().filter(|(_, caller)| caller.models.iter().any(|model| model.matches(name)));
            let callers = callers.map(|(caller, _)| caller.as_str());
            let anonymous = self.callers.is_empty().then_some(ANONYMOUS);
            for caller in callers.chain(anonymous) {
                let of_targets = route.targets.iter().filter_map(|target| target.identity_for(caller));
                identities.extend(of_targets.map(Cow::into_owned));
            }
        }
        identities
    }

    /// The options of TLS, if it is configured.
    pub(crate) fn tls_options(&self) -> Option<TlsOptions> {
        self.server.tls.as_ref().map(to_tls_options)
    }

    /// The keys whose values differ from those that the process started with, and that are not reloaded.
    pub(crate) fn keys_that_need_a_restart(&self, started_with: &Self) -> Vec<String> {
        let fixed = |settings: &Self| {
            let mut settings = settings.clone();
            settings.aws.regions.clear();
            let has_tls = settings.server.tls.take().is_some();
            let sections = [
                ("server", serde_json::to_value(&settings.server)),
                ("admin", serde_json::to_value(&settings.admin)),
                ("limits", serde_json::to_value(&settings.limits)),
                ("aws", serde_json::to_value(&settings.aws)),
            ];
            let sections = sections.map(|(name, value)| (name, value.unwrap_or_default()));
            (sections, has_tls)
        };
        let ((new, new_tls), (old, old_tls)) = (fixed(self), fixed(started_with));
        let mut keys = Vec::new();
        for ((section, new), (_, old)) in new.iter().zip(&old) {
            let members = new.as_object().into_iter().flatten();
            keys.extend(members.filter(|(key, value)| old[*key] != **value).map(|(key, _)| format!("{section}.{key}")));
        }
        if new_tls != old_tls {
            keys.push("server.tls".to_owned());
        }
        keys
    }

    /// The files whose changes matter, besides the configuration file itself. The keys of issuers watch their own files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let tls = self.server.tls.iter();
        tls.flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()])
            .chain([self.prices.file.as_ref()])
            .flatten()
            .cloned()
            .collect()
    }
}

fn to_names(regions: &[Region]) -> Vec<String> {
    regions.iter().map(ToString::to_string).collect()
}

fn to_caller(name: &str, settings: &CallerSettings) -> (Vec<IdentityPattern>, Caller) {
    let guardrail = settings.guardrail.as_ref();
    let caller = Caller {
        name: name.to_owned(),
        models: settings.models.clone(),
        operations: settings.operations.clone(),
        regions: to_names(&settings.regions),
        guardrail: guardrail.map(|g| RequiredGuardrail { id: g.id.clone(), version: g.version.clone() }),
        max_request: settings.max_request.map(|size| size.0),
    };
    (settings.identity.clone(), caller)
}

fn to_issuer(name: &str, settings: &JwtSettings) -> IssuerSettings {
    IssuerSettings {
        name: name.to_owned(),
        issuer: settings.issuer.clone(),
        audience: settings.audience.clone(),
        jwks: settings.jwks.clone(),
        ca: settings.ca.clone(),
        claim: settings.claim.clone(),
    }
}

fn to_route(name: &str, settings: &ModelSettings, breakers: &mut HashMap<TargetKey, Arc<Breaker>>) -> Arc<ModelRoute> {
    let to_i32 = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let max_tokens =
        TokenLimits { default: settings.max_tokens.default.map(to_i32), limit: settings.max_tokens.limit.map(to_i32) };
    let (inference, cache) = (&settings.inference, settings.prompt_cache);
    let defaults = ConverseDefaults {
        temperature: inference.temperature,
        top_p: inference.top_p,
        stop_sequences: inference.stop_sequences.clone(),
        system: settings.system.clone(),
        cache_tools: cache.tools,
        cache_system: cache.system,
    };
    let to_target = |(index, target)| to_target(&format!("{name}/{index}"), target, breakers);
    let targets = settings.targets.iter().enumerate().map(to_target).collect();
    Arc::new(ModelRoute { targets, max_tokens, defaults })
}

/// Creates a target. If the rules before a reload had the same target, it keeps its health.
fn to_target(name: &str, settings: &TargetSettings, breakers: &mut HashMap<TargetKey, Arc<Breaker>>) -> RouteTarget {
    let identity = IdentitySettings {
        profile: settings.profile.clone(),
        role: settings.role.clone(),
        external_id: settings.external_id.clone(),
        session_name: settings.session_name.clone(),
        session_tag: None,
    };
    let mut target = RouteTarget {
        name: name.into(),
        model: settings.model.clone(),
        region: settings.region.as_ref().map(ToString::to_string),
        identity,
        caller_tag: settings.caller_tag.clone(),
        priority: settings.priority,
        weight: settings.weight,
        breaker: Arc::default(),
    };
    target.breaker = Arc::clone(breakers.entry(target.key()).or_default());
    target
}

fn to_tls_options(settings: &TlsSettings) -> TlsOptions {
    TlsOptions {
        certificate: settings.certificate.clone(),
        key: settings.key.clone(),
        client_ca: settings.client_ca.clone(),
        requires_certificate: settings.client_certificates == ClientCertificates::Required,
        allows_tls12: settings.minimum_version == TlsVersion::V1_2,
    }
}
