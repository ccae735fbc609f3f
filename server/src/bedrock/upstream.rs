//! Bedrock as the gateway reaches it: identity, endpoints and connections together.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, Response, StatusCode};
use tokio::sync::watch;
use tower::retry::budget::TpsBudget;

use super::connections::{self, ConnectionOptions, ConnectorError, IncomingBody, Pool};
use super::endpoint::Endpoints;
use super::failure::read_exception;
use super::identity::{AwsConfigSource, Identity, Readiness};
use super::request::RequestTemplate;
use super::retry_budget::RetryBudgets;
use super::{Body, Subject, Target, bidirectional, region};
use crate::error::{Exception, Failure};
use crate::telemetry::{HostConnections, IdentityState};

/// How Bedrock is reached: the endpoint, the Region and the credentials. What is not set comes from the environment, the
/// profile and the instance, as aws-config finds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// The Region of calls whose model id names none.
    pub(crate) region: Option<String>,
    /// The endpoint in place of AWS's own, for example `http://127.0.0.1:8080`.
    pub(crate) endpoint_url: Option<String>,
    /// The runtime's endpoints by Region. They have priority over `endpoint_url` and the environment.
    pub(crate) region_endpoints: HashMap<String, String>,
    /// Certificates (PEM) to trust in addition to the platform's roots.
    pub(crate) upstream_ca: Option<Vec<u8>>,
    /// A fixed access key id and secret in place of the default chain; the demo's way to the simulator.
    pub(crate) static_credentials: Option<(String, String)>,
    /// Limits and timeouts of the connections.
    pub(crate) connections: ConnectionOptions,
    /// Another AWS identity than the default one.
    pub(crate) identity: IdentitySettings,
}

/// An AWS identity: a profile, and a role that is assumed with its credentials. Without both it is the default identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct IdentitySettings {
    /// The profile in AWS's configuration files.
    pub(crate) profile: Option<String>,
    /// The ARN of the role to assume.
    pub(crate) role: Option<String>,
    /// The external id that the role's trust policy requires.
    pub(crate) external_id: Option<String>,
    /// The name of the role's session, which CloudTrail shows.
    pub(crate) session_name: Option<String>,
    /// The tag of the role's session.
    pub(crate) session_tag: Option<SessionTag>,
}

/// A tag of a role's session. <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionTag {
    /// The tag's key.
    pub(crate) key: String,
    /// The name of the caller for whom the role is assumed.
    pub(crate) caller: String,
}

impl IdentitySettings {
    /// The name of the identity, for the log: the role, else the profile, else `default`. A session of its own has the caller's
    /// name too.
    pub(crate) fn name(&self) -> String {
        let name = self.role.as_deref().or(self.profile.as_deref()).unwrap_or("default");
        match &self.session_tag {
            Some(tag) => format!("{name} for the caller {}", tag.caller),
            None => name.to_owned(),
        }
    }
}

/// A successful response of Bedrock. Its body has not been read yet.
pub(crate) struct UpstreamResponse {
    /// The response's headers.
    pub(crate) headers: HeaderMap,
    /// The response's body. Dropping it resets the stream from Bedrock.
    pub(crate) body: Body,
}

/// Bedrock, as the gateway reaches it.
pub(crate) struct Upstream {
    region: Option<String>,
    settings: Settings,
    identity: Identity,
    endpoints: Arc<Endpoints>,
    budgets: RetryBudgets,
}

impl Upstream {
    /// Loads the AWS configuration and starts to load credentials in the background.
    ///
    /// # Errors
    /// When the certificates to trust cannot be used.
    pub(crate) async fn load(settings: Settings) -> Result<Self, ConnectorError> {
        let config = load_config(&settings).await;
        let region = config.region().map(|region| region.as_ref().to_owned());
        let options = ConnectionOptions {
            extra_roots: settings.upstream_ca.clone(),
            // An endpoint that a command has started is on this machine.
            use_proxy: settings.connections.use_proxy && settings.endpoint_url.is_none(),
            ..settings.connections.clone()
        };
        let endpoints = Arc::new(Endpoints::new(&config, settings.region_endpoints.clone(), Pool::new(options)?));
        let identity = Identity::start(AwsConfigSource::new(settings.clone(), region.clone()));
        Ok(Self { region, settings, identity, endpoints, budgets: RetryBudgets::default() })
    }

    /// Bedrock with another AWS identity, over the same connections. Its credentials are loaded in the background.
    pub(crate) fn with_identity(&self, identity: IdentitySettings) -> Self {
        let settings = Settings { identity, ..self.settings.clone() };
        let identity = Identity::start(AwsConfigSource::new(settings.clone(), self.region.clone()));
        let (region, endpoints) = (self.region.clone(), Arc::clone(&self.endpoints));
        Self { region, settings, identity, endpoints, budgets: RetryBudgets::default() }
    }

    /// Resolves what the caller named: an ARN goes to its own Region, anything else to the configured one.
    ///
    /// # Errors
    /// [`Failure::NoRegion`] when none is known.
    pub(crate) fn target(&self, subject: Subject<'_>) -> Result<Target, Failure> {
        let (model_id, id) = match subject {
            Subject::Model(id) => (Some(id.to_owned()), Some(id)),
            Subject::Resource { id, .. } => (None, Some(id)),
            Subject::Account => (None, None),
        };
        let region = id.and_then(region::find_region_of_arn).or(self.region.as_deref()).ok_or(Failure::NoRegion)?;
        Ok(Target { model_id, region: region.to_owned() })
    }

    /// The target in a Region that the configuration names.
    #[must_use]
    pub(crate) fn target_in(&self, subject: Subject<'_>, region: &str) -> Target {
        let model_id = if let Subject::Model(id) = subject { Some(id.to_owned()) } else { None };
        Target { model_id, region: region.to_owned() }
    }

    /// Whether a target is in the gateway's own Region. Elsewhere Bedrock also rejects credentials when the account has not
    /// opted in to the Region, which does not mean that the credentials are invalid.
    #[must_use]
    pub(crate) fn is_default_region(&self, target: &Target) -> bool {
        self.region.as_deref() == Some(target.region.as_str())
    }

    /// Sends a request to Bedrock once.
    ///
    /// # Errors
    /// Bedrock's exception, or why there is no response.
    pub(crate) async fn send(&self, request: &RequestTemplate, target: &Target) -> Result<UpstreamResponse, Failure> {
        let response = self.with_corrected_clock(|| self.send_template(request, &target.region)).await?;
        let (parts, incoming) = response.into_parts();
        let body = Body::new(&parts.headers, incoming);
        Ok(UpstreamResponse { headers: parts.headers, body })
    }

    async fn send_template(&self, template: &RequestTemplate, region: &str) -> Result<Response<IncomingBody>, Failure> {
        let credentials = self.identity.credentials().await?;
        let endpoint = self.endpoints.get(template.service, region).await?;
        connections::send(&endpoint.host, || {
            template.authorize(&endpoint, &credentials.authorization, region, self.identity.clock().now())
        })
        .await
    }

    /// Opens a bidirectional stream. `input` is polled as Bedrock takes it, and its end is the end of the input.
    ///
    /// # Errors
    /// Those of [`Upstream::send`], and [`Failure::NoHttp2`] when the endpoint has no HTTP/2.
    pub(crate) async fn open_bidirectional(
        &self,
        request: &RequestTemplate,
        target: &Target,
        input: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<UpstreamResponse, Failure> {
        let credentials = self.identity.credentials().await?;
        let endpoint = self.endpoints.get(request.service, &target.region).await?;
        let time = self.identity.clock().now();
        let opened = bidirectional::open(&endpoint, &credentials, time, request, &target.region, input).await?;
        let (response, input) = opened;
        // The input is on its way and cannot be sent again; the next call has the right time.
        self.corrects_clock(&response);
        let response = self.check_status(response).await?;
        let (parts, incoming) = response.into_parts();
        let body = Body::new(&parts.headers, incoming).with_input(input);
        Ok(UpstreamResponse { headers: parts.headers, body })
    }

    /// Sends the request. Sends it once more when Bedrock rejects the time of its signature and the response has corrected
    /// the clock. Bedrock has done nothing for such a request, so this is no attempt of its own.
    async fn with_corrected_clock<F>(&self, send: impl Fn() -> F) -> Result<Response<IncomingBody>, Failure>
    where
        F: Future<Output = Result<Response<IncomingBody>, Failure>>,
    {
        let response = send().await?;
        if response.status().is_success() || !self.corrects_clock(&response) {
            return self.check_status(response).await;
        }
        self.check_status(send().await?).await
    }

    /// Whether a response rejects a signature whose time is wrong, and the clock has been corrected by it.
    fn corrects_clock(&self, response: &Response<IncomingBody>) -> bool {
        let may_be_about_time = matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST);
        let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        may_be_about_time && date.is_some_and(|date| self.identity.clock().correct(date))
    }

    async fn check_status(&self, response: Response<IncomingBody>) -> Result<Response<IncomingBody>, Failure> {
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let exception = read_exception(parts.status, &parts.headers, body).await;
        Err(Failure::Exception(Exception { uses_api_key: self.identity.uses_api_key(), ..exception }))
    }

    /// The retry budget of a target. Each call makes a deposit, each retry a withdrawal.
    #[must_use]
    pub(crate) fn retry_budget(&self, target: &Target) -> Arc<TpsBudget> {
        self.budgets.get(target)
    }

    /// The number of the present credentials; [`Upstream::refresh`] takes it.
    #[must_use]
    pub(crate) fn generation(&self) -> u64 {
        self.identity.generation()
    }

    /// Loads credentials again after Bedrock rejected those of `generation`. Does nothing when another call has just loaded
    /// them. Returns whether newly loaded credentials are there.
    pub(crate) async fn refresh(&self, generation: u64) -> bool {
        self.identity.reload(generation).await
    }

    /// Readiness as it changes.
    #[must_use]
    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.identity.readiness()
    }

    /// The AWS identity, for metrics.
    #[must_use]
    pub(crate) fn identity_state(&self) -> IdentityState {
        IdentityState {
            name: self.settings.identity.name(),
            is_ready: *self.identity.readiness().borrow() == Readiness::Ready,
            expires: self.identity.expiry(),
        }
    }

    /// The connections to Bedrock now. All identities share them.
    #[must_use]
    pub(crate) fn count_connections(&self) -> Vec<HostConnections> {
        self.endpoints.count_connections()
    }

    /// When the readiness last changed.
    #[must_use]
    pub(crate) fn readiness_since(&self) -> SystemTime {
        self.identity.readiness_since()
    }

    /// Records that Bedrock accepted a request with the credentials of `generation`.
    pub(crate) fn record_accepted(&self, generation: u64) {
        self.identity.record_accepted(generation);
    }

    /// Records that the credentials of `generation` failed, also after a reload. The gateway is then not ready, unless the
    /// cause is the target's Region or the one request.
    pub(crate) fn record_rejected(&self, generation: u64, target: &Target, failure: &Failure) {
        match failure {
            Failure::NoCredentials(_) => self.identity.record_missing(),
            _ if self.is_default_region(target) => {
                self.identity.record_rejected(generation, failure.rejects_signature())
            }
            _ => {}
        }
    }

    /// Waits until credentials have been loaded for the first time, or could not be.
    pub(crate) async fn wait_for_credentials(&self) {
        self.identity.wait_for_first_load().await;
    }
}

/// Region, endpoints, FIPS and dual stack as the environment and the profile have them. Loads no credentials.
async fn load_config(settings: &Settings) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}
