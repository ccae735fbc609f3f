//! Reads the frames of an AWS event stream (`application/vnd.amazon.eventstream`).
//!
//! A frame is: total length (4 bytes), length of the headers (4), CRC-32 of those eight bytes (4), headers, payload, CRC-32
//! of everything before it (4). Numbers are big-endian.
//! <https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html>,
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>
//!
//! A frame that lies in one chunk of the body is not copied, and no frame costs an allocation of its own: header values are
//! found when they are needed. `aws-smithy-eventstream`, which allocates per header, is the oracle of the tests.

use bytes::{Buf as _, Bytes, BytesMut};

/// The two lengths and their checksum.
const PRELUDE: usize = 12;

/// The checksum at the end.
const CHECKSUM: usize = 4;

/// Why bytes are not an event stream. The texts contain numbers only, never bytes of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// The lengths do not match their checksum, so where the next frame starts is unknown.
    #[error("the checksum of a frame's lengths is {actual:08x}, the frame says {expected:08x}")]
    LengthChecksum {
        /// The value in the frame.
        expected: u32,
        /// The value that was computed from its bytes.
        actual: u32,
    },
    /// The frame does not match its checksum.
    #[error("a frame's checksum is {actual:08x}, the frame says {expected:08x}")]
    Checksum {
        /// The value in the frame.
        expected: u32,
        /// The value that was computed from its bytes.
        actual: u32,
    },
    /// The frame is shorter than its lengths and checksums.
    #[error("a frame says that it has {0} bytes, fewer than the smallest frame")]
    TooShort(usize),
    /// The frame is larger than the reader's limit.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLarge {
        /// The value in the frame.
        length: usize,
        /// The reader's limit.
        limit: usize,
    },
    /// A header ends after the headers' end, or its name or text is not UTF-8, or its type is unknown.
    #[error("a frame's headers cannot be read")]
    Headers,
}

/// One frame whose checksums and headers are valid.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The frame from its first length to its last checksum.
    bytes: Bytes,
    /// Where the headers end and the payload starts.
    payload: usize,
}

impl Frame {
    /// The text of the first header called `name`, if its value is a text.
    #[must_use]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.bytes.get(PRELUDE..self.payload)?;
        while let Ok(Some((found, value))) = next_header(&mut headers) {
            if found == name {
                return value;
            }
        }
        None
    }

    /// The payload.
    #[must_use]
    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload..self.bytes.len() - CHECKSUM).unwrap_or_default()
    }

    /// Checks a frame that is there as a whole.
    fn parse(bytes: Bytes, prelude: Prelude) -> Result<Self, FrameError> {
        let (content, mut checksum) = bytes.split_at(prelude.total - CHECKSUM);
        let (expected, actual) = (checksum.get_u32(), crc32fast::hash(content));
        if expected != actual {
            return Err(FrameError::Checksum { expected, actual });
        }
        let payload = PRELUDE + prelude.headers;
        let mut headers = &content[PRELUDE..payload];
        while next_header(&mut headers)?.is_some() {}
        Ok(Self { bytes, payload })
    }
}

/// The lengths that a frame starts with. `PRELUDE + headers + CHECKSUM <= total` holds.
#[derive(Debug, Clone, Copy)]
struct Prelude {
    total: usize,
    headers: usize,
}

impl Prelude {
    /// Reads the first bytes of a frame; `None` while there are too few. The lengths are checked before the reader waits or
    /// allocates because of them.
    fn parse(bytes: &[u8], limit: usize) -> Result<Option<Self>, FrameError> {
        let Some((mut prelude, _)) = bytes.split_at_checked(PRELUDE) else { return Ok(None) };
        let actual = crc32fast::hash(&prelude[..PRELUDE - CHECKSUM]);
        let (total, headers, expected) = (prelude.get_u32() as usize, prelude.get_u32() as usize, prelude.get_u32());
        if expected != actual {
            return Err(FrameError::LengthChecksum { expected, actual });
        }
        let Some(room) = total.checked_sub(PRELUDE + CHECKSUM) else { return Err(FrameError::TooShort(total)) };
        if total > limit {
            return Err(FrameError::TooLarge { length: total, limit });
        }
        if headers > room {
            return Err(FrameError::Headers);
        }
        Ok(Some(Self { total, headers }))
    }
}

/// Takes the next header off `headers`: its name, and its value if that is a text. `None` at the end.
fn next_header<'a>(headers: &mut &'a [u8]) -> Result<Option<(&'a str, Option<&'a str>)>, FrameError> {
    fn take<'a>(from: &mut &'a [u8], length: usize) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = from.split_at_checked(length).ok_or(FrameError::Headers)?;
        *from = rest;
        Ok(taken)
    }
    fn text(bytes: &[u8]) -> Result<&str, FrameError> {
        std::str::from_utf8(bytes).map_err(|_| FrameError::Headers)
    }
    if headers.is_empty() {
        return Ok(None);
    }
    let name_length = take(headers, 1)?[0];
    let name = text(take(headers, name_length.into())?)?;
    let value_type = take(headers, 1)?[0];
    let length = match value_type {
        0 | 1 => 0,                                        // true, false
        2 => 1,                                            // byte
        3 => 2,                                            // 16 bits
        4 => 4,                                            // 32 bits
        5 | 8 => 8,                                        // 64 bits, timestamp
        6 | 7 => usize::from(take(headers, 2)?.get_u16()), // bytes, text
        9 => 16,                                           // UUID
        _ => return Err(FrameError::Headers),
    };
    let value = take(headers, length)?;
    Ok(Some((name, if value_type == 7 { Some(text(value)?) } else { None })))
}

/// Cuts a body into frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    /// Bytes that have arrived and are not read yet.
    chunk: Bytes,
    /// A frame that began in an earlier chunk. It never contains more than that one frame.
    partial: BytesMut,
    limit: usize,
}

impl FrameReader {
    /// A reader that rejects frames of more than `limit` bytes.
    #[must_use]
    pub(crate) fn new(limit: usize) -> Self {
        Self { chunk: Bytes::new(), partial: BytesMut::new(), limit }
    }

    /// Adds the next chunk of the body. The reader expects it only after [`FrameReader::next`] has returned `None`.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [std::mem::take(&mut self.chunk), chunk].concat().into();
        }
    }

    /// The next frame; `None` when it needs another chunk.
    ///
    /// # Errors
    /// [`FrameError`] when the bytes are not a frame. The stream cannot be read any further.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if !self.partial.is_empty() {
            return self.next_across_chunks();
        }
        match Prelude::parse(&self.chunk, self.limit)? {
            Some(prelude) if prelude.total <= self.chunk.len() => {
                Frame::parse(self.chunk.split_to(prelude.total), prelude).map(Some)
            }
            Some(prelude) => {
                self.partial.reserve(prelude.total);
                self.fill(self.chunk.len());
                Ok(None)
            }
            None => {
                self.fill(self.chunk.len());
                Ok(None)
            }
        }
    }

    /// Whether every byte so far belongs to a complete frame that has been read.
    #[must_use]
    pub(crate) fn is_between_frames(&self) -> bool {
        self.chunk.is_empty() && self.partial.is_empty()
    }

    /// Completes the frame in `partial`.
    fn next_across_chunks(&mut self) -> Result<Option<Frame>, FrameError> {
        self.fill(PRELUDE.saturating_sub(self.partial.len()));
        let Some(prelude) = Prelude::parse(&self.partial, self.limit)? else { return Ok(None) };
        let missing = prelude.total - self.partial.len();
        self.partial.reserve(missing);
        self.fill(missing);
        if self.partial.len() < prelude.total {
            return Ok(None);
        }
        Frame::parse(self.partial.split().freeze(), prelude).map(Some)
    }

    /// Moves up to `length` bytes from `chunk` to `partial`.
    fn fill(&mut self, length: usize) {
        let part = self.chunk.split_to(length.min(self.chunk.len()));
        self.partial.extend_from_slice(&part);
    }
}

#[cfg(test)]
mod tests;
