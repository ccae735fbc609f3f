//! Compiled in a copy of the repository that has the operation RankPassages (`made_up.py`): each of its members is where
//! AWS's model says.

use std::collections::BTreeMap;

use bedrock_grpc_schema::json::DocumentForm;
use bedrock_grpc_schema::operation::{OperationRequest, OperationResponse, bedrock_runtime};
use bedrock_grpc_schema::runtime::v1::*;
use prost_types::Timestamp;

#[test]
fn a_made_up_operation_has_its_members_in_path_query_headers_and_body() {
    let time = Timestamp { seconds: 1_767_323_045, nanos: 0 };
    let passage = RankPassage { member: Some(rank_passage::Member::Lines(RankTags { values: vec!["a".into()] })) };
    let request = RankPassagesRequest {
        collection_id: Some("c/1".into()),
        since: Some(time),
        tag_filters: vec!["x".into(), "y".into()],
        dry_run: Some(true),
        expected_after: Some(time),
        cost_center: Some("7".into()),
        labels: BTreeMap::from([("Team".into(), "search".into())]),
        passages: vec![passage],
        model_arn: Some("arn".into()),
        ..Default::default()
    };
    let mut bound = Vec::new();
    request.visit_bound(&mut |binding, name, value| bound.push(format!("{:?} {name}={value}", binding.place))).unwrap();
    let expected = [
        "Path collectionId=c/1",
        "Query since=2026-01-02T03:04:05Z",
        "Query tag=x",
        "Query tag=y",
        "Query dryRun=true",
        "Header X-Amzn-After=Fri, 02 Jan 2026 03:04:05 GMT",
        "Header X-Amzn-Cost-Center=7",
        "Headers X-Amzn-Label-Team=search",
    ];
    assert_eq!(bound, expected);
    assert_eq!(request.encode_payload().unwrap(), r#"{"passages":[{"lines":["a"]}],"modelARN":"arn"}"#);
    let row = &bedrock_runtime::RANK_PASSAGES;
    assert_eq!((row.method, row.uri, row.status), ("PUT", "/collections/{collectionId}/rank", 202));
    assert_eq!((row.idempotent, row.idempotency_token), (true, Some("clientToken")));
}

#[test]
fn a_made_up_union_has_members_of_each_kind() {
    use rank_passage::Member;
    let members = [
        (Member::Count(3), r#"{"count":3}"#),
        (Member::Ratio(0.5), r#"{"ratio":0.5}"#),
        (Member::WrittenAt(Timestamp { seconds: 1_767_323_045, nanos: 0 }), r#"{"writtenAt":"2026-01-02T03:04:05Z"}"#),
        (
            Member::Group(RankGroup { values: vec!["a".into()], ..Default::default() }),
            r#"{"group":{"values":["a"]}}"#,
        ),
    ];
    for (member, json) in members {
        let passages = vec![RankPassage { member: Some(member) }];
        let request = RankPassagesRequest { passages, ..Default::default() };
        assert_eq!(request.encode_payload().unwrap(), format!(r#"{{"passages":[{json}]}}"#));
    }
}

#[test]
fn a_made_up_list_of_floats_rejects_what_json_cannot_hold() {
    let request = |ratios| RankPassagesRequest {
        settings: Some(RankSettings { ratios, ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(request(vec![0.5]).encode_payload().unwrap(), r#"{"passages":[],"settings":{"ratios":[0.5]}}"#);
    let error = request(vec![0.5, f32::NAN]).encode_payload().unwrap_err();
    assert!(error.to_string().contains("ratios"), "{error}");
}

#[test]
fn a_made_up_response_is_read_from_its_body_and_headers() {
    let body = r#"{"scores": [0.5], "rankedAt": 1767323045.5}"#;
    let mut response =
        RankPassagesResponse::decode_payload(body.into(), DocumentForm::Text, |name| panic!("unknown {name}")).unwrap();
    let [version, left] = RankPassagesResponse::OPERATION.response_bindings else { panic!("two bindings") };
    assert!(response.set_bound(version, "X-Amzn-Ranker-Version", "v2"));
    assert!(response.set_bound(left, "X-Amzn-Passages-Left", "12"));
    assert!(!response.set_bound(left, "X-Amzn-Passages-Left", "many"));
    assert_eq!((response.scores, response.ranker_version.as_deref()), (vec![0.5], Some("v2")));
    assert_eq!(response.ranked_at, Some(Timestamp { seconds: 1_767_323_045, nanos: 500_000_000 }));
}
