//! Counts the spans that the collector does not get. The SDK drops them without a number that a program could read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

/// The default of `OTEL_BSP_MAX_QUEUE_SIZE`.
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#batch-span-processor>
const DEFAULT_QUEUE_SIZE: usize = 2048;

/// The number of spans that wait and that were lost. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct SpanCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

/// The SDK's batch processor, with a count of the spans that find its queue full.
#[derive(Debug)]
pub(super) struct CountedProcessor {
    batches: BatchSpanProcessor,
    queue_size: usize,
    counts: SpanCounts,
}

/// An exporter, with a count of the spans that it fails to export.
#[derive(Debug)]
struct CountedExporter<E> {
    exporter: E,
    counts: SpanCounts,
}

impl SpanCounts {
    /// The number of spans that were lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    fn count_lost(&self, spans: usize) {
        self.0.lost.fetch_add(spans as u64, Ordering::Relaxed);
    }
}

impl CountedProcessor {
    /// A processor that exports batches by `exporter`. The `OTEL_BSP_*` variables apply.
    pub(super) fn new(exporter: impl SpanExporter + 'static, counts: SpanCounts) -> Self {
        let queue_size = std::env::var("OTEL_BSP_MAX_QUEUE_SIZE").ok().and_then(|size| size.parse().ok());
        let exporter = CountedExporter { exporter, counts: counts.clone() };
        let batches = BatchSpanProcessor::builder(exporter).build();
        Self { batches, queue_size: queue_size.unwrap_or(DEFAULT_QUEUE_SIZE), counts }
    }
}

impl SpanProcessor for CountedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        // The batch processor ignores spans that are not sampled.
        if !span.span_context.is_sampled() {
            return;
        }
        if self.counts.0.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue_size {
            self.counts.0.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.count_lost(1);
            return;
        }
        self.batches.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let outcome = self.batches.shutdown_with_timeout(timeout);
        self.counts.count_lost(self.counts.0.waiting.swap(0, Ordering::Relaxed));
        outcome
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for CountedExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.counts.0.waiting.fetch_sub(spans, Ordering::Relaxed);
        let outcome = self.exporter.export(batch).await;
        if outcome.is_err() {
            self.counts.count_lost(spans);
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    /// An exporter that fails.
    #[derive(Debug)]
    struct FailingExporter;

    impl SpanExporter for FailingExporter {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            Err(OTelSdkError::InternalFailure("no collector".to_owned()))
        }
    }

    /// An exporter that does not return before the other end is dropped.
    #[derive(Debug)]
    struct StuckExporter(std::sync::Mutex<mpsc::Receiver<()>>);

    impl SpanExporter for StuckExporter {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            let _ = self.0.lock().unwrap().recv();
            Ok(())
        }
    }

    fn end_spans(exporter: impl SpanExporter + 'static, spans: usize) -> (SdkTracerProvider, SpanCounts) {
        let counts = SpanCounts::default();
        let processor = CountedProcessor::new(exporter, counts.clone());
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let tracer = provider.tracer("test");
        (0..spans).for_each(|_| drop(tracer.start("span")));
        (provider, counts)
    }

    #[test]
    fn spans_of_a_failed_export_are_lost() {
        let (provider, counts) = end_spans(FailingExporter, 10);
        assert!(provider.shutdown().is_err() || counts.lost() == 10);
        assert_eq!(counts.lost(), 10);
    }

    #[test]
    fn spans_beyond_the_queue_are_lost_while_the_exporter_is_stuck() {
        let (release, stuck) = mpsc::channel();
        let (provider, counts) = end_spans(StuckExporter(std::sync::Mutex::new(stuck)), DEFAULT_QUEUE_SIZE * 2);
        // A batch of 512 spans may have left the queue.
        assert!(
            (DEFAULT_QUEUE_SIZE as u64 - 512..=DEFAULT_QUEUE_SIZE as u64).contains(&counts.lost()),
            "{}",
            counts.lost()
        );
        drop(release);
        let _ = provider.shutdown();
    }
}
