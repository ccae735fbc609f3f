//! The settings. The comments are the descriptions in the JSON Schema and in `serve --help`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller_settings::{AuthenticationSettings, CallerSettings, ModelSettings};
use super::values::{EndpointUrl, Interval, PositiveInterval, Region, Size};
use crate::net::{AllowedOrigin, ListenAddress};
use crate::pricing::ModelPrices;

const fn interval(duration: Duration) -> Interval {
    Interval(duration)
}

const fn seconds(seconds: u64) -> PositiveInterval {
    PositiveInterval(Duration::from_secs(seconds))
}

/// Everything that can be set. Each key has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where callers connect, and what the gateway serves.
    pub(crate) server: ServerSettings,
    /// The port for operators.
    pub(crate) admin: AdminSettings,
    /// Limits of the process.
    pub(crate) limits: LimitSettings,
    /// The way to Bedrock.
    pub(crate) aws: AwsSettings,
    /// Names that callers can write as model ids.
    pub(crate) models: BTreeMap<String, ModelSettings>,
    /// Whether callers can use model ids and ARNs that are no names of `models`.
    pub(crate) passthrough: bool,
    /// Who can call, and what each caller can use. Without it every caller is `anonymous` and can use everything.
    pub(crate) callers: BTreeMap<String, CallerSettings>,
    /// How callers prove who they are.
    pub(crate) authentication: AuthenticationSettings,
    /// What calls cost.
    pub(crate) prices: PriceSettings,
    /// The log.
    pub(crate) log: LogSettings,
    /// The content of `prices.file`.
    #[serde(skip)]
    pub(crate) own_prices: BTreeMap<String, ModelPrices>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: ServerSettings::default(),
            admin: AdminSettings::default(),
            limits: LimitSettings::default(),
            aws: AwsSettings::default(),
            models: BTreeMap::new(),
            passthrough: true,
            callers: BTreeMap::new(),
            authentication: AuthenticationSettings::default(),
            prices: PriceSettings::default(),
            log: LogSettings::default(),
            own_prices: BTreeMap::new(),
        }
    }
}

/// Where callers connect, and what the gateway serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSettings {
    /// The addresses to listen on: host:port (port 0 takes a free one), the path of a Unix socket, or `systemd` for the socket
    /// that systemd passes.
    #[schemars(length(min = 1), extend("x-flag" = "listen", "x-value" = "ADDRESS"))]
    pub(crate) listen: Vec<ListenAddress>,
    /// TLS for callers on TCP. Unix sockets have none.
    pub(crate) tls: Option<TlsSettings>,
    /// Maximum time that running calls may take to finish after SIGTERM.
    #[schemars(extend("x-flag" = "grace"))]
    pub(crate) grace: Interval,
    /// Also serve `bedrock.control.v1.BedrockService`. It needs its own IAM rights: bedrock:ListFoundationModels,
    /// bedrock:GetFoundationModel, bedrock:ListInferenceProfiles.
    #[schemars(extend("x-flag" = "control-plane"))]
    pub(crate) control_plane: bool,
    /// Report load to clients that balance by it (ORCA, as weighted_round_robin does): the number of running calls that is full
    /// load. Without it nothing is reported.
    #[schemars(range(min = 1, max = 4294967295u32), extend("x-flag" = "load-report-capacity", "x-value" = "CALLS"))]
    pub(crate) load_report_capacity: Option<u32>,
    /// Also serve gRPC-Web, for browsers, and accept HTTP/1.1 for it.
    #[schemars(extend("x-flag" = "grpc-web"))]
    pub(crate) grpc_web: bool,
    /// The origins of web pages that may call over gRPC-Web, as `https://app.example.com`; `*` allows all. Pages of other origins
    /// are rejected.
    #[schemars(extend("x-flag" = "cors-allow-origin", "x-value" = "ORIGIN"))]
    pub(crate) cors_allow_origin: Vec<AllowedOrigin>,
    /// Maximum time until the first event of a stream.
    #[schemars(extend("x-flag" = "first-event-timeout"))]
    pub(crate) first_event_timeout: Interval,
    /// Maximum time for a complete unary response.
    #[schemars(extend("x-flag" = "response-timeout", "x-alias" = "answer-timeout"))]
    pub(crate) response_timeout: Interval,
    /// Maximum time between two events of a stream.
    #[schemars(extend("x-flag" = "idle-timeout"))]
    pub(crate) idle_timeout: Interval,
    /// Maximum time in which 16 KiB of a request, or the rest of it, must arrive (REQUEST_BODY_TIMEOUT).
    #[schemars(extend("x-flag" = "request-body-timeout"))]
    pub(crate) request_body_timeout: PositiveInterval,
    /// Maximum time until a new connection has finished its TLS handshake and has sent HTTP/2's preface and settings.
    #[schemars(extend("x-flag" = "handshake-timeout"))]
    pub(crate) handshake_timeout: PositiveInterval,
    /// Time without calls after which a connection is closed. Clients reconnect without an error.
    #[schemars(extend("x-flag" = "connection-idle-timeout"))]
    pub(crate) connection_idle_timeout: PositiveInterval,
    /// Age after which a connection takes no new calls, give or take a tenth at random. Running calls finish on it, and clients
    /// reconnect without an error.
    #[schemars(extend("x-flag" = "max-connection-age"))]
    pub(crate) max_connection_age: PositiveInterval,
    /// Accept requests with protobuf fields that this gateway does not know, and leave the fields out, as protobuf does by
    /// default. The gateway rejects them otherwise, because a guardrail that is left out is not noticed. For a migration.
    #[schemars(extend("x-flag" = "ignore-unknown-fields"))]
    pub(crate) ignore_unknown_fields: bool,
    /// Compress the events of streams for callers that accept it. It costs about twice the CPU of everything else.
    #[schemars(extend("x-flag" = "compress-streams"))]
    pub(crate) compress_streams: bool,
    /// Maximum time to delay data for callers, so that many streams share a write, when at least 64 calls run. With fewer calls
    /// nothing is delayed. `0s` turns the delay off.
    #[schemars(extend("x-flag" = "max-write-delay"))]
    pub(crate) max_write_delay: Interval,
    /// Show callers Bedrock's messages without redaction, with the account ids and role names in their ARNs.
    #[schemars(extend("x-flag" = "expose-upstream-messages"))]
    pub(crate) expose_upstream_messages: bool,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: vec![ListenAddress::Tcp("127.0.0.1:50051".to_owned())],
            tls: None,
            grace: interval(Duration::from_secs(30)),
            control_plane: false,
            load_report_capacity: None,
            grpc_web: false,
            cors_allow_origin: Vec::new(),
            first_event_timeout: interval(Duration::from_secs(300)),
            response_timeout: interval(Duration::from_secs(3600)),
            idle_timeout: interval(Duration::from_secs(300)),
            request_body_timeout: seconds(30),
            handshake_timeout: seconds(10),
            connection_idle_timeout: seconds(15 * 60),
            max_connection_age: seconds(3600),
            ignore_unknown_fields: false,
            compress_streams: false,
            max_write_delay: interval(Duration::from_millis(1)),
            expose_upstream_messages: false,
        }
    }
}

/// TLS for callers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSettings {
    /// The file of the server's certificate with its chain (PEM). A change is noticed within seconds.
    #[schemars(extend("x-flag" = "tls-certificate", "x-value" = "FILE", "format" = "path"))]
    pub(crate) certificate: PathBuf,
    /// The file of the certificate's private key (PEM).
    #[schemars(extend("x-flag" = "tls-key", "x-value" = "FILE", "format" = "path"))]
    pub(crate) key: PathBuf,
    /// The file of the authorities (PEM) whose certificates callers may present.
    #[serde(default)]
    #[schemars(extend("x-flag" = "tls-client-ca", "x-value" = "FILE", "format" = "path"))]
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether callers need a certificate. Only with `client_ca`.
    #[serde(default)]
    #[schemars(extend("x-flag" = "tls-client-certificates", "x-value" = "required|optional"))]
    pub(crate) client_certificates: ClientCertificates,
    /// The oldest version of TLS that callers may use.
    #[serde(default)]
    #[schemars(extend("x-flag" = "tls-minimum-version", "x-value" = "1.2|1.3"))]
    pub(crate) minimum_version: TlsVersion,
}

/// Whether callers need a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientCertificates {
    /// A connection without a certificate is closed.
    #[default]
    Required,
    /// A connection may have a certificate.
    Optional,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V1_3,
}

/// The port for operators.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AdminSettings {
    /// The address of the port for operators: host:port (port 0 takes a free one), or the path of a Unix socket. It serves
    /// a page, `/livez`, `/readyz`, `/metrics`, `/calls`, `/config` and `/log-level` over HTTP. [default: no port]
    #[schemars(extend("x-flag" = "admin-listen", "x-value" = "ADDRESS", "format" = "own-address"))]
    pub(crate) listen: Option<ListenAddress>,
    /// The file of a token that requests to the port need: `authorization: Bearer TOKEN`, or as the password of a browser.
    /// `/livez` and `/readyz` need none.
    #[schemars(extend("x-flag" = "admin-token-file", "x-value" = "FILE", "format" = "path"))]
    pub(crate) token_file: Option<PathBuf>,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// The share of successful calls that have a line in the log, from 0 to 1. Every failed or cancelled call has one.
    #[schemars(range(min = 0, max = 1), extend("x-flag" = "log-success-sample", "x-value" = "SHARE"))]
    pub(crate) success_sample: f64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { success_sample: 1.0 }
    }
}

/// What calls cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PriceSettings {
    /// A file of prices (YAML) that have priority over the built-in ones. A change is noticed within seconds.
    #[schemars(extend("x-flag" = "prices-file", "x-value" = "FILE", "format" = "path"))]
    pub(crate) file: Option<PathBuf>,
    /// Send the cost of each call to its caller, in the trailer `bedrock-grpc-cost-nanodollars`.
    #[schemars(extend("x-flag" = "cost-trailer"))]
    pub(crate) trailer: bool,
}

/// Limits of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitSettings {
    /// Maximum bytes of request messages that have arrived and are not yet sent to Bedrock, for example `512MiB`. Further
    /// messages wait up to two seconds and are then rejected (ADMISSION_BYTES). [default: a quarter of the memory limit]
    #[schemars(extend("x-flag" = "max-bytes-in-flight", "x-value" = "SIZE"))]
    pub(crate) max_bytes_in_flight: Option<Size>,
    /// Maximum number of calls at the same time. Further calls are rejected (ADMISSION_OVERLOAD).
    #[schemars(range(min = 0, max = 4294967295u32), extend("x-flag" = "max-concurrent-calls", "x-value" = "N"))]
    pub(crate) max_concurrent_calls: u32,
    /// Maximum number of callers' connections at the same time. Further ones are closed at once.
    #[schemars(range(min = 1, max = 4294967295u32), extend("x-flag" = "max-connections", "x-value" = "N"))]
    pub(crate) max_connections: u32,
    /// Maximum number of connections at the same time from one IP address (IPv6: one /64 network). A proxy in front has one
    /// address for all callers.
    #[schemars(range(min = 1, max = 4294967295u32), extend("x-flag" = "max-connections-per-peer", "x-value" = "N"))]
    pub(crate) max_connections_per_peer: u32,
    /// Maximum number of calls at the same time on one connection (HTTP/2's SETTINGS_MAX_CONCURRENT_STREAMS). Clients wait
    /// before they start another call.
    #[schemars(range(min = 1, max = 4294967295u32), extend("x-flag" = "max-streams-per-connection", "x-value" = "N"))]
    pub(crate) max_streams_per_connection: u32,
    /// Delay of the gateway's own work beyond which new calls are rejected (ADMISSION_OVERLOAD). The time that a model takes
    /// does not count.
    #[schemars(extend("x-flag" = "overload-delay"))]
    pub(crate) overload_delay: Interval,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            max_bytes_in_flight: None,
            max_concurrent_calls: 10_000,
            max_connections: 10_000,
            max_connections_per_peer: 1_000,
            max_streams_per_connection: 1_000,
            overload_delay: interval(Duration::from_millis(50)),
        }
    }
}

/// The way to Bedrock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AwsSettings {
    /// The AWS Region of every call whose model id is not an ARN with another Region. [default: AWS_REGION, then the profile's]
    #[schemars(extend("x-flag" = "region", "x-value" = "REGION"))]
    pub(crate) region: Option<Region>,
    /// The only Regions that calls may use. Empty: all.
    pub(crate) regions: Vec<Region>,
    /// Endpoints of the runtime API by Region, for example VPC endpoints. Other Regions have AWS's own, or those of
    /// `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`.
    pub(crate) endpoints: BTreeMap<String, EndpointUrl>,
    /// A file of certificates (PEM) to trust in addition to the platform's roots on connections to Bedrock: for a proxy, a
    /// private endpoint, or `simulate --tls`.
    #[schemars(extend("x-flag" = "upstream-ca", "x-value" = "FILE", "format" = "path"))]
    pub(crate) ca: Option<PathBuf>,
    /// The connections to Bedrock.
    pub(crate) connections: ConnectionSettings,
}

/// The connections to Bedrock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConnectionSettings {
    /// Maximum number of calls on one HTTP/2 connection. Bedrock's own limit applies too.
    #[schemars(range(min = 1, max = 65535), extend("x-flag" = "upstream-streams-per-connection", "x-value" = "N"))]
    pub(crate) streams_per_connection: u16,
    /// Maximum number of HTTP/2 connections to one host. Calls that find all of them full wait.
    #[schemars(range(min = 1, max = 65535), extend("x-flag" = "upstream-connections-per-host", "x-value" = "N"))]
    pub(crate) connections_per_host: u16,
    /// Maximum number of HTTP/1.1 connections to one host, where the endpoint has no HTTP/2. Calls beyond that wait.
    #[schemars(range(min = 1, max = 65535), extend("x-flag" = "upstream-http1-connections-per-host", "x-value" = "N"))]
    pub(crate) http1_connections_per_host: u16,
    /// How many bytes of one response Bedrock may send ahead of the caller's reads (64 KiB to 16 MiB). A connection takes at
    /// most this times the number of calls on it.
    #[schemars(range(min = 65535, max = 16777216), extend("x-flag" = "upstream-stream-window", "x-value" = "BYTES"))]
    pub(crate) stream_window: u32,
    /// Time between two PINGs on an HTTP/2 connection.
    #[schemars(extend("x-flag" = "upstream-ping-interval"))]
    pub(crate) ping_interval: PositiveInterval,
    /// Maximum time for the response to a PING. A connection without one is closed.
    #[schemars(extend("x-flag" = "upstream-ping-timeout"))]
    pub(crate) ping_timeout: PositiveInterval,
    /// Age after which an HTTP/2 connection takes no new calls. Running calls finish on it.
    #[schemars(extend("x-flag" = "upstream-max-age"))]
    pub(crate) max_age: PositiveInterval,
    /// Maximum time to open a connection, TLS included.
    #[schemars(extend("x-flag" = "upstream-connect-timeout"))]
    pub(crate) connect_timeout: PositiveInterval,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            streams_per_connection: 100,
            connections_per_host: 100,
            http1_connections_per_host: 512,
            stream_window: 256 * 1024,
            ping_interval: seconds(10),
            ping_timeout: seconds(8),
            max_age: seconds(3600),
            connect_timeout: seconds(5),
        }
    }
}

impl Settings {
    /// Replaces each path of a file by what `resolve` returns for the key and the path.
    pub(super) fn resolve_paths(&mut self, resolve: impl Fn(&[&str], &Path) -> PathBuf) {
        let change = |key: &[&str], path: &mut PathBuf| *path = resolve(key, path);
        if let Some(tls) = &mut self.server.tls {
            change(&["server", "tls", "certificate"], &mut tls.certificate);
            change(&["server", "tls", "key"], &mut tls.key);
            tls.client_ca.iter_mut().for_each(|path| change(&["server", "tls", "client_ca"], path));
        }
        self.admin.token_file.iter_mut().for_each(|path| change(&["admin", "token_file"], path));
        self.prices.file.iter_mut().for_each(|path| change(&["prices", "file"], path));
        self.aws.ca.iter_mut().for_each(|path| change(&["aws", "ca"], path));
        for (name, jwt) in &mut self.authentication.jwt {
            jwt.ca.iter_mut().for_each(|path| change(&["authentication", "jwt", name, "ca"], path));
            if !jwt.jwks.contains("://") {
                let path = resolve(&["authentication", "jwt", name, "jwks"], Path::new(&jwt.jwks));
                jwt.jwks = path.to_string_lossy().into_owned();
            }
        }
    }
}
