//! Callers of the gateway, at the level of HTTP/2 frames: a generated client would cost more than what is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bedrock_grpc_schema::runtime::v1::{ContentBlock, ConverseRequest, Message, content_block};
use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::SendRequest;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, rustls};

use crate::Result;

/// Callers accept all data that arrives, because the program measures the gateway and not its callers' windows.
const WINDOW: u32 = 1 << 24;

/// How long a call may take before the run is given up.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// What to call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    request: http::Request<()>,
    body: Bytes,
    is_grpc: bool,
    /// Leave after this number of chunks of the response.
    leave_after: Option<usize>,
}

impl Call {
    /// Converse or ConverseStream of the model with this id.
    pub(crate) fn through_gateway(method: &str, model: &str) -> Result<Self> {
        Self::through_gateway_with_messages(method, model, 1)
    }

    /// The same with a conversation of this many messages.
    pub(crate) fn through_gateway_with_messages(method: &str, model: &str, messages: usize) -> Result<Self> {
        let text = content_block::Member::Text("What is the capital of France?".to_owned());
        let message = Message {
            role: Some("user".to_owned()),
            content: vec![ContentBlock { member: Some(text) }],
            ..Message::default()
        };
        // ConverseStreamRequest has the same fields with the same numbers.
        let messages = vec![message; messages];
        let message = ConverseRequest { model_id: Some(model.to_owned()), messages, ..ConverseRequest::default() };
        let message = message.encode_to_vec();
        let mut body = BytesMut::with_capacity(message.len() + 5);
        body.put_u8(0);
        body.put_u32(u32::try_from(message.len())?);
        body.put_slice(&message);
        let request =
            http::Request::post(format!("http://localhost/bedrock.runtime.v1.BedrockRuntimeService/{method}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())?;
        Ok(Self { request, body: body.freeze(), is_grpc: true, leave_after: None })
    }

    /// ConverseStream at the endpoint itself.
    pub(crate) fn to_endpoint(endpoint: &str, model: &str) -> Result<Self> {
        let request = http::Request::post(format!("{endpoint}/model/{model}/converse-stream"))
            .header("content-type", "application/json")
            .body(())?;
        Ok(Self { request, body: Bytes::from_static(b"{}"), is_grpc: false, leave_after: None })
    }

    /// The same with this header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        self.request.headers_mut().insert(name, value.parse()?);
        Ok(self)
    }

    /// The same, cancelled after the first part of the response.
    pub(crate) fn leaving(mut self) -> Self {
        self.leave_after = Some(1);
        self
    }
}

/// What became of a call.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `grpc-status`; none if the caller left, or the peer is no gRPC server.
    pub(crate) status: Option<String>,
    /// gRPC messages in the response.
    pub(crate) messages: usize,
}

/// Connections that share the calls between them.
pub(crate) struct Callers {
    connections: Vec<SendRequest<Bytes>>,
    tasks: Vec<JoinHandle<()>>,
    next: AtomicUsize,
}

impl Callers {
    /// Opens `count` connections to a gateway.
    pub(crate) async fn connect(address: &str, count: usize) -> Result<Arc<Self>> {
        let mut callers = Self { connections: Vec::new(), tasks: Vec::new(), next: AtomicUsize::new(0) };
        for _ in 0..count {
            callers.add(socket(address).await?).await?;
        }
        Ok(Arc::new(callers))
    }

    /// Opens `count` connections to the endpoint itself.
    pub(crate) async fn connect_to_endpoint(endpoint: &str, ca_pem: &str, count: usize) -> Result<Arc<Self>> {
        use tokio_rustls::rustls::pki_types::pem::PemObject as _;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let address = endpoint.trim_start_matches("https://").replace("localhost", "127.0.0.1");
        let mut callers = Self { connections: Vec::new(), tasks: Vec::new(), next: AtomicUsize::new(0) };
        for _ in 0..count {
            let stream = connector.connect(ServerName::try_from("localhost")?, socket(&address).await?).await?;
            callers.add(stream).await?;
        }
        Ok(Arc::new(callers))
    }

    async fn add(&mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<()> {
        let mut settings = h2::client::Builder::new();
        settings.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).enable_push(false);
        let (sender, connection) = settings.handshake(stream).await?;
        self.connections.push(sender);
        self.tasks.push(tokio::spawn(async move {
            // A connection that breaks fails its calls, which report it.
            let _ = connection.await;
        }));
        Ok(())
    }

    /// Makes a call and reads its response. `each` gets every chunk of it.
    pub(crate) async fn call(&self, call: &Call, each: impl FnMut(&[u8])) -> Result<Outcome> {
        let turn = self.next.fetch_add(1, Relaxed) % self.connections.len();
        let connection = self.connections[turn].clone();
        tokio::time::timeout(MAX_WAIT, exchange(connection, call, each))
            .await
            .map_err(|_| format!("a call took longer than {MAX_WAIT:?}"))?
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn socket(address: &str) -> Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

async fn exchange(connection: SendRequest<Bytes>, call: &Call, mut each: impl FnMut(&[u8])) -> Result<Outcome> {
    let (response, mut sender) = connection.ready().await?.send_request(call.request.clone(), false)?;
    sender.send_data(call.body.clone(), true)?;
    let (head, mut body) = response.await?.into_parts();
    let mut outcome = Outcome { status: status(&head.headers), messages: 0 };
    let mut messages = Messages::default();
    let mut chunks = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        each(&data);
        if call.is_grpc {
            outcome.messages += messages.count(&data);
        }
        chunks += 1;
        if call.leave_after == Some(chunks) {
            return Ok(outcome);
        }
    }
    if let Some(trailers) = body.trailers().await? {
        outcome.status = status(&trailers);
    }
    Ok(outcome)
}

fn status(headers: &http::HeaderMap) -> Option<String> {
    headers.get("grpc-status").and_then(|status| status.to_str().ok()).map(str::to_owned)
}

/// Counts gRPC messages. A message has one byte of flags, four bytes of length, and its data.
#[derive(Default)]
struct Messages {
    prefix: [u8; 5],
    have: usize,
    skip: usize,
}

impl Messages {
    fn count(&mut self, mut data: &[u8]) -> usize {
        let mut count = 0;
        while !data.is_empty() {
            let skipped = self.skip.min(data.len());
            (self.skip, data) = (self.skip - skipped, &data[skipped..]);
            while self.skip == 0 && self.have < 5 && !data.is_empty() {
                self.prefix[self.have] = data[0];
                (self.have, data) = (self.have + 1, &data[1..]);
            }
            if self.have == 5 {
                let [_, length @ ..] = self.prefix;
                (self.have, self.skip, count) = (0, u32::from_be_bytes(length) as usize, count + 1);
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::Messages;

    #[test]
    fn messages_are_counted_wherever_the_chunks_are_cut() {
        let stream = [&[0, 0, 0, 0, 3, 1, 2, 3], &[0, 0, 0, 0, 0][..], &[1, 0, 0, 0, 1, 9]].concat();
        for size in 1..=stream.len() {
            let mut messages = Messages::default();
            assert_eq!(stream.chunks(size).map(|chunk| messages.count(chunk)).sum::<usize>(), 3, "{size}");
        }
    }
}
