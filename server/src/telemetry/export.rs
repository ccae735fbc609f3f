//! Export of spans and metrics over OTLP.

use opentelemetry::global;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::names;
use super::spans::enable_spans;

/// The exporters of spans and metrics. They run as long as the process does.
#[derive(Default)]
pub(crate) struct Exporters {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Why the exporters could not start.
#[derive(Debug, thiserror::Error)]
#[error("the OTLP exporter cannot be set up: {0}")]
pub(crate) struct TelemetryError(#[from] opentelemetry_otlp::ExporterBuildError);

impl Exporters {
    /// Exports spans and metrics over OTLP/gRPC when `OTEL_EXPORTER_OTLP_ENDPOINT`, or the variable for traces or metrics, is
    /// set. Without it nothing is exported. The standard `OTEL_*` variables apply: service name, resource attributes,
    /// sampler, headers, batch sizes.
    ///
    /// # Errors
    /// When an endpoint is set but is not a valid URL.
    pub(crate) fn start() -> Result<Self, TelemetryError> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let mut exporters = Self::default();
        if is_endpoint_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            let exporter = SpanExporter::builder().with_tonic().build()?;
            let provider = SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
            global::set_tracer_provider(provider.clone());
            enable_spans();
            exporters.traces = Some(provider);
        }
        if is_endpoint_set("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") {
            let exporter = MetricExporter::builder().with_tonic().build()?;
            let provider =
                SdkMeterProvider::builder().with_resource(resource()).with_periodic_exporter(exporter).build();
            global::set_meter_provider(provider.clone());
            exporters.metrics = Some(provider);
        }
        Ok(exporters)
    }

    /// Sends the spans and metrics that have not been sent yet. Blocks until the collector has them or the export times out.
    pub(crate) fn stop(&self) {
        let traces = self.traces.as_ref().map_or(Ok(()), SdkTracerProvider::shutdown);
        let metrics = self.metrics.as_ref().map_or(Ok(()), SdkMeterProvider::shutdown);
        if let Err(error) = traces.and(metrics) {
            tracing::warn!(%error, "not all spans and metrics were exported");
        }
    }
}

fn is_endpoint_set(signal: &str) -> bool {
    [signal, "OTEL_EXPORTER_OTLP_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn resource() -> Resource {
    let builder = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_some() {
        builder.build()
    } else {
        builder.with_service_name(names::SCOPE).build()
    }
}
