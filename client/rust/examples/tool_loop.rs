//! Lets the model call a Rust function, and prints text and tool calls while they arrive.
#![allow(clippy::print_stdout, reason = "an example prints")]

use bedrock_grpc_client::build::user;
use bedrock_grpc_client::schemars::{self, JsonSchema};
use bedrock_grpc_client::v1::ConverseStreamRequest;
use bedrock_grpc_client::{Client, LoopEvent, ToolLoop, Toolbox};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct WeatherInput {
    /// The name of the city.
    city: String,
}

#[derive(Serialize)]
struct Weather {
    celsius: i32,
    sky: String,
}

async fn get_weather(input: WeatherInput) -> Result<Weather, String> {
    match input.city.as_str() {
        "Atlantis" => Err("There is no such city.".into()), // the model receives this text
        _ => Ok(Weather { celsius: 18, sky: "clear".into() }),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or("http://127.0.0.1:50051".into());
    let client = Client::connect(endpoint).await?;
    let messages = vec![user("What is the weather in Paris?")];
    let request = ConverseStreamRequest { model_id: Some("demo.model".into()), messages, ..Default::default() };

    let tools = Toolbox::new().with_tool("get_weather", "The weather in a city now", get_weather);
    let tool_loop = ToolLoop::new(&client, tools).max_turns(5).on_event(|event| match event {
        LoopEvent::Text(text) => print!("{text}"),
        LoopEvent::ToolRequested(call) => println!("{}({})", call.name, call.input),
        _ => {}
    });
    let result = tool_loop.run(request).await?;
    println!("\n{} turns, {} output tokens", result.turns, result.output_tokens);
    Ok(())
}
