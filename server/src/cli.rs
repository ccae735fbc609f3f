//! The command line. AWS settings (Region, credentials, profiles, endpoints) also come from the usual AWS variables and files.

#[cfg(feature = "client")]
mod client_options;

#[cfg(feature = "simulator")]
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "client")]
pub(crate) use self::client_options::{
    CallOptions, ChatOptions, GatewayConnectionOptions, Operation, TargetsOptions, TopOptions,
};
use crate::config::SettingsOptions;
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
    Serve(Box<SettingsOptions>),
    /// Check, show or describe the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Create API keys for callers.
    #[command(subcommand)]
    Key(KeyCommand),
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
    /// Show the targets of a gateway's models, from its admin port: which get calls, which are ejected and why.
    #[cfg(feature = "client")]
    Targets(TargetsOptions),
    /// Show what a gateway does now, from its admin port: rates, times and cost by model and caller. In a pipe: a line each second.
    #[cfg(feature = "client")]
    Top(Box<TopOptions>),
}

/// Commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration file. All mistakes are printed; the exit code is 78 if there are any.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print the settings that `serve` would use with the same flags and variables, and where each value comes from.
    Show(Box<SettingsOptions>),
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
    /// Print a commented example of a configuration file.
    Example,
}

/// Commands about API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create an API key. It is printed once, with the line for the configuration, which does not contain it.
    New,
}

/// Options of `descriptor`.
#[derive(Debug, Args)]
pub(crate) struct DescriptorOptions {
    /// The file to write. Default: standard output, which must not be a terminal.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
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
    /// Keep running afterwards, serve a page for the browser, and print grpcurl commands to paste.
    #[arg(long)]
    pub(crate) keep: bool,
}
