//! Finds protobuf fields that this build does not know.
//!
//! A newer client may set a field that an older gateway does not have, such as a guardrail. prost skips such a field without
//! an error. The call then runs without it and is paid for. So a request is checked before it is decoded. The check walks
//! over the encoded bytes, skips values by their length, and copies nothing.

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

/// A field that this build does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: this gateway does not know the field")]
pub struct UnknownField {
    /// The path by JSON names, with the unknown field's number at the end: `inferenceConfig.#9`.
    pub path: String,
}

/// prost does not decode messages that are nested deeper.
const NESTING_LIMIT: usize = 100;

impl Fields {
    /// Checks an encoded message. Malformed bytes pass: decoding them gives the better error.
    fn check(&'static self, message: &[u8]) -> Result<(), UnknownField> {
        self.walk(message, NESTING_LIMIT).map_err(|path| UnknownField { path })
    }

    fn walk(&'static self, message: &[u8], depth: usize) -> Result<(), String> {
        let Some(depth) = depth.checked_sub(1) else { return Ok(()) };
        let mut rest = message;
        let mut expected = 0;
        while let Some((number, value)) = next_field(&mut rest) {
            let Some(index) = self.find(number, expected) else { return Err(format!("#{number}")) };
            let Some(field) = self.0.get(index) else { return Ok(()) };
            expected = index;
            let (Kind::Message(fields) | Kind::List(fields) | Kind::Map(fields)) = field.kind else { continue };
            let Some(value) = value else { return Ok(()) };
            fields.walk(value, depth).map_err(|path| {
                let name = field.name;
                match field.kind {
                    Kind::List(_) => format!("{name}[{}].{path}", count(message, rest, number)),
                    // The key is the caller's content, and the entry's value is its field "value".
                    Kind::Map(_) => format!("{name}{}", path.strip_prefix("value").unwrap_or(&path)),
                    _ => format!("{name}.{path}"),
                }
            })?;
        }
        Ok(())
    }

    /// The index of the field `number`. Encoders write fields in ascending order, so the search starts at `expected`.
    fn find(&self, number: u32, expected: usize) -> Option<usize> {
        let at = |index: &usize| self.0.get(*index).is_some_and(|field| field.number == number);
        (expected..self.0.len()).find(at).or_else(|| (0..expected).find(at))
    }
}

/// The number of fields `number` before the last one in `message`, which ends where `rest` begins.
fn count(message: &[u8], rest: &[u8], number: u32) -> usize {
    let mut read = message.get(..message.len() - rest.len()).unwrap_or_default();
    let mut found: usize = 0;
    while let Some((other, _)) = next_field(&mut read) {
        found += usize::from(other == number);
    }
    found.saturating_sub(1)
}

/// Takes the next field off `bytes`: its number, and the bytes of a value that has a length. `None` at the end and at
/// malformed bytes. <https://protobuf.dev/programming-guides/encoding/>
fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<(u32, Option<&'a [u8]>)> {
    let key = varint(bytes)?;
    let number = u32::try_from(key >> 3).ok()?;
    let length = match key & 0b111 {
        0 => {
            varint(bytes)?;
            return Some((number, None));
        }
        1 => 8,
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            return Some((number, Some(take(bytes, length)?)));
        }
        5 => 4,
        // Groups are not in proto3. prost rejects or skips them.
        _ => return None,
    };
    take(bytes, length)?;
    Some((number, None))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (value, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(value)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use crate::codec::RpcMessage;
    use crate::runtime::v1::*;

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

    fn path<T: RpcMessage>(encoded: &[u8]) -> String {
        T::check(encoded).unwrap_err().path
    }

    #[test]
    fn an_unknown_field_is_reported_with_its_path() {
        let unknown = unknown();
        assert_eq!(path::<ConverseRequest>(&unknown), "#150");
        assert_eq!(path::<ConverseRequest>(&field(4, &unknown)), "inferenceConfig.#150");
        let block = field(2, &unknown);
        let messages = [field(2, &[]), field(2, &[field(2, &[]), block].concat())].concat();
        assert_eq!(path::<ConverseRequest>(&messages), "messages[1].content[1].#150");
        let entry = [field(1, b"a name"), field(2, &unknown)].concat();
        assert_eq!(path::<ConverseRequest>(&field(8, &entry)), "promptVariables.#150");
        let document = field(100, &unknown);
        assert_eq!(path::<ConverseRequest>(&document), "unrecognized.#150");
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
        assert_eq!(ConverseRequest::check(&encoded), Ok(()));
        assert_eq!(ConverseRequest::check(&[field(4, &[]), field(1, b"m")].concat()), Ok(()));
        for end in 1..encoded.len() {
            assert_eq!(ConverseRequest::check(&encoded[..end]), Ok(()), "{end}");
        }
        assert_eq!(ConverseRequest::check(&[0xff; 20]), Ok(()));
    }

    #[test]
    fn a_response_is_not_checked() {
        assert_eq!(ConverseResponse::check(&unknown()), Ok(()));
    }
}
