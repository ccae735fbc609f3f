//! Where a service is in a Region: AWS's own rules, or what the operator configured, cached per Region.
//!
//! The rules (partitions, FIPS, dual stack) are the SDK's, by its own resolver. Configured endpoints take the order that the
//! SDKs document: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_config::SdkConfig;
use aws_sdk_bedrock::config::endpoint as control;
use aws_sdk_bedrock::config::endpoint::ResolveEndpoint as _;
use aws_sdk_bedrockruntime::config::endpoint as runtime;
use aws_sdk_bedrockruntime::config::endpoint::ResolveEndpoint as _;
use aws_types::service_config::ServiceConfigKey;
use http::Uri;

use super::connections::{Host, Origin, Pool};
use crate::error::Failure;

/// How many Regions are cached: AWS has some forty, and callers choose Regions by ARN.
const REGIONS_LIMIT: usize = 100;

/// The services that operations belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Service {
    /// `bedrock-runtime`.
    Runtime,
    /// `bedrock`.
    ControlPlane,
}

/// Where a service is in a Region.
pub(super) struct Endpoint {
    /// The connections to it.
    pub(super) host: Arc<Host>,
    /// The URL without a path.
    pub(super) base: Uri,
    /// What stands in front of each path, without a slash at its end; empty for AWS's own endpoints.
    pub(super) prefix: String,
}

/// Resolves endpoints and keeps them.
pub(super) struct Endpoints {
    configured: HashMap<Service, Option<String>>,
    use_fips: Option<bool>,
    use_dual_stack: Option<bool>,
    pool: Pool,
    cache: RwLock<HashMap<Service, HashMap<String, Arc<Endpoint>>>>,
    control: control::DefaultResolver,
    runtime: runtime::DefaultResolver,
}

impl Service {
    /// The service's id and its variable, as the SDKs derive them.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Runtime => ("Bedrock Runtime", "AWS_ENDPOINT_URL"),
            Self::ControlPlane => ("Bedrock", "AWS_ENDPOINT_URL"),
        }
    }

    /// The endpoint that a variable or the profile configures for the service, or for all services.
    fn configured(self, config: &SdkConfig) -> Option<String> {
        let for_all = config.endpoint_url().map(str::to_owned);
        // Set on the command line or by the demo.
        if config.get_origin("endpoint_url").is_client_config() {
            return for_all;
        }
        let (id, variable) = self.names();
        let key = ServiceConfigKey::builder().service_id(id).env(variable).profile("endpoint_url").build().ok();
        key.and_then(|key| config.service_config()?.load_config(key)).or(for_all)
    }
}

impl Endpoints {
    /// Endpoints as `config` has them, with connections from `pool`.
    pub(super) fn new(config: &SdkConfig, pool: Pool) -> Self {
        let services = [Service::Runtime, Service::ControlPlane];
        Self {
            configured: services.into_iter().map(|service| (service, service.configured(config))).collect(),
            use_fips: config.use_fips(),
            use_dual_stack: config.use_dual_stack(),
            pool,
            cache: RwLock::default(),
            control: control::DefaultResolver::new(),
            runtime: runtime::DefaultResolver::new(),
        }
    }

    /// The endpoint of `service` in `region`.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when the rules or the configuration give none.
    pub(super) async fn get(&self, service: Service, region: &str) -> Result<Arc<Endpoint>, Failure> {
        let cached =
            |cache: &HashMap<Service, HashMap<String, Arc<Endpoint>>>| cache.get(&service)?.get(region).cloned();
        if let Some(endpoint) = cached(&self.cache.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(endpoint);
        }
        let url = self.resolve(service, region).await?;
        let endpoint = Arc::new(self.connect(&url).map_err(Failure::Unreachable)?);
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        let regions = cache.entry(service).or_default();
        if regions.len() >= REGIONS_LIMIT {
            regions.clear();
        }
        regions.insert(region.to_owned(), Arc::clone(&endpoint));
        let in_use: Vec<Origin> = cache.values().flat_map(HashMap::values).map(|e| e.host.origin().clone()).collect();
        self.pool.retain(|origin| in_use.contains(origin));
        Ok(endpoint)
    }

    /// The URL of `service` in `region`.
    async fn resolve(&self, service: Service, region: &str) -> Result<String, Failure> {
        let endpoint = self.configured.get(&service).cloned().flatten();
        macro_rules! resolve {
            ($module:ident, $resolver:expr) => {{
                let parameters = $module::Params::builder()
                    .region(region)
                    .set_use_fips(self.use_fips)
                    .set_use_dual_stack(self.use_dual_stack)
                    .set_endpoint(endpoint)
                    .build()
                    .map_err(|error| Failure::Unreachable(error.to_string()))?;
                $resolver.resolve_endpoint(&parameters).await
            }};
        }
        let resolved = match service {
            Service::Runtime => resolve!(runtime, self.runtime),
            Service::ControlPlane => resolve!(control, self.control),
        };
        let endpoint = resolved.map_err(|error| Failure::Unreachable(format!("no endpoint: {error}")))?;
        Ok(endpoint.url().to_owned())
    }

    fn connect(&self, url: &str) -> Result<Endpoint, String> {
        let uri: Uri = url.parse().map_err(|error| format!("the endpoint {url} is no URL: {error}"))?;
        let origin = Origin::new(&uri).map_err(|error| error.to_string())?;
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Endpoint { base: origin.uri().clone(), host: self.pool.host(origin), prefix })
    }
}
