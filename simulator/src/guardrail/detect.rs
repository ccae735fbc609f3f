//! What is found in a text: words of the lists, and personal data by its form.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

const CUSTOM_WORDS: &[&str] = &["forbidden", "contraband"];
const PROFANITY: &[&str] = &["damn", "crap"];

/// Bedrock's entity type, its form, and what else has to be true of it.
type Pattern = (&'static str, &'static str, fn(&str) -> bool);
type Compiled = (&'static str, Regex, fn(&str) -> bool);

/// In this order where two match at the same place.
const PATTERNS: &[Pattern] = &[
    ("EMAIL", r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}", anything),
    ("AWS_ACCESS_KEY", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", anything),
    ("US_SOCIAL_SECURITY_NUMBER", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", is_issued),
    ("CREDIT_DEBIT_CARD_NUMBER", r"\b[0-9](?:[ -]?[0-9]){12,18}\b", passes_luhn),
    ("PHONE", r"(?:\+1[ .-]?)?(?:\([0-9]{3}\) ?|\b[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}\b", anything),
    ("IP_ADDRESS", r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b", is_ipv4),
];

static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    // A pattern that does not compile finds nothing; a test sees to it that all do.
    let compile = |(kind, pattern, holds): &Pattern| Some((*kind, Regex::new(pattern).ok()?, *holds));
    PATTERNS.iter().filter_map(compile).collect()
});

/// A finding, as a range of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: &'static str,
    pub(super) range: Range<usize>,
}

/// Every kind of personal data that can be found.
pub(super) fn pii_kinds() -> impl Iterator<Item = &'static str> {
    PATTERNS.iter().map(|(kind, ..)| *kind)
}

/// Words of the custom list, as written.
pub(super) fn custom_words(text: &str) -> impl Iterator<Item = &str> {
    words(text).filter(|word| is_in(word, CUSTOM_WORDS))
}

/// Words of the managed list PROFANITY, as written.
pub(super) fn profanity(text: &str) -> impl Iterator<Item = &str> {
    words(text).filter(|word| is_in(word, PROFANITY))
}

/// Personal data, in order and without overlaps.
pub(super) fn pii(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = COMPILED
        .iter()
        .flat_map(|(kind, pattern, holds)| {
            let matches = pattern.find_iter(text).filter(|found| holds(found.as_str()));
            matches.map(|found| Found { kind, range: found.range() })
        })
        .collect();
    // Stable: the order of the table decides where two begin at the same place.
    found.sort_by_key(|found| found.range.start);
    let mut end = 0;
    found.retain(|found| {
        let free = found.range.start >= end;
        if free {
            end = found.range.end;
        }
        free
    });
    found
}

/// The text with `{EMAIL}` and so on in place of personal data.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for found in pii(text) {
        masked.push_str(&text[from..found.range.start]);
        masked.push('{');
        masked.push_str(found.kind);
        masked.push('}');
        from = found.range.end;
    }
    masked.push_str(&text[from..]);
    masked
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn is_in(word: &str, list: &[&str]) -> bool {
    list.iter().any(|listed| listed.eq_ignore_ascii_case(word))
}

fn anything(_: &str) -> bool {
    true
}

/// No number begins with 000, 666 or 9.
fn is_issued(number: &str) -> bool {
    !(number.starts_with("000") || number.starts_with("666") || number.starts_with('9'))
}

fn is_ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

fn passes_luhn(number: &str) -> bool {
    let digits = number.chars().rev().filter_map(|c| c.to_digit(10));
    let sum: u32 = digits
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), PATTERNS.len());
    }

    #[test]
    fn personal_data_is_masked_and_its_like_is_not() {
        for (text, expected) in [
            ("Mail ada.l+x@example.co.uk, now", "Mail {EMAIL}, now"),
            ("Call (555) 123-4567 or +1 555-123-4567 or 555.123.4567", "Call {PHONE} or {PHONE} or {PHONE}"),
            (
                "Pay 4111 1111 1111 1111 or 378282246310005",
                "Pay {CREDIT_DEBIT_CARD_NUMBER} or {CREDIT_DEBIT_CARD_NUMBER}",
            ),
            ("Not 4111 1111 1111 1112", "Not 4111 1111 1111 1112"),
            ("SSN 123-45-6789, not 666-45-6789", "SSN {US_SOCIAL_SECURITY_NUMBER}, not 666-45-6789"),
            ("At 10.0.0.255 (not 10.0.0.256)", "At {IP_ADDRESS} (not 10.0.0.256)"),
            ("Key AKIAIOSFODNN7EXAMPLE", "Key {AWS_ACCESS_KEY}"),
            ("Zürich, 3 × 4 = 12", "Zürich, 3 × 4 = 12"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn words_are_found_in_any_case_and_whole() {
        assert_eq!(custom_words("A Forbidden, FORBIDDEN unforbidden").collect::<Vec<_>>(), ["Forbidden", "FORBIDDEN"]);
        assert_eq!(profanity("Damn it").collect::<Vec<_>>(), ["Damn"]);
    }
}
