//! Any JSON that AWS's model allows is the same after a round trip: JSON -> message -> protobuf -> message -> JSON.

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, ConverseRequest, ConverseResponse, ConverseStreamRequest,
    CountTokensRequest, InvokeGuardrailChecksRequest, InvokeGuardrailChecksResponse, ListAsyncInvokesResponse,
    StartAsyncInvokeRequest,
};
use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

use crate::support::aws_model::{AwsModel, INVENTED};

/// Any value of the shape, in Bedrock's spelling.
fn value_of(model: &AwsModel, shape: &str) -> BoxedStrategy<Value> {
    let fact = model.shape(shape);
    match fact.kind.as_str() {
        "structure" => {
            let in_body = fact.members.iter().filter(|(_, m)| m.location.is_none() && !model.shape(&m.shape).exception);
            let members: Vec<_> = in_body
                .map(|(name, m)| (name.clone(), value_of(model, &m.shape), fact.required.contains(name)))
                .collect();
            if fact.union {
                let one = members
                    .into_iter()
                    .map(|(name, value, _)| value.prop_map(move |v| json!({name.clone(): v})).boxed());
                return Union::new(one.chain([unknown()])).boxed();
            }
            let some = members.into_iter().map(|(name, value, required)| {
                let is_set = if required { Just(true).boxed() } else { proptest::bool::weighted(0.4).boxed() };
                (Just(name), is_set, value)
            });
            let invented = (Just(INVENTED.to_owned()), proptest::bool::weighted(0.2).boxed(), document().boxed());
            let some: Vec<_> = some.chain([invented]).collect();
            some.prop_map(|members| {
                // A member that is null counts as absent, whether it is known or not.
                let set = members.into_iter().filter(|(_, is_set, value)| *is_set && !value.is_null());
                Value::Object(
                    set.map(|(name, _, value)| (name, value)).filter(|(_, v)| !is_empty_collection(v)).collect(),
                )
            })
            .boxed()
        }
        "list" => proptest::collection::vec(value_of(model, fact.element.as_ref().unwrap()), 1..3)
            .prop_map(Value::Array)
            .boxed(),
        "map" => proptest::collection::btree_map(".{0,5}", value_of(model, fact.value.as_ref().unwrap()), 1..3)
            .prop_map(|map| Value::Object(Map::from_iter(map)))
            .boxed(),
        "string" => any::<String>().prop_map(Value::from).boxed(),
        "integer" => any::<i32>().prop_map(Value::from).boxed(),
        "long" => any::<i64>().prop_map(Value::from).boxed(),
        // serde_json reads a float as a double, so use only values that are both.
        "float" => (-1000..1000_i16).prop_map(|n| json!(f64::from(n) / 8.0)).boxed(),
        "double" => (-1e9..1e9_f64).prop_map(Value::from).boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "blob" => proptest::collection::vec(any::<u8>(), 0..20).prop_map(|b| json!(base64(&b))).boxed(),
        "timestamp" => (0..4_000_000_000_i64)
            .prop_map(|seconds| json!(prost_types::Timestamp { seconds, nanos: 0 }.to_string()))
            .boxed(),
        "document" => document().boxed(),
        other => unreachable!("{other}"),
    }
}

fn is_empty_collection(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A member that AWS does not have.
fn unknown() -> BoxedStrategy<Value> {
    document().prop_map(|value| json!({INVENTED: value})).boxed()
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            proptest::collection::btree_map(".{0,4}", inner, 0..3).prop_map(|m| Value::Object(Map::from_iter(m))),
        ]
    })
}

/// Converts JSON to the message, to protobuf, and back.
fn round_trip<T>(value: &Value) -> Value
where
    T: prost::Message + Default + json::AwsJson,
{
    let text = serde_json::to_vec(value).unwrap();
    let message: T = json::decode(&text, |_| ()).unwrap();
    let message = T::decode(message.encode_to_vec().as_slice()).unwrap();
    serde_json::from_slice(&json::encode(&message, text.len()).unwrap()).unwrap()
}

macro_rules! round_trips {
    ($($test:ident: $message:ident,)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
            $(#[test]
            fn $test(value in value_of(&AwsModel::load("bedrock-runtime"), stringify!($message))) {
                prop_assert_eq!(round_trip::<$message>(&value), value);
            })*
        }
    };
}

// Every message that is a body. (ConverseStream's request differs from Converse's only in the members of its guardrail.)
round_trips! {
    converse_request_is_unchanged_by_a_round_trip: ConverseRequest,
    converse_stream_request_is_unchanged_by_a_round_trip: ConverseStreamRequest,
    converse_response_is_unchanged_by_a_round_trip: ConverseResponse,
    count_tokens_request_is_unchanged_by_a_round_trip: CountTokensRequest,
    apply_guardrail_request_is_unchanged_by_a_round_trip: ApplyGuardrailRequest,
    apply_guardrail_response_is_unchanged_by_a_round_trip: ApplyGuardrailResponse,
    guardrail_checks_request_is_unchanged_by_a_round_trip: InvokeGuardrailChecksRequest,
    guardrail_checks_response_is_unchanged_by_a_round_trip: InvokeGuardrailChecksResponse,
    job_is_unchanged_by_a_round_trip: StartAsyncInvokeRequest,
    list_of_jobs_is_unchanged_by_a_round_trip: ListAsyncInvokesResponse,
}
