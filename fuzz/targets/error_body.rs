//! `bedrock_grpc_server::fuzzing::error_body` has the property that must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bedrock_grpc_server::fuzzing::error_body(data));
