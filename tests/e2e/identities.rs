//! Models that another AWS identity calls: an assumed role, or a profile.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::fixture::*;

/// AWS's STS: it knows one role.
struct Sts {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Sts {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !is_complete(&request) {
                        if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let (status, body) =
                        if text.contains("role%2Fgood") { ("200 OK", ASSUMED) } else { ("403 Forbidden", DENIED) };
                    shared.lock().unwrap().push(text);
                    let head =
                        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    let _ = socket.write_all((head + body).as_bytes()).await;
                });
            }
        });
        Self { endpoint, requests, server }
    }
}

impl Drop for Sts {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Whether the body has arrived.
fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.is_none_or(|length: usize| body.len() >= length)
}

const ASSUMED: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
<AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>role-token</SessionToken>\
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/good/g\
</Arn><AssumedRoleId>AROA:g</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>";

const DENIED: &str = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
<Code>AccessDenied</Code><Message>not allowed to assume</Message></Error></ErrorResponse>";

#[tokio::test]
async fn model_is_called_with_its_role_or_profile_and_a_failing_role_concerns_no_other() {
    let (simulator, sts) = (simulator().await, Sts::start().await);
    let folder = tempfile::tempdir().unwrap();
    let profiles = folder.path().join("config");
    std::fs::write(&profiles, "[profile other]\naws_access_key_id=AKIDPROFILE\naws_secret_access_key=secret\n")
        .unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(
        &file,
        "models:\n  plain: { targets: [{ model: demo.model }] }\n  role: { targets: [{ model: demo.model, role: \
         'arn:aws:iam::123456789012:role/good', external_id: ext, session_name: team }] }\n  profile: { targets: [{ model: demo.model, \
         profile: other }] }\n  denied: { targets: [{ model: demo.model, role: 'arn:aws:iam::123456789012:role/bad' }] }\n",
    )
    .unwrap();
    let gateway = Gateway::builder(&simulator)
        .env("AWS_ENDPOINT_URL_STS", &sts.endpoint)
        .env("AWS_CONFIG_FILE", &profiles)
        .arg("--config")
        .arg(file.to_str().unwrap())
        .start()
        .await;
    let mut client = gateway.client().await;
    for (name, key, token) in
        [("plain", "AKIDEXAMPLE", None), ("role", "AKIDROLE", Some("role-token")), ("profile", "AKIDPROFILE", None)]
    {
        client.converse(converse(name, "Hi")).await.unwrap();
        let headers = simulator.requests().last().unwrap().headers.clone();
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.contains(&format!("Credential={key}/")), "{name}: {authorization}");
        assert_eq!(headers.get("x-amz-security-token").map(|token| token.to_str().unwrap()), token, "{name}");
    }
    let status = client.converse(converse("denied", "Hi")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "GATEWAY_CREDENTIALS"));
    gateway.log.line(|line| line["identity"] == "arn:aws:iam::123456789012:role/bad").await;
    let health = HealthClient::new(gateway.channel().await).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status(), ServingStatus::Serving);
    client.converse(converse("plain", "Hi")).await.unwrap();
    let requests = sts.requests.lock().unwrap();
    let good = requests.iter().find(|text| text.contains("role%2Fgood")).unwrap();
    assert!(good.contains("ExternalId=ext") && good.contains("RoleSessionName=team"), "{good}");
}

#[tokio::test]
async fn role_with_a_caller_tag_is_assumed_for_each_caller_that_can_use_the_model() {
    let (simulator, sts) = (simulator().await, Sts::start().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(
        &file,
        "models: { chat: { targets: [{ model: demo.model, role: 'arn:aws:iam::123456789012:role/good', caller_tag: team }] } }\n\
         callers:\n  search: { identity: ['spiffe://t/search'] }\n  batch: { identity: ['spiffe://t/batch'] }\n  \
         other: { identity: ['spiffe://t/other'], models: [embed] }\n\
         authentication: { trusted_proxies: ['127.0.0.1'] }\n",
    )
    .unwrap();
    let builder = Gateway::builder(&simulator).env("AWS_ENDPOINT_URL_STS", &sts.endpoint);
    let gateway = builder.arg("--config").arg(file.to_str().unwrap()).start().await;
    for caller in ["search", "batch"] {
        let mut request = tonic::Request::new(converse("chat", "Hi"));
        let header = format!("URI=spiffe://t/{caller}");
        request.metadata_mut().insert("x-forwarded-client-cert", header.parse().unwrap());
        gateway.client().await.converse(request).await.unwrap();
        let headers = simulator.requests().last().unwrap().headers.clone();
        assert!(headers["authorization"].to_str().unwrap().contains("Credential=AKIDROLE/"), "{caller}");
    }
    let requests = sts.requests.lock().unwrap();
    for (caller, count) in [("search", 1), ("batch", 1), ("other", 0), ("anonymous", 0)] {
        let tag = format!("Tags.member.1.Key=team&Tags.member.1.Value={caller}");
        assert_eq!(requests.iter().filter(|text| text.contains(&tag)).count(), count, "{caller}: {requests:?}");
    }
}
