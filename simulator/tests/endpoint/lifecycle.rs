use std::time::Duration;

use bedrock_simulator::{Answer, Chunk, Options, Simulator};
use http_body_util::BodyExt;
use tokio::net::TcpStream;

use crate::support::{Fixture, MODEL, ask, reaches};

#[tokio::test]
async fn an_open_stream_is_counted_until_its_peer_leaves() {
    let fixture = Fixture::start().await;
    let mut open = fixture.simulator.open_streams();
    let mut connection = fixture.connect().await;
    let path = "/model/fault.stall.after.2/converse-stream";
    let mut response = connection.post(path, ask("a").to_string()).await.unwrap();
    response.frame().await.unwrap().unwrap();
    reaches(&mut open, 1).await;
    assert_eq!(*fixture.simulator.open_requests().borrow(), 0);
    connection.close().await;
    reaches(&mut open, 0).await;
}

#[tokio::test]
async fn an_open_request_is_counted_until_its_peer_leaves() {
    let fixture = Fixture::start().await;
    let mut open = fixture.simulator.open_requests();
    for path in
        ["/model/fault.stall/converse", "/model/fault.slow.60000/converse", "/model/fault.stall/converse-stream"]
    {
        let mut connection = fixture.connect().await;
        {
            let request = connection.post(path, ask("a").to_string());
            tokio::pin!(request);
            tokio::select! {
                _ = &mut request => panic!("answered"),
                () = reaches(&mut open, 1) => {}
            }
        }
        connection.close().await;
        reaches(&mut open, 0).await;
    }
    assert_eq!(*fixture.simulator.open_streams().borrow(), 0);
}

#[tokio::test]
async fn a_unary_answer_that_stalls_is_an_open_request() {
    let fixture = Fixture::start().await;
    let mut open = fixture.simulator.open_requests();
    let mut connection = fixture.connect().await;
    let path = "/model/fault.stall.after.1/converse";
    let mut response = connection.post(path, ask("a").to_string()).await.unwrap();
    response.frame().await.unwrap().unwrap();
    reaches(&mut open, 1).await;
    connection.close().await;
    reaches(&mut open, 0).await;
}

#[tokio::test]
async fn counts_go_down_when_answers_are_complete() {
    let fixture = Fixture::start().await;
    let (mut streams, mut requests) = (fixture.simulator.open_streams(), fixture.simulator.open_requests());
    let mut connection = fixture.connect().await;
    for operation in ["converse", "converse-stream"] {
        let path = format!("/model/{MODEL}/{operation}");
        let response = connection.post(&path, ask("a").to_string()).await.unwrap();
        response.into_body().collect().await.unwrap();
        reaches(&mut streams, 0).await;
        reaches(&mut requests, 0).await;
    }
}

#[tokio::test]
async fn shutdown_and_drop_close_everything() {
    for graceful in [true, false] {
        let fixture = Fixture::start().await;
        let address = fixture.simulator.address();
        let mut open = fixture.simulator.open_streams();
        fixture.simulator.script(Answer::events([]).then(Chunk::Stall));
        let mut connection = fixture.connect().await;
        let mut response = connection.post("/", "").await.unwrap();
        reaches(&mut open, 1).await;
        if graceful {
            fixture.simulator.shutdown().await;
            assert_eq!(*open.borrow(), 0);
        } else {
            drop(fixture);
        }
        assert!(response.frame().await.unwrap().is_err());
        reaches(&mut open, 0).await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test]
async fn frames_go_out_one_at_a_time() {
    let listen = ([127, 0, 0, 1], 0).into();
    let hourly = Options { pause: Duration::from_secs(3_600), ..Options::default() };
    let fixture = Fixture { simulator: Simulator::start_with(listen, hourly).await.unwrap() };
    let mut connection = fixture.connect().await;
    let path = format!("/model/{MODEL}/converse-stream");
    let mut response = connection.post(&path, ask("a").to_string()).await.unwrap();
    let first = response.frame().await.unwrap().unwrap().into_data().unwrap();
    // The frame's first four bytes are its length: it came by itself.
    assert_eq!(first[..4], u32::try_from(first.len()).unwrap().to_be_bytes());
    let mut open = fixture.simulator.open_streams();
    reaches(&mut open, 1).await;
    connection.close().await;
    reaches(&mut open, 0).await;
}

#[tokio::test]
async fn it_runs_until_told() {
    let simulator = Simulator::start(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = simulator.address();
    assert_eq!(simulator.endpoint(), format!("http://{address}"));
    simulator.run_until(async { assert!(TcpStream::connect(address).await.is_ok()) }).await;
    assert!(TcpStream::connect(address).await.is_err());
}
