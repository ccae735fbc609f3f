//! Values of settings that are written as text, and the checks of their formats.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use http::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bedrock::is_region;
use crate::callers::{IdentityPattern, Pattern, TrustedPeer};
use crate::net::{AllowedOrigin, ListenAddress};

/// Checks a text by the name of its format. An unknown format has no check.
///
/// # Errors
/// What is allowed.
pub(super) fn check_format(format: &str, text: &str) -> Result<(), String> {
    let expected = || format!("expected {}", describe_format(format));
    let is_ok = match format {
        "duration" => humantime::parse_duration(text).is_ok(),
        "positive-duration" => humantime::parse_duration(text).is_ok_and(|duration| !duration.is_zero()),
        "bytes" => text.parse::<ByteSize>().is_ok(),
        "address" => return text.parse::<ListenAddress>().map(drop).map_err(|error| error.to_string()),
        // The socket that systemd passes is for callers.
        "own-address" => text.parse::<ListenAddress>().is_ok_and(|address| address != ListenAddress::Systemd),
        "origin" => return text.parse::<AllowedOrigin>().map(drop).map_err(|error| error.to_string()),
        "region" => is_region(text),
        "endpoint" => is_url(text, &["http", "https"]),
        "issuer" => is_url(text, &["http", "https"]),
        "keys" => !text.contains("://") || is_url(text, &["https"]),
        "role" => text.starts_with("arn:") && text.split(':').nth(2) == Some("iam") && text.contains(":role/"),
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
        "session" => {
            (2..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
        }
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html
        "tag-key" => {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.:/=+-@".contains(&b);
            (1..=128).contains(&text.len()) && text.bytes().all(fits) && !text.to_lowercase().starts_with("aws:")
        }
        "identity" => return text.parse::<IdentityPattern>().map(drop).map_err(|error| error.to_string()),
        "peer" => return text.parse::<TrustedPeer>().map(drop).map_err(|error| error.to_string()),
        _ => true,
    };
    if is_ok { Ok(()) } else { Err(expected()) }
}

/// What a format allows, in words.
pub(super) fn describe_format(format: &str) -> &'static str {
    match format {
        "duration" => "a time such as `500ms`, `30s` or `5m`",
        "positive-duration" => "a time above zero, such as `500ms`, `30s` or `5m`",
        "bytes" => "a size such as `512MiB`",
        "address" => "host:port, the path of a Unix socket, or `systemd`",
        "own-address" => "host:port, or the path of a Unix socket",
        "origin" => "an origin such as `https://app.example.com`, or `*`",
        "region" => "an AWS Region such as `us-east-1`",
        "endpoint" => "a URL such as `https://host`",
        "issuer" => "the URL of an issuer",
        "keys" => "an https URL or the path of a file",
        "role" => "the ARN of an IAM role",
        "session" => "2 to 64 letters, digits or any of _ + = , . @ -",
        "tag-key" => "1 to 128 letters, digits or any of _ . : / = + - @, and no `aws:` at the start",
        "identity" => {
            "`spiffe://...`, `dns:NAME`, `jwt:SUBJECT`, `key:PUBLIC:HASH` (from `bedrock-grpc key new`) or `uid:NUMBER`"
        }
        "peer" => "an IP address, a network such as `10.0.0.0/8`, or an identity of a certificate or a Unix socket",
        "path" => "the path of a file",
        _ => "a text",
    }
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    let uri = text.parse::<Uri>().ok();
    uri.is_some_and(|uri| uri.host().is_some() && uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme)))
}

/// Gives a type that is parsed from text and displayed as text the form of a setting.
macro_rules! text_setting {
    ($type:ty, $format:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format })
            }
        }
    };
}

text_setting!(Interval, "duration");
text_setting!(PositiveInterval, "positive-duration");
text_setting!(Size, "bytes");
text_setting!(Region, "region");
text_setting!(EndpointUrl, "endpoint");
text_setting!(TrustedPeer, "peer");
text_setting!(ListenAddress, "address");
text_setting!(AllowedOrigin, "origin");
text_setting!(IdentityPattern, "identity");
text_setting!(Pattern, "pattern");

/// A length of time, zero included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval(pub(crate) Duration);

/// A length of time above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PositiveInterval(pub(crate) Duration);

macro_rules! interval_text {
    ($type:ident) => {
        impl FromStr for $type {
            type Err = humantime::DurationError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                humantime::parse_duration(text).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = humantime::format_duration(self.0).to_string();
                f.write_str(&text.replace(' ', ""))
            }
        }
    };
}

interval_text!(Interval);
interval_text!(PositiveInterval);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<ByteSize>().map(|size| Self(size.as_u64()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}B", self.0)
    }
}

/// The URL of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointUrl(pub(crate) String);

impl FromStr for EndpointUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An AWS Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Region(pub(crate) String);

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_region(text) { Ok(Self(text.to_owned())) } else { Err("not a Region".to_owned()) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
