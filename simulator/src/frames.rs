//! AWS event-stream frames (`application/vnd.amazon.eventstream`) as Bedrock builds them.
//!
//! The format is on AWS's page "Amazon Bedrock Runtime: response stream encoding" and, in full, in Amazon
//! Transcribe's "Event stream encoding": total length, header length, CRC, headers, payload, CRC.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};

const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// An event: `:message-type: event`, `:event-type` as given (`contentBlockDelta`), a JSON payload.
pub fn event(event_type: &str, payload: &[u8]) -> Bytes {
    frame(&[(":event-type", event_type), (":content-type", "application/json"), (":message-type", "event")], payload)
}

/// A modelled exception inside a stream: `:message-type: exception`, `:exception-type` as given
/// (`throttlingException`, camelCase in streams), a JSON payload with `message`.
pub fn exception(exception_type: &str, payload: &[u8]) -> Bytes {
    frame(
        &[(":exception-type", exception_type), (":content-type", "application/json"), (":message-type", "exception")],
        payload,
    )
}

/// An unmodelled error inside a stream: `:message-type: error` with `:error-code` and `:error-message`, no payload.
pub fn error(code: &str, message: &str) -> Bytes {
    frame(&[(":error-code", code), (":error-message", message), (":message-type", "error")], b"")
}

/// Adds the member `p`, whose length varies so that a frame's size does not tell that of its text.
pub(crate) fn padded(mut payload: String) -> String {
    let length = 1 + (payload.len() * 29) % PADDING.len();
    if payload.pop() == Some('}') {
        payload.push_str(",\"p\":\"");
        payload.push_str(&PADDING[..length]);
        payload.push_str("\"}");
    }
    payload
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let headers = headers
        .iter()
        .map(|(name, value)| Header::new((*name).to_owned(), HeaderValue::String((*value).to_owned().into())))
        .collect();
    let message = Message::new_from_parts(headers, payload.to_vec());
    let mut buffer = BytesMut::new();
    // Writing fails only for a header over 32 KiB or a frame over 4 GiB. Nothing here is near that; should it
    // happen all the same, an empty chunk shows up as a missing frame rather than as a crash of the simulator.
    if let Err(error) = write_message_to(&message, &mut buffer) {
        tracing::error!(%error, "a frame could not be written");
        return Bytes::new();
    }
    buffer.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_eventstream::frame::read_message_from;

    fn headers(frame: Bytes) -> Vec<(String, String)> {
        let message = read_message_from(frame).unwrap();
        let text = |header: &Header| header.value().as_string().unwrap().as_str().to_owned();
        message.headers().iter().map(|header| (header.name().as_str().to_owned(), text(header))).collect()
    }

    #[test]
    fn each_kind_reads_back() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        assert_eq!(
            headers(event("messageStop", b"{}")),
            pairs(&[(":event-type", "messageStop"), (":content-type", "application/json"), (":message-type", "event")])
        );
        assert_eq!(headers(exception("throttlingException", b"{}"))[0].1, "throttlingException");
        assert_eq!(
            headers(error("InternalFailure", "oops")),
            pairs(&[(":error-code", "InternalFailure"), (":error-message", "oops"), (":message-type", "error")])
        );
    }
}
