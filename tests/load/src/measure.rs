//! What is measured, one function per row of the table.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;

use crate::Result;
use crate::caller::{Call, Callers};
use crate::gateway::Gateway;
use crate::sdk::Sdk;
use crate::upstream::{Upstream, latencies};
use crate::workload::Workload;

/// Rounds of each CPU measurement. The gateway and the loop take turns, as the machine's speed drifts; the median counts.
pub(crate) const ROUNDS: usize = 3;

/// Number of streams on one caller's connection. hyper allows 200.
const STREAMS_PER_CALLER: usize = 125;

/// Callers' connections in the CPU measurements.
pub(crate) const CALLERS: usize = 4;

/// Streams that the endpoint allows per connection where that is not what is measured. A client with one connection must be able
/// to open all streams of the memory measurement.
pub(crate) const MANY: u32 = 10_000;

/// How long open streams may take to end at the endpoint after their callers have gone.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// Where things are.
pub(crate) struct Place<'a> {
    /// The gateway's binary.
    pub(crate) binary: &'a Path,
    /// A folder for logs and certificates.
    pub(crate) folder: &'a Path,
}

impl Place<'_> {
    async fn gateway(&self, upstream: &Upstream) -> Result<Gateway> {
        Gateway::start(self.binary, upstream, self.folder).await
    }
}

/// CPU time in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    /// CPU time of the gateway, per unit.
    pub(crate) gateway: f64,
    /// CPU time of the process that the gateway is compared with, per unit.
    pub(crate) other: f64,
}

impl Cpu {
    /// The gateway's CPU time divided by the other one.
    pub(crate) fn ratio(self) -> f64 {
        self.gateway / self.other
    }

    /// The medians of the measurements.
    pub(crate) fn median(mut gateway: Vec<f64>, mut other: Vec<f64>) -> Self {
        gateway.sort_by(f64::total_cmp);
        other.sort_by(f64::total_cmp);
        Self { gateway: gateway[gateway.len() / 2], other: other[other.len() / 2] }
    }
}

/// CPU time in microseconds per call or event.
pub(crate) fn per_unit(cpu: Duration, workload: &Workload) -> f64 {
    cpu.as_secs_f64() * 1e6 / workload.units() as f64
}

/// CPU per call or event, of the gateway and of the loop over the SDK.
pub(crate) async fn cpu(place: &Place<'_>, workload: Workload) -> Result<Cpu> {
    let upstream = Upstream::start(MANY).await?;
    let gateway = place.gateway(&upstream).await?;
    let callers = Callers::connect(&gateway.address, CALLERS).await?;
    let mut sdk = Sdk::start(&upstream, &place.folder.join("ca.pem"))?;
    workload.warm_up().run(&gateway, &callers).await?;
    sdk.run(&workload.warm_up()).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(per_unit(workload.run(&gateway, &callers).await?, &workload));
        theirs.push(per_unit(sdk.run(&workload).await?, &workload));
    }
    Ok(Cpu::median(ours, theirs))
}

/// CPU per event for clients that accept gzip, compared with clients that do not.
pub(crate) async fn gzip(place: &Place<'_>) -> Result<Cpu> {
    let workload = Workload { calls: Workload::BURST.calls / 2, ..Workload::BURST };
    let upstream = Upstream::start(MANY).await?;
    let gateway = place.gateway(&upstream).await?;
    let callers = Callers::connect(&gateway.address, CALLERS).await?;
    workload.warm_up().run_with_gzip(&gateway, &callers).await?;
    let (mut gzip, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        gzip.push(per_unit(workload.run_with_gzip(&gateway, &callers).await?, &workload));
        plain.push(per_unit(workload.run(&gateway, &callers).await?, &workload));
    }
    Ok(Cpu::median(gzip, plain))
}

/// How long 1,000 calls of 3 s take when the endpoint allows 100 streams per connection, and the connections that they used.
pub(crate) async fn slow_calls(place: &Place<'_>) -> Result<(Duration, usize)> {
    let upstream = Upstream::start(100).await?;
    let gateway = place.gateway(&upstream).await?;
    let callers = Callers::connect(&gateway.address, 1_000 / STREAMS_PER_CALLER).await?;
    let started = Instant::now();
    let call = Arc::new(Call::through_gateway("Converse", "slow-3000")?);
    let outcomes = run_calls(&callers, &call, 1_000).await?;
    if let Some(failed) = outcomes.iter().find(|outcome| outcome.status.as_deref() != Some("0")) {
        return Err(format!("a slow call failed: {failed:?}").into());
    }
    Ok((started.elapsed(), upstream.counts.most_connections()))
}

/// Makes `count` calls at the same time.
async fn run_calls(callers: &Arc<Callers>, call: &Arc<Call>, count: usize) -> Result<Vec<crate::caller::Outcome>> {
    let calls = (0..count).map(|_| {
        let (callers, call) = (Arc::clone(callers), Arc::clone(call));
        tokio::spawn(async move { callers.call(&call, |_| {}).await })
    });
    futures::future::try_join_all(calls).await?.into_iter().collect()
}

/// The gateway's resident memory in bytes, with this number of open streams.
pub(crate) type Memory = Vec<(usize, u64)>;

/// Opens streams that stay open, up to each of `counts` in turn.
pub(crate) async fn memory(place: &Place<'_>, counts: &[usize]) -> Result<Memory> {
    let upstream = Upstream::start(MANY).await?;
    let gateway = place.gateway(&upstream).await?;
    let warm = Callers::connect(&gateway.address, 1).await?;
    Workload { calls: 100, ..Workload::BURST }.run(&gateway, &warm).await?;
    let mut memory = vec![(0, gateway.usage()?.memory)];
    let (mut open, mut tasks) = (0, tokio::task::JoinSet::new());
    let call = Arc::new(Call::through_gateway("ConverseStream", "stalled")?);
    for &count in counts {
        let callers = Callers::connect(&gateway.address, (count - open).div_ceil(STREAMS_PER_CALLER)).await?;
        for _ in open..count {
            let (callers, call) = (Arc::clone(&callers), Arc::clone(&call));
            tasks.spawn(async move { callers.call(&call, |_| {}).await.map(|_| ()) });
        }
        open = count;
        wait_until(|| upstream.counts.streams() == count).await?;
        // The events are on their way to the callers when the endpoint has opened the last stream.
        tokio::time::sleep(Duration::from_millis(500)).await;
        memory.push((count, gateway.usage()?.memory));
    }
    Ok(memory)
}

async fn wait_until(done: impl Fn() -> bool) -> Result<()> {
    let started = Instant::now();
    while !done() {
        if started.elapsed() > MAX_WAIT {
            return Err(format!("did not happen within {MAX_WAIT:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What is left after many calls.
#[derive(Debug)]
pub(crate) struct Leftovers {
    /// Calls by their outcome.
    pub(crate) outcomes: BTreeMap<String, usize>,
    /// Requests that are still open at the endpoint.
    pub(crate) streams: usize,
    /// Sockets that the gateway has beyond those before the calls and its connections to the endpoint.
    pub(crate) sockets: i64,
    /// Growth of the gateway's memory in bytes between the first 5,000 calls and all 15,000.
    pub(crate) memory: i64,
    /// How long the gateway took to end after SIGTERM.
    pub(crate) shutdown: Duration,
    /// Whether it ended because no call was running.
    pub(crate) in_order: bool,
}

/// 10,000 calls that succeed, are cancelled, run out of time, are throttled, cut or reset, after 5,000 to warm up.
pub(crate) async fn leftovers(place: &Place<'_>) -> Result<Leftovers> {
    let upstream = Upstream::start(MANY).await?;
    let gateway = place.gateway(&upstream).await?;
    let before = gateway.usage()?;
    run_mixed_calls(&gateway, &upstream, 5_000).await?;
    let warm = gateway.usage()?;
    let outcomes = run_mixed_calls(&gateway, &upstream, 10_000).await?;
    // The gateway sees a caller's connection close when the kernel says so.
    let after = loop {
        let after = gateway.usage()?;
        if after.sockets <= before.sockets + upstream.counts.connections() {
            break after;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let streams = upstream.counts.streams();
    let sockets = after.sockets as i64 - (before.sockets + upstream.counts.connections()) as i64;
    let (shutdown, in_order) = gateway.terminate().await?;
    let memory = after.memory as i64 - warm.memory as i64;
    Ok(Leftovers { outcomes, streams, sockets, memory, shutdown, in_order })
}

/// Makes calls of every kind and waits until the endpoint has no request any more.
async fn run_mixed_calls(gateway: &Gateway, upstream: &Upstream, count: usize) -> Result<BTreeMap<String, usize>> {
    let stream = |model| Call::through_gateway("ConverseStream", model);
    let kinds = [
        ("ok", Call::through_gateway("Converse", "unary")?),
        ("ok stream", stream("burst")?),
        ("cancelled", stream("stalled")?.leaving()),
        ("timed out", stream("silent")?.header("grpc-timeout", "300m")?),
        ("throttled", Call::through_gateway("Converse", "throttled")?),
        ("cut", stream("cut")?),
        ("reset", stream("reset")?),
    ]
    .map(|(name, call)| (name, Arc::new(call)));
    let callers = Callers::connect(&gateway.address, 10).await?;
    let calls = futures::stream::iter(0..count).map(|n| {
        let (name, call) = &kinds[n % kinds.len()];
        let (name, call, callers) = (*name, Arc::clone(call), Arc::clone(&callers));
        tokio::spawn(async move { (name, callers.call(&call, |_| {}).await) })
    });
    let mut calls = calls.buffer_unordered(1_000);
    let mut outcomes = BTreeMap::new();
    while let Some(done) = calls.next().await {
        let (name, outcome) = done?;
        let status = outcome?.status.unwrap_or_else(|| "none".to_owned());
        *outcomes.entry(format!("{name}: {status}")).or_default() += 1;
    }
    drop(calls);
    drop(callers);
    wait_until(|| upstream.counts.streams() == 0).await?;
    Ok(outcomes)
}

/// Times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The median.
    pub(crate) median: f64,
    /// The 99th percentile.
    pub(crate) p99: f64,
}

impl Times {
    pub(crate) fn new(mut all: Vec<Duration>) -> Result<Self> {
        all.sort_unstable();
        let at = |part: f64| {
            let index = (all.len() as f64 * part) as usize;
            all.get(index.min(all.len().saturating_sub(1))).map(|time| time.as_secs_f64() * 1e3)
        };
        match (at(0.5), at(0.99)) {
            (Some(median), Some(p99)) => Ok(Self { median, p99 }),
            _ => Err("no event came".into()),
        }
    }
}

/// The latency of events with this number of streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    /// Streams at one time.
    pub(crate) streams: usize,
    /// Milliseconds between the events of one stream.
    pub(crate) pace: usize,
    /// From the request to the first event.
    pub(crate) first: Times,
    /// From the endpoint to the caller, per event.
    pub(crate) event: Times,
}

/// Measures the latency of events, through the gateway and directly.
pub(crate) async fn latency(place: &Place<'_>, streams: usize) -> Result<(Latency, Latency)> {
    let upstream = Upstream::start(MANY).await?;
    let gateway = place.gateway(&upstream).await?;
    let connections = streams.div_ceil(STREAMS_PER_CALLER);
    // All streams together have at most 5,000 events per second. With more, two cores would measure the wait for a free
    // core.
    let pace = (streams / 5).max(20);
    let model = format!("stamped-{pace}-{}", 4 + (4_000 / pace).max(6));
    let callers = Callers::connect(&gateway.address, connections).await?;
    Workload { calls: 50, ..Workload::BURST }.run(&gateway, &callers).await?;
    let ours = measure_latency(&callers, Call::through_gateway("ConverseStream", &model)?, streams, pace).await?;
    let direct = Callers::connect_to_endpoint(&upstream.endpoint, &upstream.ca_pem, connections).await?;
    let theirs = measure_latency(&direct, Call::to_endpoint(&upstream.endpoint, &model)?, streams, pace).await?;
    Ok((ours, theirs))
}

async fn measure_latency(callers: &Arc<Callers>, call: Call, streams: usize, pace: usize) -> Result<Latency> {
    let call = Arc::new(call);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..streams {
        // The streams start one after the other, at most 2,000 per second, so that the start takes one pace or longer.
        if n % 20 == 19 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (callers, call) = (Arc::clone(callers), Arc::clone(&call));
        tasks.spawn(async move {
            let (started, mut first, mut events) = (Instant::now(), None, Vec::new());
            callers
                .call(&call, |data| {
                    latencies(data, |latency| {
                        if first.is_none() {
                            first = Some(started.elapsed());
                        } else {
                            events.push(latency);
                        }
                    });
                })
                .await?;
            Result::Ok((first, events))
        });
    }
    let (mut first, mut events) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let done = done??;
        first.extend(done.0);
        events.extend(done.1);
    }
    Ok(Latency { streams, pace, first: Times::new(first)?, event: Times::new(events)? })
}
