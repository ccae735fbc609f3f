//! The metrics as Prometheus reads them. The SDK aggregates them, and this reader collects them when they are scraped.

use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, Temporality};

use super::exemplars::{find_exemplars, sort_labels};
use super::exposition::{ExpositionWriter, Family, FamilyKind, HistogramSample, PrometheusFormat};

/// The units that become a suffix of the name. A unit in braces, which is an annotation, does not.
/// <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#metric-metadata-1>
const UNITS: &[(&str, &str)] = &[("s", "seconds"), ("ms", "milliseconds"), ("By", "bytes")];

/// Collects the metrics for Prometheus. Clones share the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct PrometheusReader(Arc<ManualReader>);

impl PrometheusReader {
    /// All metrics as text.
    pub(crate) fn encode(&self, format: PrometheusFormat) -> String {
        let mut collected = ResourceMetrics::default();
        if let Err(error) = self.0.collect(&mut collected) {
            // The provider has been shut down, and the process ends.
            tracing::debug!(%error, "no metrics");
        }
        let mut writer = ExpositionWriter::new(format);
        let resource = collected.resource().iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let resource: Vec<_> = resource.filter(|label| !matches!(label.value, Value::Array(_))).collect();
        writer.write_info("target", "Attributes of the process", &to_labels(resource.iter()));
        for metric in collected.scope_metrics().flat_map(|scope| scope.metrics()) {
            match metric.data() {
                AggregatedMetrics::U64(data) => write_metric(&mut writer, metric, data),
                AggregatedMetrics::I64(data) => write_metric(&mut writer, metric, data),
                AggregatedMetrics::F64(data) => write_metric(&mut writer, metric, data),
            }
        }
        writer.finish()
    }
}

impl MetricReader for PrometheusReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    /// Prometheus has only cumulative metrics.
    fn temporality(&self, _: InstrumentKind) -> Temporality {
        Temporality::Cumulative
    }
}

/// A number that the SDK aggregates.
trait Number: Copy {
    fn to_f64(self) -> f64;
}

macro_rules! number {
    ($type:ty) => {
        impl Number for $type {
            #[allow(clippy::cast_lossless, clippy::cast_precision_loss, reason = "Prometheus has only this type")]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    };
}

number!(u64);
number!(i64);
number!(f64);

fn write_metric<T: Number>(writer: &mut ExpositionWriter, metric: &Metric, data: &MetricData<T>) {
    let unit = UNITS.iter().find(|(unit, _)| *unit == metric.unit()).map(|(_, suffix)| *suffix);
    let mut name = to_name(metric.name());
    if let Some(unit) = unit {
        name = format!("{name}_{unit}");
    }
    let family = |kind| Family { name: &name, kind, unit, help: metric.description() };
    match data {
        MetricData::Sum(sum) => {
            let is_counter = sum.is_monotonic();
            writer.start_family(&family(if is_counter { FamilyKind::Counter } else { FamilyKind::Gauge }));
            for point in sum.data_points() {
                let suffix = if is_counter { "_total" } else { "" };
                writer.write_sample(&name, suffix, &to_labels(point.attributes()), point.value().to_f64());
            }
        }
        MetricData::Gauge(gauge) => {
            writer.start_family(&family(FamilyKind::Gauge));
            for point in gauge.data_points() {
                writer.write_sample(&name, "", &to_labels(point.attributes()), point.value().to_f64());
            }
        }
        MetricData::Histogram(histogram) => {
            writer.start_family(&family(FamilyKind::Histogram));
            for point in histogram.data_points() {
                let exemplars = find_exemplars(metric.name(), sort_labels(point.attributes()));
                let sample = HistogramSample {
                    bounds: point.bounds().collect(),
                    counts: point.bucket_counts().collect(),
                    sum: point.sum().to_f64(),
                    count: point.count(),
                    exemplars,
                };
                writer.write_histogram(&name, &to_labels(point.attributes()), &sample);
            }
        }
        // No instrument of the gateway has one.
        MetricData::ExponentialHistogram(_) => {}
    }
}

/// The labels of a series in a fixed order.
fn to_labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<(String, String)> {
    sort_labels(attributes).into_iter().map(|(name, value)| (to_name(&name), value)).collect()
}

/// A name with only the characters that Prometheus allowed before version 3.
fn to_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}
