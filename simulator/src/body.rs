//! The response body: an answer's chunks, pulled by the connection one at a time.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::answer::{Answer, Chunk};
use crate::bidirectional::Echo;
use crate::gauge::Held;
use crate::socket::Abort;

/// How long an HTTP/2 connection gets to write what its stream has said before that stream is reset: its frames wait in
/// a queue that a reset empties.
const FLUSH: Duration = Duration::from_millis(20);

/// Why a connection ended on purpose or for want of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the connection was aborted, as asked for")]
    Aborted,
    #[error("the answer was cut off, as asked for")]
    Cut,
    #[error("the request body did not arrive")]
    Request,
}

#[derive(Debug)]
pub(crate) struct ReplyBody {
    chunks: VecDeque<Chunk>,
    /// What makes more chunks once those are sent.
    more: Option<Echo>,
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    /// The break at the head of `chunks` has let the connection write out what came before it.
    flushed: bool,
    /// Known only for a single piece of data: streams have to go out chunked, as Bedrock's do.
    length: Option<u64>,
    /// None over HTTP/2, where the connection serves others, too: there only the stream is reset.
    abort: Option<Abort>,
    /// hyper drops the body as soon as it has sent it or sees the peer leave: that is the count's event.
    _held: Held,
}

impl ReplyBody {
    pub(crate) fn new(answer: &Answer, pause: Duration, held: Held, abort: Option<Abort>) -> Self {
        let length = match answer.body.as_slice() {
            [] if !answer.is_stream() => Some(0),
            [Chunk::Data(data)] if !answer.is_stream() => u64::try_from(data.len()).ok(),
            _ => None,
        };
        Self {
            chunks: answer.body.iter().cloned().collect(),
            more: None,
            pause,
            waiting: None,
            flushed: false,
            length,
            abort,
            _held: held,
        }
    }

    /// The same body, with more to come.
    pub(crate) fn and_then(mut self, more: Echo) -> Self {
        self.more = Some(more);
        self
    }

    fn broken(&mut self, context: &mut Context<'_>, why: Broken) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        // hyper throws away what it has not written yet when a body fails; on `Pending` it writes first.
        if !self.flushed {
            self.flushed = true;
            if self.abort.is_none() {
                self.waiting = Some(Box::pin(tokio::time::sleep(FLUSH)));
            }
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.chunks.clear();
        Poll::Ready(Some(Err(why)))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.as_mut().poll(context));
            self.waiting = None;
        }
        let this = &mut *self;
        while let Some(more) = this.more.as_mut().filter(|_| this.chunks.is_empty()) {
            match ready!(more.poll_next(context)) {
                Some(Ok(chunk)) => this.chunks.push_back(chunk),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => this.more = None,
            }
        }
        match self.chunks.front() {
            None => Poll::Ready(None),
            // No waker is kept: the only event that can end this is the peer closing its connection.
            Some(Chunk::Stall) => Poll::Pending,
            Some(Chunk::Reset) => {
                if let Some(abort) = &self.abort {
                    abort.on_close();
                }
                self.broken(context, Broken::Aborted)
            }
            Some(Chunk::Cut) => self.broken(context, Broken::Cut),
            Some(Chunk::Data(_)) => {
                let Some(Chunk::Data(data)) = self.chunks.pop_front() else {
                    return Poll::Ready(None);
                };
                self.length = self.length.map(|_| 0);
                if !self.pause.is_zero() && !self.chunks.is_empty() {
                    self.waiting = Some(Box::pin(tokio::time::sleep(self.pause)));
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.more.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
