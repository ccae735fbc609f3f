//! `bedrock-grpc simulate`: the simulator alone.

use bedrock_simulator::{Options, Simulator};

use crate::cli::SimulateOptions;
use crate::net::stop_signal;

/// Runs the simulator until a stop signal.
///
/// # Errors
/// When the address cannot be listened on, or the certificate cannot be written.
pub(super) async fn simulate(options: SimulateOptions) -> std::io::Result<()> {
    let settings = Options { tls: options.tls.is_some(), ..Options::default() };
    let simulator = Simulator::start_with(options.listen, settings).await?;
    if let (Some(path), Some(pem)) = (&options.tls, simulator.ca_pem()) {
        std::fs::write(path, pem)?;
        tracing::info!(ca = %path.display(), "wrote the certificate to trust");
    }
    tracing::info!(endpoint = simulator.endpoint(), "simulating Bedrock");
    stop_signal().await;
    simulator.shutdown().await;
    Ok(())
}
