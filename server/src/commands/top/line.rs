//! The view as one line of text.

use super::view::{Row, View};

/// The line of a pipe: the time (RFC 3339) and the numbers of the gateway.
pub(super) fn to_line(time: &str, view: &View) -> String {
    let Row { calls, failed, rejected, input_tokens, output_tokens, dollars_per_hour, .. } = &view.total;
    format!(
        "{time} calls/s={calls:.1} failed/s={failed:.1} in_flight={:.0} rejected/s={rejected:.1} \
         input_tokens/s={input_tokens:.0} output_tokens/s={output_tokens:.0} first_event_p50={} first_event_p99={} \
         dollars/h={dollars_per_hour:.4}",
        view.total.in_flight.unwrap_or_default(),
        to_seconds(view.total.first_event_p50),
        to_seconds(view.total.first_event_p99),
    )
}

/// The view as one line of JSON, with all models and callers.
pub(super) fn to_json_line(time: &str, view: &View) -> String {
    let mut json = serde_json::to_value(view).unwrap_or_default();
    json["time"] = time.into();
    json.to_string()
}

/// A time such as `0.123s`. Without a time, `-`.
pub(super) fn to_seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_the_numbers_of_the_gateway() {
        let total = Row { calls: 12.04, in_flight: Some(3.0), first_event_p50: Some(0.1234), ..Row::default() };
        let view = View { total, ..View::default() };
        let line = "2026-01-31T12:00:00Z calls/s=12.0 failed/s=0.0 in_flight=3 rejected/s=0.0 input_tokens/s=0 \
                    output_tokens/s=0 first_event_p50=0.123s first_event_p99=- dollars/h=0.0000";
        assert_eq!(to_line("2026-01-31T12:00:00Z", &view), line);
        assert!(to_json_line("2026-01-31T12:00:00Z", &view).contains("\"time\":\"2026-01-31T12:00:00Z\""));
    }
}
