//! `bedrock-grpc config`: check, show and describe the configuration.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::ConfigCommand;
use crate::config::{self, EXAMPLE, Mistakes, SettingsOptions, schema_text, show};

/// The exit code of a configuration with mistakes: EX_CONFIG of sysexits.h.
const EX_CONFIG: u8 = 78;

/// Runs the command. Mistakes are printed to standard error.
pub(super) fn run_config(command: ConfigCommand) -> ExitCode {
    let options = match command {
        ConfigCommand::Schema => return print(&schema_text()),
        ConfigCommand::Example => return print(EXAMPLE),
        ConfigCommand::Check { file } => {
            let options = SettingsOptions::for_file(file);
            return match config::load(&options) {
                Ok(loaded) => print(&format!("the configuration is valid (hash {})\n", loaded.hash)),
                Err(mistakes) => report_mistakes(&mistakes),
            };
        }
        ConfigCommand::Show(options) => options,
    };
    match config::load(&options) {
        Ok(loaded) => print(&show(&loaded)),
        Err(mistakes) => report_mistakes(&mistakes),
    }
}

/// Prints each mistake on a line of its own.
pub(super) fn report_mistakes(mistakes: &Mistakes) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{mistakes}");
    ExitCode::from(EX_CONFIG)
}

fn print(text: &str) -> ExitCode {
    // A reader that has closed the pipe has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
