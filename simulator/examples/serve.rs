//! The simulator by itself: `cargo run -p bedrock-simulator --example serve -- 127.0.0.1:8099`

use std::io::Write;
use std::net::SocketAddr;

use bedrock_simulator::Simulator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1);
    let listen: SocketAddr = listen.as_deref().unwrap_or("127.0.0.1:8099").parse()?;
    let simulator = Simulator::start(listen).await?;
    writeln!(std::io::stdout(), "{}", simulator.endpoint())?;
    simulator
        .run_until(async {
            if let Err(error) = tokio::signal::ctrl_c().await {
                tracing::error!(%error, "no signal handler; stopping");
            }
        })
        .await;
    Ok(())
}
