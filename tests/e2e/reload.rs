//! The configuration changes while calls run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bedrock_simulator::Simulator;
use serde_json::Value;
use tempfile::TempDir;
use tonic::{Code, Request};

use crate::fixture::authority::*;
use crate::fixture::*;

/// A gateway whose configuration is in a file of this folder.
struct Running {
    simulator: Simulator,
    gateway: Gateway,
    folder: TempDir,
}

impl Running {
    async fn start(configuration: &str, prepare: impl FnOnce(&Path)) -> Self {
        let simulator = simulator().await;
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, configuration).unwrap();
        let gateway = Gateway::builder(&simulator).arg("--config").arg(file.to_str().unwrap()).start().await;
        Self { simulator, gateway, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("gateway.yaml")
    }

    /// Replaces the file at once, as editors and deployment tools do.
    fn replace(&self, configuration: &str) {
        replace(&self.file(), configuration);
    }

    fn hang_up(&self) {
        let pid = self.gateway.process.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    async fn wait_for_generation(&self, generation: u64) {
        self.gateway
            .log
            .line(|line| line["generation"] == generation && line["message"] == "the configuration was reloaded")
            .await;
    }

    async fn call_and_return_reason(&self, model: &str) -> String {
        match self.gateway.client().await.converse(converse(model, "Hi")).await {
            Ok(_) => "OK".to_owned(),
            Err(status) => reason(&status),
        }
    }
}

fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

const ONLY_CHAT: &str = "models: { chat: { targets: [{ model: demo.model }] } }\npassthrough: false\n";

#[tokio::test]
async fn changed_file_applies_to_new_calls_and_a_broken_one_does_not() {
    let running = Running::start(ONLY_CHAT, |_| ()).await;
    assert_eq!(running.call_and_return_reason("other").await, "MODEL_NOT_ALLOWED");
    running.replace(&ONLY_CHAT.replace("chat", "other"));
    running.wait_for_generation(2).await;
    assert_eq!(running.call_and_return_reason("other").await, "OK");
    assert_eq!(running.call_and_return_reason("chat").await, "MODEL_NOT_ALLOWED");
    running.replace("modls: {}\npasthrough: true\n");
    let line = running.gateway.log.line(|line| line["level"] == "ERROR").await;
    let message = line["message"].as_str().unwrap();
    for mistake in ["gateway.yaml:1:1: modls: unknown key", "gateway.yaml:2:1: pasthrough: unknown key"] {
        assert!(message.contains(mistake), "{message}");
    }
    assert_eq!(running.call_and_return_reason("other").await, "OK");
    running.replace(ONLY_CHAT);
    running.wait_for_generation(3).await;
    assert_eq!(running.call_and_return_reason("chat").await, "OK");
}

#[tokio::test]
async fn sighup_reloads_and_names_the_keys_that_need_a_restart() {
    let running = Running::start(ONLY_CHAT, |_| ()).await;
    // The same size and a file that is written in place: only the signal is sure to find it at once.
    std::fs::write(running.file(), format!("{}limits: {{ max_connections: 7 }}\n", ONLY_CHAT.replace("chat", "mine")))
        .unwrap();
    running.hang_up();
    running.wait_for_generation(2).await;
    assert_eq!(running.call_and_return_reason("mine").await, "OK");
    let line = running.gateway.log.line(|line| line["key"] == "limits.max_connections").await;
    assert_eq!(line["message"], "the new value applies after a restart");
}

#[tokio::test]
async fn running_stream_keeps_the_rules_that_it_started_with() {
    let running = Running::start(ONLY_CHAT, |_| ()).await;
    let frames = stream_frames(50);
    running.simulator.script(bedrock_simulator::Answer::events(frames));
    let mut client = running.gateway.client().await;
    let mut stream = client.converse_stream(converse_stream("chat", "Hi")).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    running.replace("models: { other: { targets: [{ model: demo.model }] } }\npassthrough: false\n");
    running.wait_for_generation(2).await;
    assert_eq!(running.call_and_return_reason("chat").await, "MODEL_NOT_ALLOWED");
    let mut events = 1;
    while stream.message().await.unwrap().is_some() {
        events += 1;
    }
    assert_eq!(events, 53);
}

#[tokio::test]
async fn swapped_symbolic_link_of_a_config_map_is_noticed() {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    // The layout of a volume in Kubernetes: gateway.yaml -> ..data/gateway.yaml, ..data -> ..TIME.
    let write = |version: &str, text: &str| {
        let version = folder.path().join(version);
        std::fs::create_dir(&version).unwrap();
        std::fs::write(version.join("gateway.yaml"), text).unwrap();
    };
    let link = |to: &str| {
        let new = folder.path().join("..data_tmp");
        std::os::unix::fs::symlink(to, &new).unwrap();
        std::fs::rename(new, folder.path().join("..data")).unwrap();
    };
    write("..1", ONLY_CHAT);
    link("..1");
    let file = folder.path().join("gateway.yaml");
    std::os::unix::fs::symlink("..data/gateway.yaml", &file).unwrap();
    let gateway = Gateway::builder(&simulator).arg("--config").arg(file.to_str().unwrap()).start().await;
    write("..2", &ONLY_CHAT.replace("chat", "next"));
    link("..2");
    std::fs::remove_dir_all(folder.path().join("..1")).unwrap();
    gateway.log.line(|line| line["generation"] == 2).await;
    gateway.client().await.converse(converse("next", "Hi")).await.unwrap();
}

#[tokio::test]
async fn certificates_keys_and_issuers_rotate_under_load_without_a_failed_call() {
    let authority = Arc::new(Authority::new());
    let signing = Arc::new(SigningKey::ecdsa());
    let configuration = "server:\n  tls: { certificate: server.pem, key: server.key, client_ca: ca.pem, client_certificates: optional }\n\
                         callers:\n  web: { identity: ['spiffe://t/web', 'jwt:search@web'] }\n\
                         authentication: { jwt: { t: { issuer: 'https://issuer.test', audience: [bedrock-grpc], jwks: keys.json } } }\n";
    let running = Running::start(configuration, |folder| {
        authority.write_server_files(folder);
        let keys = serde_json::json!({ "keys": [signing.to_jwk("0")] });
        std::fs::write(folder.join("keys.json"), keys.to_string()).unwrap();
    })
    .await;
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let address = running.gateway.address.clone();
    let load = [true, false].map(|has_certificate| {
        let (stop, calls, authority) = (Arc::clone(&stop), Arc::clone(&calls), Arc::clone(&authority));
        let (address, signing) = (address.clone(), Arc::clone(&signing));
        tokio::spawn(async move {
            let identity = has_certificate.then(|| authority.issue(&["spiffe://t/web"]));
            while !stop.load(Ordering::Relaxed) {
                // A new connection for each call, so that each handshake is tested.
                let channel = authority.connect(&address, identity.as_ref()).await.unwrap();
                let mut request = Request::new(converse("demo.model", "Hi"));
                if !has_certificate {
                    let token = format!("Bearer {}", signing.sign("0", &claims("search@web")));
                    request.metadata_mut().insert("authorization", token.parse().unwrap());
                }
                Client::new(channel).converse(request).await.unwrap();
                calls.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for round in 1..=4u64 {
        let Issued { certificate, key } = authority.issue(&["localhost"]);
        let folder = running.folder.path();
        // For a moment the certificate and the key do not fit. The old pair stays until both are there.
        replace(&folder.join("server.pem"), &certificate);
        replace(&folder.join("server.key"), &key);
        let other = SigningKey::ecdsa().to_jwk(&round.to_string());
        let keys = serde_json::json!({ "keys": [signing.to_jwk("0"), other] });
        replace(&folder.join("keys.json"), &keys.to_string());
        running.wait_for_generation(round + 1).await;
        let before = calls.load(Ordering::Relaxed);
        while calls.load(Ordering::Relaxed) < before + 4 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
}

/// A new API key, and the identity of its caller.
fn api_key(number: u64) -> (String, String) {
    let key = format!("bgk_{number:016x}_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    (key, format!("key:{number:016x}:{hash}"))
}

#[tokio::test]
async fn api_keys_rotate_under_load_without_a_failed_call() {
    let keys: Vec<_> = (0..4).map(api_key).collect();
    let configuration = |identities: &[&str]| format!("callers: {{ web: {{ identity: {identities:?} }} }}\n");
    let running = Running::start(&configuration(&[&keys[0].1]), |_| ()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let calls: Arc<[AtomicUsize; 4]> = Arc::default();
    let (current, channel) = (tokio::sync::watch::channel(keys[0].0.clone()).0, running.gateway.channel().await);
    let call = |channel: tonic::transport::Channel, key: String| async move {
        let mut request = Request::new(converse("demo.model", "Hi"));
        request.metadata_mut().insert("x-api-key", key.parse().unwrap());
        Client::new(channel).converse(request).await
    };
    let load: Vec<_> = (0..4)
        .map(|task| {
            let (stop, calls, channel) = (Arc::clone(&stop), Arc::clone(&calls), channel.clone());
            let (current, call) = (current.subscribe(), call);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let key = current.borrow().clone();
                    call(channel.clone(), key).await.unwrap();
                    calls[task].fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut generation = 1;
    for pair in keys.windows(2) {
        let [(old, old_identity), (new, new_identity)] = pair else { unreachable!() };
        // As docs/callers.md says: both keys, the callers change, the new key alone.
        running.replace(&configuration(&[old_identity, new_identity]));
        generation += 1;
        running.wait_for_generation(generation).await;
        current.send_replace(new.clone());
        // The first call that ends may have started with the old key.
        for calls in calls.iter() {
            let before = calls.load(Ordering::Relaxed);
            while calls.load(Ordering::Relaxed) < before + 2 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
        running.replace(&configuration(&[new_identity]));
        generation += 1;
        running.wait_for_generation(generation).await;
        let status = call(channel.clone(), old.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
}

/// The number of reloads. The default is for everyday; 10,000 take some minutes.
fn reloads() -> u64 {
    std::env::var("BEDROCK_GRPC_TEST_RELOADS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

#[tokio::test]
async fn many_reloads_under_load_lose_no_call_and_leak_nothing() {
    let (key, identity) = api_key(1);
    let configuration = |n: u64| {
        format!(
            "models: {{ chat: {{ targets: [{{ model: demo.model }}], max_tokens: {{ default: {} }} }} }}\ncallers:\n  web: {{ identity: \
             ['{identity}'] }}\nauthentication: {{ jwt: {{ t: {{ issuer: 'https://issuer.test', audience: \
             [bedrock-grpc], jwks: keys.json }} }} }}\n",
            n % 1000 + 1
        )
    };
    let running = Running::start(&configuration(0), |folder| {
        std::fs::write(folder.join("keys.json"), "{\"keys\":[]}").unwrap();
    })
    .await;
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let channel = running.gateway.channel().await;
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, calls, channel) = (Arc::clone(&stop), Arc::clone(&calls), channel.clone());
            let key = key.clone();
            tokio::spawn(async move {
                let mut client = Client::new(channel);
                while !stop.load(Ordering::Relaxed) {
                    let mut request = Request::new(converse("chat", "Hi"));
                    request.metadata_mut().insert("x-api-key", key.parse().unwrap());
                    client.converse(request).await.unwrap();
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let pid = running.gateway.process.id().unwrap();
    let (mut before, total) = (None, reloads());
    for n in 0..total {
        running.replace(&configuration(n));
        running.hang_up();
        let is_reload = |line: &Value| line["message"] == "the configuration was reloaded";
        running.gateway.log.last_line(|line| is_reload(line) && line["generation"].as_u64() >= Some(n + 2)).await;
        if n == total / 4 {
            before = Some(Resources::read(pid));
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    let (before, after) = (before.unwrap(), Resources::read(pid));
    println!("{total} reloads, {} calls, {before:?} -> {after:?}", calls.load(Ordering::Relaxed));
    assert!(calls.load(Ordering::Relaxed) > 0);
    assert!(after.files <= before.files + 8, "{before:?} -> {after:?}");
    assert!(after.kilobytes <= before.kilobytes + 32 * 1024, "{before:?} -> {after:?}");
}

/// What a process uses.
#[derive(Debug)]
struct Resources {
    files: usize,
    kilobytes: u64,
}

impl Resources {
    fn read(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes = rss.trim().trim_end_matches(" kB").parse().unwrap();
        Self { files: std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(), kilobytes }
    }
}

#[tokio::test]
async fn caller_is_in_the_span_and_reloads_are_counted() {
    let (simulator, collector) = (simulator().await, Collector::start().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    let configuration =
        "callers: { web: { identity: ['spiffe://t/web'] } }\nauthentication: { trusted_proxies: ['127.0.0.1'] }\n";
    std::fs::write(&file, configuration).unwrap();
    let gateway = Gateway::builder(&simulator)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .arg("--config")
        .arg(file.to_str().unwrap())
        .start()
        .await;
    let mut request = Request::new(converse("demo.model", "Hi"));
    request.metadata_mut().insert("x-forwarded-client-cert", "URI=spiffe://t/web".parse().unwrap());
    gateway.client().await.converse(request).await.unwrap();
    let span = collector.span(|span| span.name.ends_with("/Converse")).await;
    assert_eq!(attribute(&span.attributes, "bedrock_grpc.caller"), "web");
    replace(&file, &configuration.replace("t/web", "t/other"));
    gateway.log.line(|line| line["generation"] == 2).await;
    replace(&file, "callers: 5\n");
    gateway.log.line(|line| line["level"] == "ERROR").await;
    collector.counts("bedrock_grpc.configuration.reloads", &[("applied", 1), ("rejected", 1)]).await;
}

#[tokio::test]
async fn caller_that_is_removed_is_rejected_from_the_next_call_on() {
    let caller = |name: &str| {
        format!(
            "callers: {{ web: {{ identity: ['spiffe://t/{name}'] }} }}\nauthentication: {{ trusted_proxies: ['127.0.0.1'] }}\n"
        )
    };
    let running = Running::start(&caller("web"), |_| ()).await;
    let mut client = running.gateway.client().await;
    let request = || {
        let mut request = Request::new(converse("demo.model", "Hi"));
        request.metadata_mut().insert("x-forwarded-client-cert", "URI=spiffe://t/web".parse().unwrap());
        request
    };
    client.converse(request()).await.unwrap();
    running.replace(&caller("other"));
    running.wait_for_generation(2).await;
    // The same connection, and another caller from now on.
    assert_eq!(client.converse(request()).await.unwrap_err().code(), Code::Unauthenticated);
}
