//! The gRPC codec of the generated services: prost's, with small buffers.

use std::marker::PhantomData;
use std::sync::OnceLock;

use bytes::Buf as _;
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

/// A message of more bytes is decoded by [`RunLargeWork`]. It takes about 100 us, several times the work of an ordinary call.
pub const LARGE_MESSAGE_BYTES: usize = 64 * 1024;

/// Runs work that would occupy a thread of the runtime for too long.
pub type RunLargeWork = fn(&mut dyn FnMut());

/// Process-wide, since tonic makes a codec from its type alone.
static RUN_LARGE_WORK: OnceLock<RunLargeWork> = OnceLock::new();

/// Sets the function with which servers of this process decode large messages. Only the first call has an effect.
pub fn run_large_work_in(run: RunLargeWork) {
    let _ = RUN_LARGE_WORK.set(run);
}

/// Size of the first buffer of an encoder and of a decoder. tonic's default of 8 KiB is half of the memory that an open
/// stream takes, and an event or a small request has a few hundred bytes. Buffers grow with larger messages.
const BUFFER_BYTES: usize = 1024;

/// tonic sends the messages that it has gathered when they have this number of bytes. tonic's default.
const YIELD_BYTES: usize = 32 * 1024;

fn create_buffer_settings() -> BufferSettings {
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

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = MessageDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(create_buffer_settings())
    }

    fn decoder(&mut self) -> Self::Decoder {
        MessageDecoder(PhantomData)
    }
}

/// Decodes a message, a large one by [`RunLargeWork`].
#[derive(Debug)]
pub struct MessageDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for MessageDecoder<U> {
    type Item = U;
    type Error = Status;

    fn buffer_settings(&self) -> BufferSettings {
        create_buffer_settings()
    }

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let run = RUN_LARGE_WORK.get().filter(|_| bytes.remaining() > LARGE_MESSAGE_BYTES);
        let mut decoded = None;
        match run {
            None => decoded = Some(U::decode(bytes)),
            Some(run) => run(&mut || decoded = Some(U::decode(&mut *bytes))),
        }
        decoded.transpose().map_err(|error| Status::internal(error.to_string()))
    }
}
