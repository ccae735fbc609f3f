//! Compares the reader with AWS's crate: its frames, and its decoder.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;

fn frame(headers: &[(&str, HeaderValue)], payload: &[u8]) -> Vec<u8> {
    let headers = headers.iter().map(|(name, value)| Header::new((*name).to_owned(), value.clone())).collect();
    let mut bytes = Vec::new();
    write_message_to(&Message::new_from_parts(headers, payload.to_vec()), &mut bytes).unwrap();
    bytes
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::String(value.to_owned().into())
}

fn event(payload: &[u8]) -> Vec<u8> {
    frame(&[(":event-type", text("contentBlockDelta")), (":message-type", text("event"))], payload)
}

/// The headers with a text value and the payload of each frame, and the state of the stream after the last chunk.
type Read = (Vec<(Vec<(String, String)>, Vec<u8>)>, EndState);

#[derive(Debug, PartialEq)]
enum EndState {
    BetweenFrames,
    WithinFrame,
    Error,
}

fn read(chunks: &[&[u8]]) -> Read {
    let (mut reader, mut frames) = (FrameReader::new(LIMIT), Vec::new());
    for chunk in chunks {
        reader.push(Bytes::copy_from_slice(chunk));
        loop {
            match reader.next() {
                Ok(None) => break,
                Err(_) => return (frames, EndState::Error),
                Ok(Some(frame)) => {
                    let mut headers = &frame.bytes[PRELUDE..frame.payload];
                    let mut texts = Vec::new();
                    while let Some((name, value)) = next_header(&mut headers).unwrap() {
                        texts.extend(value.map(|value| (name.to_owned(), value.to_owned())));
                    }
                    for (name, _) in &texts {
                        let first = texts.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
                        // If the first header with this name has no text, `header` returns `None`.
                        assert!(frame.header(name).is_none_or(|value| Some(value) == first));
                    }
                    frames.push((texts, frame.payload().to_vec()));
                }
            }
        }
    }
    (frames, if reader.is_between_frames() { EndState::BetweenFrames } else { EndState::WithinFrame })
}

fn oracle(bytes: &[u8]) -> Read {
    let (mut decoder, mut buffer, mut frames) = (MessageFrameDecoder::new(), BytesMut::from(bytes), Vec::new());
    loop {
        let before = buffer.len();
        match decoder.decode_frame(&mut buffer) {
            Err(_) => return (frames, EndState::Error),
            Ok(DecodedFrame::Incomplete) if before == 0 => return (frames, EndState::BetweenFrames),
            Ok(DecodedFrame::Incomplete) => return (frames, EndState::WithinFrame),
            Ok(DecodedFrame::Complete(message)) => {
                let text = |header: &Header| {
                    let value = header.value().as_string().ok()?;
                    Some((header.name().as_str().to_owned(), value.as_str().to_owned()))
                };
                frames.push((message.headers().iter().filter_map(text).collect(), message.payload().to_vec()));
            }
        }
    }
}

#[test]
fn a_frame_cut_at_every_byte_is_read_whole() {
    let stream = [event(b"{\"a\":1}"), event(b"")].concat();
    let whole = read(&[&stream]);
    assert_eq!((whole.0.len(), &whole.1), (2, &EndState::BetweenFrames));
    for cut in 0..=stream.len() {
        assert_eq!(read(&[&stream[..cut], &stream[cut..]]), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(read(&bytes), whole);
    assert_eq!(read(&[&stream[..stream.len() - 1]]).1, EndState::WithinFrame);
    assert_eq!(read(&[]).1, EndState::BetweenFrames);
}

#[test]
fn every_flipped_bit_is_an_error_or_an_incomplete_frame() {
    let stream = event(b"{\"a\":1}");
    for bit in 0..stream.len() * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(read(&[&flipped]), (vec![], EndState::Error), "bit {bit}");
    }
}

#[test]
fn every_header_type_is_read_and_only_texts_have_a_value() {
    let values = [
        ("true", HeaderValue::Bool(true)),
        ("false", HeaderValue::Bool(false)),
        ("byte", HeaderValue::Byte(-1)),
        ("short", HeaderValue::Int16(-2)),
        ("int", HeaderValue::Int32(-3)),
        ("long", HeaderValue::Int64(-4)),
        ("bytes", HeaderValue::ByteArray(Bytes::from_static(b"\xff"))),
        ("time", HeaderValue::Timestamp(aws_smithy_types::DateTime::from_secs(5))),
        ("uuid", HeaderValue::Uuid(6)),
        ("text", text("é")),
        ("empty", text("")),
    ];
    let mut reader = FrameReader::new(LIMIT);
    reader.push(frame(&values, b"payload").into());
    let frame = reader.next().unwrap().unwrap();
    assert_eq!(frame.header("text"), Some("é"));
    assert_eq!(frame.header("empty"), Some(""));
    assert_eq!((frame.header("uuid"), frame.header("absent")), (None, None));
    assert_eq!(frame.payload(), b"payload");
}

#[test]
fn lengths_are_checked_before_the_frame_is_there() {
    let prelude = |total: u32, headers: u32| {
        let lengths = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        let checksum = crc32fast::hash(&lengths).to_be_bytes();
        let mut reader = FrameReader::new(1000);
        reader.push([lengths, checksum.to_vec()].concat().into());
        reader.next().map(|frame| frame.is_some())
    };
    assert_eq!(prelude(1000, 984), Ok(false));
    assert_eq!(prelude(1001, 0), Err(FrameError::TooLarge { length: 1001, limit: 1000 }));
    assert_eq!(prelude(15, 0), Err(FrameError::TooShort(15)));
    assert_eq!(prelude(16, 1), Err(FrameError::Headers));
    assert_eq!(prelude(u32::MAX, u32::MAX), Err(FrameError::TooLarge { length: u32::MAX as usize, limit: 1000 }));
}

fn any_header() -> impl Strategy<Value = (String, HeaderValue)> {
    let value = prop_oneof![
        "[a-zé]{0,20}".prop_map(|value| text(&value)),
        any::<bool>().prop_map(HeaderValue::Bool),
        any::<i32>().prop_map(HeaderValue::Int32),
        any::<u128>().prop_map(HeaderValue::Uuid),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| HeaderValue::ByteArray(bytes.into())),
    ];
    ("[:a-z-]{0,12}", value)
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = proptest::collection::vec(any::<u8>(), 0..200);
    (proptest::collection::vec(any_header(), 0..5), payload).prop_map(|(headers, payload)| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        frame(&headers, &payload)
    })
}

/// Sets a byte and writes new checksums, so that only the headers are wrong.
fn tamper(frame: &mut [u8], at: usize, byte: u8) {
    let end = frame.len() - CHECKSUM;
    let at = 4 + at % (end - 4);
    frame[at] = byte;
    let prelude = crc32fast::hash(&frame[..8]).to_be_bytes();
    frame[8..PRELUDE].copy_from_slice(&prelude);
    let checksum = crc32fast::hash(&frame[..end]).to_be_bytes();
    frame[end..].copy_from_slice(&checksum);
}

proptest! {
    #[test]
    fn streams_read_as_aws_smithy_eventstream_reads_them(
        frames in proptest::collection::vec(any_frame(), 0..5),
        tampered in proptest::option::of((any::<prop::sample::Index>(), any::<usize>(), any::<u8>())),
        lost in 0usize..40,
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut frames = frames;
        if let (Some((index, at, byte)), false) = (&tampered, frames.is_empty()) {
            let frame = index.get_mut(&mut frames);
            tamper(frame, *at, *byte);
        }
        let stream = frames.concat();
        let stream = &stream[..stream.len().saturating_sub(lost.saturating_sub(20))];
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let (read, oracle) = (read(&chunks), oracle(stream));
        prop_assert_eq!(&read.0, &oracle.0);
        // The oracle looks at the headers' length only once the frame is there.
        let is_earlier = read.1 == EndState::Error && oracle.1 == EndState::WithinFrame;
        prop_assert!(read.1 == oracle.1 || is_earlier, "{:?} instead of {:?}", read.1, oracle.1);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(read(&[&bytes]).0, vec![]);
    }
}
