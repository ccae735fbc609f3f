//! The endpoint of a service in a Region: by AWS's rules, or as the operator has configured it. It is cached per Region.
//!
//! The SDK's resolver for the runtime applies the rules (partitions, FIPS, dual stack). The other services of Bedrock have
//! the same rules with another first label of the host name. Their rows contain it. Configured endpoints have the priorities
//! that the SDKs document: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_config::SdkConfig;
use aws_sdk_bedrockruntime::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_types::service_config::ServiceConfigKey;
use bedrock_grpc_schema::operation::{OPERATIONS, Service, bedrock_runtime};
use http::Uri;

use super::connections::{Host, Origin, Pool};
use crate::error::Failure;
use crate::telemetry::HostConnections;

/// Maximum number of cached Regions. AWS has about forty, and a caller can write any Region in an ARN.
const REGIONS_LIMIT: usize = 100;

/// The endpoint of a service in a Region.
pub(super) struct Endpoint {
    /// The connections to it.
    pub(super) host: Arc<Host>,
    /// The URL without a path.
    pub(super) base: Uri,
    /// The prefix of each path, without a slash at its end; empty for AWS's own endpoints.
    pub(super) prefix: String,
}

/// The endpoints that are known, by the service's name and the Region.
type Cache = HashMap<&'static str, HashMap<String, Arc<Endpoint>>>;

/// Resolves endpoints and keeps them.
pub(super) struct Endpoints {
    /// By the service's name.
    configured: HashMap<&'static str, String>,
    /// The runtime's endpoints by Region.
    by_region: HashMap<String, String>,
    use_fips: Option<bool>,
    use_dual_stack: Option<bool>,
    resolver: DefaultResolver,
    pool: Pool,
    cache: RwLock<Cache>,
}

/// The endpoint that a variable or the profile configures for a service, or for all services.
fn configured_endpoint(service: &Service, config: &SdkConfig) -> Option<String> {
    let for_all = config.endpoint_url().map(str::to_owned);
    // The endpoint of a server that a command has started.
    if config.get_origin("endpoint_url").is_client_config() {
        return for_all;
    }
    let key =
        ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    key.ok().and_then(|key| config.service_config()?.load_config(key)).or(for_all)
}

impl Endpoints {
    /// The connections to Bedrock now.
    pub(super) fn count_connections(&self) -> Vec<HostConnections> {
        self.pool.count()
    }

    /// Endpoints as `config` has them, with connections from `pool`. `by_region` has endpoints of the runtime that have priority.
    pub(super) fn new(config: &SdkConfig, by_region: HashMap<String, String>, pool: Pool) -> Self {
        let services = OPERATIONS.iter().map(|operation| operation.service);
        let configured = services.filter_map(|service| Some((service.name, configured_endpoint(service, config)?)));
        Self {
            configured: configured.collect(),
            by_region,
            use_fips: config.use_fips(),
            use_dual_stack: config.use_dual_stack(),
            resolver: DefaultResolver::new(),
            pool,
            cache: RwLock::default(),
        }
    }

    /// The endpoint of `service` in `region`.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when the rules or the configuration give no endpoint.
    pub(super) async fn get(&self, service: &Service, region: &str) -> Result<Arc<Endpoint>, Failure> {
        let cached = |cache: &Cache| cache.get(service.name)?.get(region).cloned();
        if let Some(endpoint) = cached(&self.cache.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(endpoint);
        }
        let url = self.resolve(service, region).await?;
        let endpoint = Arc::new(self.connect(&url).map_err(Failure::Unreachable)?);
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        let regions = cache.entry(service.name).or_default();
        if regions.len() >= REGIONS_LIMIT {
            regions.clear();
        }
        regions.insert(region.to_owned(), Arc::clone(&endpoint));
        let in_use: Vec<Origin> = cache.values().flat_map(HashMap::values).map(|e| e.host.origin().clone()).collect();
        self.pool.retain(|origin| in_use.contains(origin));
        Ok(endpoint)
    }

    /// The URL of `service` in `region`.
    async fn resolve(&self, service: &Service, region: &str) -> Result<String, Failure> {
        let no_endpoint = |error: &dyn std::fmt::Display| Failure::Unreachable(format!("no endpoint: {error}"));
        let is_runtime = service.name == bedrock_runtime::SERVICE.name;
        let of_region = self.by_region.get(region).filter(|_| is_runtime);
        let configured = of_region.or_else(|| self.configured.get(service.name));
        let parameters = Params::builder()
            .region(region)
            .set_use_fips(self.use_fips)
            .set_use_dual_stack(self.use_dual_stack)
            .set_endpoint(configured.cloned())
            .build()
            .map_err(|error| no_endpoint(&error))?;
        let endpoint = self.resolver.resolve_endpoint(&parameters).await.map_err(|error| no_endpoint(&error))?;
        let url = endpoint.url();
        if configured.is_some() {
            return Ok(url.to_owned());
        }
        let (runtime, other) = (bedrock_runtime::SERVICE.endpoint_prefix, service.endpoint_prefix);
        Ok(url.replacen(&format!("//{runtime}"), &format!("//{other}"), 1))
    }

    fn connect(&self, url: &str) -> Result<Endpoint, String> {
        let uri: Uri = url.parse().map_err(|error| format!("the endpoint {url} is no URL: {error}"))?;
        let origin = Origin::new(&uri).map_err(|error| error.to_string())?;
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Endpoint { base: origin.uri().clone(), host: self.pool.host(origin), prefix })
    }
}
