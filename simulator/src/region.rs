//! Which Region a client believes it is talking to: the one it signed for. ARNs made here name it.

use http::HeaderMap;

/// For requests that are not signed with SigV4 (an API key names no Region).
const DEFAULT: &str = "us-east-1";
/// The account of everything that is made here.
pub(crate) const ACCOUNT: &str = "123456789012";

/// From the scope of a signature: `Credential=AKID/20260101/us-west-2/bedrock/aws4_request`.
pub(crate) fn region(headers: &HeaderMap) -> &str {
    let authorization = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scope = authorization.and_then(|value| value.split_once("Credential="));
    let region = scope.and_then(|(_, scope)| scope.split('/').nth(2));
    region.filter(|region| is_region(region)).unwrap_or(DEFAULT)
}

fn is_region(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_names_it() {
        let with = |value: &str| HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())]);
        let signed = with("AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-3/bedrock/aws4_request, SignedHeaders=a");
        assert_eq!(region(&signed), "eu-west-3");
        assert_eq!(region(&with("Bearer key")), "us-east-1");
        assert_eq!(region(&with("Credential=a/b/<script>/c")), "us-east-1");
        assert_eq!(region(&HeaderMap::new()), "us-east-1");
    }
}
