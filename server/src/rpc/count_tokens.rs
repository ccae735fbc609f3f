//! CountTokens.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html>

use bedrock_grpc_schema::json;
use bedrock_grpc_schema::runtime::v1::{CountTokensRequest, CountTokensResponse};
use bytes::Bytes;
use prost::Message as _;

use super::{Ask, Report, body_size, json_answer, required};
use crate::bedrock::{Operation, Subject};
use crate::error::Failure;
use crate::telemetry::names;

impl Ask for CountTokensRequest {
    fn subject(&self) -> Result<Subject<'_>, Failure> {
        required("modelId", self.model_id.as_deref()).map(Subject::Model)
    }

    fn operation_name(&self) -> &'static str {
        names::COUNT_TOKENS
    }

    fn outgoing(self) -> Result<(Operation, Bytes), Failure> {
        Ok((Operation::CountTokens, json::encode(&self, body_size(self.encoded_len()))?))
    }
}

json_answer!(CountTokensResponse);
impl Report for CountTokensResponse {}
