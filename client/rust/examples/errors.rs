//! Shows what an error contains. The model `fault.throttling` of the simulator always fails.
#![allow(clippy::print_stdout, reason = "an example prints")]

use bedrock_grpc_client::build::user;
use bedrock_grpc_client::v1::ConverseRequest;
use bedrock_grpc_client::{Client, Error, ErrorReason, RetryPolicy};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let endpoint = std::env::args().nth(1).unwrap_or("http://127.0.0.1:50051".into());
    let client = Client::connect(endpoint).await?.with_retry_policy(RetryPolicy::disabled());
    let messages = vec![user("Hello")];
    let request = ConverseRequest { model_id: Some("fault.throttling".into()), messages, ..Default::default() };

    match client.converse(request).await {
        Ok(response) => println!("{:?}", response.request_id()),
        Err(error) if error.known_reason() == Some(ErrorReason::Validation) => {
            println!("{:?}", error.field_violations())
        }
        Err(error) if error.is_retryable() => println!("{error}\nretry in {:?}", error.retry_delay()),
        Err(error) => println!("{error}\nBedrock's request ID is {:?}", error.request_id()),
    }
    Ok(())
}
