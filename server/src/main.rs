//! The binary `bedrock-grpc`.

use std::process::ExitCode;
use std::sync::Arc;

use bedrock_grpc_server::call::{Policy, StreamTimeouts};
use bedrock_grpc_server::config::{Cli, Command, Serve, Simulate};
use bedrock_grpc_server::telemetry::{self, Telemetry};
use bedrock_grpc_server::transport::{Gateway, TransportError};
use bedrock_grpc_server::upstream::{Settings, Upstream};
use bedrock_grpc_server::{demo, transport};
use bedrock_simulator::Simulator;
use clap::Parser as _;

// Many threads allocate and free messages and bodies of very different sizes; the system's allocator keeps the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Telemetry(#[from] telemetry::TelemetryError),
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start_log(cli.log_format);
    let outcome = match cli.command {
        Command::Serve(options) => serve(options).await,
        Command::Simulate(options) => simulate(options).await,
        Command::Demo(options) => demo::run(&options).await.map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Serve) -> Result<(), Failure> {
    let exporters = Telemetry::start()?;
    let upstream = Upstream::load(Settings { region: options.region, ..Settings::default() }).await;
    let policy = Policy {
        timeouts: StreamTimeouts { first_event: options.first_event_timeout, idle: options.idle_timeout },
        expose_upstream_messages: options.expose_upstream_messages,
        ..Policy::default()
    };
    let mut gateway = Gateway::start(&options.listen, Arc::new(upstream), policy, options.grace).await?;
    tracing::info!(address = gateway.address(), "serving");
    let served = tokio::select! {
        error = gateway.failed() => Err(error),
        () = transport::stop_signal() => {
            tracing::info!(grace = ?options.grace, "shutting down");
            gateway.shutdown().await
        }
    };
    exporters.stop();
    Ok(served?)
}

async fn simulate(options: Simulate) -> Result<(), Failure> {
    let simulator = Simulator::start(options.listen).await?;
    tracing::info!(endpoint = simulator.endpoint(), "simulating Bedrock");
    transport::stop_signal().await;
    simulator.shutdown().await;
    Ok(())
}
