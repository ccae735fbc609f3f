//! The request header `grpc-timeout`: up to eight digits and a unit.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>

use std::time::Duration;

/// The name of the header.
pub const HEADER: &str = "grpc-timeout";

/// The longest timeout that the header can express: eight digits of hours.
pub const MAX: Duration = Duration::from_secs(99_999_999 * 3600);

/// Parses the value of the header. Returns `None` when it is malformed.
#[must_use]
pub fn parse(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_parsed() {
        for (text, nanos) in [
            ("1H", 3_600_000_000_000),
            ("2M", 120_000_000_000),
            ("3S", 3_000_000_000),
            ("4m", 4_000_000),
            ("5u", 5_000),
            ("99999999n", 99_999_999),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        assert_eq!(parse("99999999H"), Some(MAX));
    }

    #[test]
    fn malformed_values_are_rejected() {
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "+1S", "1.5S", "1 S", "é", "1é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
