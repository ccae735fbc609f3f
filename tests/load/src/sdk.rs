//! The bare loop over the AWS SDK that the gateway is compared with. It runs as a process of its own, so that its CPU time can
//! be read.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{Region, StalledStreamProtectionConfig};
use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, Message};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use futures::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use crate::Result;
use crate::process::{Process, own_cpu};
use crate::upstream::Upstream;
use crate::workload::Workload;

/// The process that makes the calls.
pub(crate) struct Sdk {
    process: Process,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// Starts this program again as the loop.
    pub(crate) fn start(upstream: &Upstream, ca: &std::path::Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["sdk", &upstream.endpoint]).arg(ca).stdout(Stdio::piped());
        let mut process = Process::start(&mut command)?;
        let stdout = process.child().stdout.take().ok_or("no standard output")?;
        Ok(Self { process, lines: BufReader::new(stdout).lines() })
    }

    /// Makes the calls and returns the CPU time that they took.
    pub(crate) async fn run(&mut self, workload: &Workload) -> Result<Duration> {
        let stdin = self.process.child().stdin.as_mut().ok_or("no standard input")?;
        stdin.write_all(format!("{} {} {}\n", workload.model, workload.calls, workload.concurrency).as_bytes()).await?;
        let line = self.lines.next_line().await?.ok_or("the loop over the SDK has ended")?;
        Ok(Duration::from_millis(line.parse().map_err(|_| line)?))
    }
}

/// What the process does: for each line (`MODEL CALLS CONCURRENCY`) makes the calls and prints the CPU time in milliseconds.
pub(crate) async fn serve(endpoint: &str, ca: PathBuf) -> Result<()> {
    let trust = TrustStore::default().with_pem_certificate(std::fs::read(ca)?);
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(TlsContext::builder().with_trust_store(trust).build()?)
        .build_https();
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "static"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http)
        .build();
    let client = Client::from_conf(config);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let [model, calls, concurrency] = words[..] else { return Err("a line is MODEL CALLS CONCURRENCY".into()) };
        let before = own_cpu()?;
        let calls = futures::stream::iter(0..calls.parse()?).map(|_: usize| {
            let (client, model) = (client.clone(), model.to_owned());
            tokio::spawn(async move { call(&client, &model).await })
        });
        let mut calls = calls.buffer_unordered(concurrency.parse()?);
        while let Some(done) = calls.next().await {
            done??;
        }
        println!("{}", (own_cpu()? - before).as_millis());
    }
    Ok(())
}

async fn call(client: &Client, model: &str) -> Result<()> {
    let text = ContentBlock::Text("What is the capital of France?".to_owned());
    let message = Message::builder().role(ConversationRole::User).content(text).build()?;
    if Workload::is_stream(model) {
        let mut response = client.converse_stream().model_id(model).messages(message).send().await?;
        while response.stream.recv().await?.is_some() {}
    } else {
        client.converse().model_id(model).messages(message).send().await?;
    }
    Ok(())
}
