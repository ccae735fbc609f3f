use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;

use crate::http2::{Connection, next_data, rest, simulator, tls};
use crate::support::{MODEL, ask, reaches};

#[tokio::test]
async fn alpn_decides_between_http2_and_http1() {
    let simulator = simulator(true).await;
    assert_eq!(simulator.endpoint(), format!("https://localhost:{}", simulator.address().port()));
    let path = format!("/model/{MODEL}/converse");

    let stream = tls(&simulator, "localhost", &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let mut connection = Connection::over(stream).await;
    let response = connection.post_whole(&path, ask("Hi").to_string()).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    let (whole, orderly) = rest(response).await;
    assert!(orderly);

    // 127.0.0.1 as a name, and a client that knows no ALPN.
    let stream = tls(&simulator, "127.0.0.1", &[]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let mut task = tokio::task::JoinSet::new();
    task.spawn(connection);
    let request = http::Request::post(&path).body(Full::new(bytes::Bytes::from(ask("Hi").to_string()))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), whole);
    drop(tls(&simulator, "::1", &["http/1.1"]).await);
}

#[tokio::test]
async fn without_tls_there_is_no_certificate() {
    let simulator = simulator(false).await;
    assert_eq!(simulator.ca_pem(), None);
    assert!(simulator.endpoint().starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn a_left_http2_stream_is_not_open_any_more() {
    let simulator = simulator(true).await;
    let mut connection = Connection::over(tls(&simulator, "localhost", &["h2"]).await).await;
    let mut open = simulator.open_streams();
    let path = "/model/fault.stall.after.1/converse-stream";
    let mut left = connection.post_whole(path, ask("a").to_string()).await.unwrap();
    let mut kept = connection.post_whole(path, ask("a").to_string()).await.unwrap();
    for response in [&mut left, &mut kept] {
        next_data(response).await.unwrap().unwrap();
    }
    reaches(&mut open, 2).await;
    drop(left);
    reaches(&mut open, 1).await;
    // The connection goes on.
    let response = connection.post_whole(&format!("/model/{MODEL}/converse"), ask("a").to_string()).await.unwrap();
    assert_eq!(response.status(), 200);
    drop((connection, kept));
    reaches(&mut open, 0).await;
}

#[tokio::test]
async fn a_left_http2_request_is_not_open_any_more() {
    let simulator = simulator(false).await;
    let mut connection = Connection::plain(&simulator).await;
    let mut open = simulator.open_requests();
    {
        let request = connection.post_whole("/model/fault.stall/converse", ask("a").to_string());
        tokio::pin!(request);
        tokio::select! {
            _ = &mut request => panic!("answered"),
            () = reaches(&mut open, 1) => {}
        }
    }
    reaches(&mut open, 0).await;
}

#[tokio::test]
async fn a_reset_over_http2_is_one_of_its_stream() {
    let simulator = simulator(true).await;
    let mut connection = Connection::over(tls(&simulator, "localhost", &["h2"]).await).await;
    assert!(connection.post_whole("/model/fault.reset/converse", ask("a").to_string()).await.is_err());
    for fault in ["reset", "cut"] {
        let path = format!("/model/fault.{fault}.after.2/converse-stream");
        let mut response = connection.post_whole(&path, ask("a").to_string()).await.unwrap();
        for _ in 0..2 {
            next_data(&mut response).await.unwrap().unwrap();
        }
        assert!(!rest(response).await.1, "{fault}");
    }
    let path = format!("/model/{MODEL}/converse-stream");
    assert!(rest(connection.post_whole(&path, ask("a").to_string()).await.unwrap()).await.1);
}

#[tokio::test]
async fn shutdown_ends_http2_streams() {
    let simulator = simulator(true).await;
    let mut connection = Connection::over(tls(&simulator, "localhost", &["h2"]).await).await;
    let path = "/model/fault.stall.after.1/converse-stream";
    let mut response = connection.post_whole(path, ask("a").to_string()).await.unwrap();
    next_data(&mut response).await.unwrap().unwrap();
    let mut open = simulator.open_streams();
    reaches(&mut open, 1).await;
    simulator.shutdown().await;
    assert_eq!(*open.borrow(), 0);
    assert!(!rest(response).await.1);
}
