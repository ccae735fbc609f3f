//! Twins: two requests of which one serialized message serves both.

use prost::Message as _;
use prost_reflect::DynamicMessage;

use crate::support::aws_json::{fill, message, pool, read};
use crate::support::aws_model::{AwsModel, INVENTED};

#[test]
fn bytes_of_a_request_decode_as_its_twin_with_the_same_values() {
    let (pool, model) = (pool(), AwsModel::load("bedrock-runtime"));
    let twins =
        [("ConverseRequest", "ConverseStreamRequest"), ("InvokeModelRequest", "InvokeModelWithResponseStreamRequest")];
    for (one, other) in twins {
        let kinds = (message(&pool, one), message(&pool, other));
        let fields = model.one_field_at_a_time(one);
        assert!(!fields.is_empty());
        // InvokeModel's members are in headers, so its messages have no field for unknown members.
        let keeps_unknown = kinds.0.get_field_by_name("unrecognized").is_some();
        for (path, json) in fields.into_iter().filter(|(_, json)| keeps_unknown || json.get(INVENTED).is_none()) {
            let bytes = fill(&kinds.0, &json).encode_to_vec();
            let twin = DynamicMessage::decode(kinds.1.clone(), bytes.as_slice()).unwrap();
            assert_eq!(read(&twin), json, "{one}{path}");
            assert_eq!(twin.encode_to_vec(), bytes, "{one}{path}");
        }
    }
}

#[test]
fn field_of_both_twins_has_the_same_number_and_type() {
    let pool = pool();
    let twins = [
        ("ConverseRequest", "ConverseStreamRequest"),
        ("GuardrailConfiguration", "GuardrailStreamConfiguration"),
        ("InvokeModelRequest", "InvokeModelWithResponseStreamRequest"),
    ];
    for (one, other) in twins {
        let (one, other) = (message(&pool, one), message(&pool, other));
        let mut shared = 0;
        for field in one.fields() {
            // A number that both messages use belongs to one member, and a member that both messages have has one number.
            let by_number = other.get_field(field.number()).map(|f| f.name().to_owned());
            let by_name = other.get_field_by_name(field.name()).map(|f| f.number());
            assert!(by_number.as_deref().is_none_or(|name| name == field.name()), "{}", field.full_name());
            assert!(by_name.is_none_or(|number| number == field.number()), "{}", field.full_name());
            if let Some(twin) = other.get_field(field.number()) {
                assert_eq!(
                    (twin.cardinality(), twin.kind().wire_type()),
                    (field.cardinality(), field.kind().wire_type())
                );
                shared += 1;
            }
        }
        assert!(shared >= 4, "{} and {}", one.name(), other.name());
    }
}
