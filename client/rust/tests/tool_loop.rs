//! The tool loop with a real gRPC server that plays a script of turns.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bedrock_grpc_client::build::user;
use bedrock_grpc_client::schemars::{self, JsonSchema};
use bedrock_grpc_client::tonic::transport::Server;
use bedrock_grpc_client::tonic::{Code, Request, Response, Status};
use bedrock_grpc_client::v1::bedrock_runtime_service_server::{BedrockRuntimeService, BedrockRuntimeServiceServer};
use bedrock_grpc_client::v1::{ConverseStreamRequest, ConverseStreamResponse, Message};
use bedrock_grpc_client::{
    Approval, AssembleError, Client, ConverseResponseExt as _, Error, LoopEvent, ToolLoop, ToolLoopError, Toolbox,
};
use bedrock_grpc_schema::json;
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Notify};
use tokio_stream::wrappers::TcpListenerStream;

/// One scripted response.
enum Turn {
    /// The stream sends these events and ends with OK.
    Complete(Vec<ConverseStreamResponse>),
    /// The stream sends these events and fails with UNAVAILABLE.
    Broken(Vec<ConverseStreamResponse>),
    /// The stream sends these events and stays open. It notifies when the client cancels.
    Hanging(Vec<ConverseStreamResponse>, Arc<Notify>),
}

/// Plays the turns in order and stores the requests.
#[derive(Clone, Default)]
struct ScriptedModel {
    turns: Arc<Mutex<VecDeque<Turn>>>,
    requests: Arc<Mutex<Vec<ConverseStreamRequest>>>,
}

/// Notifies when it is dropped.
struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tonic::async_trait]
impl BedrockRuntimeService for ScriptedModel {
    async fn converse_stream(
        &self,
        request: Request<ConverseStreamRequest>,
    ) -> Result<Response<tonic::codegen::BoxStream<ConverseStreamResponse>>, Status> {
        self.requests.lock().unwrap().push(request.into_inner());
        let turn = self.turns.lock().unwrap().pop_front().ok_or_else(|| Status::internal("no turn left"))?;
        let events = |events: Vec<_>| stream::iter(events.into_iter().map(Ok));
        Ok(Response::new(match turn {
            Turn::Complete(list) => events(list).boxed(),
            Turn::Broken(list) => events(list).chain(stream::iter([Err(Status::unavailable("reset"))])).boxed(),
            Turn::Hanging(list, cancelled) => {
                let guard = NotifyOnDrop(cancelled);
                let hang = stream::pending().map(move |item| {
                    let _alive = &guard;
                    item
                });
                events(list).chain(hang).boxed()
            }
        }))
    }
}

impl ScriptedModel {
    fn messages(&self, turn: usize) -> Vec<Message> {
        self.requests.lock().unwrap()[turn].messages.clone()
    }

    /// The last message of a request, as Bedrock's JSON.
    fn last_message(&self, turn: usize) -> String {
        to_json(self.messages(turn).last().unwrap())
    }
}

fn to_json<T: json::AwsJson>(message: &T) -> String {
    String::from_utf8(json::encode(message, 0).unwrap().into()).unwrap()
}

fn event(name: &str, payload: &str) -> ConverseStreamResponse {
    ConverseStreamResponse { member: json::decode_event(name, payload.as_bytes(), |_| ()).unwrap() }
}

/// The events of a response with tool calls, as (ID, name, input).
fn tool_turn(calls: &[(&str, &str, &str)], stop_reason: &str) -> Vec<ConverseStreamResponse> {
    let mut events = vec![event("messageStart", r#"{"role":"assistant"}"#)];
    for (index, (id, name, input)) in calls.iter().enumerate() {
        let input = serde_json::to_string(input).unwrap();
        events.push(event(
            "contentBlockStart",
            &format!(r#"{{"start":{{"toolUse":{{"toolUseId":"{id}","name":"{name}"}}}},"contentBlockIndex":{index}}}"#),
        ));
        events.push(event(
            "contentBlockDelta",
            &format!(r#"{{"delta":{{"toolUse":{{"input":{input}}}}},"contentBlockIndex":{index}}}"#),
        ));
    }
    events.push(event("messageStop", &format!(r#"{{"stopReason":"{stop_reason}"}}"#)));
    events.push(event("metadata", r#"{"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15}}"#));
    events
}

fn text_turn(text: &str) -> Vec<ConverseStreamResponse> {
    vec![
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", &format!(r#"{{"delta":{{"text":"{text}"}},"contentBlockIndex":0}}"#)),
        event("messageStop", r#"{"stopReason":"end_turn"}"#),
        event("metadata", r#"{"usage":{"inputTokens":20,"outputTokens":2,"totalTokens":22}}"#),
    ]
}

async fn start(turns: impl IntoIterator<Item = Turn>) -> (ScriptedModel, Client) {
    let model = ScriptedModel::default();
    model.turns.lock().unwrap().extend(turns);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(BedrockRuntimeServiceServer::new(model.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (model, Client::connect(endpoint).await.unwrap())
}

fn request() -> ConverseStreamRequest {
    ConverseStreamRequest { model_id: Some("m".to_owned()), messages: vec![user("Hi")], ..Default::default() }
}

#[derive(Deserialize, JsonSchema)]
struct Weather {
    /// The name of the city.
    city: String,
}

#[derive(Serialize)]
struct Report {
    sky: &'static str,
    celsius: i32,
}

fn weather_tools() -> Toolbox {
    Toolbox::new().with_tool("get_weather", "The weather in a city", |weather: Weather| async move {
        match weather.city.as_str() {
            "Atlantis" => Err("there is no such city"),
            "Pompeii" => panic!("the volcano erupts"),
            _ => Ok(Report { sky: "clear", celsius: 18 }),
        }
    })
}

fn weather_call(id: &'static str, city: &str) -> (&'static str, &'static str, String) {
    (id, "get_weather", format!(r#"{{"city":"{city}"}}"#))
}

fn tool_turn_for(calls: &[(&'static str, &'static str, String)]) -> Turn {
    let calls: Vec<_> = calls.iter().map(|(id, name, input)| (*id, *name, input.as_str())).collect();
    Turn::Complete(tool_turn(&calls, "tool_use"))
}

#[tokio::test]
async fn loop_runs_the_tool_and_returns_the_final_response() {
    let (model, client) =
        start([tool_turn_for(&[weather_call("t1", "Paris")]), Turn::Complete(text_turn("18 degrees"))]).await;
    let mut log = Vec::new();
    let on_event = |event: LoopEvent<'_>| {
        log.push(match event {
            LoopEvent::Text(text) => format!("text {text}"),
            LoopEvent::ToolRequested(call) => format!("call {} {}", call.name, call.input),
            LoopEvent::ToolFinished { call, error } => format!("done {} {error:?}", call.id),
            LoopEvent::TurnFinished(response) => format!("turn {}", response.stop_reason()),
            other => format!("{other:?}"),
        });
    };
    let result = ToolLoop::new(&client, weather_tools()).on_event(on_event).run(request()).await.unwrap();
    assert_eq!((result.response.text().as_str(), result.turns), ("18 degrees", 2));
    assert_eq!((result.input_tokens, result.output_tokens, result.messages.len()), (30, 7, 4));
    let expected =
        ["turn tool_use", r#"call get_weather {"city":"Paris"}"#, "done t1 None", "text 18 degrees", "turn end_turn"];
    assert_eq!(log, expected);
    assert_eq!(
        model.last_message(1),
        r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"sky":"clear","celsius":18}}]}}]}"#
    );
    let config = to_json(model.requests.lock().unwrap()[0].tool_config.as_ref().unwrap());
    assert!(config.contains(r#""name":"get_weather""#) && config.contains("The name of the city."), "{config}");
}

#[tokio::test]
async fn tool_errors_panics_and_invalid_input_become_results_with_status_error() {
    let calls = [
        weather_call("t1", "Atlantis"),
        weather_call("t2", "Pompeii"),
        ("t3", "get_weather", r#"{"town":"Paris"}"#.to_owned()),
        ("t4", "get_whether", "{}".to_owned()),
    ];
    let (model, client) = start([tool_turn_for(&calls), Turn::Complete(text_turn("sorry"))]).await;
    let result = ToolLoop::new(&client, weather_tools()).run(request()).await.unwrap();
    assert_eq!(result.response.text(), "sorry");
    let results: serde_json::Value = serde_json::from_str(&model.last_message(1)).unwrap();
    let texts = [
        "there is no such city",
        "The tool failed: the volcano erupts",
        "The input does not fit the tool's schema: missing field `city`",
        "There is no tool named `get_whether`. The tools are: get_weather.",
    ];
    for (index, text) in texts.into_iter().enumerate() {
        let result = &results["content"][index]["toolResult"];
        assert_eq!((&result["status"], &result["toolUseId"]), (&"error".into(), &calls[index].0.into()));
        assert!(result["content"][0]["text"].as_str().unwrap().starts_with(text), "{result}");
    }
}

#[tokio::test]
async fn tools_of_a_turn_run_at_the_same_time_and_their_results_keep_the_order() {
    let calls = [("t1", "meet", "{}".to_owned()), ("t2", "meet", "{}".to_owned())];
    let (model, client) = start([tool_turn_for(&calls), Turn::Complete(text_turn("ok"))]).await;
    let barrier = Arc::new(Barrier::new(2));
    let arrived = Arc::new(AtomicUsize::new(0));
    // Each call waits for the other one. The first call returns last.
    let tools = Toolbox::new().with_tool("meet", "Waits for the other call", move |_: Empty| {
        let (barrier, is_first) = (Arc::clone(&barrier), arrived.fetch_add(1, Ordering::SeqCst) == 0);
        async move {
            barrier.wait().await;
            if is_first {
                tokio::task::yield_now().await;
            }
            Ok::<_, String>(if is_first { "first" } else { "second" })
        }
    });
    ToolLoop::new(&client, tools).run(request()).await.unwrap();
    assert_eq!(
        model.last_message(1),
        r#"{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"first"}]}},{"toolResult":{"toolUseId":"t2","content":[{"text":"second"}]}}]}"#
    );
}

#[derive(Deserialize, JsonSchema)]
struct Empty {}

#[tokio::test]
async fn turn_limit_ends_the_loop_before_the_tools_of_the_last_turn_run() {
    let turn = || tool_turn_for(&[("t1", "count", "{}".to_owned())]);
    let (model, client) = start([turn(), turn(), turn()]).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&runs);
    let tools = Toolbox::new().with_tool("count", "Counts", move |_: Empty| {
        let count = counter.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, String>(count) }
    });
    let error = ToolLoop::new(&client, tools).max_turns(2).run(request()).await.unwrap_err();
    assert!(matches!(error, ToolLoopError::TurnLimit { turns: 2, .. }), "{error}");
    assert_eq!((runs.load(Ordering::SeqCst), model.requests.lock().unwrap().len()), (1, 2));
    assert_eq!(
        error.messages().iter().map(|m| m.role()).collect::<Vec<_>>(),
        ["user", "assistant", "user", "assistant"]
    );
}

#[tokio::test]
async fn dropping_the_loop_cancels_the_generation() {
    let cancelled = Arc::new(Notify::new());
    let (_, client) = start([Turn::Hanging(text_turn("Hel")[..2].to_vec(), Arc::clone(&cancelled))]).await;
    let text_arrived = Notify::new();
    let run = ToolLoop::new(&client, Toolbox::new()).on_event(|_| text_arrived.notify_one()).run(request());
    tokio::select! {
        result = run => panic!("the loop ended: {result:?}"),
        () = text_arrived.notified() => {}
    }
    cancelled.notified().await;
}

#[tokio::test]
async fn dropping_the_loop_cancels_the_running_tools() {
    let (_, client) = start([tool_turn_for(&[("t1", "wait", "{}".to_owned())])]).await;
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (start_signal, drop_signal) = (Arc::clone(&started), Arc::clone(&dropped));
    let tools = Toolbox::new().with_tool("wait", "Waits for ever", move |_: Empty| {
        let guard = NotifyOnDrop(Arc::clone(&drop_signal));
        start_signal.notify_one();
        async move {
            let _guard = guard;
            std::future::pending::<Result<String, String>>().await
        }
    });
    tokio::select! {
        result = ToolLoop::new(&client, tools).run(request()) => panic!("the loop ended: {result:?}"),
        () = started.notified() => {}
    }
    dropped.notified().await;
}

#[tokio::test]
async fn stream_that_breaks_inside_tool_input_runs_no_tool_and_keeps_the_conversation() {
    let complete = tool_turn(&[("t1", "get_weather", r#"{"city":"Par"#)], "tool_use");
    let first = || tool_turn_for(&[weather_call("t0", "Rome")]);
    let (_, client) = start([first(), Turn::Broken(complete[..3].to_vec())]).await;
    let error = ToolLoop::new(&client, weather_tools()).run(request()).await.unwrap_err();
    let ToolLoopError::Call { error: call_error, messages } = &error else { panic!("{error}") };
    assert_eq!((call_error.status(), messages.len()), (Code::Unavailable, 3));

    // This stream ends normally inside the input, because of max_tokens.
    let cut = tool_turn(&[("t1", "get_weather", r#"{"city":"Par"#)], "max_tokens");
    let (model, client) = start([first(), Turn::Complete(cut)]).await;
    let error = ToolLoop::new(&client, weather_tools()).run(request()).await.unwrap_err();
    let ToolLoopError::Call { error: call_error, messages } = &error else { panic!("{error}") };
    assert!(matches!(**call_error, Error::Assemble { problem: AssembleError::ToolInput { .. }, .. }), "{error}");
    // The conversation is the one of the failed request, so the loop can be run again with it.
    assert_eq!(*messages, model.messages(1));
}

#[tokio::test]
async fn complete_tool_call_of_a_cut_response_is_not_run() {
    let turn = tool_turn(&[("t1", "get_weather", r#"{"city":"Paris"}"#)], "max_tokens");
    let (_, client) = start([Turn::Complete(turn)]).await;
    let tools = weather_tools();
    let result = ToolLoop::new(&client, tools).run(request()).await.unwrap();
    assert_eq!((result.response.stop_reason(), result.turns), ("max_tokens", 1));
}

#[tokio::test]
async fn approval_can_change_and_reject_calls() {
    let calls = [weather_call("t1", "Atlantis"), weather_call("t2", "Paris")];
    let (model, client) = start([tool_turn_for(&calls), Turn::Complete(text_turn("ok"))]).await;
    let approve = |call: bedrock_grpc_client::ToolCall| async move {
        if call.id == "t1" {
            Approval::RunWith(r#"{"city":"Rome"}"#.to_owned())
        } else {
            Approval::Reject("The user does not allow it.".to_owned())
        }
    };
    ToolLoop::new(&client, weather_tools()).approve(approve).run(request()).await.unwrap();
    let results: serde_json::Value = serde_json::from_str(&model.last_message(1)).unwrap();
    assert_eq!(results["content"][0]["toolResult"]["content"][0]["json"]["celsius"], 18);
    assert_eq!(results["content"][1]["toolResult"]["status"], "error");
    assert_eq!(results["content"][1]["toolResult"]["content"][0]["text"], "The user does not allow it.");
}
