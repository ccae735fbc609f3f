//! The command line. Everything AWS (Region, credentials, profiles, endpoints) also comes from the usual AWS variables and
//! files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::net::Listen;
use crate::telemetry::Format;

/// A gRPC service in front of Amazon Bedrock's runtime API.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// How log lines look. `RUST_LOG` filters them.
    #[arg(long, global = true, value_enum, default_value_t, env = "BEDROCK_GRPC_LOG_FORMAT")]
    pub log_format: Format,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve gRPC in front of Amazon Bedrock, with credentials from the default AWS chain.
    Serve(Serve),
    /// Run the local simulator of Bedrock alone, for any AWS SDK's `--endpoint-url`.
    Simulate(Simulate),
    /// Show it all work: gateway and simulator on free ports, a conversation with tools, an error. Needs no AWS account.
    Demo(Demo),
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen: host:port (port 0 takes a free one), or the path of a Unix socket.
    #[arg(long, default_value = "127.0.0.1:50051", env = "BEDROCK_GRPC_LISTEN")]
    pub listen: Listen,

    /// The AWS Region to ask, unless the model id is an ARN that names another. [default: AWS_REGION, then the profile's]
    #[arg(long)]
    pub region: Option<String>,

    /// A file of certificates (PEM) to trust beside the platform's roots when asking Bedrock: for a proxy, a private
    /// endpoint, or `simulate --tls`.
    #[arg(long, value_name = "FILE")]
    pub upstream_ca: Option<PathBuf>,

    /// Serve `bedrock.control.v1.BedrockService` too. It needs IAM rights of its own: bedrock:ListFoundationModels,
    /// bedrock:GetFoundationModel, bedrock:ListInferenceProfiles.
    #[arg(long)]
    pub control_plane: bool,

    /// How long running calls may finish after SIGTERM, as `30s`.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, env = "BEDROCK_GRPC_GRACE")]
    pub grace: Duration,

    /// How long Bedrock may take until a stream's first event.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub first_event_timeout: Duration,

    /// How long Bedrock may take until a unary call's whole answer.
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
    pub answer_timeout: Duration,

    /// How long a stream may be silent between two events.
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub idle_timeout: Duration,

    /// Show callers Bedrock's messages as they are, with the account ids and role names in their ARNs.
    #[arg(long)]
    pub expose_upstream_messages: bool,
}

/// Options of `simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// Where to listen. The simulator has no authentication: keep it on loopback.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Serve HTTPS, and with it HTTP/2, with a certificate of its own, and write that to FILE for `serve --upstream-ca` or
    /// an SDK's `AWS_CA_BUNDLE`. The bidirectional stream needs it.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "simulator-ca.pem")]
    pub tls: Option<PathBuf>,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Stay up afterwards and print grpcurl lines to paste.
    #[arg(long)]
    pub keep: bool,
}
