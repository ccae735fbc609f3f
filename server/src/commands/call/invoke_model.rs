//! Bodies of InvokeModel. AWS's JSON has them as base64. `call` also takes and prints a JSON body as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedrock_grpc_schema::runtime::v1::InvokeModelResponse;
use serde_json::value::RawValue;

use super::members::{Members, to_raw};
use crate::commands::connection::CommandError;

/// Writes a JSON body as base64. A request without `body` is the body itself, as AWS's documentation of models shows it.
pub(super) fn encode_body(mut members: Members, request: &str) -> Result<Members, CommandError> {
    match members.get("body") {
        None => {
            let body = to_raw(&STANDARD.encode(request.trim()))?;
            Ok(Members::from([("body".to_owned(), body)]))
        }
        Some(body) if body.get().starts_with('"') => Ok(members),
        Some(body) => {
            let body = to_raw(&STANDARD.encode(body.get()))?;
            members.insert("body".to_owned(), body);
            Ok(members)
        }
    }
}

/// The response as AWS JSON. A body that is JSON is printed as JSON and not as base64.
pub(super) fn response_text(mut response: InvokeModelResponse) -> Vec<u8> {
    let body = response.body.take().unwrap_or_default();
    let body = if is_json(&body) { body.to_vec() } else { format!("\"{}\"", STANDARD.encode(&body)).into_bytes() };
    let mut text = [b"{\"body\":", &body[..]].concat();
    // The codec leaves out these members, because AWS sends them as headers.
    for (name, value) in [
        ("contentType", response.content_type),
        ("performanceConfigLatency", response.performance_config_latency),
        ("serviceTier", response.service_tier),
    ] {
        if let Some(value) = value {
            text.extend_from_slice(format!(",\"{name}\":").as_bytes());
            text.extend_from_slice(&serde_json::to_vec(&value).unwrap_or_default());
        }
    }
    text.push(b'}');
    text
}

/// A chunk of a stream as AWS JSON. A chunk that is JSON is printed as JSON and not as base64. `None` for any other chunk.
pub(super) fn chunk_text(bytes: &[u8]) -> Option<Vec<u8>> {
    is_json(bytes).then(|| [b"{\"chunk\":{\"bytes\":", bytes, b"}}"].concat())
}

/// Whether the bytes are one JSON value on one line.
fn is_json(bytes: &[u8]) -> bool {
    !bytes.contains(&b'\n') && serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_body_is_printed_as_json_and_another_body_as_base64() {
        let with_body = |body: &'static [u8]| InvokeModelResponse {
            body: Some(body.into()),
            content_type: Some("application/json".to_owned()),
            ..InvokeModelResponse::default()
        };
        let text = |response| String::from_utf8(response_text(response)).unwrap();
        assert_eq!(text(with_body(b"{\"a\":1.0}")), r#"{"body":{"a":1.0},"contentType":"application/json"}"#);
        assert_eq!(text(with_body(b"\x00")), r#"{"body":"AA==","contentType":"application/json"}"#);
        assert_eq!(chunk_text(b"{\"a\":1}").unwrap(), b"{\"chunk\":{\"bytes\":{\"a\":1}}}");
    }
}
