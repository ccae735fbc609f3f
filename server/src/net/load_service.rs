//! `xds.service.orca.v3.OpenRcaService`: load reports out of band, for clients whose calls are too long for reports in trailers.
//! <https://github.com/cncf/xds/blob/main/xds/service/orca/v3/orca.proto>

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::IntervalStream;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::call::{LoadReporter, OrcaLoadReport};

/// The time between reports if the client requests none: the default of gRPC's own servers.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// Minimum time between reports, even if the client requests a shorter one. Each report is a message on each open stream.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

const STREAM_CORE_METRICS: &str = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";

/// The fields of `xds.service.orca.v3.OrcaLoadReportRequest` that the gateway uses.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OrcaLoadReportRequest {
    /// The time between reports.
    #[prost(message, optional, tag = "1")]
    pub(super) report_interval: Option<prost_types::Duration>,
}

/// The service.
#[derive(Debug, Clone)]
pub(super) struct LoadService(pub(super) LoadReporter);

impl NamedService for LoadService {
    const NAME: &'static str = "xds.service.orca.v3.OpenRcaService";
}

impl ServerStreamingService<OrcaLoadReportRequest> for LoadService {
    type Response = OrcaLoadReport;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<OrcaLoadReport, Status>> + Send>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<OrcaLoadReportRequest>) -> Self::Future {
        let requested = request.get_ref().report_interval.and_then(|interval| Duration::try_from(interval).ok());
        let mut ticks = interval(requested.unwrap_or(DEFAULT_INTERVAL).max(MIN_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let reporter = self.0.clone();
        ready(Ok(Response::new(Box::pin(IntervalStream::new(ticks).map(move |_| Ok(reporter.report()))))))
    }
}

impl Service<http::Request<Body>> for LoadService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != STREAM_CORE_METRICS {
            return Box::pin(ready(Ok(Status::unimplemented("no such method").into_http())));
        }
        let service = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<OrcaLoadReport, OrcaLoadReportRequest>::default());
            Ok(grpc.server_streaming(service, request).await)
        })
    }
}
