//! The AWS SDK's HTTP client, for what still goes through the SDK: loading credentials.

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::Settings;

/// The SDK's own client with the certificates to trust. `HTTPS_PROXY` and similar variables apply, except for the endpoint
/// of the demo.
pub(super) fn http_client(settings: &Settings) -> SharedHttpClient {
    let extra = settings.upstream_ca.iter();
    let trust = extra.fold(TrustStore::default(), |store, pem| store.with_pem_certificate(pem.clone()));
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
