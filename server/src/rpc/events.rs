//! The events of a response as messages for the caller.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bedrock_grpc_schema::json::{self, Union};
use futures::Stream;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::usage::{ReportsUsage, record_usage};
use crate::bedrock::{Body, Frames};
use crate::call::Call;
use crate::error::Failure;
use crate::telemetry;

/// A union whose members are the events of a stream.
pub(super) trait StreamEvent: Union + ReportsUsage + Send + Unpin + 'static {
    /// The RPC's response message. It carries one event.
    type Message: Send + 'static;

    /// What must be remembered about a stream to distinguish a complete stream from a truncated one.
    type Progress: Default + Send + Unpin;

    /// Wraps the event in its message.
    fn into_message(self) -> Self::Message;

    /// Updates the progress with this event.
    fn update_progress(&self, progress: &mut Self::Progress);

    /// Checks a stream that ended between two frames.
    ///
    /// # Errors
    /// [`Failure::Truncated`] when the stream is not complete.
    fn check_complete(progress: &Self::Progress) -> Result<(), Failure>;
}

/// Reads the frames of a response body as events.
pub(super) struct EventReader<E: StreamEvent> {
    call: Arc<Call>,
    frames: Frames,
    progress: E::Progress,
}

/// The messages for the caller: the events, then at most one error. Only the caller's polls read from Bedrock.
pub(super) struct Messages<E: StreamEvent> {
    /// An event that has been read already.
    first: Option<E>,
    /// `None` after the end. When the stream fails, the reader is dropped, and with it the stream from Bedrock.
    reader: Option<EventReader<E>>,
    idle: Option<IdleTimer>,
}

/// The maximum time between two events. One timer serves the whole stream. It is set again only when it fires: setting it for
/// each event would cost more than reading the event.
struct IdleTimer {
    limit: Duration,
    /// When the event is due that the caller waits for; `None` while nobody waits.
    due: Option<Instant>,
    /// It may fire before `due`, never after it.
    timer: Pin<Box<Sleep>>,
}

impl<E: StreamEvent> EventReader<E> {
    /// A reader of the events in `body`.
    pub(super) fn new(call: Arc<Call>, body: Body) -> Self {
        Self { call, frames: Frames::new(body), progress: E::Progress::default() }
    }

    /// The next event, or `None` at the end of a complete stream.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<E>, Failure>> {
        let documents = self.call.options.documents;
        while let Some(frame) = ready!(self.frames.poll_next(cx))? {
            let (event, payload) = (frame.event(), frame.payload());
            // An event whose value is null is skipped.
            if let Some(event) =
                json::decode_event_with::<E>(documents, event, payload, telemetry::count_unknown_member)?
            {
                event.update_progress(&mut self.progress);
                record_usage(&self.call, &event);
                return Poll::Ready(Ok(Some(event)));
            }
        }
        E::check_complete(&self.progress)?;
        Poll::Ready(Ok(None))
    }

    /// As [`EventReader::poll_next`].
    ///
    /// # Errors
    /// The same.
    pub(super) async fn next(&mut self) -> Result<Option<E>, Failure> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The messages for the caller: `first`, if it has been read already, then the remaining events. `idle_timeout` is the
    /// maximum time between two events.
    pub(super) fn into_messages(self, first: Option<E>, idle_timeout: Option<Duration>) -> Messages<E> {
        Messages { first, reader: Some(self), idle: idle_timeout.map(IdleTimer::new) }
    }
}

impl<E: StreamEvent> Stream for Messages<E> {
    type Item = Result<E::Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(reader) = &mut this.reader else { return Poll::Ready(None) };
        let event = match this.first.take() {
            Some(event) => Ok(Some(event)),
            None => match reader.poll_next(cx) {
                Poll::Ready(event) => event,
                Poll::Pending => match &mut this.idle {
                    Some(idle) => Err(ready!(idle.poll_expired(cx))),
                    None => return Poll::Pending,
                },
            },
        };
        if let Some(idle) = &mut this.idle {
            idle.due = None;
        }
        Poll::Ready(match event {
            Ok(Some(event)) => {
                reader.call.on_event();
                Some(Ok(event.into_message()))
            }
            Ok(None) => {
                this.reader = None;
                None
            }
            Err(failure) => {
                let status = reader.call.record_failure(&failure);
                this.reader = None;
                Some(Err(status))
            }
        })
    }
}

impl IdleTimer {
    fn new(limit: Duration) -> Self {
        Self { limit, due: None, timer: Box::pin(sleep_until(Instant::now() + limit)) }
    }

    /// Resolves when the event that the caller waits for is too late.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        let due = *self.due.get_or_insert_with(|| Instant::now() + self.limit);
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.timer.deadline() >= due {
                return Poll::Ready(Failure::IdleTimeout(self.limit));
            }
            self.timer.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_after_the_limit_and_each_event_starts_a_new_one() {
        let limit = Duration::from_secs(10);
        let mut idle = IdleTimer::new(limit);
        for _ in 0..3 {
            let wait = tokio::time::timeout(Duration::from_secs(9), poll_fn(|cx| idle.poll_expired(cx))).await;
            assert!(wait.is_err(), "9 s are within the limit");
            idle.due = None;
            // Nobody waits while the caller does not read.
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        let started = Instant::now();
        let failure = poll_fn(|cx| idle.poll_expired(cx)).await;
        assert!(matches!(failure, Failure::IdleTimeout(time) if time == limit));
        assert_eq!(started.elapsed(), limit);
    }
}
