//! What happens with twice the calls that the gateway can serve.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::task::JoinSet;

use crate::Result;
use crate::caller::{Call, Callers};
use crate::gateway::Gateway;
use crate::measure::{MANY, Place, Times};
use crate::upstream::Upstream;

/// Calls at one time at capacity: enough to keep the gateway's thread busy without a break.
const CALLS_AT_CAPACITY: usize = 64;

/// Messages of each call. The gateway's work on them makes it the slowest part, and not the callers or the endpoint.
const MESSAGES: usize = 800;

/// How long each half of the measurement takes.
const TIME: Duration = Duration::from_secs(10);

/// Time between two groups of new calls under overload.
const TICK: Duration = Duration::from_millis(5);

/// `grpc-status` of a rejected call: RESOURCE_EXHAUSTED.
const REJECTED: &str = "8";

/// The figures.
#[derive(Debug)]
pub(crate) struct Overload {
    /// Calls per second that the gateway serves when each caller waits for its response before the next call.
    pub(crate) capacity: f64,
    /// Times of these calls.
    pub(crate) at_capacity: Times,
    /// Calls per second that were served when twice the capacity arrived.
    pub(crate) served: f64,
    /// Times of the served calls.
    pub(crate) served_times: Times,
    /// Calls per second that were rejected.
    pub(crate) rejected: f64,
    /// Times of the rejected calls.
    pub(crate) rejected_times: Times,
}

/// Measures a gateway with one thread, so that the callers and the endpoint have the rest of the machine.
pub(crate) async fn overload(place: &Place<'_>) -> Result<Overload> {
    let upstream = Upstream::start(MANY).await?;
    let gateway = Gateway::start_with(place.binary, &upstream, place.folder, &[("TOKIO_WORKER_THREADS", "1")]).await?;
    let callers = Callers::connect(&gateway.address, 8).await?;
    let call = Arc::new(Call::through_gateway_with_messages("Converse", "unary", MESSAGES)?);
    calls_in_turn(&callers, &call, TIME / 5).await?;
    let times = calls_in_turn(&callers, &call, TIME).await?;
    let capacity = times.len() as f64 / TIME.as_secs_f64();
    let at_capacity = Times::new(times)?;
    let (served, rejected) = calls_at_rate(&callers, &call, capacity * 2.0).await?;
    let per_second = |times: &[Duration]| times.len() as f64 / TIME.as_secs_f64();
    Ok(Overload {
        capacity,
        at_capacity,
        served: per_second(&served),
        served_times: Times::new(served)?,
        rejected: per_second(&rejected),
        rejected_times: Times::new(rejected)?,
    })
}

/// Makes calls for `time`, a fixed number at once, and returns how long each took.
async fn calls_in_turn(callers: &Arc<Callers>, call: &Arc<Call>, time: Duration) -> Result<Vec<Duration>> {
    let end = Instant::now() + time;
    let calls = futures::stream::iter(std::iter::from_fn(|| (Instant::now() < end).then_some(()))).map(|()| {
        let (callers, call) = (Arc::clone(callers), Arc::clone(call));
        tokio::spawn(async move { timed_call(&callers, &call).await })
    });
    let mut calls = calls.buffer_unordered(CALLS_AT_CAPACITY);
    let mut times = Vec::new();
    while let Some(done) = calls.next().await {
        let (status, time) = done??;
        if status.as_deref() != Some("0") {
            return Err(format!("a call at capacity ended with status {status:?}").into());
        }
        times.push(time);
    }
    Ok(times)
}

/// Starts `rate` calls per second, whether earlier ones have ended or not, and returns the times of those that were served and of
/// those that were rejected.
async fn calls_at_rate(callers: &Arc<Callers>, call: &Arc<Call>, rate: f64) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let started = Instant::now();
    let mut calls = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    let mut count = 0;
    while started.elapsed() < TIME {
        ticks.tick().await;
        let due = (started.elapsed().as_secs_f64() * rate) as usize;
        for _ in count..due {
            let (callers, call) = (Arc::clone(callers), Arc::clone(call));
            calls.spawn(async move { timed_call(&callers, &call).await });
        }
        count = due;
    }
    let (mut served, mut rejected) = (Vec::new(), Vec::new());
    while let Some(done) = calls.join_next().await {
        let (status, time) = done??;
        match status.as_deref() {
            Some("0") => served.push(time),
            Some(REJECTED) => rejected.push(time),
            status => return Err(format!("a call under overload ended with status {status:?}").into()),
        }
    }
    Ok((served, rejected))
}

async fn timed_call(callers: &Callers, call: &Call) -> Result<(Option<String>, Duration)> {
    let started = Instant::now();
    let outcome = callers.call(call, |_| {}).await?;
    Ok((outcome.status, started.elapsed()))
}
