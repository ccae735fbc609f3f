//! The binary `bedrock-grpc`.

use std::process::ExitCode;

use bedrock_grpc_server::{Cli, run};
use clap::Parser as _;

// Many threads allocate and free messages and bodies of very different sizes. The system's allocator does not return that
// memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
