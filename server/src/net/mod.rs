//! Listening, the services at the port, health, reflection and the shutdown.

mod address;
mod coalescing;
mod gateway;
mod health;
mod listener;
mod load_service;
mod services;
mod signals;
mod socket_authority;
mod unix_socket;

pub(crate) use address::ListenAddress;
pub(crate) use gateway::{Gateway, GatewayError, GatewaySettings};
pub(crate) use services::ServiceSettings;
pub(crate) use signals::stop_signal;
