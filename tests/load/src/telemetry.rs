//! What telemetry costs: the same calls through a gateway with all signals and through one without any.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::Result;
use crate::caller::Callers;
use crate::gateway::Gateway;
use crate::measure::{CALLERS, Cpu, MANY, Place, ROUNDS, per_unit};
use crate::upstream::Upstream;
use crate::workload::Workload;

/// Time between two scrapes. Prometheus' default is a minute, and this is the shortest that people use.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// Log lines about calls are left out, and the line `serving` is not.
const NO_CALL_LINES: &str = "warn,bedrock_grpc_server::commands=info,bedrock_grpc_server::admin=info";

/// A collector that accepts everything and keeps nothing.
struct Collector;

/// CPU per call or event of a gateway with metrics, a tenth of the traces and a log line per call, compared with one without.
pub(crate) async fn telemetry(place: &Place<'_>, workload: Workload) -> Result<Cpu> {
    let upstream = Upstream::start(MANY).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let services = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Collector))
        .add_service(MetricsServiceServer::new(Collector));
    let collector = tokio::spawn(services.serve_with_incoming(TcpListenerStream::new(listener)));
    let admin = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
    let all = [
        ("BEDROCK_GRPC_ADMIN_LISTEN", admin.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
    ];
    // Each gateway has its own folder, because the folder has the log.
    let quiet_folder = place.folder.join("quiet");
    std::fs::create_dir_all(&quiet_folder)?;
    let full = Gateway::start_with(place.binary, &upstream, place.folder, &all).await?;
    let quiet = Gateway::start_with(place.binary, &upstream, &quiet_folder, &[("RUST_LOG", NO_CALL_LINES)]).await?;
    let full_callers = Callers::connect(&full.address, CALLERS).await?;
    let quiet_callers = Callers::connect(&quiet.address, CALLERS).await?;
    let scraper = tokio::spawn(scrape(admin));
    let (mut with, mut without) = (Vec::new(), Vec::new());
    workload.warm_up().run(&full, &full_callers).await?;
    workload.warm_up().run(&quiet, &quiet_callers).await?;
    for _ in 0..ROUNDS {
        with.push(per_unit(workload.run(&full, &full_callers).await?, &workload));
        without.push(per_unit(workload.run(&quiet, &quiet_callers).await?, &workload));
    }
    collector.abort();
    if scraper.is_finished() {
        scraper.await??;
    } else {
        scraper.abort();
    }
    Ok(Cpu::median(with, without))
}

/// Scrapes the metrics until it is aborted.
async fn scrape(address: String) -> Result<()> {
    let mut body = Vec::new();
    loop {
        let mut socket = TcpStream::connect(&address).await?;
        socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        body.clear();
        socket.read_to_end(&mut body).await?;
        if !body.starts_with(b"HTTP/1.1 200") {
            return Err("the gateway has no metrics".into());
        }
        tokio::time::sleep(SCRAPE_INTERVAL).await;
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> std::result::Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        _: Request<ExportMetricsServiceRequest>,
    ) -> std::result::Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
