//! A client over HTTP/2, with or without TLS, whose request bodies a test writes bit by bit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_simulator::{Options, Simulator};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Dropping it closes the connection.
pub(crate) struct Connection {
    sender: SendRequest<Written>,
    _task: JoinSet<()>,
}

/// A body that a test writes; it ends when its [`Writer`] is dropped.
pub(crate) struct Written(mpsc::Receiver<Bytes>);

pub(crate) type Writer = mpsc::Sender<Bytes>;

impl Body for Written {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

pub(crate) fn written() -> (Writer, Written) {
    let (writer, reader) = mpsc::channel(1);
    (writer, Written(reader))
}

pub(crate) async fn simulator(tls: bool) -> Simulator {
    let options = Options { tls, ..Options::immediate() };
    Simulator::start_with(([127, 0, 0, 1], 0).into(), options).await.unwrap()
}

/// A TLS connection that trusts nobody but the simulator's authority.
pub(crate) async fn tls(simulator: &Simulator, name: &'static str, alpn: &[&str]) -> TlsStream<TcpStream> {
    let ca = CertificateDer::from_pem_slice(simulator.ca_pem().unwrap().as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ca).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(simulator.address()).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from(name).unwrap(), stream).await.unwrap()
}

impl Connection {
    /// Without TLS: HTTP/2 by prior knowledge.
    pub(crate) async fn plain(simulator: &Simulator) -> Self {
        Self::over(TcpStream::connect(simulator.address()).await.unwrap()).await
    }

    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let _ = connection.await;
        });
        Self { sender, _task: task }
    }

    pub(crate) async fn post(&mut self, path: &str, body: Written) -> hyper::Result<http::Response<Incoming>> {
        let uri = format!("https://localhost{path}");
        self.sender.send_request(http::Request::post(uri).body(body).unwrap()).await
    }

    pub(crate) async fn post_whole(&mut self, path: &str, body: String) -> hyper::Result<http::Response<Incoming>> {
        let (writer, written) = written();
        writer.send(body.into()).await.unwrap();
        drop(writer);
        self.post(path, written).await
    }
}

/// What a stream says next: a frame, or nothing at its end.
pub(crate) async fn next_data(response: &mut http::Response<Incoming>) -> Option<hyper::Result<Bytes>> {
    let frame = tokio::time::timeout(std::time::Duration::from_secs(10), response.frame()).await.unwrap()?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

/// Everything that is left of a stream, and whether it came to an orderly end.
pub(crate) async fn rest(mut response: http::Response<Incoming>) -> (Bytes, bool) {
    let mut rest = BytesMut::new();
    while let Some(data) = next_data(&mut response).await {
        match data {
            Ok(data) => rest.extend_from_slice(&data),
            Err(_) => return (rest.freeze(), false),
        }
    }
    (rest.freeze(), true)
}
