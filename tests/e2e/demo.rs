//! `bedrock-grpc demo`, as a new user runs it.

use tokio::process::Command;

#[tokio::test]
async fn the_demo_shows_a_tool_conversation_and_an_error_and_exits_with_0() {
    let output = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc")).arg("demo").output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for shown in ["tool_use", "end_turn", "RESOURCE_EXHAUSTED", "THROTTLING", "request id", "first event", "tokens"] {
        assert!(text.contains(shown), "{shown} is missing:\n{text}");
    }
}
