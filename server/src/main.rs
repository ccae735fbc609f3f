//! The binary `bedrock-grpc`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bedrock_grpc_server::bedrock::{Settings, Upstream};
use bedrock_grpc_server::call::{Policy, Timeouts};
use bedrock_grpc_server::cli::{Cli, Command, Serve, Simulate};
use bedrock_grpc_server::net::{Gateway, TransportError};
use bedrock_grpc_server::telemetry::{self, Telemetry};
use bedrock_grpc_server::{demo, net};
use bedrock_simulator::{Options, Simulator};
use clap::Parser as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

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
    #[error("--upstream-ca {}: {problem}", path.display())]
    UpstreamCa { path: PathBuf, problem: String },
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let lines = match cli.command {
        Command::Serve(_) | Command::Simulate(_) => telemetry::SERVER_LINES,
        Command::Demo(_) => telemetry::WARNINGS,
    };
    telemetry::start_log(cli.log_format, lines);
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
    let upstream_ca = options.upstream_ca.clone().map(certificates).transpose()?;
    let upstream =
        Upstream::load(Settings { region: options.region.clone(), upstream_ca, ..Settings::default() }).await;
    let policy = Policy {
        timeouts: Timeouts {
            first_event: options.first_event_timeout,
            idle: options.idle_timeout,
            answer: options.answer_timeout,
        },
        expose_upstream_messages: options.expose_upstream_messages,
        ..Policy::default()
    };
    let Serve { listen, grace, control_plane, .. } = options;
    let mut gateway = Gateway::start(net::Options { listen, policy, grace, control_plane }, Arc::new(upstream)).await?;
    tracing::info!(address = gateway.address(), "serving");
    let served = tokio::select! {
        error = gateway.failed() => Err(error),
        () = net::stop_signal() => {
            tracing::info!(?grace, "shutting down");
            tokio::select! {
                served = gateway.shutdown() => served,
                // Asked twice, it goes at once.
                () = net::stop_signal() => Ok(()),
            }
        }
    };
    exporters.stop();
    Ok(served?)
}

/// Reads a file of certificates, and makes sure that they are some: the SDK would only find out at its first connection,
/// by a panic.
fn certificates(path: PathBuf) -> Result<Vec<u8>, Failure> {
    let check = |pem: &[u8]| {
        let mut store = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            store.add(certificate.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
        }
        if store.is_empty() { Err("it holds no PEM certificate".to_owned()) } else { Ok(()) }
    };
    let read = std::fs::read(&path).map_err(|e| e.to_string()).and_then(|pem| check(&pem).map(|()| pem));
    read.map_err(|problem| Failure::UpstreamCa { path, problem })
}

async fn simulate(options: Simulate) -> Result<(), Failure> {
    let settings = Options { tls: options.tls.is_some(), ..Options::default() };
    let simulator = Simulator::start_with(options.listen, settings).await?;
    if let (Some(path), Some(pem)) = (&options.tls, simulator.ca_pem()) {
        std::fs::write(path, pem)?;
        tracing::info!(ca = %path.display(), "wrote the certificate to trust");
    }
    tracing::info!(endpoint = simulator.endpoint(), "simulating Bedrock");
    net::stop_signal().await;
    simulator.shutdown().await;
    Ok(())
}
