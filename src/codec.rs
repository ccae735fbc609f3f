//! The gRPC codec of the generated services: prost's, with a check for unknown fields in requests.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Buf as _;
use tonic::Status;
use tonic::codec::{BufferSettings, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

pub use crate::wire::UnknownField;

/// A message of an RPC. build.rs implements it.
pub trait RpcMessage: prost::Message + Default + 'static {
    /// Checks that an encoded request has no field that this build does not know. A response always passes: an old client
    /// may skip what a new gateway adds.
    ///
    /// # Errors
    /// The first unknown field.
    fn check(_encoded: &[u8]) -> Result<(), UnknownField> {
        Ok(())
    }
}

/// Whether requests with unknown fields are decoded without them. Process-wide, since tonic makes a codec from its type
/// alone.
static IGNORE_UNKNOWN_FIELDS: AtomicBool = AtomicBool::new(false);

/// Lets servers of this process skip unknown fields of requests, as protobuf does by default. Without it they reject such
/// a request with INVALID_ARGUMENT and an [`UnknownField`] as the status's source.
pub fn ignore_unknown_fields(ignore: bool) {
    IGNORE_UNKNOWN_FIELDS.store(ignore, Ordering::Relaxed);
}

/// Size of the first buffer of an encoder and of a decoder. tonic's default of 8 KiB is half of the memory that an open stream
/// takes, and an event or a small request has some hundred bytes. Buffers grow with larger messages.
const BUFFER_BYTES: usize = 1024;

/// Bytes of encoded messages from which tonic stops gathering the messages that are ready. tonic's default.
const YIELD_BYTES: usize = 32 * 1024;

fn buffers() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

/// Encodes `T`, decodes `U`.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: RpcMessage, U: RpcMessage> tonic::codec::Codec for Codec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = CheckedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        CheckedDecoder(PhantomData)
    }
}

/// Decodes a message after the check for unknown fields.
#[derive(Debug)]
pub struct CheckedDecoder<U>(PhantomData<U>);

impl<U: RpcMessage> Decoder for CheckedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        if !IGNORE_UNKNOWN_FIELDS.load(Ordering::Relaxed) {
            // tonic holds a message in one piece.
            debug_assert_eq!(bytes.chunk().len(), bytes.remaining());
            U::check(bytes.chunk()).map_err(unknown_field)?;
        }
        U::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

fn unknown_field(field: UnknownField) -> Status {
    let mut status = Status::invalid_argument(field.to_string());
    status.set_source(Arc::new(field));
    status
}
