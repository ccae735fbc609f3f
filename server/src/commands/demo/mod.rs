//! `bedrock-grpc demo`: gateway and simulator in one process, called through real gRPC.

mod page;
mod screen;
mod steps;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bedrock_grpc_client::Client;
use bedrock_simulator::Simulator;

use crate::admission::AdmissionSettings;
use crate::bedrock::{ConnectorError, Settings, Upstream};
use crate::call::CallSettings;
use crate::cli::DemoOptions;
use crate::net::{
    ConnectionLimits, Gateway, GatewayError, GatewaySettings, ListenAddress, ServiceSettings, WebSettings, stop_signal,
};
use crate::routing::{Policy, PolicyHandle};
use page::PageListener;
use screen::Screen;

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    /// The gateway did not start or stop.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The connections to the simulator cannot be set up.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// A call failed unexpectedly.
    #[error("a call failed: {0}")]
    Call(#[from] bedrock_grpc_client::Error),
    /// The simulator could not listen, or standard output could not be written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A call had an unexpected result.
    #[error("{0}")]
    Unexpected(String),
}

/// Maximum time for running calls at the end. The demo has none, so it only limits an error.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the demo and prints it to standard output.
///
/// # Errors
/// [`DemoError`] when a step has an unexpected result.
pub(super) async fn run_demo(options: &DemoOptions) -> Result<(), DemoError> {
    let mut screen = Screen::new();
    let simulator = Simulator::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let upstream = Upstream::load(Settings {
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(simulator.endpoint()),
        static_credentials: Some(("simulator".to_owned(), "simulator".to_owned())),
        ..Settings::default()
    })
    .await?;
    let listen = ListenAddress::Tcp("127.0.0.1:0".to_owned());
    let page = if options.keep { Some(PageListener::bind().await?) } else { None };
    let settings = GatewaySettings {
        listen: vec![listen],
        tls: None,
        calls: CallSettings::default(),
        grace: GRACE,
        services: ServiceSettings { control_plane: true, compress_streams: false },
        max_write_delay: Duration::ZERO,
        load_report_capacity: None,
        web: page.as_ref().map(|page| WebSettings { allowed_origins: page.origins() }),
        admission: AdmissionSettings::default(),
        connections: ConnectionLimits::default(),
    };
    let gateway = Gateway::start(settings, Arc::new(upstream), PolicyHandle::new(Policy::default())).await?;
    screen.print_title("bedrock-grpc demo")?;
    screen.print_line(&format!("Bedrock: a simulator at {} (no AWS account, no model)", simulator.endpoint()))?;
    screen.print_line(&format!("gateway: gRPC at {}", gateway.address()))?;

    let client = Client::connect(format!("http://{}", gateway.address())).await?;
    steps::run_steps(&client, &mut screen).await?;
    if let Some(page) = page {
        screen.print_title("Open in a browser")?;
        screen.print_line(&page.url())?;
        let _server = page.serve(gateway.address());
        screen.print_grpcurl_commands(gateway.address())?;
        stop_signal().await;
    }
    drop(client);
    gateway.shutdown(std::future::pending()).await?;
    simulator.shutdown().await;
    Ok(())
}
