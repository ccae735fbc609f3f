//! Checks an encoded request before it is decoded: fields that this build does not know, the number of fields, and the depth.
//!
//! A newer client may set a field that an older gateway does not have, such as a guardrail. prost skips such a field without
//! an error. The call then runs without it and is paid for. And two bytes of a message can become hundreds of bytes in memory,
//! so the size of a message alone does not bound what it takes. The check walks over the encoded bytes, skips values by their
//! length, and copies nothing.

use bytes::Bytes;

/// The fields of a message that this build knows, by ascending number.
struct Fields(&'static [Field]);

/// One field of a message.
struct Field {
    number: u32,
    /// The field's JSON name.
    name: &'static str,
    kind: Kind,
}

/// How a field's value continues the walk.
enum Kind {
    /// A value that needs no further check.
    Leaf,
    /// A message.
    Message(&'static Fields),
    /// A repeated message.
    List(&'static Fields),
    /// A map, whose entries are messages of a key and a value.
    Map(&'static Fields),
}

include!(concat!(env!("OUT_DIR"), "/wire.rs"));

/// What a request may contain.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Maximum number of fields of the message and of all messages in it. Each element of a list counts.
    pub fields: usize,
    /// Whether fields that this build does not know are skipped, as protobuf does by default.
    pub ignore_unknown_fields: bool,
}

/// Why a request must not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// The request has a field that this build does not know.
    #[error("{path}: this gateway does not know the field")]
    UnknownField {
        /// The path by JSON names, with the unknown field's number at the end: `inferenceConfig.#9`.
        path: String,
    },
    /// The request has more fields than [`RequestLimits::fields`].
    #[error("the request has more than {limit} fields and list elements")]
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// Messages are nested deeper than [`MAX_DEPTH`].
    #[error("the request's messages are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Maximum depth of nested messages. prost decodes no deeper ones. A level of a JSON object that is sent as
/// `google.protobuf.Value` takes three levels; documents as JSON text take none.
pub const MAX_DEPTH: usize = 100;

/// Checks the encoded request of an RPC, and returns the number of its fields. `parts` are the bytes in order. Malformed bytes
/// pass, because decoding them gives the better error, and so does a path that is no RPC's.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_request(grpc_path: &str, parts: &[Bytes], limits: RequestLimits) -> Result<usize, InvalidRequest> {
    let Some(fields) = request_fields(grpc_path) else { return Ok(0) };
    let mut walk = Walk { limits, fields: 0 };
    let mut bytes = Cursor::new(parts);
    let end = parts.iter().map(Bytes::len).sum();
    match walk.check(fields, &mut bytes, end, MAX_DEPTH) {
        Ok(()) | Err(Stop::Malformed) => Ok(walk.fields),
        Err(Stop::UnknownField(path)) => Err(InvalidRequest::UnknownField { path }),
        Err(Stop::TooManyFields) => Err(InvalidRequest::TooManyFields { limit: limits.fields }),
        Err(Stop::TooDeep) => Err(InvalidRequest::TooDeep),
    }
}

/// Why the walk ends before the end of the message.
enum Stop {
    UnknownField(String),
    TooManyFields,
    TooDeep,
    Malformed,
}

/// The state of one check.
struct Walk {
    limits: RequestLimits,
    /// The number of fields so far.
    fields: usize,
}

impl Walk {
    /// Checks a message that ends at `end`.
    fn check(&mut self, fields: &'static Fields, bytes: &mut Cursor<'_>, end: usize, depth: usize) -> Result<(), Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
        let start = *bytes;
        let mut expected = 0;
        while bytes.position < end {
            let (number, length) = bytes.next_field().ok_or(Stop::Malformed)?;
            self.fields += 1;
            if self.fields > self.limits.fields {
                return Err(Stop::TooManyFields);
            }
            let value_end = bytes.position.checked_add(length.unwrap_or(0)).filter(|value_end| *value_end <= end);
            let value_end = value_end.ok_or(Stop::Malformed)?;
            match fields.find(number, expected) {
                None if self.limits.ignore_unknown_fields => {}
                None => return Err(Stop::UnknownField(format!("#{number}"))),
                Some((index, field)) => {
                    expected = index;
                    if let Kind::Message(inner) | Kind::List(inner) | Kind::Map(inner) = field.kind {
                        length.ok_or(Stop::Malformed)?;
                        let checked = self.check(inner, bytes, value_end, depth);
                        checked.map_err(|stop| stop.inside(field, || start.count(number, value_end)))?;
                    }
                }
            }
            bytes.skip_to(value_end).ok_or(Stop::Malformed)?;
        }
        Ok(())
    }
}

impl Stop {
    /// Adds `field` to the path. `count` counts the elements of a list up to this one.
    fn inside(self, field: &Field, count: impl Fn() -> usize) -> Self {
        let Self::UnknownField(path) = self else { return self };
        let name = field.name;
        Self::UnknownField(match field.kind {
            Kind::List(_) => format!("{name}[{}].{path}", count().saturating_sub(1)),
            // The key is the caller's content, and the entry's value is its field "value".
            Kind::Map(_) => format!("{name}{}", path.strip_prefix("value").unwrap_or(&path)),
            _ => format!("{name}.{path}"),
        })
    }
}

impl Fields {
    /// The field `number` and its index. Encoders write fields in ascending order, so the search starts at `expected`.
    fn find(&self, number: u32, expected: usize) -> Option<(usize, &'static Field)> {
        let get = |index: usize| self.0.get(index).filter(|field| field.number == number).map(|field| (index, field));
        (expected..self.0.len()).find_map(get).or_else(|| (0..expected).find_map(get))
    }
}

/// A place in the bytes of a message that arrived in parts.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    /// The rest of the part that is read.
    part: &'a [u8],
    next: &'a [Bytes],
    /// The number of bytes before this place.
    position: usize,
}

impl<'a> Cursor<'a> {
    fn new(parts: &'a [Bytes]) -> Self {
        Self { part: &[], next: parts, position: 0 }
    }

    /// Reads a field's key and, if the value has no length of its own, the value. Returns the number and, if the value has one,
    /// the length. <https://protobuf.dev/programming-guides/encoding/>
    fn next_field(&mut self) -> Option<(u32, Option<usize>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok()?;
        let size = match key & 0b111 {
            0 => {
                self.varint()?;
                return Some((number, None));
            }
            1 => 8,
            2 => return Some((number, Some(usize::try_from(self.varint()?).ok()?))),
            5 => 4,
            // Groups are not in proto3. prost rejects or skips them.
            _ => return None,
        };
        self.skip_to(self.position + size)?;
        Some((number, None))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        loop {
            if let Some((byte, rest)) = self.part.split_first() {
                (self.part, self.position) = (rest, self.position + 1);
                return Some(*byte);
            }
            self.next_part()?;
        }
    }

    /// Skips to `position`, which is not before this place.
    fn skip_to(&mut self, position: usize) -> Option<()> {
        loop {
            let distance = position - self.position;
            if let Some(rest) = self.part.get(distance..) {
                (self.part, self.position) = (rest, position);
                return Some(());
            }
            self.position += self.part.len();
            self.next_part()?;
        }
    }

    fn next_part(&mut self) -> Option<()> {
        let (part, next) = self.next.split_first()?;
        (self.part, self.next) = (part, next);
        Some(())
    }

    /// The number of fields `number` from here to `end`.
    fn count(mut self, number: u32, end: usize) -> usize {
        let mut found = 0;
        while self.position < end {
            let Some((other, length)) = self.next_field() else { break };
            found += usize::from(other == number);
            if self.skip_to(self.position + length.unwrap_or(0)).is_none() {
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::runtime::v1::*;

    const CONVERSE: &str = "/bedrock.runtime.v1.BedrockRuntimeService/Converse";

    const LIMITS: RequestLimits = RequestLimits { fields: 1000, ignore_unknown_fields: false };

    /// Checks a request in one piece, and then in pieces of one byte.
    fn check(encoded: &[u8], limits: RequestLimits) -> Result<usize, InvalidRequest> {
        let whole = check_request(CONVERSE, &[Bytes::copy_from_slice(encoded)], limits);
        let pieces: Vec<_> = encoded.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect();
        assert_eq!(check_request(CONVERSE, &pieces, limits), whole);
        whole
    }

    fn path(encoded: &[u8]) -> String {
        match check(encoded, LIMITS) {
            Err(InvalidRequest::UnknownField { path }) => path,
            other => panic!("{other:?}"),
        }
    }

    /// A message of one field that no build knows.
    fn unknown() -> Vec<u8> {
        field(150, b"new")
    }

    /// A message of one field that holds `value`.
    fn field(number: u32, value: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut message);
        prost::encoding::encode_varint(value.len() as u64, &mut message);
        message.extend(value);
        message
    }

    #[test]
    fn an_unknown_field_is_reported_with_its_path() {
        let unknown = unknown();
        assert_eq!(path(&unknown), "#150");
        assert_eq!(path(&field(4, &unknown)), "inferenceConfig.#150");
        let block = field(2, &unknown);
        let messages = [field(2, &[]), field(2, &[field(2, &[]), block].concat())].concat();
        assert_eq!(path(&messages), "messages[1].content[1].#150");
        let entry = [field(1, b"a name"), field(2, &unknown)].concat();
        assert_eq!(path(&field(8, &entry)), "promptVariables.#150");
        let document = field(100, &unknown);
        assert_eq!(path(&document), "unrecognized.#150");
    }

    #[test]
    fn unknown_fields_pass_when_they_are_ignored() {
        let limits = RequestLimits { ignore_unknown_fields: true, ..LIMITS };
        assert_eq!(check(&[unknown(), field(1, b"m")].concat(), limits), Ok(2));
    }

    #[test]
    fn known_fields_in_any_order_and_malformed_bytes_pass() {
        let request = ConverseRequest {
            model_id: Some("m".into()),
            messages: vec![Message { role: Some("user".into()), ..Default::default() }],
            inference_config: Some(InferenceConfiguration { temperature: Some(0.5), ..Default::default() }),
            ..Default::default()
        };
        let encoded = request.encode_to_vec();
        // modelId, messages and role, inferenceConfig and temperature
        assert_eq!(check(&encoded, LIMITS), Ok(5));
        assert_eq!(check(&[field(4, &[]), field(1, b"m")].concat(), LIMITS), Ok(2));
        for end in 0..encoded.len() {
            assert!(check(&encoded[..end], LIMITS).is_ok(), "{end}");
        }
        assert!(check(&[0xff; 20], LIMITS).is_ok());
    }

    #[test]
    fn more_fields_than_the_limit_are_rejected() {
        // Empty content blocks: two bytes each.
        let blocks = |count: usize| field(2, &[0x12, 0].repeat(count));
        assert_eq!(check(&blocks(999), LIMITS), Ok(1000));
        assert_eq!(check(&blocks(1000), LIMITS), Err(InvalidRequest::TooManyFields { limit: 1000 }));
    }

    #[test]
    fn documents_are_counted_and_have_a_maximum_depth() {
        let list = |values| prost_types::Value {
            kind: Some(prost_types::value::Kind::ListValue(prost_types::ListValue { values })),
        };
        let request = |document| ConverseRequest {
            additional_model_request_fields_form: Some(
                converse_request::AdditionalModelRequestFieldsForm::AdditionalModelRequestFields(document),
            ),
            ..Default::default()
        };
        let wide = request(list(vec![prost_types::Value::default(); 500])).encode_to_vec();
        assert_eq!(check(&wide, LIMITS), Ok(502));
        let mut deepest = list(Vec::new());
        for _ in 0..60 {
            let encoded = request(deepest.clone()).encode_to_vec();
            // A message that passes the check can be decoded. So the caller gets the clear error of the check, and not that
            // of prost.
            match check(&encoded, LIMITS) {
                Ok(_) => assert!(ConverseRequest::decode(encoded.as_slice()).is_ok()),
                Err(error) => return assert_eq!(error, InvalidRequest::TooDeep),
            }
            deepest = list(vec![deepest]);
        }
        panic!("60 lists in each other pass");
    }

    #[test]
    fn a_path_that_is_no_rpc_passes() {
        assert_eq!(check_request("/grpc.health.v1.Health/Check", &[Bytes::from(unknown())], LIMITS), Ok(0));
    }
}
