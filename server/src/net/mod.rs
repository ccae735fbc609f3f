//! Listening, the services at the port, health, reflection and the shutdown.

mod accept;
mod address;
mod coalescing;
mod connection;
mod connection_limits;
mod descriptor_limit;
mod gateway;
mod grpc_web;
mod handshake;
mod health;
mod http1;
mod listener;
mod load_service;
mod open_calls;
mod origin;
mod services;
mod signals;
mod socket;
mod socket_authority;
mod tls;
mod unix_socket;

pub(crate) use address::ListenAddress;
pub(crate) use connection_limits::ConnectionLimits;
pub(crate) use descriptor_limit::raise_descriptor_limit;
pub(crate) use gateway::{Gateway, GatewayError, GatewaySettings};
pub(crate) use grpc_web::WebSettings;
pub(crate) use listener::Listener;
pub(crate) use origin::AllowedOrigin;
pub(crate) use services::ServiceSettings;
pub(crate) use signals::stop_signal;
pub(crate) use tls::{ServerTls, TlsError, TlsOptions};
