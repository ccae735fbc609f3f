//! Unix sockets whose clients send the path of the socket as `:authority`.
//!
//! gRPC's C-core (Python, C++, Ruby) and Swift send the path percent-encoded, and Java sends it as it is. A `%` or `/` is not
//! allowed in an authority, so h2 resets such a stream before the gateway sees the request
//! (<https://github.com/hyperium/h2/pull/487>). This socket replaces both characters by `-` in the bytes that h2 reads.
//! Nothing in the gateway reads the authority.
//!
//! The replacement keeps the length. Therefore the dynamic table of HPACK (RFC 7541) keeps its sizes and its indexes: the
//! client and h2 evict the same entries, and a later request that refers to an entry gets the replaced value.

mod header_block;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use header_block::replace_authority;

use super::handshake::{FRAME_HEADER_BYTES, PREFACE};

/// The type of a HEADERS frame, and its flags that put bytes around the header block.
/// <https://www.rfc-editor.org/rfc/rfc9113#section-6.2>
const HEADERS: u8 = 1;
const FLAG_PADDED: u8 = 0x8;
const FLAG_PRIORITY: u8 = 0x20;

/// Maximum size of a HEADERS frame that is inspected. h2 accepts no larger one without a setting that allows it.
const MAX_HEADERS_BYTES: usize = 16 * 1024;

/// Room for one read.
const READ_BYTES: usize = 8 * 1024;

/// Where in a connection the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// In the preface, or before it.
    Preface,
    /// At the start of a frame.
    Frame,
    /// In the payload of a frame, with the number of bytes that are left.
    Payload(usize),
    /// In a connection that is not HTTP/2. Nothing is replaced.
    Other,
}

/// A socket that replaces characters in `:authority` that h2 does not accept.
pub(super) struct AuthoritySocket<S> {
    socket: S,
    /// Bytes that were read from the socket.
    input: BytesMut,
    /// The number of bytes of `input` that may be passed on.
    ready: usize,
    position: Position,
}

impl<S> AuthoritySocket<S> {
    /// Wraps an accepted socket.
    pub(super) fn new(socket: S) -> Self {
        Self { socket, input: BytesMut::new(), ready: 0, position: Position::Preface }
    }

    /// Inspects the new bytes of `input`, up to the first incomplete HEADERS frame.
    fn scan(&mut self) {
        loop {
            let rest = &mut self.input[self.ready..];
            let (length, next) = match self.position {
                Position::Preface if rest.starts_with(PREFACE) => (PREFACE.len(), Position::Frame),
                Position::Preface if PREFACE.starts_with(rest) => return,
                Position::Preface | Position::Other => (rest.len(), Position::Other),
                Position::Payload(left) if left > rest.len() => (rest.len(), Position::Payload(left - rest.len())),
                Position::Payload(left) => (left, Position::Frame),
                Position::Frame => {
                    let Some(&[a, b, c, kind, flags, ..]) = rest.first_chunk::<FRAME_HEADER_BYTES>() else { return };
                    let length = u32::from_be_bytes([0, a, b, c]) as usize;
                    if kind == HEADERS && length <= MAX_HEADERS_BYTES {
                        let Some(payload) = rest[FRAME_HEADER_BYTES..].get_mut(..length) else { return };
                        if let Some(block) = header_block_of(payload, flags) {
                            replace_authority(block);
                        }
                        (FRAME_HEADER_BYTES + length, Position::Frame)
                    } else {
                        (FRAME_HEADER_BYTES, Position::Payload(length))
                    }
                }
            };
            self.ready += length;
            self.position = next;
            if self.ready == self.input.len() {
                return;
            }
        }
    }
}

/// The header block in the payload of a HEADERS frame, without padding and priority. `None` if the frame is malformed.
fn header_block_of(payload: &mut [u8], flags: u8) -> Option<&mut [u8]> {
    let is_padded = flags & FLAG_PADDED != 0;
    let padding = if is_padded { usize::from(*payload.first()?) } else { 0 };
    let before = usize::from(is_padded) + if flags & FLAG_PRIORITY == 0 { 0 } else { 5 };
    let end = payload.len().checked_sub(padding)?;
    payload.get_mut(before..end)
}

impl<S: AsyncRead + Unpin> AsyncRead for AuthoritySocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.ready == 0 {
            this.input.reserve(READ_BYTES);
            let read = ready!(poll_read_buf(Pin::new(&mut this.socket), cx, &mut this.input))?;
            this.scan();
            if read == 0 {
                // The end. h2 reports an incomplete frame.
                this.ready = this.input.len();
                break;
            }
        }
        let length = this.ready.min(buffer.remaining());
        buffer.put_slice(&this.input[..length]);
        this.input.advance(length);
        this.ready -= length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AuthoritySocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
