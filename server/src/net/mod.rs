//! Listening, the services at the port, health, reflection and the shutdown.

mod address;
mod gateway;
mod health;
mod listener;
mod services;
mod signals;

pub(crate) use address::ListenAddress;
pub(crate) use gateway::{Gateway, GatewayError, GatewaySettings};
pub(crate) use signals::stop_signal;
