//! The bodies that the endpoint sends.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bedrock_simulator::frames;
use bytes::Bytes;

/// Events of a stream: `messageStart`, 200 deltas, `contentBlockStop`, `messageStop`, `metadata`.
pub(crate) const EVENTS: usize = 204;

/// Bedrock pads each event with a run of letters of varying length.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static STREAM: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let mut events = vec![start_event()];
    events.extend((0..EVENTS - 4).map(|n| delta(n, " word")));
    events.extend(end_events());
    events
});

static BURST: LazyLock<Bytes> = LazyLock::new(|| STREAM.concat().into());

/// When the program started: what stamps count from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn padding(n: usize) -> &'static str {
    &PADDING[..1 + n * 29 % PADDING.len()]
}

fn start_event() -> Bytes {
    frames::event("messageStart", format!(r#"{{"p":"{}","role":"assistant"}}"#, padding(3)).as_bytes())
}

fn delta(n: usize, text: &str) -> Bytes {
    let payload = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{text}"}},"p":"{}"}}"#, padding(n));
    frames::event("contentBlockDelta", payload.as_bytes())
}

fn end_events() -> [Bytes; 3] {
    [
        frames::event("contentBlockStop", br#"{"contentBlockIndex":0,"p":"abcdefgh"}"#),
        frames::event("messageStop", br#"{"p":"abcdefghijkl","stopReason":"end_turn"}"#),
        frames::event(
            "metadata",
            br#"{"metrics":{"latencyMs":4000},"p":"abc","usage":{"inputTokens":12,"outputTokens":200,"totalTokens":212}}"#,
        ),
    ]
}

/// The events of a whole stream.
pub(super) fn events() -> &'static [Bytes] {
    &STREAM
}

/// A whole stream.
pub(super) fn burst() -> Bytes {
    BURST.clone()
}

/// A stream's first two events.
pub(super) fn start() -> Bytes {
    STREAM[..2].concat().into()
}

/// A response to Converse.
pub(super) fn unary() -> Bytes {
    Bytes::from_static(
        br#"{"metrics":{"latencyMs":551},"output":{"message":{"content":[{"text":"The capital of France is Paris. It lies on the Seine, in the north of the country."}],"role":"assistant"}},"stopReason":"end_turn","usage":{"inputTokens":14,"outputTokens":20,"totalTokens":34}}"#,
    )
}

/// Event `n` of `count`: one whose text is the time when it is sent, or one of those that end a stream.
pub(super) fn stamped(n: u32, count: u32) -> Bytes {
    let (index, from_end) = (n as usize, count.saturating_sub(n));
    match (index, from_end) {
        (_, 1..=3) => end_events()[3 - from_end as usize].clone(),
        _ => delta(index, &format!("@{}@", EPOCH.elapsed().as_micros())),
    }
}

/// How long the stamped events in `data` were on their way.
pub(crate) fn latencies(data: &[u8], mut found: impl FnMut(Duration)) {
    let now = EPOCH.elapsed();
    for stamp in data.split(|byte| *byte == b'@').skip(1).step_by(2) {
        if let Some(sent) = std::str::from_utf8(stamp).ok().and_then(|stamp| stamp.parse().ok()) {
            found(now.saturating_sub(Duration::from_micros(sent)));
        }
    }
}
