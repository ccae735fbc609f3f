//! The gateway as a process: the binary that people run, with its defaults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::Result;
use crate::process::{Process, Usage};
use crate::upstream::Upstream;

/// A running gateway.
pub(crate) struct Gateway {
    process: Process,
    log: PathBuf,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Gateway {
    /// Starts `binary` in front of `upstream`; its log goes to a file in `folder`, which also has `ca.pem`.
    pub(crate) async fn start(binary: &Path, upstream: &Upstream, folder: &Path) -> Result<Self> {
        Self::start_with(binary, upstream, folder, &[]).await
    }

    /// As [`Gateway::start`], with variables in the environment.
    pub(crate) async fn start_with(
        binary: &Path,
        upstream: &Upstream,
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        std::fs::write(folder.join("ca.pem"), &upstream.ca_pem)?;
        let log = folder.join("gateway.log");
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["AWS_", "OTEL_", "BEDROCK_GRPC_", "RUST_LOG"].iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--log-format", "json", "--listen", "127.0.0.1:0", "--upstream-ca"])
            .arg(folder.join("ca.pem"))
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &upstream.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", folder.join("none"))
            .env("AWS_SHARED_CREDENTIALS_FILE", folder.join("none"))
            .env("NO_PROXY", "localhost,127.0.0.1")
            .envs(variables.iter().copied())
            .stdout(std::process::Stdio::null())
            .stderr(std::fs::File::create(&log)?);
        let process = Process::start(&mut command)?;
        let address = address(&log).await?;
        Ok(Self { process, log, address })
    }

    /// What the process has now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        self.process.usage()
    }

    /// Ends it with SIGTERM. Returns how long that took, and whether every call had ended before.
    pub(crate) async fn terminate(self) -> Result<(Duration, bool)> {
        let (took, in_order) = self.process.terminate().await?;
        let is_late = std::fs::read_to_string(self.log)?.contains("the grace");
        Ok((took, in_order && !is_late))
    }
}

/// The address in the log's line `serving`.
async fn address(log: &Path) -> Result<String> {
    for _ in 0..200 {
        for line in std::fs::read_to_string(log)?.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            if let ("serving", Some(address)) = (line["message"].as_str().unwrap_or_default(), line["address"].as_str())
            {
                return Ok(address.to_owned());
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("the gateway does not serve: {}", std::fs::read_to_string(log)?).into())
}
