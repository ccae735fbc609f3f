//! A simulator and a client that sees bytes.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bedrock_simulator::{Options, Simulator};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) const MODEL: &str = "anthropic.claude-sonnet-4-20250514-v1%3A0";

pub(crate) struct Fixture {
    pub(crate) simulator: Simulator,
}

/// Dropping it closes the connection.
pub(crate) struct Connection {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    task: JoinSet<()>,
}

/// A whole answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body did not come to an orderly end.
    pub(crate) broken: bool,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        Self { simulator: Simulator::start_with(listen, Options::immediate()).await.unwrap() }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.simulator.address()).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Its error reaches the test through the request or the body.
            let _ = connection.await;
        });
        Connection { sender, task }
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        let mut connection = self.connect().await;
        Reply::of(connection.post(path, body).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let mut connection = self.connect().await;
        let request = http::Request::get(path).header("host", "localhost").body(Full::default()).unwrap();
        Reply::of(connection.sender.send_request(request).await.unwrap()).await
    }

    pub(crate) async fn converse(&self, model: &str, body: Value) -> Reply {
        self.post(&format!("/model/{model}/converse"), body.to_string()).await
    }

    pub(crate) async fn stream(&self, model: &str, body: Value) -> Reply {
        self.post(&format!("/model/{model}/converse-stream"), body.to_string()).await
    }

    pub(crate) async fn invoke(&self, model: &str, body: Value) -> Reply {
        self.post(&format!("/model/{model}/invoke"), body.to_string()).await
    }

    pub(crate) async fn invoke_stream(&self, model: &str, body: Value) -> Reply {
        self.post(&format!("/model/{model}/invoke-with-response-stream"), body.to_string()).await
    }

    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        let mut connection = self.connect().await;
        let mut request = http::Request::post(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.to_string().into())).unwrap();
        Reply::of(connection.sender.send_request(request).await.unwrap()).await
    }
}

impl Connection {
    pub(crate) async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> hyper::Result<http::Response<Incoming>> {
        let request = http::Request::post(path).header("host", "localhost").body(Full::new(body.into())).unwrap();
        self.sender.send_request(request).await
    }

    /// Closes it and waits until it is closed.
    pub(crate) async fn close(mut self) {
        drop(self.sender);
        self.task.shutdown().await;
    }
}

impl Reply {
    pub(crate) async fn of(response: http::Response<Incoming>) -> Self {
        let (head, mut incoming) = response.into_parts();
        let mut body = BytesMut::new();
        let mut broken = false;
        while let Some(frame) = incoming.frame().await {
            match frame {
                Ok(frame) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        Self { status: head.status, headers: head.headers, body: body.freeze(), broken }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn error(&self) -> &str {
        self.header("x-amzn-errortype").split(':').next().unwrap()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn text(&self) -> String {
        self.json()["output"]["message"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The frames, and what the decoder makes of the rest.
    pub(crate) fn frames(&self) -> (Vec<Message>, Rest) {
        let mut decoder = MessageFrameDecoder::new();
        let mut body = self.body.clone();
        let mut frames = Vec::new();
        loop {
            if body.is_empty() {
                return (frames, Rest::Nothing);
            }
            match decoder.decode_frame(&mut body) {
                Ok(DecodedFrame::Complete(message)) => frames.push(message),
                Ok(DecodedFrame::Incomplete) => return (frames, Rest::PartOfAFrame),
                Err(_) => return (frames, Rest::Corrupt),
            }
        }
    }

    /// Event types and payloads of a stream that is whole.
    pub(crate) fn events(&self) -> Vec<(String, Value)> {
        let (frames, rest) = self.frames();
        assert_eq!(rest, Rest::Nothing);
        let event = |frame: &Message| {
            let payload = serde_json::from_slice(frame.payload()).unwrap();
            (header(frame, ":event-type"), payload)
        };
        frames.iter().map(event).collect()
    }
}

impl Reply {
    /// What the chunks of InvokeModelWithResponseStream hold, of a stream that is whole.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        use base64::Engine;
        let inner = |(kind, payload): (String, Value)| {
            assert_eq!(kind, "chunk");
            assert!(!payload["p"].as_str().unwrap().is_empty());
            let bytes = base64::engine::general_purpose::STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        self.events().into_iter().map(inner).collect()
    }
}

#[derive(Debug, PartialEq)]
pub(crate) enum Rest {
    Nothing,
    PartOfAFrame,
    Corrupt,
}

pub(crate) fn header(frame: &Message, name: &str) -> String {
    let header = frame.headers().iter().find(|header| header.name().as_str() == name);
    header.map_or_else(String::new, |header| header.value().as_string().unwrap().as_str().to_owned())
}

pub(crate) fn user(text: &str) -> Value {
    json!({ "role": "user", "content": [{ "text": text }] })
}

pub(crate) fn ask(text: &str) -> Value {
    json!({ "messages": [user(text)] })
}

pub(crate) fn with(mut request: Value, member: &str, value: Value) -> Value {
    request[member] = value;
    request
}

/// Awaits a count; the tests have no other clock than this.
pub(crate) async fn reaches(count: &mut watch::Receiver<usize>, expected: usize) {
    let wait = count.wait_for(|open| *open == expected);
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.unwrap().unwrap();
}
