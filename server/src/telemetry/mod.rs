//! Traces, counters and the log. Content (prompts, answers) is in none of them.

mod counters;
pub(crate) mod log;
pub(crate) mod names;
mod trace;
mod usage;

use opentelemetry::global;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

pub(crate) use counters::{missing_metadata, unknown_member};
pub use log::{Format, SERVER_LINES, WARNINGS, start as start_log};
pub(crate) use trace::CallTrace;

/// The exporters, for as long as the process runs.
#[derive(Default)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the OTLP exporter cannot be set up: {0}")]
pub struct TelemetryError(#[from] opentelemetry_otlp::ExporterBuildError);

impl Telemetry {
    /// Exports traces and metrics over OTLP/gRPC when `OTEL_EXPORTER_OTLP_ENDPOINT` (or its form for traces or metrics) is
    /// set; otherwise spans and counters cost nothing. The standard `OTEL_*` variables apply: service name, resource
    /// attributes, sampler, headers, batch sizes.
    ///
    /// # Errors
    /// When an endpoint is set but is none.
    pub fn start() -> Result<Self, TelemetryError> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let mut telemetry = Self::default();
        if is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            let exporter = SpanExporter::builder().with_tonic().build()?;
            let provider = SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
            global::set_tracer_provider(provider.clone());
            telemetry.traces = Some(provider);
        }
        if is_set("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") {
            let exporter = MetricExporter::builder().with_tonic().build()?;
            let provider =
                SdkMeterProvider::builder().with_resource(resource()).with_periodic_exporter(exporter).build();
            global::set_meter_provider(provider.clone());
            telemetry.metrics = Some(provider);
        }
        Ok(telemetry)
    }

    /// Sends what is still held. Blocks until the collector has it or its time is up.
    pub fn stop(&self) {
        let traces = self.traces.as_ref().map_or(Ok(()), SdkTracerProvider::shutdown);
        let metrics = self.metrics.as_ref().map_or(Ok(()), SdkMeterProvider::shutdown);
        if let Err(error) = traces.and(metrics) {
            tracing::warn!(%error, "telemetry was not sent in full");
        }
    }
}

fn is_set(signal: &str) -> bool {
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
