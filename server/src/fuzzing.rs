//! Functions that read bytes from outside, each with a property that must hold for any input. `fuzz/` runs them under
//! libFuzzer with the feature `fuzzing`; the tests below run them on changed seeds with every `cargo test`.
//!
//! A function panics when its property does not hold: that is how libFuzzer finds an input.
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a property that does not hold panics")]

use bedrock_grpc_schema::runtime::v1::converse_stream_response::Member as StreamEvent;
use bedrock_grpc_schema::runtime::v1::{ConverseResponse, ConverseStreamResponse};
use bedrock_grpc_schema::{grpc_timeout, json};
use bytes::Bytes;

use crate::bedrock::{FrameReader, find_region_of_arn};
use crate::error::{Exception, redact_message};

/// Largest frame that the targets accept. It is small, so that inputs reach the limit.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Event-stream frames. Reading a stream in one chunk and in small chunks gives the same result. The first byte is the size
/// of the chunks.
pub fn event_stream(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    let whole = read_frames(stream, stream.len().max(1));
    assert_eq!(read_frames(stream, usize::from(size).max(1)), whole, "chunks of {size} bytes");
}

/// The type and the payload of a frame.
type TypedPayload = (Option<String>, Vec<u8>);

/// All frames, and whether an error ended the stream.
fn read_frames(stream: &[u8], size: usize) -> (Vec<TypedPayload>, bool) {
    let (mut reader, mut frames) = (FrameReader::new(MAX_FRAME_BYTES), Vec::new());
    for chunk in stream.chunks(size) {
        reader.push(Bytes::copy_from_slice(chunk));
        loop {
            match reader.next() {
                Ok(Some(frame)) => {
                    frames.push((frame.header(":event-type").map(str::to_owned), frame.payload().to_vec()));
                }
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// The JSON of a complete response. A response that can be read can be written, and reading it again gives the same message.
pub fn response(data: &[u8]) {
    if let Ok(message) = json::decode::<ConverseResponse>(data, |_| {})
        && let Ok(written) = json::encode(&message, data.len())
    {
        let again = json::decode::<ConverseResponse>(&written, |_| {});
        assert_eq!(again.ok(), Some(message), "written as {}", String::from_utf8_lossy(&written));
    }
}

/// The JSON of an event. The first line is its type.
pub fn event(data: &[u8]) {
    let (name, payload) = data.iter().position(|byte| *byte == b'\n').map_or((data, &[][..]), |end| data.split_at(end));
    let name = String::from_utf8_lossy(name);
    if let Ok(Some(event)) = json::decode_event::<StreamEvent>(&name, payload, |_| {}) {
        let message = ConverseStreamResponse { member: Some(event) };
        let encoded = prost::Message::encode_to_vec(&message);
        let again = <ConverseStreamResponse as prost::Message>::decode(&*encoded);
        assert_eq!(again.ok(), Some(message));
    }
}

/// Redaction of Bedrock's messages. A message without an ARN and without an account id is not changed. An account id in an
/// ARN never remains.
pub fn redaction(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let redacted = redact_message(&text);
    let digits = |text: &str| text.as_bytes().windows(12).any(|run| run.iter().all(u8::is_ascii_digit));
    assert!(!digits(&redacted), "{redacted}");
    if !text.contains("arn") && !digits(&text) {
        assert_eq!(redacted, text);
        let with_arn = format!("{text} arn:aws:iam::123456789012:role/secret-name {text}");
        let redacted = redact_message(&with_arn);
        assert!(text.contains("123456789012") || !redacted.contains("123456789012"), "{redacted}");
        assert!(text.contains("secret-name") || !redacted.contains("secret-name"), "{redacted}");
    }
}

/// The body and name of an error. The first line is the name. A name contains letters and digits only.
pub fn error_body(data: &[u8]) {
    let (name, body) = data.iter().position(|byte| *byte == b'\n').map_or((data, &[][..]), |end| data.split_at(end));
    let exception = Exception::parse(Some(&String::from_utf8_lossy(name)), body);
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(exception.name.as_deref().is_none_or(is_name), "{:?}", exception.name);
}

/// The header `grpc-timeout`. An accepted value has up to eight digits and a unit.
pub fn timeout(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(timeout) = grpc_timeout::parse(&text) {
        let (digits, unit) = text.split_at(text.len() - 1);
        assert!((1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
        assert!(["H", "M", "S", "m", "u", "n"].contains(&unit), "{text}");
        assert!(timeout.as_secs() <= 99_999_999 * 3600);
    }
}

/// The Region in an ARN. It becomes part of a host name, so it contains letters, digits and dashes only.
pub fn arn(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(region) = find_region_of_arn(&text) {
        let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(region.len() <= 32 && region.bytes().all(is_host), "{region}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// Some changes of a seed: a byte is set, inserted or removed.
    fn changes() -> impl Strategy<Value = Vec<(u8, Index, u8)>> {
        proptest::collection::vec((0..3u8, any::<Index>(), any::<u8>()), 0..8)
    }

    fn apply(mut data: Vec<u8>, changes: &[(u8, Index, u8)]) -> Vec<u8> {
        for (kind, index, byte) in changes {
            let at = index.index(data.len() + 1);
            match kind {
                0 if at < data.len() => data[at] = *byte,
                1 if at < data.len() => drop(data.remove(at)),
                _ => data.insert(at, *byte),
            }
        }
        data
    }

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut seeds: Vec<_> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        assert!(!seeds.is_empty());
        seeds.push(Vec::new());
        seeds
    }

    macro_rules! holds_for_changed_seeds {
        ($($test:ident: $target:ident;)*) => {
            $(#[test]
            fn $test() {
                let seeds = seeds(stringify!($target));
                seeds.iter().for_each(|seed| $target(seed));
                proptest!(|(seed in any::<Index>(), changes in changes(), random in ".{0,40}")| {
                    $target(&apply(seed.get(&seeds).clone(), &changes));
                    $target(random.as_bytes());
                });
            })*
        };
    }

    holds_for_changed_seeds! {
        frames_read_the_same_in_chunks_of_any_size: event_stream;
        responses_that_can_be_read_can_be_written: response;
        events_survive_protobuf: event;
        redaction_removes_accounts_and_names: redaction;
        error_names_are_letters_and_digits: error_body;
        timeouts_are_digits_and_a_unit: timeout;
        regions_of_arns_fit_a_host_name: arn;
    }
}
