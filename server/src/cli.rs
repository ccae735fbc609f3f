//! The command line. AWS settings (Region, credentials, profiles, endpoints) also come from the usual AWS variables and files.

mod caller_connections;
#[cfg(feature = "client")]
mod client_options;

#[cfg(feature = "simulator")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand};

pub(crate) use self::caller_connections::CallerConnectionArgs;
#[cfg(feature = "client")]
pub(crate) use self::client_options::{CallOptions, ChatOptions, GatewayConnectionOptions, Operation};
use crate::bedrock::ConnectionOptions;
use crate::net::ListenAddress;
use crate::telemetry::LogFormat;

/// A gRPC service in front of Amazon Bedrock's runtime API.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// The format of log lines. `RUST_LOG` filters them.
    #[arg(long, global = true, value_enum, default_value_t, env = "BEDROCK_GRPC_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,

    /// The command to run.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands of the binary.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve gRPC in front of Amazon Bedrock, with credentials from the default AWS chain.
    Serve(Box<ServeOptions>),
    /// Write the schema as a descriptor set (protobuf's FileDescriptorSet): for Envoy's JSON transcoder, grpcurl and buf.
    Descriptor(DescriptorOptions),
    /// Run the local simulator of Bedrock alone, for the `--endpoint-url` of any AWS SDK.
    #[cfg(feature = "simulator")]
    Simulate(SimulateOptions),
    /// Show how it works: gateway and simulator on free ports, a conversation with tools, an error. Needs no AWS account.
    #[cfg(feature = "simulator")]
    Demo(DemoOptions),
    /// Call an operation of Bedrock through a gateway: AWS JSON in, AWS JSON out.
    #[cfg(feature = "client")]
    Call(Box<CallOptions>),
    /// Chat with a model through a gateway. In a pipe it is a filter: text in, text out.
    #[cfg(feature = "client")]
    Chat(Box<ChatOptions>),
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// The address to listen on: host:port (port 0 takes a free one), the path of a Unix socket, or `systemd` for the socket that
    /// systemd passes.
    #[arg(long, default_value = "127.0.0.1:50051", env = "BEDROCK_GRPC_LISTEN")]
    pub(crate) listen: ListenAddress,

    /// The AWS Region of every call whose model id is not an ARN with another Region. [default: AWS_REGION, then the profile's]
    #[arg(long)]
    pub(crate) region: Option<String>,

    /// A file of certificates (PEM) to trust in addition to the platform's roots on connections to Bedrock: for a proxy, a
    /// private endpoint, or `simulate --tls`.
    #[arg(long, value_name = "FILE")]
    pub(crate) upstream_ca: Option<PathBuf>,

    /// Also serve `bedrock.control.v1.BedrockService`. It needs its own IAM rights: bedrock:ListFoundationModels,
    /// bedrock:GetFoundationModel, bedrock:ListInferenceProfiles.
    #[arg(long)]
    pub(crate) control_plane: bool,

    /// Maximum time that running calls may take to finish after SIGTERM, for example `30s`.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, env = "BEDROCK_GRPC_GRACE")]
    pub(crate) grace: Duration,

    /// Report load to clients that balance by it (ORCA, as weighted_round_robin does): the number of running calls that is full
    /// load. Without it nothing is reported.
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..), env = "BEDROCK_GRPC_LOAD_REPORT_CAPACITY")]
    pub(crate) load_report_capacity: Option<u32>,

    /// Maximum time until the first event of a stream.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) first_event_timeout: Duration,

    /// Maximum time for a complete unary response.
    #[arg(long, visible_alias = "answer-timeout", default_value = "1h", value_parser = humantime::parse_duration)]
    pub(crate) response_timeout: Duration,

    /// Maximum time between two events of a stream.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) idle_timeout: Duration,

    /// Accept requests with protobuf fields that this gateway does not know, and leave the fields out, as protobuf does by
    /// default. The gateway rejects them otherwise, because a guardrail that is left out is not noticed. For a migration.
    #[arg(long)]
    pub(crate) ignore_unknown_fields: bool,

    /// Compress the events of streams for callers that accept it. It costs about twice the CPU of everything else.
    #[arg(long)]
    pub(crate) compress_streams: bool,

    /// Maximum time to delay data for callers, so that many streams share a write, when at least 64 calls run. With fewer
    /// calls nothing is delayed. `0s` turns the delay off.
    #[arg(long, default_value = "1ms", value_parser = humantime::parse_duration)]
    pub(crate) max_write_delay: Duration,

    #[command(flatten)]
    pub(crate) callers: CallerConnectionArgs,

    #[command(flatten)]
    pub(crate) connections: ConnectionArgs,

    /// Maximum bytes of request messages that have arrived and are not yet sent to Bedrock, for example `512MiB`. Further
    /// messages wait up to two seconds and are then rejected (ADMISSION_BYTES). [default: a quarter of the memory limit]
    #[arg(long, env = "BEDROCK_GRPC_MAX_BYTES_IN_FLIGHT")]
    pub(crate) max_bytes_in_flight: Option<ByteSize>,

    /// Maximum time in which 16 KiB of a request, or the rest of it, must arrive (REQUEST_BODY_TIMEOUT).
    #[arg(long, default_value = "30s", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_REQUEST_BODY_TIMEOUT")]
    pub(crate) request_body_timeout: Duration,

    /// Maximum number of calls at the same time. Further calls are rejected (ADMISSION_OVERLOAD).
    #[arg(long, default_value_t = 10_000, env = "BEDROCK_GRPC_MAX_CONCURRENT_CALLS")]
    pub(crate) max_concurrent_calls: usize,

    /// Delay of the gateway's own work beyond which new calls are rejected (ADMISSION_OVERLOAD). The time that a model takes
    /// does not count.
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration, env = "BEDROCK_GRPC_OVERLOAD_DELAY")]
    pub(crate) overload_delay: Duration,

    /// Show callers Bedrock's messages without redaction, with the account ids and role names in their ARNs.
    #[arg(long)]
    pub(crate) expose_upstream_messages: bool,
}

/// Options of `descriptor`.
#[derive(Debug, Args)]
pub(crate) struct DescriptorOptions {
    /// The file to write. Default: standard output, which must not be a terminal.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Options of the connections to Bedrock.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connections to Bedrock")]
pub(crate) struct ConnectionArgs {
    /// Maximum number of calls on one HTTP/2 connection. Bedrock's own limit applies too.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..),
        env = "BEDROCK_GRPC_UPSTREAM_STREAMS_PER_CONNECTION")]
    upstream_streams_per_connection: u16,

    /// Maximum number of HTTP/2 connections to one host. Calls that find all of them full wait.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..),
        env = "BEDROCK_GRPC_UPSTREAM_CONNECTIONS_PER_HOST")]
    upstream_connections_per_host: u16,

    /// Maximum number of HTTP/1.1 connections to one host, where the endpoint has no HTTP/2. Calls beyond that wait.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..),
        env = "BEDROCK_GRPC_UPSTREAM_HTTP1_CONNECTIONS_PER_HOST")]
    upstream_http1_connections_per_host: u16,

    /// How many bytes of one response Bedrock may send ahead of the caller's reads (64 KiB to 16 MiB). A connection takes at
    /// most this times the number of calls on it.
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024,
        value_parser = clap::value_parser!(u32).range(65_535..=16 * 1024 * 1024),
        env = "BEDROCK_GRPC_UPSTREAM_STREAM_WINDOW")]
    upstream_stream_window: u32,

    /// Time between two PINGs on an HTTP/2 connection.
    #[arg(long, default_value = "10s", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_UPSTREAM_PING_INTERVAL")]
    upstream_ping_interval: Duration,

    /// Maximum time for the response to a PING. A connection without one is closed.
    #[arg(long, default_value = "8s", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_UPSTREAM_PING_TIMEOUT")]
    upstream_ping_timeout: Duration,

    /// Age after which an HTTP/2 connection takes no new calls. Running calls finish on it.
    #[arg(long, default_value = "1h", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_UPSTREAM_MAX_AGE")]
    upstream_max_age: Duration,

    /// Maximum time to open a connection, TLS included.
    #[arg(long, default_value = "5s", value_parser = parse_positive_duration, env = "BEDROCK_GRPC_UPSTREAM_CONNECT_TIMEOUT")]
    upstream_connect_timeout: Duration,
}

impl ConnectionArgs {
    /// The options as the connections take them.
    pub(crate) fn into_options(self) -> ConnectionOptions {
        ConnectionOptions {
            streams_per_connection: usize::from(self.upstream_streams_per_connection),
            connections_per_host: usize::from(self.upstream_connections_per_host),
            http1_connections_per_host: usize::from(self.upstream_http1_connections_per_host),
            stream_window: self.upstream_stream_window,
            ping_interval: self.upstream_ping_interval,
            ping_timeout: self.upstream_ping_timeout,
            maximum_age: self.upstream_max_age,
            connect_timeout: self.upstream_connect_timeout,
            ..ConnectionOptions::default()
        }
    }
}

/// A duration above zero.
fn parse_positive_duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be above zero".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// Options of `simulate`.
#[cfg(feature = "simulator")]
#[derive(Debug, Args)]
pub(crate) struct SimulateOptions {
    /// The address to listen on. The simulator has no authentication, so keep it on loopback.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Serve HTTPS and HTTP/2 with a generated certificate, and write the certificate to FILE for `serve --upstream-ca` or an
    /// SDK's `AWS_CA_BUNDLE`. The bidirectional stream needs it.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "simulator-ca.pem")]
    pub(crate) tls: Option<PathBuf>,
}

/// Options of `demo`.
#[cfg(feature = "simulator")]
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Keep running afterwards and print grpcurl commands to paste.
    #[arg(long)]
    pub(crate) keep: bool,
}
