//! Signature Version 4: the `authorization` header of a request.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! aws-sigv4 derives the key of each signature from the secret and copies all headers. Here the derived key is kept for as
//! long as it is valid (a day, a Region), and the canonical request is written into one buffer. Tests compare the result
//! with aws-sigv4 and with the SDK.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_lc_rs::digest::{SHA256, digest};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::header::{AUTHORIZATION, HOST, HeaderName, InvalidHeaderValue, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The name of the service in the scope of signatures. The rows of all services of Bedrock have this name.
const SERVICE: &str = "bedrock";

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The characters that are percent-encoded in labels of a path and in query values: all except RFC 3986's unreserved
/// characters.
pub(super) const RESERVED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'+')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A path is encoded once as it is sent and once more in the canonical request. Its slashes stay.
const PATH: &AsciiSet = &RESERVED.remove(b'/');

/// SHA-256 in hexadecimal.
#[derive(Debug, Clone)]
pub(super) struct PayloadHash(String);

impl PayloadHash {
    /// The hash of a body.
    pub(super) fn new(body: &[u8]) -> Self {
        Self(sha256_hex(body))
    }
}

/// The parts of a request that are signed.
pub(super) struct Signable<'a> {
    pub(super) method: &'a Method,
    /// Host and port, as `:authority` or `Host` has them.
    pub(super) authority: &'a str,
    /// The path as it is sent, percent-encoded.
    pub(super) path: &'a str,
    /// The query as it is sent, without `?`. Empty if there is no query.
    pub(super) query: &'a str,
    pub(super) payload: &'a PayloadHash,
}

/// Signs with one set of credentials.
pub(super) struct Signer {
    credentials: Credentials,
    token: Option<HeaderValue>,
    /// By Region: the day in UTC (days since 1970) and the key derived for it.
    keys: Mutex<HashMap<String, (u64, [u8; 32])>>,
}

/// Why a request could not be signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SigningError {
    /// The credentials contain a character that a header must not contain.
    #[error("the credentials are not ASCII")]
    Credentials(#[from] InvalidHeaderValue),
    /// The time is outside of the years that a date in a signature can have.
    #[error("the clock is out of range")]
    Time,
    /// The derived key does not have the length of a SHA-256.
    #[error("the signing key has another length")]
    Key,
}

impl Signer {
    /// A signer for `credentials`.
    ///
    /// # Errors
    /// When the session token contains a character that a header must not contain.
    pub(super) fn new(credentials: Credentials) -> Result<Self, SigningError> {
        let token = credentials.session_token().map(HeaderValue::from_str).transpose()?;
        let token = token.map(|mut token| {
            token.set_sensitive(true);
            token
        });
        Ok(Self { credentials, token, keys: Mutex::default() })
    }

    /// The credentials.
    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Adds date, session token and signature to `headers`. All headers are signed, except `user-agent`, which proxies
    /// change. Returns the signature.
    ///
    /// # Errors
    /// See [`SigningError`].
    pub(super) fn sign(
        &self,
        request: &Signable<'_>,
        headers: &mut HeaderMap,
        region: &str,
        time: SystemTime,
    ) -> Result<String, SigningError> {
        let date = amz_date(time)?;
        let day = date.get(..8).ok_or(SigningError::Time)?;
        headers.insert(X_AMZ_DATE, HeaderValue::from_str(&date)?);
        if let Some(token) = &self.token {
            headers.insert(X_AMZ_SECURITY_TOKEN, token.clone());
        }
        let (canonical, signed) = canonical_request(request, headers);
        let mut to_sign = String::with_capacity(256);
        let _ = write!(to_sign, "AWS4-HMAC-SHA256\n{date}\n{day}/{region}/{SERVICE}/aws4_request\n");
        to_sign.push_str(&sha256_hex(canonical.as_bytes()));
        let signature = calculate_signature(self.key(region, time)?, to_sign.as_bytes());
        let id = self.credentials.access_key_id();
        let mut authorization = HeaderValue::from_str(&format!(
            "AWS4-HMAC-SHA256 Credential={id}/{day}/{region}/{SERVICE}/aws4_request, SignedHeaders={signed}, \
             Signature={signature}"
        ))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        Ok(signature)
    }

    fn key(&self, region: &str, time: SystemTime) -> Result<[u8; 32], SigningError> {
        let day = time.duration_since(UNIX_EPOCH).map_err(|_| SigningError::Time)?.as_secs() / 86_400;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, key)) = keys.get(region)
            && *known == day
        {
            return Ok(*key);
        }
        let key = generate_signing_key(self.credentials.secret_access_key(), time, region, SERVICE);
        let key: [u8; 32] = key.as_ref().try_into().map_err(|_| SigningError::Key)?;
        keys.insert(region.to_owned(), (day, key));
        Ok(key)
    }
}

/// `20261124T235959Z`.
fn amz_date(time: SystemTime) -> Result<String, SigningError> {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let seconds = i64::try_from(seconds).map_err(|_| SigningError::Time)?;
    let text = DateTime::from_secs(seconds).fmt(Format::DateTime).map_err(|_| SigningError::Time)?;
    Ok(text.replace(['-', ':'], ""))
}

/// The canonical request, and the names of the headers in it.
fn canonical_request(request: &Signable<'_>, headers: &HeaderMap) -> (String, String) {
    let mut entries: Vec<(&str, &HeaderName)> =
        headers.keys().filter(|name| **name != USER_AGENT).map(|name| (name.as_str(), name)).collect();
    entries.push((HOST.as_str(), &HOST));
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries.dedup_by_key(|(name, _)| *name);

    let mut text = String::with_capacity(512);
    let _ = write!(text, "{}\n{}\n", request.method, utf8_percent_encode(request.path, PATH));
    let mut parameters: Vec<&str> = request.query.split('&').filter(|parameter| !parameter.is_empty()).collect();
    parameters.sort_unstable_by_key(|parameter| parameter.split_once('='));
    text.push_str(&parameters.join("&"));
    text.push('\n');
    let mut signed = String::with_capacity(128);
    for (name, key) in entries {
        text.push_str(name);
        text.push(':');
        if *key == HOST {
            text.push_str(request.authority);
        } else {
            for (n, value) in headers.get_all(key).iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                push_trimmed(&mut text, &String::from_utf8_lossy(value.as_bytes()));
            }
        }
        text.push('\n');
        if !signed.is_empty() {
            signed.push(';');
        }
        signed.push_str(name);
    }
    let _ = write!(text, "\n{signed}\n{}", request.payload.0);
    (text, signed)
}

/// The value without spaces around it, and with one space in place of several.
fn push_trimmed(text: &mut String, value: &str) {
    let mut last_is_space = false;
    for character in value.trim_matches(' ').chars() {
        let is_space = character == ' ';
        if !(is_space && last_is_space) {
            text.push(character);
        }
        last_is_space = is_space;
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;

    use super::*;

    /// The `authorization` header that aws-sigv4 makes of the same request.
    fn expected(
        request: &Signable<'_>,
        headers: &HeaderMap,
        body: &[u8],
        credentials: &Credentials,
        time: SystemTime,
    ) -> String {
        let identity = credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("bedrock")
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let uri = format!("https://{}{}?{}", request.authority, request.path, request.query);
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable =
            SignableRequest::new(request.method.as_str(), uri.trim_end_matches('?'), pairs, SignableBody::Bytes(body))
                .unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        let authorization = instructions.headers().find(|(name, _)| *name == "authorization").unwrap().1;
        authorization.to_owned()
    }

    #[test]
    fn signatures_equal_those_of_aws_sigv4() {
        let time = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        for token in [None, Some("token/with+signs==".to_owned())] {
            let credentials = Credentials::new("AKIDEXAMPLE", "secret", token, None, "test");
            for (method, path, query, body) in [
                (Method::POST, "/model/anthropic.claude-3%3A0/converse", "", &b"{}"[..]),
                (Method::POST, "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ax%2Fa%25b%C3%A9/invoke", "", b""),
                (Method::GET, "/async-invoke", "statusEquals=Failed&maxResults=3&nextToken=a%2Bb%3D", b""),
            ] {
                let mut headers = HeaderMap::new();
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                headers.insert("user-agent", HeaderValue::from_static("bedrock-grpc/1"));
                headers.insert("x-amzn-bedrock-request-metadata", HeaderValue::from_static("  {\"a\":   1}  "));
                let payload = PayloadHash::new(body);
                let authority = "bedrock-runtime.eu-west-1.amazonaws.com";
                let request = Signable { method: &method, authority, path, query, payload: &payload };
                let wanted = expected(&request, &headers, body, &credentials, time);
                let signer = Signer::new(credentials.clone()).unwrap();
                for _ in 0..2 {
                    let mut headers = headers.clone();
                    signer.sign(&request, &mut headers, "eu-west-1", time).unwrap();
                    assert_eq!(headers["authorization"], wanted.as_str());
                }
            }
        }
    }

    #[test]
    fn a_new_day_has_a_new_key() {
        let signer = Signer::new(Credentials::new("id", "secret", None, None, "test")).unwrap();
        let day = UNIX_EPOCH + Duration::from_secs(86_400 * 20_000);
        let before = signer.key("us-east-1", day - Duration::from_secs(1)).unwrap();
        let after = signer.key("us-east-1", day).unwrap();
        assert_ne!(before, after);
        assert_eq!(after, signer.key("us-east-1", day + Duration::from_secs(86_399)).unwrap());
        assert_ne!(after, signer.key("us-west-2", day).unwrap());
    }
}
