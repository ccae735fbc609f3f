//! `bedrock-grpc targets`: the targets of a gateway's models and their state, from its admin port.

use std::io::{Write as _, stdout};

use serde::Deserialize;

use super::connection::CommandError;
use super::top::AdminClient;
use crate::cli::TargetsOptions;

/// The body of `/targets`.
#[derive(Debug, Deserialize)]
struct Body {
    targets: Vec<Row>,
}

/// A target, as the admin port describes it.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    model: String,
    region: Option<String>,
    identity: String,
    state: String,
    reason: Option<String>,
    next_probe: Option<String>,
    recent_attempts: u64,
    recent_failures: u64,
}

/// Prints a line for each target, or the JSON of the admin port.
///
/// # Errors
/// When the address is wrong, or the port cannot be read.
pub(super) async fn show_targets(options: TargetsOptions) -> Result<(), CommandError> {
    let client = AdminClient::new(&options.address, options.token)?;
    let body = client.read("/targets").await?;
    let text = if options.json {
        String::from_utf8_lossy(&body).into_owned()
    } else {
        let body: Body = serde_json::from_slice(&body)
            .map_err(|error| CommandError::Usage(format!("{}: /targets: {error}", options.address)))?;
        to_lines(&body.targets)
    };
    match stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Aligned columns with a head.
fn to_lines(rows: &[Row]) -> String {
    let head = ["TARGET", "STATE", "REASON", "NEXT PROBE", "FAILED", "REGION", "IDENTITY", "MODEL"].map(str::to_owned);
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|row| {
        [
            row.name.clone(),
            row.state.clone(),
            or_dash(&row.reason),
            or_dash(&row.next_probe),
            format!("{}/{}", row.recent_failures, row.recent_attempts),
            or_dash(&row.region),
            row.identity.clone(),
            row.model.clone(),
        ]
    }));
    let widths: Vec<_> = (0..8).map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0)).collect();
    let to_line = |line: &[String; 8]| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(to_line).collect()
}
