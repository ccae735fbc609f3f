//! Members that AWS puts into the path, the query or a header: each one reaches Bedrock. The rows of the operations say which
//! members these are, so a new one needs no line here.

use bedrock_grpc_schema::operation::{Binding, OPERATIONS, Operation, Place, StreamKind};
use bedrock_simulator::{Answer, Request};
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::fixture::dynamic::Dynamic;
use crate::fixture::operations::{bound_value, smallest_request, started_with_all_services};
use crate::support::aws_model::AwsModel;

/// The values that the request has at the place of `binding`.
fn values_at(request: &Request, binding: &Binding, row: &Operation) -> Vec<String> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    match binding.place {
        Place::Path => {
            let template = row.uri.split_once('?').map_or(row.uri, |(path, _)| path);
            let labels = template.split('/').zip(path.split('/'));
            let is_label = |label: &str| label.trim_matches(['{', '}', '+']) == binding.name;
            labels.filter(|(label, _)| is_label(label)).map(|(_, value)| decode(value)).collect()
        }
        Place::Query => {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(name, _)| *name == binding.name).map(|(_, value)| decode(value)).collect()
        }
        Place::Header | Place::Headers => {
            let values = request.headers.get_all(binding.name).iter();
            values.map(|value| value.to_str().unwrap().to_owned()).collect()
        }
    }
}

#[tokio::test]
async fn every_member_of_path_query_and_headers_reaches_bedrock() {
    let (simulator, gateway) = started_with_all_services().await;
    let client = Dynamic::new(gateway.channel().await);
    let mut places = Vec::new();
    for row in OPERATIONS.iter().filter(|row| row.stream != StreamKind::Both) {
        let model = AwsModel::load(row.service.name);
        for binding in row.request_bindings {
            simulator.script(Answer::exception("AccessDeniedException", StatusCode::FORBIDDEN, "no"));
            let request = Value::Object(smallest_request(&model, row, Some(binding)));
            let status = client.call_operation(row, &request).await.1.unwrap();
            let requests = simulator.requests();
            let sent = requests.last().unwrap_or_else(|| panic!("{}.{}: {status:?}", row.name, binding.member));
            let (_, expected) = bound_value(&model, row, binding);
            assert_eq!(values_at(sent, binding, row), [expected], "{}.{}", row.name, binding.member);
            simulator.clear_requests();
            places.push(binding.place);
        }
    }
    for place in [Place::Path, Place::Query, Place::Header] {
        assert!(places.iter().filter(|found| **found == place).count() >= 5, "{place:?}");
    }
}
