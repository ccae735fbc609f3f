//! Every field that AWS's model has, one at a time, through the gateway: as a request, as an answer, as an event. The
//! fields come from AWS's facts, and the messages are read by the descriptor alone, so that neither a missing field nor a
//! mistake in the codec can hide.

use bedrock_grpc_schema::runtime::v1::*;
use bedrock_simulator::{Answer, frames};
use http::StatusCode;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

use crate::fixture::*;
use crate::support::aws_json::{self, pool};
use crate::support::aws_model::AwsModel;

/// A request message made from AWS's JSON, and a model to ask.
fn request<T: prost::Message + Default>(pool: &DescriptorPool, name: &str, json: &Value) -> T {
    let mut message = aws_json::fill(&aws_json::message(pool, name), json);
    message.set_field_by_name("model_id", prost_reflect::Value::String("demo.model".into()));
    T::decode(message.encode_to_vec().as_slice()).unwrap()
}

/// The AWS JSON of a message that the gateway sent.
fn read<T: prost::Message>(pool: &DescriptorPool, name: &str, message: &T) -> Value {
    let kind = aws_json::message(pool, name);
    aws_json::read(&DynamicMessage::decode(kind, message.encode_to_vec().as_slice()).unwrap())
}

#[tokio::test]
async fn every_field_of_a_request_reaches_bedrock() {
    let (simulator, _gateway, mut client) = started().await;
    let (model, pool) = (AwsModel::load(), pool());
    for operation in ["Converse", "ConverseStream"] {
        let shape = &model.operations[operation].input;
        let fields = model.one_field_at_a_time(shape);
        assert!(fields.len() > 100, "{}", fields.len());
        for (path, json) in fields {
            if operation == "Converse" {
                simulator.script(short_answer());
                let asked = client.converse(request::<ConverseRequest>(&pool, "ConverseRequest", &json)).await;
                asked.unwrap_or_else(|status| panic!("{path}: {status:?}"));
            } else {
                simulator.script(Answer::events(stream_frames(0)));
                let asked = client
                    .converse_stream(request::<ConverseStreamRequest>(&pool, "ConverseStreamRequest", &json))
                    .await;
                let mut stream = asked.unwrap_or_else(|status| panic!("{path}: {status:?}")).into_inner();
                while stream.message().await.unwrap().is_some() {}
            }
            let sent: Value = serde_json::from_slice(&simulator.requests().last().unwrap().body).unwrap();
            assert_eq!(sent, model.with_required_lists(shape, json), "{operation}{path}");
            simulator.clear_requests();
        }
    }
}

#[tokio::test]
async fn every_field_of_an_answer_reaches_the_caller() {
    let (simulator, _gateway, mut client) = started().await;
    let (model, pool) = (AwsModel::load(), pool());
    let fields = model.one_field_at_a_time(&model.operations["Converse"].output);
    assert!(fields.len() > 100, "{}", fields.len());
    for (path, json) in fields {
        simulator.script(Answer::json(StatusCode::OK, json.to_string()));
        let answer = client.converse(converse("demo.model", "Hi")).await;
        let answer = answer.unwrap_or_else(|status| panic!("{path}: {status:?}")).into_inner();
        assert_eq!(read(&pool, "ConverseResponse", &answer), json, "{path}");
    }
}

#[tokio::test]
async fn every_field_of_an_event_reaches_the_caller() {
    let (simulator, _gateway, mut client) = started().await;
    let (model, pool) = (AwsModel::load(), pool());
    let fields = model.one_field_at_a_time(model.events("ConverseStream").unwrap());
    assert!(fields.len() > 50, "{}", fields.len());
    for (path, json) in fields {
        let (event, payload) = json.as_object().unwrap().iter().next().unwrap();
        let mut events = vec![frames::event(event, payload.to_string().as_bytes())];
        events.extend(stream_frames(0));
        simulator.script(Answer::events(events));
        let mut stream = client.converse_stream(converse_stream("demo.model", "Hi")).await.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap();
        assert_eq!(read(&pool, "ConverseStreamResponse", &first), json, "{path}");
        while stream.message().await.unwrap().is_some() {}
    }
}
