//! Model id to fault.

use std::time::Duration;

use http::StatusCode;

use super::{Break, Failure, Fault, Variation, exceptions};
use crate::exception::Exception;

/// `None` for a model id that asks for no fault; an exception when it asks for one that doesn't exist.
pub(crate) fn parse(model_id: &str) -> Result<Option<Fault>, Exception> {
    let Some(name) = model_id.strip_prefix("fault.") else {
        return Ok(None);
    };
    match fault(name) {
        Some(fault) => Ok(Some(fault)),
        None => Err(Exception::validation(format!(
            "The simulator knows no fault '{name}'. It knows, after 'fault.': {}; each of these also with the suffix \
             .after.N (in the stream, after N events); error.after.N, truncate.after.N, cut.after.N, corrupt.after.N, \
             garbage.after.N, stall, stall.after.N, reset, reset.after.N, slow.MS, retry-after.S, http-STATUS, \
             no-metadata, unknown-event, unknown-block, async-failed, model-error-STATUS, model-stream-error-STATUS, \
             flaky.K.<any of these>.",
            exceptions::names().collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn fault(name: &str) -> Option<Fault> {
    if let Some(rest) = name.strip_prefix("flaky.") {
        let (times, inner) = rest.split_once('.')?;
        let inner = fault(inner).filter(|inner| !matches!(inner, Fault::Flaky(..)))?;
        return Some(Fault::Flaky(times.parse().ok()?, Box::new(inner)));
    }
    if let Some(milliseconds) = name.strip_prefix("slow.") {
        return Some(Fault::Slow(Duration::from_millis(milliseconds.parse().ok()?)));
    }
    if let Some(seconds) = name.strip_prefix("retry-after.") {
        let exception = exceptions::by_fault_name("throttling")?;
        return Some(instead(exception.with_retry_after(seconds.parse().ok()?)));
    }
    if let Some(status) = name.strip_prefix("http-") {
        return bare_status(status);
    }
    if let Some((kind, events)) = name.split_once(".after.") {
        return Some(Fault::Break(events.parse().ok()?, break_of(kind)?));
    }
    match name {
        "stall" => Some(Fault::Instead(Failure::Stall)),
        "reset" => Some(Fault::Instead(Failure::Reset)),
        "no-metadata" => Some(Fault::Variation(Variation::NoMetadata)),
        "unknown-event" => Some(Fault::Variation(Variation::UnknownEvent)),
        "unknown-block" => Some(Fault::Variation(Variation::UnknownBlock)),
        "async-failed" => Some(Fault::Variation(Variation::AsyncFailed)),
        // Bedrock sends this one in streams only.
        _ if name.starts_with("model-stream-error") => Some(Fault::Break(0, break_of(name)?)),
        _ => exceptions::by_fault_name(name).map(instead),
    }
}

fn break_of(kind: &str) -> Option<Break> {
    Some(match kind {
        "error" => Break::Error,
        "truncate" => Break::Truncate,
        "cut" => Break::Cut,
        "corrupt" => Break::Corrupt,
        "garbage" => Break::Garbage,
        "stall" => Break::Stall,
        "reset" => Break::Reset,
        _ => Break::Exception(exceptions::by_fault_name(kind)?),
    })
}

fn instead(exception: Exception) -> Fault {
    Fault::Instead(Failure::Exception(exception))
}

/// A status without a name, as a proxy in front of Bedrock would answer.
fn bare_status(status: &str) -> Option<Fault> {
    let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
    let failed = status.is_client_error() || status.is_server_error();
    let reason = status.canonical_reason().unwrap_or("Failed");
    failed.then(|| instead(Exception::nameless(status, reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fault_is_no_fault() {
        assert_eq!(parse("anthropic.claude-sonnet-4").unwrap(), None);
        assert_eq!(parse("fault").unwrap(), None);
    }

    #[test]
    fn every_exception_parses_alone_and_in_a_stream() {
        for name in exceptions::names() {
            assert!(parse(&format!("fault.{name}")).unwrap().is_some(), "{name}");
            let in_stream = parse(&format!("fault.{name}.after.3")).unwrap();
            assert!(matches!(in_stream, Some(Fault::Break(3, Break::Exception(_)))), "{name}");
        }
    }

    #[test]
    fn the_fault_name_follows_from_the_exception_name() {
        for name in exceptions::names() {
            let exception = exceptions::by_fault_name(name).unwrap().name;
            let plain: String = name.split('-').collect();
            let exception = exception.trim_end_matches("Exception").to_lowercase();
            assert!(name == "unknown" || plain.starts_with(&exception), "{name}: {exception}");
        }
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        for name in [
            "nonsense",
            "throttling.after.x",
            "slow.fast",
            "http-200",
            "http-99",
            "flaky.2",
            "flaky.2.nonsense",
            "flaky.1.flaky.1.throttling",
            "no-metadata.after.1",
            "throttling-429",
            "",
        ] {
            let refusal = parse(&format!("fault.{name}")).unwrap_err();
            assert_eq!(refusal.name, "ValidationException", "{name}");
        }
    }

    #[test]
    fn flaky_holds_any_other_fault() {
        let expected = Fault::Flaky(2, Box::new(Fault::Break(4, Break::Stall)));
        assert_eq!(parse("fault.flaky.2.stall.after.4").unwrap(), Some(expected));
    }
}
