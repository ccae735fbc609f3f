//! The hosts of every Region, FIPS and dual stack, compared with those that the SDK resolves.

use aws_credential_types::Credentials;
use bedrock_grpc_schema::control::v1::ListFoundationModelsRequest;
use bedrock_grpc_schema::operation::OperationRequest as _;
use bedrock_grpc_schema::runtime::v1::ConverseRequest;
use std::collections::HashMap;

use super::{Capture, sdk_config};
use crate::bedrock::connections::{ConnectionOptions, Pool};
use crate::bedrock::endpoint::Endpoints;

/// The Regions of AWS's partition file that have or may get Bedrock, in all partitions.
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "cn-north-1",
    "cn-northwest-1",
    "eusc-de-east-1",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "eu-isoe-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
];

macro_rules! sdk_url {
    ($sdk:ident, $config:expr, |$client:ident| $call:expr) => {{
        let capture = Capture::default();
        let config = $sdk::config::Builder::from($config)
            .http_client(capture.clone())
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .build();
        let $client = $sdk::Client::from_conf(config);
        let _ = $call.send().await;
        let sent = capture.0.lock().unwrap().take();
        sent.map(|sent| sent.uri().to_owned())
    }};
}

#[tokio::test]
async fn every_region_has_the_hosts_that_the_sdk_resolves() {
    for (fips, dual_stack) in [(false, false), (true, false), (false, true), (true, true)] {
        for region in REGIONS {
            let config = sdk_config(region).into_builder().use_fips(fips).use_dual_stack(dual_stack).build();
            let endpoints = Endpoints::new(&config, HashMap::new(), Pool::new(ConnectionOptions::default()).unwrap());
            let case = format!("{region}, FIPS {fips}, dual stack {dual_stack}");
            let theirs = sdk_url!(aws_sdk_bedrockruntime, &config, |client| client.converse().model_id("m"));
            let ours = endpoints.get(ConverseRequest::OPERATION.service, region).await.ok();
            let ours = ours.map(|endpoint| format!("{}model/m/converse", endpoint.base));
            assert_eq!(ours, theirs, "{case}");
            let theirs = sdk_url!(aws_sdk_bedrock, &config, |client| client.list_foundation_models());
            let ours = endpoints.get(ListFoundationModelsRequest::OPERATION.service, region).await.ok();
            let ours = ours.map(|endpoint| format!("{}foundation-models", endpoint.base));
            assert_eq!(ours, theirs, "{case}");
        }
    }
}
