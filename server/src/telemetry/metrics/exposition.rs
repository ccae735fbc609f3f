//! The text formats of Prometheus.
//!
//! - Text: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
//! - OpenMetrics: <https://prometheus.io/docs/specs/om/open_metrics_spec/>
//!
//! The existing exporters for Rust do not fit: they write only one of the formats, or they cannot add an exemplar to metrics that
//! they did not measure.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use super::exemplars::{Exemplar, bucket_of};

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrometheusFormat {
    /// Prometheus' text format.
    Text,
    /// OpenMetrics. It has exemplars.
    OpenMetrics,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyKind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric and what it means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family<'a> {
    /// The name with its unit, without `_total`.
    pub(super) name: &'a str,
    pub(super) kind: FamilyKind,
    pub(super) unit: Option<&'a str>,
    pub(super) help: &'a str,
}

/// A time series of a histogram.
#[derive(Debug)]
pub(super) struct HistogramSample {
    /// The upper bounds of all buckets but the last.
    pub(super) bounds: Vec<f64>,
    /// The number of values in each bucket alone.
    pub(super) counts: Vec<u64>,
    pub(super) sum: f64,
    pub(super) count: u64,
    pub(super) exemplars: Vec<Exemplar>,
}

/// Writes metrics.
#[derive(Debug)]
pub(super) struct ExpositionWriter {
    text: String,
    format: PrometheusFormat,
}

impl PrometheusFormat {
    /// The format that a scraper with this `Accept` header gets: OpenMetrics if it accepts it.
    pub(crate) fn from_accept(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// The `Content-Type` of the text.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl ExpositionWriter {
    pub(super) fn new(format: PrometheusFormat) -> Self {
        Self { text: String::new(), format }
    }

    /// Starts a metric. Its samples must follow.
    pub(super) fn start_family(&mut self, family: &Family<'_>) {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        let is_text = self.format == PrometheusFormat::Text;
        let suffix = if is_text && family.kind == FamilyKind::Counter { "_total" } else { "" };
        self.write_metadata(&format!("{}{suffix}", family.name), kind, family.unit, family.help);
    }

    /// Writes a metric whose labels are its only value.
    pub(super) fn write_info(&mut self, name: &str, help: &str, labels: &[(String, String)]) {
        match self.format {
            PrometheusFormat::Text => self.write_metadata(&format!("{name}_info"), "gauge", None, help),
            PrometheusFormat::OpenMetrics => self.write_metadata(name, "info", None, help),
        }
        self.write_sample(name, "_info", labels, 1.0);
    }

    /// Writes a sample.
    pub(super) fn write_sample(&mut self, name: &str, suffix: &str, labels: &[(String, String)], value: f64) {
        self.write_series(name, suffix, labels, None);
        let _ = writeln!(self.text, "{}", to_number(value));
    }

    /// Writes the samples of a histogram.
    pub(super) fn write_histogram(&mut self, name: &str, labels: &[(String, String)], sample: &HistogramSample) {
        let mut total = 0;
        for (position, count) in sample.counts.iter().enumerate() {
            total += count;
            let bound = sample.bounds.get(position).copied().unwrap_or(f64::INFINITY);
            self.write_series(name, "_bucket", labels, Some(&to_float(bound)));
            let _ = write!(self.text, "{total}");
            let exemplar = sample.exemplars.iter().find(|e| bucket_of(&sample.bounds, e.value) == position);
            if let Some(exemplar) = exemplar.filter(|_| self.format == PrometheusFormat::OpenMetrics) {
                let time = exemplar.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                let (trace_id, value, seconds, millis) =
                    (&exemplar.trace_id, to_float(exemplar.value), time / 1000, time % 1000);
                let _ = write!(self.text, " # {{trace_id=\"{trace_id}\"}} {value} {seconds}.{millis:03}");
            }
            self.text.push('\n');
        }
        self.write_sample(name, "_sum", labels, sample.sum);
        self.write_series(name, "_count", labels, None);
        let _ = writeln!(self.text, "{}", sample.count);
    }

    /// The text.
    pub(super) fn finish(mut self) -> String {
        if self.format == PrometheusFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn write_metadata(&mut self, name: &str, kind: &str, unit: Option<&str>, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {}", escape(help));
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        if let Some(unit) = unit.filter(|_| self.format == PrometheusFormat::OpenMetrics) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    fn write_series(&mut self, name: &str, suffix: &str, labels: &[(String, String)], bound: Option<&str>) {
        let _ = write!(self.text, "{name}{suffix}");
        let mut separator = '{';
        let bound = bound.map(|bound| ("le", bound));
        let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(bound);
        for (name, value) in labels {
            let _ = write!(self.text, "{separator}{name}=\"{}\"", escape(value));
            separator = ',';
        }
        self.text.push_str(if separator == '{' { " " } else { "} " });
    }
}

/// A text with escapes as both formats have them.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The value of a sample: an integer without a decimal point.
fn to_number(value: f64) -> String {
    if value.is_infinite() { to_float(value) } else { value.to_string() }
}

/// A bound, or the value of an exemplar. OpenMetrics requires the decimal point.
fn to_float(value: f64) -> String {
    if value.is_infinite() { "+Inf".to_owned() } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn write(format: PrometheusFormat) -> String {
        let labels = [("model".to_owned(), "a \"b\"\\\n".to_owned())];
        let mut writer = ExpositionWriter::new(format);
        writer.write_info("target", "About", &labels);
        writer.start_family(&Family { name: "calls", kind: FamilyKind::Counter, unit: None, help: "Calls" });
        writer.write_sample("calls", "_total", &labels, 3.0);
        writer.start_family(&Family {
            name: "wait_seconds",
            kind: FamilyKind::Histogram,
            unit: Some("seconds"),
            help: "Wait",
        });
        let time = UNIX_EPOCH + Duration::from_millis(12_005);
        let exemplars = vec![Exemplar { trace_id: "4bf9".to_owned(), value: 0.75, time }];
        let sample = HistogramSample { bounds: vec![0.5, 1.0], counts: vec![1, 2, 1], sum: 4.5, count: 4, exemplars };
        writer.write_histogram("wait_seconds", &[], &sample);
        writer.finish()
    }

    #[test]
    fn text_format_has_no_units_and_no_exemplars() {
        assert_eq!(
            write(PrometheusFormat::Text),
            r#"# HELP target_info About
# TYPE target_info gauge
target_info{model="a \"b\"\\\n"} 1
# HELP calls_total Calls
# TYPE calls_total counter
calls_total{model="a \"b\"\\\n"} 3
# HELP wait_seconds Wait
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.5"} 1
wait_seconds_bucket{le="1.0"} 3
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 4.5
wait_seconds_count 4
"#
        );
    }

    #[test]
    fn open_metrics_has_units_exemplars_and_an_end() {
        assert_eq!(
            write(PrometheusFormat::OpenMetrics),
            r#"# HELP target About
# TYPE target info
target_info{model="a \"b\"\\\n"} 1
# HELP calls Calls
# TYPE calls counter
calls_total{model="a \"b\"\\\n"} 3
# HELP wait_seconds Wait
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{le="0.5"} 1
wait_seconds_bucket{le="1.0"} 3 # {trace_id="4bf9"} 0.75 12.005
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 4.5
wait_seconds_count 4
# EOF
"#
        );
    }

    #[test]
    fn scraper_gets_open_metrics_if_it_accepts_it() {
        for (accept, format) in [
            ("", PrometheusFormat::Text),
            ("text/plain;version=0.0.4", PrometheusFormat::Text),
            ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2", PrometheusFormat::OpenMetrics),
        ] {
            assert_eq!(PrometheusFormat::from_accept(accept), format, "{accept}");
        }
    }
}
