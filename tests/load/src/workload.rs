//! The calls of one measurement.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;

use crate::Result;
use crate::caller::{Call, Callers};
use crate::gateway::Gateway;
use crate::upstream::EVENTS;

/// A number of calls of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    /// The model, which says how the endpoint responds.
    pub(crate) model: &'static str,
    /// Calls in all.
    pub(crate) calls: usize,
    /// Calls at one time.
    pub(crate) concurrency: usize,
}

impl Workload {
    /// One small response per call.
    pub(crate) const UNARY: Self = Self { model: "unary", calls: 6_000, concurrency: 16 };
    /// A whole stream at once.
    pub(crate) const BURST: Self = Self { model: "burst", calls: 2_000, concurrency: 16 };
    /// 500 streams with an event every 20 ms.
    pub(crate) const PACED: Self = Self { model: "paced-20", calls: 500, concurrency: 500 };

    /// Whether the model with this id is called with ConverseStream.
    pub(crate) fn is_stream(model: &str) -> bool {
        !(model.starts_with("unary") || model.starts_with("slow"))
    }

    /// What one unit of the result is: a call, or an event.
    pub(crate) fn units(&self) -> usize {
        if Self::is_stream(self.model) { self.calls * EVENTS } else { self.calls }
    }

    /// The same with a part of the calls, to warm up.
    pub(crate) fn warm_up(self) -> Self {
        Self { calls: (self.calls / 10).max(self.concurrency), ..self }
    }

    fn call(&self) -> Result<Call> {
        Call::through_gateway(if Self::is_stream(self.model) { "ConverseStream" } else { "Converse" }, self.model)
    }

    /// Makes the calls through the gateway and returns the CPU time that the gateway used for them.
    pub(crate) async fn run(&self, gateway: &Gateway, callers: &Arc<Callers>) -> Result<Duration> {
        self.run_with(gateway, callers, self.call()?).await
    }

    /// Makes the calls as a client that accepts gzip.
    pub(crate) async fn run_with_gzip(&self, gateway: &Gateway, callers: &Arc<Callers>) -> Result<Duration> {
        self.run_with(gateway, callers, self.call()?.header("grpc-accept-encoding", "identity,deflate,gzip")?).await
    }

    async fn run_with(&self, gateway: &Gateway, callers: &Arc<Callers>, call: Call) -> Result<Duration> {
        let (call, expected) = (Arc::new(call), if Self::is_stream(self.model) { EVENTS } else { 1 });
        let before = gateway.usage()?.cpu;
        let calls = futures::stream::iter(0..self.calls).map(|_| {
            let (callers, call) = (Arc::clone(callers), Arc::clone(&call));
            tokio::spawn(async move { callers.call(&call, |_| {}).await })
        });
        let mut calls = calls.buffer_unordered(self.concurrency);
        while let Some(done) = calls.next().await {
            let outcome = done??;
            if outcome.status.as_deref() != Some("0") || outcome.messages != expected {
                return Err(format!("{}: {outcome:?} instead of {expected} messages", self.model).into());
            }
        }
        Ok(gateway.usage()?.cpu - before)
    }
}
