//! The tasks of HTTP/2 streams. hyper wants to spawn one a stream; here each has an owner.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use hyper::rt::Executor;
use tokio::task::JoinSet;

/// Owns the tasks of every stream of every connection. Dropping it ends them.
#[derive(Debug, Default)]
pub(crate) struct StreamTasks(Arc<Mutex<JoinSet<()>>>);

/// What hyper spawns with. It does not own: hyper keeps a copy in each of the tasks, and a set that its own tasks
/// keep alive would never be dropped.
#[derive(Clone, Debug)]
pub(crate) struct StreamSpawner(Weak<Mutex<JoinSet<()>>>);

impl StreamTasks {
    pub(crate) fn spawner(&self) -> StreamSpawner {
        StreamSpawner(Arc::downgrade(&self.0))
    }

    /// Ends every task and returns when that is done.
    pub(crate) async fn shutdown(self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

impl<F> Executor<F> for StreamSpawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        // Without an owner nobody would wait for it: the simulator is going away, and so is the connection.
        let Some(tasks) = self.0.upgrade() else { return };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are done are still in the set until somebody looks.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }
}
