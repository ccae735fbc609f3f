//! What goes wrong with the gateway's credentials, for each kind of call and for a gateway without calls: the status, the
//! health, and that the gateway recovers within ten seconds of the cause ending.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bedrock_grpc_schema::runtime::v1::InvokeModelWithBidirectionalStreamRequest;
use futures::future::join_all;
use h2::Reason;
use http::Response;
use tokio::time::{sleep, timeout};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::fixture::*;

/// The time in which the gateway has to recover once the cause has ended.
const RECOVERY: Duration = Duration::from_secs(10);

/// Maximum time for a call. A call that works takes much less, and a call that hangs takes more.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A `credential_process` that does what its mode file says, and notes each start.
struct Provider {
    folder: PathBuf,
}

impl Provider {
    fn new(name: &str, mode: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("bedrock-grpc-provider-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let provider = Self { folder };
        provider.set(mode);
        let script = provider.path("provider.sh");
        let text = format!(
            r#"#!/bin/sh
cd {}
echo $$ >> starts
read -r mode seconds < mode
expires=
case "$mode" in
  slow) sleep 3 ;;
  hang) exec sleep 600 ;;
  fail) exit 1 ;;
  once) echo good > mode; exit 1 ;;
  expiring) expires=", \"Expiration\": \"$(date -u -d "+$seconds seconds" +%Y-%m-%dT%H:%M:%SZ)\"" ;;
esac
echo "{{\"Version\": 1, \"AccessKeyId\": \"AKID$mode\", \"SecretAccessKey\": \"secret\"$expires}}"
"#,
            provider.folder.display()
        );
        std::fs::write(&script, text).unwrap();
        let config = format!("[default]\nregion = us-east-1\ncredential_process = sh {}\n", script.display());
        std::fs::write(provider.path("config"), config).unwrap();
        provider
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The change takes effect with the next start of the process.
    fn set(&self, mode: &str) {
        let new = self.path("mode.new");
        std::fs::write(&new, format!("{mode}\n")).unwrap();
        std::fs::rename(new, self.path("mode")).unwrap();
    }

    /// The ids of the processes that were started.
    fn starts(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("starts")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn gateway(&self, endpoint: &Http2Endpoint) -> Gateway {
        endpoint
            .gateway()
            .without("AWS_ACCESS_KEY_ID")
            .without("AWS_SECRET_ACCESS_KEY")
            .env("AWS_CONFIG_FILE", self.path("config"))
            .start()
            .await
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What the endpoint finds wrong with requests.
#[derive(Default)]
struct Faults {
    rejects_keys: AtomicBool,
    is_ten_minutes_ahead: AtomicBool,
}

/// Responds to Converse, ConverseStream and the bidirectional stream.
async fn endpoint(faults: Arc<Faults>) -> Http2Endpoint {
    Http2Endpoint::start(move |mut call| {
        let faults = Arc::clone(&faults);
        async move {
            let ahead = Duration::from_secs(if faults.is_ten_minutes_ahead.load(Ordering::SeqCst) { 600 } else { 0 });
            let now = SystemTime::now() + ahead;
            if faults.rejects_keys.load(Ordering::SeqCst) {
                let text = "Authentication failed: Please make sure your API Key is valid.";
                return reject(&mut call, "AccessDeniedException", text, now);
            }
            let is_signed_now = call.request.headers().get("x-amz-date").is_none_or(|date| is_about(date, now));
            if !is_signed_now {
                return reject(&mut call, "InvalidSignatureException", "Signature expired", now);
            }
            if call.request.uri().path().ends_with("/converse") {
                return call.respond_converse();
            }
            let mut stream = call.respond_ok("application/vnd.amazon.eventstream");
            if call.request.uri().path().ends_with("/converse-stream") {
                for frame in stream_frames(1) {
                    stream.send_data(frame, false).unwrap();
                }
                if call.model() == "long" {
                    sleep(Duration::from_secs(8)).await;
                }
            }
            let _ = stream.send_data(bytes::Bytes::new(), true);
        }
    })
    .await
}

/// Whether a signature's time is within AWS's five minutes.
fn is_about(date: &http::HeaderValue, now: SystemTime) -> bool {
    let minutes = |date: &str| {
        let field = |range: std::ops::Range<usize>| date[range].parse::<u64>().unwrap();
        field(6..8) * 1440 + field(9..11) * 60 + field(11..13)
    };
    let now = httpdate::fmt_http_date(now);
    // Tue, 24 Nov 2026 23:08:04 GMT
    let now = format!("000000{}T{}{}00Z", &now[5..7], &now[17..19], &now[20..22]);
    minutes(date.to_str().unwrap()).abs_diff(minutes(&now)) <= 5
}

fn reject(call: &mut Call, name: &str, text: &str, now: SystemTime) {
    let response = Response::builder()
        .status(403)
        .header("x-amzn-errortype", name)
        .header("date", httpdate::fmt_http_date(now))
        .body(());
    let Ok(mut stream) = call.respond.send_response(response.unwrap(), false) else {
        return call.respond.send_reset(Reason::CANCEL);
    };
    let _ = stream.send_data(format!(r#"{{"message":"{text}"}}"#).into(), true);
}

const KINDS: [&str; 3] = ["unary", "stream", "bidirectional"];

/// Makes one call of a kind, to its end.
async fn call(gateway: &Gateway, kind: &str, model: &str, deadline: Duration) -> Result<(), Status> {
    let mut client = gateway.client().await;
    let with_deadline = |mut request: Request<_>| {
        request.set_timeout(deadline);
        request
    };
    match kind {
        "unary" => {
            let mut request = Request::new(converse(model, "Hi"));
            request.set_timeout(deadline);
            client.converse(request).await.map(drop)
        }
        "stream" => {
            let request = with_deadline(Request::new(converse_stream(model, "Hi")));
            let mut stream = client.converse_stream(request).await?.into_inner();
            while stream.message().await?.is_some() {}
            Ok(())
        }
        _ => {
            let first = InvokeModelWithBidirectionalStreamRequest { model_id: Some(model.to_owned()), member: None };
            let mut request = Request::new(futures::stream::iter([first]));
            request.set_timeout(deadline);
            let mut stream = client.invoke_model_with_bidirectional_stream(request).await?.into_inner();
            while stream.message().await?.is_some() {}
            Ok(())
        }
    }
}

/// Makes one call of each kind at the same time, and returns the results.
async fn calls(gateway: &Gateway, deadline: Duration) -> Vec<Result<(), Status>> {
    join_all(KINDS.map(|kind| call(gateway, kind, "m", deadline))).await
}

async fn health(gateway: &Gateway) -> ServingStatus {
    let mut client = HealthClient::new(gateway.channel().await);
    client.check(HealthCheckRequest::default()).await.unwrap().into_inner().status()
}

async fn assert_fails_for_credentials(gateway: &Gateway) {
    for result in calls(gateway, MAX_WAIT).await {
        let status = result.expect_err("the gateway has no credentials that Bedrock accepts");
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "GATEWAY_CREDENTIALS"), "{status:?}");
    }
    assert_eq!(health(gateway).await, ServingStatus::NotServing);
}

async fn assert_works(gateway: &Gateway) {
    for result in calls(gateway, MAX_WAIT).await {
        result.unwrap();
    }
    assert_eq!(health(gateway).await, ServingStatus::Serving);
}

/// There are no calls, so only health shows the fault.
async fn assert_recovers_while_idle(gateway: &Gateway) {
    let since = Instant::now();
    let mut client = HealthClient::new(gateway.channel().await);
    let mut states = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let serving = async { while states.message().await.unwrap().unwrap().status() != ServingStatus::Serving {} };
    timeout(RECOVERY, serving).await.unwrap_or_else(|_| panic!("not serving {:?} later", since.elapsed()));
}

fn is_running(process: &str) -> bool {
    Path::new("/proc").join(process).join("cwd").exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_is_started_once_for_all_callers() {
    let provider = Provider::new("slow", "slow");
    let endpoint = endpoint(Arc::default()).await;
    let gateway = provider.gateway(&endpoint).await;
    let impatient = join_all((0..8).map(|_| call(&gateway, "unary", "m", Duration::from_millis(500)))).await;
    for result in impatient {
        // tonic's client has a timer of its own, which says CANCELLED.
        assert!(matches!(result.unwrap_err().code(), Code::DeadlineExceeded | Code::Cancelled));
    }
    assert_works(&gateway).await;
    assert_eq!(provider.starts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_provider_is_given_up_and_killed() {
    let provider = Provider::new("hang", "hang");
    let endpoint = endpoint(Arc::default()).await;
    // The gateway serves although the provider hangs.
    let gateway = provider.gateway(&endpoint).await;
    assert_fails_for_credentials(&gateway).await;
    provider.set("good");
    assert_recovers_while_idle(&gateway).await;
    assert_works(&gateway).await;
    for process in provider.starts() {
        assert!(!is_running(&process), "process {process} still hangs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_once_is_tried_again() {
    let provider = Provider::new("once", "once");
    let endpoint = endpoint(Arc::default()).await;
    let gateway = provider.gateway(&endpoint).await;
    assert_recovers_while_idle(&gateway).await;
    assert_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_always_fails_gives_gateway_credentials_until_it_works() {
    let provider = Provider::new("fail", "fail");
    let endpoint = endpoint(Arc::default()).await;
    let gateway = provider.gateway(&endpoint).await;
    assert_fails_for_credentials(&gateway).await;
    provider.set("good");
    assert_recovers_while_idle(&gateway).await;
    assert_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_may_expire_and_the_provider_fail_in_the_middle_of_a_call() {
    let provider = Provider::new("expiring", "expiring 6");
    let endpoint = endpoint(Arc::default()).await;
    let gateway = provider.gateway(&endpoint).await;
    provider.set("fail");
    let long = call(&gateway, "stream", "long", MAX_WAIT);
    let meanwhile = async {
        // The credentials are still valid, although the provider fails by now.
        sleep(Duration::from_secs(2)).await;
        assert_works(&gateway).await;
        sleep(Duration::from_secs(5)).await;
        assert_fails_for_credentials(&gateway).await;
        provider.set("good");
        assert_recovers_while_idle(&gateway).await;
        assert_works(&gateway).await;
    };
    let (long, ()) = tokio::join!(long, meanwhile);
    long.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_api_key_gives_gateway_credentials_until_bedrock_accepts_it() {
    let faults = Arc::new(Faults::default());
    let endpoint = endpoint(Arc::clone(&faults)).await;
    let gateway = endpoint.gateway().env("AWS_BEARER_TOKEN_BEDROCK", "key").start().await;
    assert_works(&gateway).await;
    faults.rejects_keys.store(true, Ordering::SeqCst);
    // The first rejection reloads; the key is the same, so the next one turns health off.
    let _ = calls(&gateway, MAX_WAIT).await;
    assert_fails_for_credentials(&gateway).await;
    faults.rejects_keys.store(false, Ordering::SeqCst);
    assert_works(&gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_minutes_off_is_corrected_by_bedrocks_date() {
    let faults = Arc::new(Faults::default());
    let endpoint = endpoint(Arc::clone(&faults)).await;
    let gateway = endpoint.gateway().start().await;
    for is_ahead in [true, false] {
        faults.is_ten_minutes_ahead.store(is_ahead, Ordering::SeqCst);
        let response = gateway.client().await.converse(converse("m", "Hi")).await.unwrap();
        // The rejected signature costs no attempt.
        assert_eq!(response.metadata().get("bedrock-grpc-attempts").unwrap(), "1");
        assert_works(&gateway).await;
    }
}
