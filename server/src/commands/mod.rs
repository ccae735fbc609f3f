//! The commands of the binary.

#[cfg(feature = "client")]
mod call;
#[cfg(feature = "client")]
mod chat;
mod config;
#[cfg(feature = "client")]
mod connection;
#[cfg(feature = "simulator")]
mod demo;
mod descriptor;
mod key;
mod reload;
mod serve;
#[cfg(feature = "simulator")]
mod simulate;
mod supervisor;
#[cfg(feature = "client")]
mod targets;
#[cfg(feature = "client")]
mod top;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
#[cfg(any(feature = "client", feature = "simulator"))]
use crate::telemetry::WARNINGS_FILTER;
use crate::telemetry::{SERVER_FILTER, install_panic_hook, start_log};

/// Runs a command until it ends. Errors are written to the log.
pub async fn run(cli: Cli) -> ExitCode {
    install_panic_hook();
    match cli.command {
        Command::Serve(options) => {
            let _log = start_log(cli.log_format, SERVER_FILTER);
            match serve::serve(*options).await {
                Err(serve::ServeError::Configuration(mistakes)) => config::report_mistakes(&mistakes),
                outcome => to_exit_code(outcome),
            }
        }
        Command::Config(command) => config::run_config(command),
        Command::Key(command) => {
            let _log = start_log(cli.log_format, SERVER_FILTER);
            to_exit_code(key::run_key(&command))
        }
        Command::Descriptor(options) => {
            let _log = start_log(cli.log_format, SERVER_FILTER);
            to_exit_code(descriptor::write_descriptor_set(&options))
        }
        #[cfg(feature = "simulator")]
        Command::Simulate(options) => {
            let _log = start_log(cli.log_format, SERVER_FILTER);
            to_exit_code(simulate::simulate(options).await)
        }
        #[cfg(feature = "simulator")]
        Command::Demo(options) => {
            let _log = start_log(cli.log_format, WARNINGS_FILTER);
            to_exit_code(demo::run_demo(&options).await)
        }
        #[cfg(feature = "client")]
        Command::Call(options) => {
            let _log = start_log(cli.log_format, WARNINGS_FILTER);
            to_client_exit_code(call::call(*options).await)
        }
        #[cfg(feature = "client")]
        Command::Chat(options) => {
            let _log = start_log(cli.log_format, WARNINGS_FILTER);
            to_client_exit_code(chat::chat(*options).await)
        }
        #[cfg(feature = "client")]
        Command::Targets(options) => {
            let _log = start_log(cli.log_format, WARNINGS_FILTER);
            to_client_exit_code(targets::show_targets(options).await)
        }
        #[cfg(feature = "client")]
        Command::Top(options) => {
            let _log = start_log(cli.log_format, WARNINGS_FILTER);
            to_client_exit_code(top::top(*options).await)
        }
    }
}

fn to_exit_code<E: std::fmt::Display>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The errors of a client command are for the user, not for the log.
#[cfg(feature = "client")]
fn to_client_exit_code(outcome: Result<(), connection::CommandError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            connection::print_error(&error);
            connection::exit_code(&error)
        }
    }
}
