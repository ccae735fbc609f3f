//! The socket in front of h2's server: whole connections, in pieces of any size.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// What the socket passes on when a client sends `bytes` in pieces of `size`.
async fn pass(bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(size);
    let mut socket = AuthoritySocket::new(server);
    let mut passed = Vec::new();
    let send = async {
        client.write_all(bytes).await.unwrap();
        drop(client);
    };
    tokio::join!(send, async { socket.read_to_end(&mut passed).await.unwrap() });
    passed
}

/// What grpc-python 1.85 sends with two calls to `unix:/tmp/a.sock`: a literal, and then a reference to it.
fn python_connection(authority: &[u8]) -> Vec<u8> {
    let authority = [&[u8::try_from(authority.len()).unwrap()], authority].concat();
    let first = [b"@\x05:path\x06/a.B/C@\n:authority", authority.as_slice(), b"\x83\x86@\x02te\x08trailers"].concat();
    [
        PREFACE,
        &frame(4, 0, 0, &[]),
        &frame(HEADERS, 0x4, 1, &first),
        &frame(0, 0x1, 1, b"\0\0\0\0\0A\x05a%2Fb"),
        &frame(HEADERS, 0x5, 3, b"\xc0\xbf\x83\x86\xbe"),
    ]
    .concat()
}

#[tokio::test]
async fn only_the_authority_changes_for_pieces_of_any_size() {
    let sent = python_connection(b"tmp%2Fa.sock");
    let expected = python_connection(b"tmp-2Fa.sock");
    for size in [1, 2, 7, 24, 33, 34, 100, 4096] {
        assert_eq!(pass(&sent, size).await, expected, "pieces of {size} bytes");
    }
}

#[tokio::test]
async fn h2_serves_a_request_with_a_path_as_its_authority() {
    let (mut client, server) = tokio::io::duplex(4096);
    client.write_all(&python_connection(b"tmp%2Fa.sock")).await.unwrap();
    let mut connection = h2::server::handshake(AuthoritySocket::new(server)).await.unwrap();
    for _ in 0..2 {
        let (request, _respond) = connection.accept().await.unwrap().unwrap();
        assert_eq!(request.uri().to_string(), "http://tmp-2Fa.sock/a.B/C");
    }
}

#[tokio::test]
async fn padding_and_priority_are_skipped() {
    let block = b"\x41\x03a/b";
    let padded = [&[3][..], block, &[0; 3]].concat();
    let prioritized = [&[0, 0, 0, 0, 9][..], block].concat();
    let both = [&[3, 0, 0, 0, 0, 9][..], block, &[0; 3]].concat();
    for (flags, payload) in [(0, block.to_vec()), (0x8, padded), (0x20, prioritized), (0x28, both)] {
        let sent = [PREFACE, &frame(HEADERS, flags, 1, &payload)].concat();
        let mut expected = sent.clone();
        let slash = expected.windows(3).rposition(|window| window == b"a/b").unwrap() + 1;
        expected[slash] = b'-';
        assert_eq!(pass(&sent, 4096).await, expected, "flags {flags:#x}");
    }
    // More padding than payload.
    let sent = [PREFACE, &frame(HEADERS, 0x8, 1, b"\xff\x41\x03a/b")].concat();
    assert_eq!(pass(&sent, 4096).await, sent);
}

#[tokio::test]
async fn bytes_that_are_not_http2_or_incomplete_pass_unchanged() {
    let incomplete = &python_connection(b"a/b")[..60];
    for sent in [&b"GET /a%2Fb HTTP/1.1\r\n\r\n"[..], b"PRI", b"", incomplete] {
        assert_eq!(pass(sent, 5).await, sent);
    }
}
