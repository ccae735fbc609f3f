//! What all connections of one simulator share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::answer::Answer;
use crate::async_invoke::Jobs;
use crate::gauge::Gauge;
use crate::options::Options;
use crate::prompt_cache::PromptCache;
use crate::requests::RequestLog;

/// Model ids that `fault.flaky` counts; a run of tests with fresh ids must not grow the map for ever.
const MAX_FLAKY_MODELS: usize = 10_000;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) open_streams: Gauge,
    pub(crate) open_requests: Gauge,
    request_ids: AtomicU64,
    log: Mutex<RequestLog>,
    script: Mutex<VecDeque<Answer>>,
    prompt_cache: Mutex<PromptCache>,
    flaky: Mutex<HashMap<String, u32>>,
    jobs: Mutex<Jobs>,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            open_streams: Gauge::new(),
            open_requests: Gauge::new(),
            request_ids: AtomicU64::new(0),
            log: Mutex::default(),
            script: Mutex::default(),
            prompt_cache: Mutex::default(),
            flaky: Mutex::default(),
            jobs: Mutex::default(),
        }
    }

    /// Shaped like a version 4 UUID, but counted: the same requests in the same order get the same ids.
    pub(crate) fn next_request_id(&self) -> String {
        let count = self.request_ids.fetch_add(1, Ordering::Relaxed) + 1;
        format!("00000000-0000-4000-8000-{:012x}", count & 0xffff_ffff_ffff)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, RequestLog> {
        lock(&self.log)
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, VecDeque<Answer>> {
        lock(&self.script)
    }

    pub(crate) fn prompt_cache(&self) -> MutexGuard<'_, PromptCache> {
        lock(&self.prompt_cache)
    }

    pub(crate) fn jobs(&self) -> MutexGuard<'_, Jobs> {
        lock(&self.jobs)
    }

    /// How many requests for this model id came before this one.
    pub(crate) fn earlier_requests(&self, model_id: &str) -> u32 {
        let mut counts = lock(&self.flaky);
        if counts.len() >= MAX_FLAKY_MODELS {
            counts.clear();
        }
        let count = counts.entry(model_id.to_owned()).or_default();
        let earlier = *count;
        *count = count.saturating_add(1);
        earlier
    }
}

/// A panic elsewhere must not fail every later request: each of these values is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
