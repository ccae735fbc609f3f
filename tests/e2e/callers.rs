//! Who calls: client certificates, tokens, API keys, forwarded certificates, users of a Unix socket.

use std::path::Path;

use bedrock_grpc_schema::runtime::v1::ConverseRequest;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::fixture::authority::*;
use crate::fixture::*;

/// A gateway with a configuration file in a folder of its own.
pub(crate) struct Configured {
    pub(crate) gateway: Gateway,
    _simulator: bedrock_simulator::Simulator,
    pub(crate) folder: TempDir,
}

/// Starts a gateway with this configuration, in which `FOLDER` stands for the folder of the file.
pub(crate) async fn configured(prepare: impl FnOnce(&Path), configuration: &str) -> Configured {
    let simulator = simulator().await;
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, configuration.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
    let builder = Gateway::builder(&simulator).without("BEDROCK_GRPC_LISTEN");
    let gateway = builder.arg("--config").arg(file.to_str().unwrap()).start().await;
    Configured { gateway, _simulator: simulator, folder }
}

fn request(headers: &[(&'static str, &str)]) -> Request<ConverseRequest> {
    let mut request = Request::new(converse("demo.model", "Hi"));
    for (name, value) in headers {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    request
}

async fn call(channel: Channel, headers: &[(&'static str, &str)]) -> Result<(), Status> {
    Client::new(channel).converse(request(headers)).await.map(drop)
}

fn assert_unknown(status: &Status, text: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::Unauthenticated, "CALLER_UNKNOWN"), "{status:?}");
    assert!(status.message().contains(text), "{text}: {status:?}");
}

const TLS: &str =
    "server:\n  listen: ['127.0.0.1:0']\n  tls: { certificate: server.pem, key: server.key, client_ca: ca.pem";

/// Waits for the log line of a call by this caller.
async fn assert_called_by(gateway: &Gateway, caller: &str) {
    let line = gateway.call_line(|line| line["caller"] == caller).await;
    assert_eq!(line["status"], "OK");
}

#[tokio::test]
async fn certificate_names_the_caller_by_uri_before_dns() {
    let authority = Authority::new();
    let configuration = format!(
        "{TLS} }}\ncallers:\n  dns: {{ identity: ['dns:*.search.test'] }}\n  search: {{ identity: ['spiffe://prod/ns/search/*'] }}\n"
    );
    let running = configured(|folder| authority.write_server_files(folder), &configuration).await;
    let gateway = &running.gateway;
    let both = authority.issue(&["a.search.test", "spiffe://prod/ns/search/sa/web"]);
    call(authority.connect(&gateway.address, Some(&both)).await.unwrap(), &[]).await.unwrap();
    assert_called_by(gateway, "search").await;
    let dns = authority.issue(&["A.search.test"]);
    call(authority.connect(&gateway.address, Some(&dns)).await.unwrap(), &[]).await.unwrap();
    assert_called_by(gateway, "dns").await;
    let other = authority.issue(&["spiffe://prod/ns/billing/sa/web"]);
    let status = call(authority.connect(&gateway.address, Some(&other)).await.unwrap(), &[]).await.unwrap_err();
    assert_unknown(&status, "the names in the certificate belong to no caller");
    gateway.call_line(|line| line["reason"] == "CALLER_UNKNOWN").await;
}

#[tokio::test]
async fn connection_without_a_required_certificate_or_with_a_strange_one_is_closed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let configuration = format!("{TLS} }}\n");
    let running = configured(|folder| authority.write_server_files(folder), &configuration).await;
    let gateway = &running.gateway;
    let strange = stranger.issue(&["spiffe://prod/ns/search/sa/web"]);
    for identity in [None, Some(&strange)] {
        // With TLS 1.3 the client finds out with its first request.
        if let Ok(channel) = authority.connect(&gateway.address, identity).await {
            assert_ne!(call(channel, &[]).await.unwrap_err().code(), Code::Ok);
        }
    }
    let known = authority.issue(&["spiffe://prod/ns/search/sa/web"]);
    call(authority.connect(&gateway.address, Some(&known)).await.unwrap(), &[]).await.unwrap();
    // A client without TLS gets no response.
    let plain = Endpoint::from_shared(format!("http://{}", gateway.address)).unwrap().connect().await;
    if let Ok(channel) = plain {
        assert!(call(channel, &[]).await.is_err());
    }
}

#[tokio::test]
async fn tls_1_2_works_unless_1_3_is_the_minimum_and_http_1_is_not_selected() {
    let authority = Authority::new();
    for (minimum, works) in [("1.2", true), ("1.3", false)] {
        let configuration = format!(
            "server:\n  listen: ['127.0.0.1:0']\n  tls: {{ certificate: server.pem, key: server.key, minimum_version: '{minimum}' }}\n"
        );
        let running = configured(|folder| authority.write_server_files(folder), &configuration).await;
        let (gateway, folder) = (&running.gateway, &running.folder);
        let connect = async |versions: &[&'static rustls::SupportedProtocolVersion], alpn: &[u8]| {
            let mut roots = rustls::RootCertStore::empty();
            let pem = std::fs::read(folder.path().join("ca.pem")).unwrap();
            for certificate in rustls::pki_types::pem::PemObject::pem_slice_iter(&pem) {
                roots.add(certificate.unwrap()).unwrap();
            }
            let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config =
                rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
            let mut config = config.with_root_certificates(roots).with_no_client_auth();
            config.alpn_protocols = vec![alpn.to_vec()];
            let socket = tokio::net::TcpStream::connect(&gateway.address).await.unwrap();
            let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
            let stream = connector.connect("localhost".try_into().unwrap(), socket).await?;
            std::io::Result::Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
        };
        let tls12 = connect(&[&rustls::version::TLS12], b"h2").await;
        assert_eq!(tls12.is_ok(), works, "{minimum}: {tls12:?}");
        assert_eq!(connect(rustls::ALL_VERSIONS, b"h2").await.unwrap().unwrap(), b"h2");
        assert!(connect(rustls::ALL_VERSIONS, b"http/1.1").await.is_err());
    }
}

#[tokio::test]
async fn api_key_works_in_both_headers_and_a_changed_one_does_not() {
    let output = Command::new(env!("CARGO_BIN_EXE_bedrock-grpc")).args(["key", "new"]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let [key, identity] = lines[..] else { panic!("{text}") };
    assert!(!identity.contains(key.rsplit('_').next().unwrap()), "the configuration contains the key");
    let configuration =
        format!("server: {{ listen: ['127.0.0.1:0'] }}\ncallers:\n  batch: {{ identity: [{identity}] }}\n");
    let running = configured(|_| (), &configuration).await;
    let gateway = &running.gateway;
    let channel = gateway.channel().await;
    call(channel.clone(), &[("x-api-key", key)]).await.unwrap();
    call(channel.clone(), &[("authorization", &format!("Bearer {key}"))]).await.unwrap();
    assert_called_by(gateway, "batch").await;
    let last = if key.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &key[..key.len() - 1]);
    let unknown = format!("bgk_0000000000000000{}", &key[20..]);
    for wrong in [changed.as_str(), &unknown, "", "x", "bgk_"] {
        let status = call(channel.clone(), &[("x-api-key", wrong)]).await.unwrap_err();
        assert_unknown(&status, "the API key is unknown");
        assert!(wrong.len() < 10 || !status.message().contains(wrong), "the message repeats the key");
    }
    let status = call(channel.clone(), &[]).await.unwrap_err();
    assert_unknown(&status, "the call has no credential: send a client certificate, a token or an API key");
    let secret = key.rsplit('_').next().unwrap();
    assert!(!gateway.log.text().contains(secret), "the log contains the key");
}

fn token_configuration(jwks: &str) -> String {
    format!(
        "server: {{ listen: ['127.0.0.1:0'] }}\ncallers:\n  search: {{ identity: ['jwt:search@*'] }}\nauthentication:\n  jwt:\n    \
         test: {{ issuer: 'https://issuer.test', audience: [bedrock-grpc], jwks: '{jwks}', ca: ca.pem }}\n"
    )
}

async fn call_with_token(channel: &Channel, token: &str) -> Result<(), Status> {
    call(channel.clone(), &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn tokens_of_all_three_algorithms_work_and_invalid_ones_say_why() {
    let authority = Authority::new();
    let keys = [("rsa", SigningKey::rsa()), ("ec", SigningKey::ecdsa()), ("ed", SigningKey::ed25519())];
    let jwks: Vec<_> = keys.iter().map(|(id, key)| key.to_jwk(id)).collect();
    let server = KeyServer::start(&authority, &jwks).await;
    let configuration = token_configuration(&server.url);
    let running = configured(|folder| authority.write_server_files(folder), &configuration).await;
    let gateway = &running.gateway;
    let channel = gateway.channel().await;
    for (id, key) in &keys {
        call_with_token(&channel, &key.sign(id, &claims("search@web"))).await.unwrap();
    }
    assert_called_by(gateway, "search").await;
    let (_, ec) = &keys[1];
    let with = |change: serde_json::Value| {
        let mut claims = claims("search@web");
        for (name, value) in change.as_object().unwrap() {
            match value {
                serde_json::Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        ec.sign("ec", &claims)
    };
    // Clocks may differ by 30 s.
    call_with_token(&channel, &with(json!({"exp": now() - 20}))).await.unwrap();
    call_with_token(&channel, &with(json!({"nbf": now() + 20, "aud": ["other", "bedrock-grpc"]}))).await.unwrap();
    let valid = ec.sign("ec", &claims("search@web"));
    let (head, signature) = valid.rsplit_once('.').unwrap();
    let other = SigningKey::ecdsa().sign("ec", &claims("search@web"));
    let with_algorithm =
        |algorithm: &str| ec.sign_with_header(&json!({"alg": algorithm, "kid": "ec"}), &claims("search@web"));
    for (token, problem) in [
        (with(json!({"exp": now() - 60})), "the token has expired"),
        (with(json!({"nbf": now() + 600})), "the token is not valid yet"),
        (with(json!({"aud": "other"})), "the token has another audience"),
        (with(json!({"aud": null})), "the token lacks exp, iss or aud"),
        (with(json!({"exp": null})), "the token lacks exp, iss or aud"),
        (with(json!({"iss": "https://evil.test"})), "the token's issuer is not configured"),
        (with(json!({"iss": null})), "the token's issuer is not configured"),
        (with(json!({"sub": "billing"})), "the token's subject belongs to no caller"),
        (with(json!({"sub": null})), "the token has no subject"),
        (other, "the token's signature is invalid"),
        (
            format!("{head}.{}", signature.replacen(|c: char| c.is_ascii_digit(), "A", 1)),
            "the token's signature is invalid",
        ),
        (with_algorithm("none"), "the token is no JSON Web Token with a supported algorithm"),
        (with_algorithm("HS256"), "the token's algorithm is not the one of its key"),
        (with_algorithm("RS256"), "the token's algorithm is not the one of its key"),
        (
            ec.sign_with_header(&json!({"alg": "ES256", "kid": "ec", "crit": ["x"]}), &claims("search@web")),
            "extensions",
        ),
        ("x.y.z".to_owned(), "the token is no JSON Web Token"),
        ("x".to_owned(), "the token is no JSON Web Token"),
    ] {
        let status = call_with_token(&channel, &token).await.expect_err(problem);
        assert_unknown(&status, problem);
        assert!(token.len() < 10 || !status.message().contains(&token), "the message repeats the token");
    }
    assert!(!gateway.log.text().contains(signature), "the log contains a token");
}

#[tokio::test]
async fn unknown_key_id_loads_the_keys_once_and_new_keys_work_without_a_restart() {
    let authority = Authority::new();
    let (old, new) = (SigningKey::ecdsa(), SigningKey::ecdsa());
    let server = KeyServer::start(&authority, &[old.to_jwk("old")]).await;
    let configuration = token_configuration(&server.url);
    let running = configured(|folder| authority.write_server_files(folder), &configuration).await;
    let gateway = &running.gateway;
    let channel = gateway.channel().await;
    call_with_token(&channel, &old.sign("old", &claims("search@web"))).await.unwrap();
    // The keys have just been loaded, so unknown ones cause no load: the issuer is protected.
    let loads = server.loads();
    for _ in 0..20 {
        let status = call_with_token(&channel, &new.sign("random", &claims("search@web"))).await.unwrap_err();
        assert_unknown(&status, "the token's key is not among the issuer's keys");
    }
    assert!(server.loads() <= loads + 1, "{} loads", server.loads() - loads);
    server.set_keys(&[old.to_jwk("old"), new.to_jwk("new")]);
    let token = new.sign("new", &claims("search@web"));
    let mut rejected = 0;
    // Unknown keys cause a load at most every five seconds.
    while call_with_token(&channel, &token).await.is_err() {
        rejected += 1;
        assert!(rejected < 300, "the new key never worked");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    call_with_token(&channel, &old.sign("old", &claims("search@web"))).await.unwrap();
    assert!(server.loads() <= loads + 4, "{} loads", server.loads() - loads);
}

#[tokio::test]
async fn forwarded_certificate_counts_from_a_trusted_proxy_only() {
    for (trusted, works) in [("127.0.0.0/8", true), ("10.0.0.0/8", false)] {
        let configuration = format!(
            "server: {{ listen: ['127.0.0.1:0'] }}\ncallers:\n  search: {{ identity: ['spiffe://prod/search'] }}\nauthentication: {{ \
             trusted_proxies: ['{trusted}'] }}\n"
        );
        let running = configured(|_| (), &configuration).await;
        let gateway = &running.gateway;
        let header = "By=spiffe://prod/gateway;Hash=00;Subject=\"\";URI=spiffe://prod/search";
        let outcome = call(gateway.channel().await, &[("x-forwarded-client-cert", header)]).await;
        assert_eq!(outcome.is_ok(), works, "{trusted}: {outcome:?}");
        if let Err(status) = outcome {
            assert_unknown(&status, "the call has no credential");
        }
    }
}

#[tokio::test]
async fn user_of_a_unix_socket_is_a_caller() {
    let uid = current_user();
    for (configured_uid, works) in [(uid, true), (uid + 1, false)] {
        let configuration = format!(
            "server: {{ listen: ['FOLDER/g.sock'] }}\ncallers:\n  local: {{ identity: ['uid:{configured_uid}'] }}\n"
        );
        let running = configured(|_| (), &configuration).await;
        let gateway = &running.gateway;
        let channel = Endpoint::from_shared(format!("unix:{}", gateway.address)).unwrap().connect().await.unwrap();
        let outcome = call(channel, &[]).await;
        assert_eq!(outcome.is_ok(), works, "{outcome:?}");
    }
}

/// The user of this process.
fn current_user() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().metadata().unwrap().uid()
}

#[tokio::test]
async fn too_many_failed_attempts_are_rejected_without_a_check() {
    let configuration = "server: { listen: ['127.0.0.1:0'] }\ncallers:\n  a: { identity: ['spiffe://a'] }\nauthentication: { \
                         failures_per_minute: 5 }\n";
    let running = configured(|_| (), configuration).await;
    let gateway = &running.gateway;
    let channel = gateway.channel().await;
    for _ in 0..5 {
        assert_unknown(&call(channel.clone(), &[("x-api-key", "x")]).await.unwrap_err(), "the API key is unknown");
    }
    let status = call(channel, &[("x-api-key", "x")]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "CALLER_ATTEMPTS"));
    assert!(details(&status).retry_info().is_some());
}

#[tokio::test]
async fn health_needs_a_caller_only_if_configured() {
    for (health, works) in [(false, true), (true, false)] {
        let configuration = format!(
            "server: {{ listen: ['127.0.0.1:0'] }}\ncallers:\n  a: {{ identity: ['spiffe://a'] }}\nauthentication: {{ health: {health} }}\n"
        );
        let running = configured(|_| (), &configuration).await;
        let gateway = &running.gateway;
        let outcome = HealthClient::new(gateway.channel().await).check(HealthCheckRequest::default()).await;
        assert_eq!(outcome.is_ok(), works, "{outcome:?}");
        if let Err(status) = outcome {
            assert_eq!(status.code(), Code::Unauthenticated);
        }
    }
}

#[tokio::test]
async fn open_port_without_tls_and_callers_logs_a_warning() {
    let simulator = simulator().await;
    let gateway = Gateway::builder(&simulator).env("BEDROCK_GRPC_LISTEN", "0.0.0.0:0").start().await;
    let is_warning =
        |line: &serde_json::Value| line["message"].as_str().is_some_and(|m| m.starts_with("everyone who can connect"));
    gateway.log.line(is_warning).await;
    let gateway = Gateway::builder(&simulator).start().await;
    assert!(!gateway.log.text().contains("everyone who can connect"));
}
