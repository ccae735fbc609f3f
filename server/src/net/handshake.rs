//! The first bytes of a connection: which HTTP version the client speaks.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length of a frame's header (RFC 9113, section 4.1).
pub(super) const FRAME_HEADER_BYTES: usize = 9;

/// The type of a SETTINGS frame, which must follow the preface (RFC 9113, section 6.5).
const SETTINGS: u8 = 4;

/// The largest frame that a client may send before the server has allowed more (RFC 9113, section 4.2).
const MAX_FRAME_BYTES: usize = 16 * 1024;

/// The HTTP version of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpVersion {
    /// HTTP/1.0, HTTP/1.1, or anything else that is not HTTP/2.
    Http1,
    /// HTTP/2. The preface and the client's settings have arrived.
    Http2,
}

/// A socket whose first bytes have been read already. They are read once more.
pub(super) struct Rewound<S> {
    first: BytesMut,
    socket: S,
}

/// Reads until the HTTP version is known. An HTTP/2 client has sent its settings by then, so it does speak HTTP/2.
///
/// # Errors
/// The socket's error, `UnexpectedEof` when the peer closes the connection first, and `InvalidData` when settings do not follow
/// the preface.
pub(super) async fn read_http_version<S: AsyncRead + Unpin>(mut socket: S) -> io::Result<(HttpVersion, Rewound<S>)> {
    let mut first = BytesMut::new();
    let version = loop {
        let compared = first.len().min(PREFACE.len());
        if first[..compared] != PREFACE[..compared] {
            break HttpVersion::Http1;
        }
        if has_settings(&first)? {
            break HttpVersion::Http2;
        }
        if socket.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    Ok((version, Rewound { first, socket }))
}

/// Whether `first` has the preface and a complete SETTINGS frame.
fn has_settings(first: &[u8]) -> io::Result<bool> {
    let Some(frame) = first.get(PREFACE.len()..).filter(|frame| frame.len() >= FRAME_HEADER_BYTES) else {
        return Ok(false);
    };
    let length = frame[..3].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    if frame[3] != SETTINGS || length > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no settings after the HTTP/2 preface"));
    }
    Ok(frame.len() >= FRAME_HEADER_BYTES + length)
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, buffer);
        }
        let length = self.first.len().min(buffer.remaining());
        buffer.put_slice(&self.first[..length]);
        self.first.advance(length);
        if self.first.is_empty() {
            self.first = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `bytes` one at a time, and returns the version with all bytes that can be read afterwards.
    async fn read(bytes: &[u8]) -> io::Result<(HttpVersion, Vec<u8>)> {
        let mut reader = byte_by_byte_reader(bytes);
        let (version, mut rewound) = read_http_version(&mut reader).await?;
        let mut all = Vec::new();
        rewound.read_to_end(&mut all).await?;
        Ok((version, all))
    }

    /// A reader that returns one byte at a time.
    fn byte_by_byte_reader(bytes: &[u8]) -> impl AsyncRead + Unpin {
        struct ByteByByteReader(BytesMut);
        impl AsyncRead for ByteByByteReader {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                if !self.0.is_empty() {
                    buffer.put_slice(&self.0.split_to(1));
                }
                Poll::Ready(Ok(()))
            }
        }
        ByteByByteReader(BytesMut::from(bytes))
    }

    fn http2(frame: &[u8]) -> Vec<u8> {
        [PREFACE, frame].concat()
    }

    #[tokio::test]
    async fn preface_and_settings_are_http2_and_are_read_again() {
        let bytes = http2(&[0, 0, 6, SETTINGS, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100, 42]);
        assert_eq!(read(&bytes).await.unwrap(), (HttpVersion::Http2, bytes));
    }

    #[tokio::test]
    async fn other_text_is_http1() {
        for text in ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/1.1\r\n\r\n", "PUT"] {
            assert_eq!(read(text.as_bytes()).await.unwrap(), (HttpVersion::Http1, text.as_bytes().to_vec()), "{text}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_within_the_handshake_is_an_error() {
        for bytes in [&b""[..], b"PRI * HT", PREFACE, &http2(&[0, 0, 6, SETTINGS, 0, 0, 0, 0, 0, 0])] {
            assert_eq!(read(bytes).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn another_frame_after_the_preface_is_an_error() {
        for frame in [[0, 0, 0, 6, 0, 0, 0, 0, 0], [1, 0, 0, SETTINGS, 0, 0, 0, 0, 0]] {
            assert_eq!(read(&http2(&frame)).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
