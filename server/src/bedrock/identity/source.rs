//! Where credentials come from.

use std::future::Future;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_types::error::display::DisplayErrorContext;
use http::HeaderValue;

use super::{Authorization, Credentials};
use crate::bedrock::sdk;
use crate::bedrock::signing::Signer;
use crate::bedrock::{IdentitySettings, Settings};

/// The variable with a Bedrock API key, which is used instead of a signature.
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html>
const API_KEY: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// The name of the session of an assumed role. CloudTrail shows it.
const SESSION_NAME: &str = "bedrock-grpc";

/// Loads credentials.
pub(in crate::bedrock) trait CredentialSource: Send + Sync + 'static {
    /// The name of the identity, for the log.
    fn name(&self) -> String {
        "default".to_owned()
    }

    /// Loads the credentials. The caller bounds the time.
    fn load(&self) -> impl Future<Output = Result<Credentials, String>> + Send;
}

/// The default chain of aws-config (environment, profile, web identity, container, instance), or a Bedrock API key.
pub(in crate::bedrock) struct AwsConfigSource {
    settings: Settings,
    region: Option<String>,
}

impl AwsConfigSource {
    /// A source for `settings`; `region` is where STS is called.
    pub(in crate::bedrock) fn new(settings: Settings, region: Option<String>) -> Self {
        Self { settings, region }
    }
}

impl CredentialSource for AwsConfigSource {
    fn name(&self) -> String {
        self.settings.identity.name()
    }

    /// Creates a new chain for each load, because a chain reads the profile files only once.
    async fn load(&self) -> Result<Credentials, String> {
        if let Some((id, secret)) = &self.settings.static_credentials {
            let credentials = aws_credential_types::Credentials::new(id, secret, None, None, "static");
            return with_signer(credentials);
        }
        let IdentitySettings { profile, role, external_id, session_name, session_tag } = &self.settings.identity;
        let is_default = profile.is_none() && role.is_none();
        if let Some(key) = std::env::var(API_KEY).ok().filter(|key| is_default && !key.is_empty()) {
            let value = HeaderValue::try_from(format!("Bearer {}", key.trim()));
            let mut value = value.map_err(|_| format!("{API_KEY} is not ASCII"))?;
            value.set_sensitive(true);
            return Ok(Credentials { authorization: Authorization::Bearer(value), expires: None });
        }
        let region = self.region.clone().map(Region::new);
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(sdk::http_client(&self.settings));
        if let Some(profile) = profile {
            // By itself, the loader would prefer credentials in the environment to those of the profile.
            let provider = ProviderConfig::default()
                .with_region(self.region.clone().map(Region::new))
                .with_http_client(sdk::http_client(&self.settings));
            let provider = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&provider).build();
            loader = loader.profile_name(profile).credentials_provider(provider);
        }
        let config = match region {
            Some(region) => loader.region(region).load().await,
            None => loader.load().await,
        };
        let Some(provider) = config.credentials_provider() else {
            return Err("no credentials provider is configured".to_owned());
        };
        let provided = match role {
            None => provider.provide_credentials().await,
            Some(role) => {
                let name = session_name.as_deref().unwrap_or(SESSION_NAME);
                let mut builder = AssumeRoleProvider::builder(role).configure(&config).session_name(name);
                if let Some(external_id) = external_id {
                    builder = builder.external_id(external_id);
                }
                if let Some(tag) = session_tag {
                    builder = builder.tags([(tag.key.as_str(), tag.caller.as_str())]);
                }
                builder.build_from_provider(provider).await.provide_credentials().await
            }
        };
        with_signer(provided.map_err(|error| DisplayErrorContext(error).to_string())?)
    }
}

/// Adds the signer that signs requests with these credentials.
fn with_signer(credentials: aws_credential_types::Credentials) -> Result<Credentials, String> {
    let expires = credentials.expiry();
    let signer = Signer::new(credentials).map_err(|error| error.to_string())?;
    Ok(Credentials { authorization: Authorization::Signature(signer.into()), expires })
}
