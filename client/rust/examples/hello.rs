//! Sends one message and prints the response.
#![allow(clippy::print_stdout, reason = "an example prints")]

use bedrock_grpc_client::{Client, ConverseResponseExt as _, build::user, v1::ConverseRequest};
#[tokio::main]
async fn main() -> Result<(), bedrock_grpc_client::Error> {
    let client = Client::connect(std::env::args().nth(1).unwrap_or("http://127.0.0.1:50051".into())).await?;
    let messages = vec![user("Hello")];
    let request = ConverseRequest { model_id: Some("demo.model".into()), messages, ..Default::default() };
    println!("{}", client.converse(request).await?.text());
    Ok(())
}
