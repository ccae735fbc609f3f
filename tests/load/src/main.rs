//! Measures the gateway against a bare loop over the AWS SDK, in front of one endpoint that speaks TLS and HTTP/2, and prints
//! a table. Absolute times mean little on a shared machine; the ratios come from the same run. `docs/performance.md` explains
//! the method and shows the charts that this program draws.
#![allow(clippy::print_stdout, reason = "the table is what the program is for")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "figures of a measurement")]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "figures of a measurement")]

mod caller;
mod chart;
mod gateway;
mod measure;
mod overload;
mod process;
mod report;
mod sdk;
mod telemetry;
mod upstream;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use measure::Place;
use report::Report;
use workload::Workload;

/// Any failure ends the run: a figure from a run with failures means nothing.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Measures the gateway's CPU, memory and latency.
#[derive(Debug, Parser)]
struct Cli {
    /// The gateway's binary. [default: bedrock-grpc in this program's folder]
    #[arg(long)]
    gateway: Option<PathBuf>,

    /// Measure only these. [default: all]
    #[arg(value_enum)]
    only: Vec<Row>,

    /// Write the charts as SVG files to this folder.
    #[arg(long)]
    charts: Option<PathBuf>,

    #[command(subcommand)]
    part: Option<Part>,
}

/// The other process.
#[derive(Debug, Subcommand)]
enum Part {
    /// The loop over the AWS SDK, which the program starts itself.
    #[command(hide = true)]
    Sdk { endpoint: String, ca: PathBuf },
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Row {
    /// CPU per unary call.
    Unary,
    /// CPU per event of a stream that comes at once.
    Burst,
    /// CPU per event of 500 streams with an event every 20 ms.
    Paced,
    /// CPU for callers that accept gzip.
    Gzip,
    /// CPU with all telemetry over CPU without.
    Telemetry,
    /// 1,000 calls of 3 s with 100 streams per connection.
    Slow,
    /// Memory per open stream.
    Memory,
    /// What 10,000 calls leave behind.
    Leftovers,
    /// Time to the first event, and per event.
    Latency,
    /// Twice the calls that the gateway can serve.
    Overload,
}

/// Streams at one time in the latency measurement.
const STREAMS: [usize; 4] = [1, 100, 1_000, 5_000];

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.part {
        Some(Part::Sdk { endpoint, ca }) => sdk::serve(&endpoint, ca).await,
        None => run(cli).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("bedrock-grpc-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let binary = match cli.gateway {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("bedrock-grpc"),
    };
    if !binary.is_file() {
        let missing = binary.display();
        return Err(format!("{missing} is missing: cargo build --release -p bedrock-grpc-server").into());
    }
    let folder = tempfile::tempdir()?;
    let place = Place { binary: &binary, folder: folder.path() };
    let started = std::time::Instant::now();
    let has = |row| cli.only.is_empty() || cli.only.contains(&row);
    let mut report = Report::default();
    report.print_header();
    for (row, name, workload, target) in [
        (Row::Unary, "CPU per unary call", Workload::UNARY, 0.5),
        (Row::Burst, "CPU per event, 204 events at once", Workload::BURST, 0.5),
        (Row::Paced, "CPU per event, 500 streams, an event every 20 ms", Workload::PACED, 1.0),
    ] {
        if has(row) {
            report.add_cpu(name, measure::cpu(&place, workload).await?, target);
        }
    }
    if has(Row::Gzip) {
        report.add_gzip(measure::gzip(&place).await?);
    }
    if has(Row::Telemetry) {
        for (unit, workload) in [("unary call", Workload::UNARY), ("event", Workload::BURST)] {
            report.add_telemetry(unit, telemetry::telemetry(&place, workload).await?);
        }
    }
    if has(Row::Slow) {
        report.add_slow_calls(measure::slow_calls(&place).await?);
    }
    if has(Row::Memory) {
        report.add_memory(measure::memory(&place, &[1_000, 2_500, 5_000]).await?);
    }
    if has(Row::Leftovers) {
        report.add_leftovers(&measure::leftovers(&place).await?);
    }
    if has(Row::Latency) {
        for streams in STREAMS {
            report.add_latency(measure::latency(&place, streams).await?);
        }
    }
    if has(Row::Overload) {
        report.overload(&overload::overload(&place).await?);
    }
    println!("\nmeasured in {:.0} s", started.elapsed().as_secs_f64());
    if let Some(folder) = cli.charts {
        report.draw_charts(&folder)?;
    }
    Ok(())
}
