//! Patterns of names: `*` stands for any text.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A text in which each `*` stands for any text, also for none. There are no other special characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// The pattern that everything matches.
    pub(crate) fn everything() -> Self {
        Self("*".to_owned())
    }

    /// Whether the whole text matches.
    #[must_use]
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(first) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return text.ends_with(part);
            }
            // The first place is the best one: it leaves the most text for the other parts.
            let Some(at) = text.find(part) else { return false };
            text = &text[at + part.len()..];
        }
        true
    }
}

impl FromStr for Pattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Pattern;

    fn matches(pattern: &str, text: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(text)
    }

    #[test]
    fn star_stands_for_any_text_and_everything_else_for_itself() {
        for (pattern, text, expected) in [
            ("chat", "chat", true),
            ("chat", "chat2", false),
            ("*", "", true),
            ("spiffe://prod/ns/search/*", "spiffe://prod/ns/search/sa/web", true),
            ("spiffe://prod/ns/search/*", "spiffe://prod/ns/search2/sa/web", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("a.c", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn pattern_agrees_with_a_regular_expression(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let expression = pattern.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
            let expected = regex::Regex::new(&format!("^{expression}$")).unwrap().is_match(&text);
            prop_assert_eq!(matches(&pattern, &text), expected);
        }
    }
}
