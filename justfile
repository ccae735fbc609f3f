# The everyday commands. `just` lists them.

_default:
    @just --list

# The server and everything it needs
build:
    cargo build

# All tests, over real sockets
test *arguments:
    cargo test --workspace {{ arguments }}

# Formatting, lints, the schema
lint:
    .ci/run fmt clippy lint_schema breaking_schema

# Formats the code
fmt:
    cargo fmt --all

# Gateway, simulator and a conversation with a tool; `just demo --keep` keeps them running
demo *arguments:
    cargo run -- demo {{ arguments }}

# The gateway in front of the simulator, for grpcurl and other clients
serve: build
    #!/usr/bin/env bash
    target/debug/bedrock-grpc simulate --listen 127.0.0.1:8080 & trap 'kill $!' EXIT
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:8080 AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=simulator \
      AWS_SECRET_ACCESS_KEY=simulator target/debug/bedrock-grpc serve

# Replays recorded Bedrock traffic through the gateway
replay: build
    .ci/run replay

# Tests with boto3, Python gRPC, grpcurl and emulators of other projects; or one script of tests/clients
clients *scripts: build
    tests/clients/run {{ scripts }}

# Every command in README.md and docs/; or only these pages
docs *pages: build
    tests/docs/run {{ pages }}

# CPU, memory and latency against a bare loop over the AWS SDK; `just load paced memory` measures only these
load *arguments:
    cargo build --release -p bedrock-grpc-server -p bedrock-grpc-load
    target/release/bedrock-grpc-load {{ arguments }}

# Licences, duplicates, sources
deny:
    .ci/run deny

# Builds the page of `demo --keep` from client/typescript/demo
demo-page:
    cd client/typescript && npm ci --ignore-scripts --no-fund --no-audit && npm run build && npm run demo-page

# What CI runs: everything, or the named steps
ci *steps:
    .ci/run {{ steps }}

# Packages of the server in target/packages: all that this machine can make, or the kinds named (tarball wheel npm deb sbom)
package *kinds:
    deploy/packages/package {{ kinds }}
