//! Whether somebody in front of the gateway retries already.

use http::HeaderMap;

/// Whether the request is a retry by the caller. Two layers that retry three times each send nine requests, so the gateway
/// leaves retries to the layer that has begun with them.
///
/// gRPC libraries count the attempts before this one in `grpc-previous-rpc-attempts`
/// (<https://github.com/grpc/proposal/blob/master/A6-client-retries.md>), Envoy counts this one too in
/// `x-envoy-attempt-count`.
pub(super) fn is_retried_by_caller(headers: &HeaderMap) -> bool {
    let count = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    count("grpc-previous-rpc-attempts").is_some_and(|previous| previous > 0)
        || count("x-envoy-attempt-count").is_some_and(|attempt| attempt > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_of_grpc_libraries_and_of_envoy_are_known_by_their_headers() {
        for (name, value, expected) in [
            ("grpc-previous-rpc-attempts", "1", true),
            ("grpc-previous-rpc-attempts", "0", false),
            ("x-envoy-attempt-count", "2", true),
            ("x-envoy-attempt-count", "1", false),
            ("x-envoy-attempt-count", "many", false),
            ("x-other", "3", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(is_retried_by_caller(&headers), expected, "{name}: {value}");
        }
    }
}
