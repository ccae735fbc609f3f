//! How the endpoint responds to a model's id.

use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use tokio::time::Instant;

use super::payload;

/// What the id in `/model/{id}/...` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// `slow-MS`: a unary response after `MS` milliseconds. Any other id: a unary response at once.
    Unary(Duration),
    /// `burst`: a whole stream at once.
    Burst,
    /// `paced-MS`: an event every `MS` milliseconds.
    Paced(Duration),
    /// `stamped-MS-COUNT`: `COUNT` events, one every `MS` milliseconds, each with the time when it was sent.
    Stamped(Duration, u32),
    /// `stalled`: two events, then no end.
    Stalled,
    /// `silent`: no response, until the gateway resets the stream.
    Silent,
    /// `throttled`: ThrottlingException.
    Throttled,
    /// `cut`: the stream ends within a frame.
    Cut,
    /// `reset`: the stream is reset after two events.
    Reset,
}

impl Behaviour {
    pub(super) fn parse(path: &str) -> Self {
        let id = path.split('/').nth(2).unwrap_or_default();
        let mut words = id.split('-');
        let name = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or_default();
        match name {
            "slow" => Self::Unary(Duration::from_millis(number().into())),
            "burst" => Self::Burst,
            "paced" => Self::Paced(Duration::from_millis(number().into())),
            "stamped" => Self::Stamped(Duration::from_millis(number().into()), number()),
            "stalled" => Self::Stalled,
            "silent" => Self::Silent,
            "throttled" => Self::Throttled,
            "cut" => Self::Cut,
            "reset" => Self::Reset,
            _ => Self::Unary(Duration::ZERO),
        }
    }

    /// Responds to the request with this number. The number spreads the events of many streams over time.
    pub(super) async fn respond(self, mut respond: SendResponse<Bytes>, number: usize) -> Result<(), h2::Error> {
        match self {
            Self::Unary(wait) => {
                tokio::time::sleep(wait).await;
                respond.send_response(head(200, "application/json"), false)?.send_data(payload::unary(), true)
            }
            Self::Throttled => {
                let mut head = head(429, "application/json");
                head.headers_mut().insert("x-amzn-errortype", http::HeaderValue::from_static("ThrottlingException"));
                let body = Bytes::from_static(b"{\"message\":\"Too many requests, please wait.\"}");
                respond.send_response(head, false)?.send_data(body, true)
            }
            Self::Silent => {
                let _: Reason = std::future::poll_fn(|context| respond.poll_reset(context)).await?;
                Ok(())
            }
            Self::Burst => stream(&mut respond)?.send_data(payload::burst(), true),
            Self::Paced(pace) => paced(stream(&mut respond)?, pace, number, payload::events().iter().cloned()).await,
            Self::Stamped(pace, count) => {
                paced(stream(&mut respond)?, pace, number, (0..count).map(|n| payload::stamped(n, count))).await
            }
            Self::Stalled => {
                let mut body = stream(&mut respond)?;
                body.send_data(payload::start(), false)?;
                reset(&mut body).await
            }
            Self::Cut => {
                let start = payload::start();
                stream(&mut respond)?.send_data(start.slice(..start.len() - 3), true)
            }
            Self::Reset => {
                let mut body = stream(&mut respond)?;
                body.send_data(payload::start(), false)?;
                body.send_reset(Reason::INTERNAL_ERROR);
                Ok(())
            }
        }
    }
}

fn head(status: u16, content_type: &'static str) -> http::Response<()> {
    let mut response = http::Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(content_type));
    headers.insert("x-amzn-requestid", http::HeaderValue::from_static("00000000-0000-4000-8000-000000000000"));
    response
}

fn stream(respond: &mut SendResponse<Bytes>) -> Result<SendStream<Bytes>, h2::Error> {
    respond.send_response(head(200, "application/vnd.amazon.eventstream"), false)
}

async fn reset(body: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    std::future::poll_fn(|context| body.poll_reset(context)).await.map(|_: Reason| ())
}

/// Sends the first event at once, then one every `pace`. Streams start at different points of the pace.
async fn paced(
    mut body: SendStream<Bytes>,
    pace: Duration,
    number: usize,
    events: impl Iterator<Item = Bytes>,
) -> Result<(), h2::Error> {
    let phase = pace.mul_f64((number * 7 % 20) as f64 / 20.0);
    let mut due = Instant::now() + phase;
    let mut is_first = true;
    for event in events {
        if !std::mem::replace(&mut is_first, false) {
            tokio::select! {
                () = tokio::time::sleep_until(due) => due += pace,
                gone = reset(&mut body) => return gone,
            }
        }
        body.send_data(event, false)?;
    }
    body.send_data(Bytes::new(), true)
}
