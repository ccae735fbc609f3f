//! Inflates compressed messages, up to a limit of bytes. A message of 2 KB can inflate to 32 MiB, so the result is charged as it grows
//! and the work runs off the async workers.

use std::collections::VecDeque;
use std::io::{BufReader, Read};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::admission::{ByteBudget, ByteCharge, SMALL_MESSAGE_BYTES};
use crate::error::Failure;
use crate::limits::MAX_MESSAGE_BYTES;

/// Maximum number of messages that are inflated at the same time. Each needs a processor, and memory for the decoder that is
/// not part of the budget: up to the size of the largest message.
const MAX_INFLATING: usize = 4;

static INFLATING: Semaphore = Semaphore::const_new(MAX_INFLATING);

/// The header that names the encoding of compressed messages.
const ENCODING_HEADER: &str = "grpc-encoding";

/// log2 of the largest window that a zstd frame may need. A window larger than the largest message is of no use.
const ZSTD_WINDOW_LOG: u32 = MAX_MESSAGE_BYTES.ilog2();

/// A message encoding that the gateway accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Encoding {
    /// The encoding of a request. Its header is removed, because the messages that tonic sees are not compressed. tonic
    /// rejects encodings that the gateway does not accept.
    pub(super) fn take(headers: &mut HeaderMap) -> Option<Self> {
        let encoding = match headers.get(ENCODING_HEADER)?.as_bytes() {
            b"gzip" => Self::Gzip,
            b"zstd" => Self::Zstd,
            _ => return None,
        };
        headers.remove(ENCODING_HEADER);
        Some(encoding)
    }
}

/// Inflates a message. `charge` is that of the compressed message; the result has the charge of the inflated one.
pub(super) async fn inflate(
    encoding: Encoding,
    parts: VecDeque<Bytes>,
    charge: ByteCharge,
    budget: &ByteBudget,
) -> Result<(Bytes, ByteCharge), Failure> {
    let (budget, runtime) = (budget.clone(), Handle::current());
    let slot = INFLATING.acquire().await.ok();
    let task = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let input = BufReader::new(Parts(parts));
        let malformed = |_| Failure::MalformedMessage("a compressed message cannot be inflated");
        let mut output: Box<dyn Read> = match encoding {
            Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Encoding::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(malformed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(malformed)?;
                Box::new(decoder)
            }
        };
        let mut message = Vec::new();
        output.by_ref().take(SMALL_MESSAGE_BYTES as u64 + 1).read_to_end(&mut message).map_err(malformed)?;
        if message.len() <= SMALL_MESSAGE_BYTES {
            // The result and the compressed message are both small, so their charges hardly differ.
            return Ok((Bytes::from(message), charge));
        }
        // It is unknown how large the rest is, so the largest size is reserved until it is known.
        let reserved = runtime.block_on(budget.charge(MAX_MESSAGE_BYTES));
        let mut charge = reserved.ok_or(Failure::NoRoomForMessage)?;
        // Memory that is reserved and not written takes no space. Growing step by step would copy, and take up to three times.
        message.reserve_exact(MAX_MESSAGE_BYTES + 1 - message.len());
        let room = (MAX_MESSAGE_BYTES - message.len()) as u64;
        output.take(room + 1).read_to_end(&mut message).map_err(malformed)?;
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(Failure::MessageTooLarge(MAX_MESSAGE_BYTES));
        }
        charge.shrink_to(message.len());
        Ok((Bytes::from(message), charge))
    });
    task.await.unwrap_or(Err(Failure::MalformedMessage("a compressed message cannot be inflated")))
}

/// The parts of a compressed message as a reader.
struct Parts(VecDeque<Bytes>);

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(part) = self.0.front_mut() {
            if part.is_empty() {
                self.0.pop_front();
                continue;
            }
            let length = part.len().min(buffer.len());
            part.split_to(length).copy_to_slice(&mut buffer[..length]);
            return Ok(length);
        }
        Ok(0)
    }
}
