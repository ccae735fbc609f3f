//! A caller's connection that sends the frames of many streams in one write.
//!
//! HTTP/2 flushes the connection after each event of each stream, and each flush would be a system call and a TCP segment.
//! This socket waits for one turn of the runtime, so that streams which are ready at the same time share a write. When many
//! calls run, it also delays data until the next tick of the runtime's clock: 1 ms at most. When few calls run, nothing
//! waits for a clock.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::task::TaskTracker;

/// From this number of running calls on, data waits for a tick. With fewer calls, the delay gathers too little data: 64
/// streams with 50 events per second have 3 events in a millisecond.
const MANY_CALLS: usize = 64;

/// Data beyond this is written at once: it fills many TCP segments already.
const WRITE_AT_ONCE_BYTES: usize = 32 * 1024;

/// A write of at least this size is not copied when no other data waits. Smaller ones are cheaper to copy than to write
/// alone.
const COPY_LIMIT_BYTES: usize = 8 * 1024;

/// A buffer that has grown beyond this is returned to the allocator when it is empty.
const KEPT_BYTES: usize = 4 * 1024;

/// How writes to callers are gathered.
#[derive(Debug, Clone)]
pub(super) struct WritePolicy {
    /// Counts the running calls of the gateway.
    pub(super) running: TaskTracker,
    /// Maximum time for which data waits when many calls run. Zero: data waits for one turn of the runtime only.
    pub(super) max_delay: Duration,
}

/// What must happen before the waiting data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PendingWrite {
    /// No data waits.
    None,
    /// The connection's next turn.
    NextTurn {
        /// The turn in which the data was flushed.
        since: u64,
    },
    /// The timer.
    Timer,
}

/// A socket that gathers writes. It relies on HTTP/2 connections to read before they flush in each turn.
pub(super) struct CoalescingSocket<S> {
    socket: S,
    policy: WritePolicy,
    data: BytesMut,
    pending: PendingWrite,
    /// Counts the connection's turns: it tries to read once in each.
    turn: u64,
    last_write: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> CoalescingSocket<S> {
    /// Wraps an accepted socket.
    pub(super) fn new(socket: S, policy: WritePolicy) -> Self {
        let (data, pending) = (BytesMut::new(), PendingWrite::None);
        Self { socket, policy, data, pending, turn: 0, last_write: Instant::now(), timer: None }
    }

    /// Writes all data that waits.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.data.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.data))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.data.advance(written);
        }
        if self.pending != PendingWrite::None {
            (self.pending, self.last_write) = (PendingWrite::None, Instant::now());
        }
        if self.data.capacity() > KEPT_BYTES {
            self.data = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the data has to wait longer. If so, the task is woken when the wait is over.
    fn must_wait(&mut self, cx: &mut Context<'_>) -> bool {
        if self.data.len() >= WRITE_AT_ONCE_BYTES {
            return false;
        }
        match self.pending {
            PendingWrite::None => {
                self.pending = PendingWrite::NextTurn { since: self.turn };
                cx.waker().wake_by_ref();
                true
            }
            PendingWrite::NextTurn { since } if since == self.turn => true,
            PendingWrite::NextTurn { .. } => {
                let now = Instant::now();
                let is_busy = self.policy.running.len() >= MANY_CALLS && now < self.last_write + self.policy.max_delay;
                is_busy && self.wait_for_tick(cx, now)
            }
            PendingWrite::Timer => self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_pending()),
        }
    }

    /// Arms the timer for the end of the delay. tokio's timer fires at whole milliseconds, and rounds up.
    fn wait_for_tick(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let delay = self.policy.max_delay.saturating_sub(Duration::from_millis(1));
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(now)));
        timer.as_mut().reset(now + delay + Duration::from_nanos(1));
        self.pending = PendingWrite::Timer;
        timer.as_mut().poll(cx).is_pending()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for CoalescingSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if self.data.len() + length > WRITE_AT_ONCE_BYTES {
            ready!(self.poll_drain(cx))?;
        }
        if self.data.is_empty() && length >= COPY_LIMIT_BYTES {
            return Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        }
        for slice in slices {
            self.data.extend_from_slice(slice);
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Returns before the data is written. The task is woken when that has to happen, and flushes again then.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.data.is_empty() && self.must_wait(cx) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for CoalescingSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.turn += 1;
        // The handshake reads without a flush in between.
        if matches!(self.pending, PendingWrite::NextTurn { since } if self.turn > since + 1)
            && let Poll::Ready(Err(error)) = self.poll_drain(cx)
        {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Records the time and the size of each write. Nothing can be read from it.
    #[derive(Clone, Default)]
    struct Wire(Arc<Mutex<Vec<(Duration, usize)>>>, Option<Instant>);

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let at = self.1.map(|start| start.elapsed()).unwrap_or_default();
            self.0.lock().unwrap().push((at, bytes.len()));
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Wire {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    fn socket(calls: usize) -> (CoalescingSocket<Wire>, Wire, Vec<impl Drop>) {
        let (running, wire) = (TaskTracker::new(), Wire(Arc::default(), Some(Instant::now())));
        let tokens = (0..calls).map(|_| running.token()).collect();
        let policy = WritePolicy { running, max_delay: Duration::from_millis(1) };
        (CoalescingSocket::new(wire.clone(), policy), wire, tokens)
    }

    /// What an HTTP/2 connection does in one turn: it reads, writes what its streams have, and flushes.
    fn turn(socket: &mut CoalescingSocket<Wire>, cx: &mut Context<'_>, writes: &[usize]) {
        let mut room = [0; 8];
        assert!(Pin::new(&mut *socket).poll_read(cx, &mut ReadBuf::new(&mut room)).is_pending());
        for size in writes {
            let written = Pin::new(&mut *socket).poll_write(cx, &vec![0; *size]);
            assert!(matches!(written, Poll::Ready(Ok(written)) if written == *size));
            assert!(matches!(Pin::new(&mut *socket).poll_flush(cx), Poll::Ready(Ok(()))));
        }
        assert!(matches!(Pin::new(&mut *socket).poll_flush(cx), Poll::Ready(Ok(()))));
    }

    /// Runs turns until the socket no longer wakes the task.
    async fn turns(socket: &mut CoalescingSocket<Wire>, writes: &[usize]) {
        let mut writes = Some(writes);
        poll_fn(|cx| {
            turn(socket, cx, writes.take().unwrap_or_default());
            if socket.data.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn writes_of_one_turn_and_the_next_are_one_write_without_delay() {
        let (mut socket, wire, _calls) = socket(MANY_CALLS - 1);
        turns(&mut socket, &[100, 200, 300]).await;
        turns(&mut socket, &[7]).await;
        assert_eq!(*wire.0.lock().unwrap(), [(Duration::ZERO, 600), (Duration::ZERO, 7)]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_calls_delay_a_write_by_one_millisecond_at_most() {
        let (mut socket, wire, _calls) = socket(MANY_CALLS);
        tokio::time::sleep(Duration::from_millis(5)).await;
        turns(&mut socket, &[100]).await;
        turns(&mut socket, &[200]).await;
        let writes = wire.0.lock().unwrap().clone();
        assert_eq!((writes.len(), writes[0], writes[1].1), (2, (Duration::from_millis(5), 100), 200));
        let delay = writes[1].0 - writes[0].0;
        assert!(delay > Duration::ZERO && delay <= Duration::from_millis(1), "{delay:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_amount_is_written_at_once() {
        let (mut socket, wire, _calls) = socket(MANY_CALLS);
        poll_fn(|cx| {
            turn(&mut socket, cx, &[WRITE_AT_ONCE_BYTES]);
            assert_eq!(*wire.0.lock().unwrap(), [(Duration::ZERO, WRITE_AT_ONCE_BYTES)]);
            turn(&mut socket, cx, &[COPY_LIMIT_BYTES - 1; 5]);
            Poll::Ready(())
        })
        .await;
        assert_eq!(wire.0.lock().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_writes_the_data_that_waits() {
        let (mut socket, wire, _calls) = socket(MANY_CALLS);
        poll_fn(|cx| {
            turn(&mut socket, cx, &[100]);
            assert_eq!(wire.0.lock().unwrap().len(), 0);
            Pin::new(&mut socket).poll_shutdown(cx)
        })
        .await
        .unwrap();
        assert_eq!(*wire.0.lock().unwrap(), [(Duration::ZERO, 100)]);
    }
}
