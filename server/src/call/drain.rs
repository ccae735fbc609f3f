//! Reads and discards the rest of a request body whose call has already ended.
//!
//! When HTTP/2 drops a body that is not complete, the client gets RST_STREAM(NO_ERROR) and no more room to send. Some clients
//! (connect-node) send the whole request before they read the response, so they would wait for ever and not see the status.

use std::time::Duration;

use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::body::Body;

use super::shutdown::Shutdown;
use crate::limits::MAX_MESSAGE_BYTES;

/// Maximum bytes to discard. A message of this size was rejected because it is larger than [`MAX_MESSAGE_BYTES`].
const MAX_DISCARDED_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// Maximum time. An image of 10 MB arrives within it at 10 Mbit/s.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Maximum time without data. A client that has seen the status may send no more, and not end its request either.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Discards the rest of `body` in a task that ends with the body, at a bound, or when the gateway terminates. The response does
/// not wait for it.
pub(super) fn drain(body: Body, shutdown: &Shutdown) {
    if body.is_end_stream() {
        return;
    }
    // While the process ends, a body may be dropped outside the runtime.
    let Ok(runtime) = Handle::try_current() else { return };
    let terminated = shutdown.terminated.clone();
    runtime.spawn(async move {
        let _ = timeout(MAX_TIME, terminated.run_until_cancelled(discard(body))).await;
    });
}

async fn discard(mut body: Body) {
    let mut discarded = 0;
    while discarded < MAX_DISCARDED_BYTES {
        let Ok(Some(Ok(frame))) = timeout(MAX_PAUSE, body.frame()).await else { return };
        discarded += frame.data_ref().map_or(0, bytes::Bytes::len);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::channel::mpsc;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tokio::time::Instant;
    use tonic::Status;

    use super::*;

    type FrameSender = mpsc::Sender<Result<Frame<Bytes>, Status>>;

    /// A body with a queue of one frame, and its sender, which is closed when the body is dropped.
    fn body() -> (Body, FrameSender) {
        let (sender, frames) = mpsc::channel(0);
        (Body::new(StreamBody::new(frames)), sender)
    }

    fn part(bytes: usize) -> Result<Frame<Bytes>, Status> {
        Ok(Frame::data(Bytes::from(vec![0; bytes])))
    }

    /// Sends parts until the body is dropped, and returns the number of bytes that it took.
    async fn send_until_dropped(mut sender: FrameSender) -> usize {
        let mut sent = 0;
        while futures::SinkExt::send(&mut sender, part(1 << 20)).await.is_ok() {
            sent += 1 << 20;
        }
        sent
    }

    #[tokio::test]
    async fn endless_body_is_dropped_after_twice_the_message_limit() {
        let (body, sender) = body();
        drain(body, &Shutdown::default());
        let sent = send_until_dropped(sender).await;
        // The queue may have one more part.
        assert!((MAX_DISCARDED_BYTES..=MAX_DISCARDED_BYTES + (2 << 20)).contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_stalls_is_dropped_after_two_seconds() {
        let (body, mut sender) = body();
        let start = Instant::now();
        drain(body, &Shutdown::default());
        futures::future::poll_fn(|cx| sender.poll_ready(cx)).await.unwrap();
        sender.try_send(part(1)).unwrap();
        while !sender.is_closed() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let elapsed = start.elapsed();
        assert!((MAX_PAUSE..MAX_PAUSE + Duration::from_secs(1)).contains(&elapsed), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_body_is_dropped_after_ten_seconds() {
        let (body, mut sender) = body();
        let start = Instant::now();
        drain(body, &Shutdown::default());
        while futures::SinkExt::send(&mut sender, part(1)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let elapsed = start.elapsed();
        assert!((MAX_TIME..MAX_TIME + Duration::from_secs(1)).contains(&elapsed), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn body_is_dropped_when_the_gateway_terminates() {
        let ((body, sender), shutdown) = (body(), Shutdown::default());
        let start = Instant::now();
        drain(body, &shutdown);
        shutdown.terminated.cancel();
        assert!(send_until_dropped(sender).await <= 2 << 20);
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
