//! Counts of what is open now, as a value that can be awaited.

use tokio::sync::watch;

/// How many of something exist at this moment.
#[derive(Debug)]
pub(crate) struct Gauge(watch::Sender<usize>);

/// One of them; dropping it is what makes the count go down, however its owner came to its end.
#[derive(Debug)]
pub(crate) struct Held(watch::Sender<usize>);

impl Gauge {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(crate) fn enter(&self) -> Held {
        self.0.send_modify(|open| *open += 1);
        Held(self.0.clone())
    }

    pub(crate) fn watch(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}
