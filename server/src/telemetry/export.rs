//! Export of spans and metrics: over OTLP, and of metrics to Prometheus.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::losses::{LostData, observe_losses};
use super::metrics::{PrometheusReader, enable_metrics, start_at_zero};
use super::span_queue::{CountedProcessor, SpanCounts};
use super::spans::enable_spans;
use super::{names, panic_hook};

/// Maximum time for the last export at the end of the process.
const STOP_TIMEOUT: Duration = Duration::from_millis(1500);

/// The exporters of spans and metrics. They run as long as the process does.
#[derive(Default)]
pub(crate) struct Exporters {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    scraped: Option<PrometheusReader>,
}

/// Why the exporters could not start.
#[derive(Debug, thiserror::Error)]
#[error("the OTLP exporter cannot be set up: {0}")]
pub(crate) struct TelemetryError(#[from] opentelemetry_otlp::ExporterBuildError);

impl Exporters {
    /// Exports spans and metrics over OTLP/gRPC when `OTEL_EXPORTER_OTLP_ENDPOINT`, or the variable for traces or metrics, is
    /// set. Without it nothing is exported. The standard `OTEL_*` variables apply: service name, resource attributes,
    /// sampler, headers, batch sizes. If the metrics `are_scraped`, Prometheus can read them too.
    ///
    /// # Errors
    /// When an endpoint is set but is not a valid URL.
    pub(crate) fn start(are_scraped: bool) -> Result<Self, TelemetryError> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let mut exporters = Self::default();
        if is_endpoint_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            let exporter = SpanExporter::builder().with_tonic().build()?;
            let counts = SpanCounts::default();
            let processor = CountedProcessor::new(exporter, counts.clone());
            observe_losses(LostData::Spans, move || counts.lost());
            let provider =
                SdkTracerProvider::builder().with_resource(resource()).with_span_processor(processor).build();
            global::set_tracer_provider(provider.clone());
            enable_spans();
            exporters.traces = Some(provider);
        }
        let is_exported = is_endpoint_set("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
        if is_exported || are_scraped {
            let mut provider = SdkMeterProvider::builder().with_resource(resource());
            if is_exported {
                provider = provider.with_periodic_exporter(MetricExporter::builder().with_tonic().build()?);
            }
            if are_scraped {
                let reader = PrometheusReader::default();
                provider = provider.with_reader(reader.clone());
                exporters.scraped = Some(reader);
            }
            let provider = provider.build();
            global::set_meter_provider(provider.clone());
            enable_metrics();
            start_at_zero();
            panic_hook::start_at_zero();
            exporters.metrics = Some(provider);
        }
        Ok(exporters)
    }

    /// The metrics for Prometheus, if they are scraped.
    pub(crate) fn scraped(&self) -> Option<&PrometheusReader> {
        self.scraped.as_ref()
    }

    /// Sends the spans and metrics that have not been sent yet. Blocks until the collector has them, or [`STOP_TIMEOUT`] is over.
    pub(crate) fn stop(self) {
        let (done, outcome) = mpsc::channel();
        let mut running = 0;
        // The SDK's own timeouts add up, and that of the metrics is not configurable, so each one has a thread.
        if let Some(traces) = self.traces {
            running += 1;
            let done = done.clone();
            std::thread::spawn(move || done.send(traces.shutdown_with_timeout(STOP_TIMEOUT)));
        }
        if let Some(metrics) = self.metrics {
            running += 1;
            std::thread::spawn(move || done.send(metrics.shutdown_with_timeout(STOP_TIMEOUT)));
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for _ in 0..running {
            match outcome.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "not all spans and metrics were exported"),
                Err(_) => {
                    tracing::warn!(timeout = ?STOP_TIMEOUT, "the collector did not take all spans and metrics in time")
                }
            }
        }
    }
}

fn is_endpoint_set(signal: &str) -> bool {
    [signal, "OTEL_EXPORTER_OTLP_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The attributes of every span and metric. The operator's service name takes precedence over ours.
fn resource() -> Resource {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let version = KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    if is_service_named(&variable("OTEL_SERVICE_NAME"), &variable("OTEL_RESOURCE_ATTRIBUTES")) {
        builder.build()
    } else {
        builder.with_service_name(names::SCOPE).build()
    }
}

/// Whether the operator has set a service name: by `OTEL_SERVICE_NAME`, or by `service.name` in `OTEL_RESOURCE_ATTRIBUTES`. An
/// empty variable counts as unset.
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
fn is_service_named(service_name: &str, resource_attributes: &str) -> bool {
    let mut attributes = resource_attributes.split(',').filter_map(|pair| pair.split_once('='));
    !service_name.is_empty() || attributes.any(|(key, value)| key.trim() == "service.name" && !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::is_service_named;

    #[test]
    fn service_is_named_by_either_variable_unless_it_is_empty() {
        for (service_name, resource_attributes, expected) in [
            ("", "", false),
            ("gateway", "", true),
            ("", "service.name=gateway", true),
            ("", "deployment.environment=test, service.name = gateway", true),
            ("", "service.name=", false),
            ("", "service.namespace=x,a=service.name", false),
        ] {
            assert_eq!(is_service_named(service_name, resource_attributes), expected, "{resource_attributes}");
        }
    }
}
