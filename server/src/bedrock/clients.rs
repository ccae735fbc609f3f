//! The SDK's clients, one a Region, and whether they have credentials that Bedrock takes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{Credentials, StalledStreamProtectionConfig};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::{Mutex, watch};

/// How long a TCP and TLS connection to Bedrock may take: the SDKs' usual 3.1 s (a lost SYN and its first repeat).
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// How often credentials are loaded anew at most: it may mean a call to STS, or a process.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// How many Regions have clients at once; AWS has some forty.
const REGIONS_LIMIT: usize = 100;

/// Where and as whom to reach Bedrock. What is not set comes from the environment, the profile and the instance, as
/// aws-config finds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// The Region to ask when the model id names none.
    pub(crate) region: Option<String>,
    /// The endpoint to ask instead of AWS's own, as `http://127.0.0.1:8080`.
    pub(crate) endpoint_url: Option<String>,
    /// Certificates (PEM) to trust beside the platform's roots when asking Bedrock.
    pub(crate) upstream_ca: Option<Vec<u8>>,
    /// A fixed access key id and secret instead of the default chain; the demo's way to the simulator.
    pub(crate) static_credentials: Option<(String, String)>,
}

/// Whether calls can be expected to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Credentials resolve and Bedrock has not refused them.
    Ready,
    /// No credentials resolve.
    NoCredentials,
    /// Bedrock refused the credentials, also after a reload.
    Rejected,
}

/// Bedrock, as the gateway reaches it.
pub(crate) struct Upstream {
    settings: Settings,
    region: Option<String>,
    current: RwLock<Generation>,
    /// One for all Regions and generations: it owns the connections and the trusted certificates.
    http: SharedHttpClient,
    /// Held while credentials are reloaded, so that a burst of refused calls reloads them once; when that last was.
    reloaded: Mutex<Option<Instant>>,
    readiness: watch::Sender<Readiness>,
}

/// The SDK's clients for a Region. Cloning shares them.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) runtime: aws_sdk_bedrockruntime::Client,
    pub(super) catalog: aws_sdk_bedrock::Client,
}

/// One load of the configuration and the clients made from it. The SDK's identity cache cannot be emptied, so fresh
/// credentials mean a new generation.
struct Generation {
    number: u64,
    config: Arc<SdkConfig>,
    clients: HashMap<String, Clients>,
}

impl Upstream {
    /// Loads the AWS configuration. Resolves no credentials yet; see [`Upstream::check`].
    pub(crate) async fn load(settings: Settings) -> Self {
        let http = http_client(&settings);
        let config = load(&settings, &http).await;
        let region = config.region().map(|region| region.as_ref().to_owned());
        let generation = Generation { number: 0, config: Arc::new(config), clients: HashMap::new() };
        let (readiness, _) = watch::channel(Readiness::NoCredentials);
        Self { settings, region, current: RwLock::new(generation), http, reloaded: Mutex::new(None), readiness }
    }

    /// The Region that is asked when a model id names none.
    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The clients for a Region, made on first use.
    pub(super) fn clients(&self, region: &str) -> Clients {
        let found = self.current.read().unwrap_or_else(PoisonError::into_inner).clients.get(region).cloned();
        found.unwrap_or_else(|| {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            let config = Arc::clone(&current.config);
            // Callers choose Regions, by ARN.
            if current.clients.len() >= REGIONS_LIMIT {
                current.clients.clear();
            }
            current.clients.entry(region.to_owned()).or_insert_with(|| clients(&config, region)).clone()
        })
    }

    /// The number of the present load of credentials; [`Upstream::refresh`] takes it.
    #[must_use]
    pub(crate) fn generation(&self) -> u64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).number
    }

    /// Loads configuration and credentials anew after Bedrock refused those of `generation`. Nothing is done when somebody
    /// else has just done so; returns whether credentials are other than they were.
    pub(crate) async fn refresh(&self, generation: u64) -> bool {
        let mut reloaded = self.reloaded.lock().await;
        if self.generation() != generation {
            return true;
        }
        if reloaded.is_some_and(|at| at.elapsed() < RELOAD_INTERVAL) {
            return false;
        }
        let config = load(&self.settings, &self.http).await;
        *reloaded = Some(Instant::now());
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Generation { number: generation + 1, config: Arc::new(config), clients: HashMap::new() };
        true
    }

    /// Readiness as it changes.
    #[must_use]
    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Bedrock has answered a call, or refused it for its credentials, also after a reload.
    pub(crate) fn set_readiness(&self, now: Readiness) {
        self.readiness.send_if_modified(|was| std::mem::replace(was, now) != now);
    }

    /// Resolves credentials and sets readiness by it. Returns what stood in the way.
    ///
    /// # Errors
    /// The provider chain's error, for our own log.
    pub(crate) async fn check(&self) -> Result<(), String> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config);
        let resolved = resolve(&config).await;
        self.set_readiness(if resolved.is_ok() { Readiness::Ready } else { Readiness::NoCredentials });
        resolved
    }
}

async fn resolve(config: &SdkConfig) -> Result<(), String> {
    // A Bedrock API key needs no resolving. <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html>
    if std::env::var_os("AWS_BEARER_TOKEN_BEDROCK").is_some_and(|key| !key.is_empty()) {
        return Ok(());
    }
    let Some(provider) = config.credentials_provider() else {
        return Err("no credentials provider is configured".to_owned());
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(aws_sdk_bedrockruntime::error::DisplayErrorContext(error).to_string()),
    }
}

async fn load(settings: &Settings, http: &SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        // Exactly one layer retries, ours (`call::retry`).
        .retry_config(RetryConfig::disabled())
        // It ends streams that are slow, and a model that thinks is slow.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some((id, secret)) = &settings.static_credentials {
        loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "static"));
    }
    loader.load().await
}

/// The SDK's own client, but one for all, and with the certificates to trust. `HTTPS_PROXY` and its kin apply, except on the
/// way to an endpoint of our own.
fn http_client(settings: &Settings) -> SharedHttpClient {
    let trust =
        settings.upstream_ca.iter().fold(TrustStore::default(), |store, pem| store.with_pem_certificate(pem.clone()));
    let context = TlsContext::builder().with_trust_store(trust).build();
    let is_own = settings.endpoint_url.is_some();
    aws_smithy_http_client::Builder::new().build_with_connector_fn(move |timeouts, components| {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        let mut builder = Connector::builder()
            .proxy_config(if is_own { ProxyConfig::disabled() } else { ProxyConfig::from_env() })
            .tls_provider(provider);
        builder.set_connector_settings(timeouts.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        match &context {
            Ok(context) => builder.tls_context(context.clone()).build(),
            Err(error) => {
                tracing::error!(%error, "the certificates to trust cannot be used");
                builder.build()
            }
        }
    })
}

fn clients(config: &SdkConfig, region: &str) -> Clients {
    let region = Region::new(region.to_owned());
    let runtime = aws_sdk_bedrockruntime::config::Builder::from(config).region(region.clone()).build();
    let catalog = aws_sdk_bedrock::config::Builder::from(config).region(region).build();
    Clients {
        runtime: aws_sdk_bedrockruntime::Client::from_conf(runtime),
        catalog: aws_sdk_bedrock::Client::from_conf(catalog),
    }
}
