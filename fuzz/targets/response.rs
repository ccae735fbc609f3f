//! `bedrock_grpc_server::fuzzing::response` has the property that must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bedrock_grpc_server::fuzzing::response(data));
