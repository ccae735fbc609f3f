//! The Region of an ARN: `arn:aws:bedrock:us-west-2:123456789012:inference-profile/...`.

use crate::arn::Arn;

/// The Region that an id names, if it is an ARN that names one.
pub(crate) fn find_region_of_arn(id: &str) -> Option<&str> {
    Arn::parse(id).map(|arn| arn.region).filter(|region| is_region(region))
}

/// Whether the text has the shape of a Region, such as `us-gov-west-1`. A Region becomes part of a host name. An ARN without such
/// a text is sent to the configured Region, as an id without a Region is, and Bedrock accepts or rejects it.
pub(crate) fn is_region(region: &str) -> bool {
    let words: Vec<_> = region.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    region.len() <= 32 && words.len() >= 3 && words.iter().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::{find_region_of_arn, is_region};

    #[test]
    fn region_is_read_from_an_arn_and_not_from_other_ids() {
        assert_eq!(
            find_region_of_arn("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x"),
            Some("eu-west-1")
        );
        assert_eq!(find_region_of_arn("arn:aws:bedrock:::foundation-model/x"), None);
        assert_eq!(find_region_of_arn("us.anthropic.claude-sonnet-4-20250514-v1:0"), None);
    }

    #[test]
    fn an_arn_with_an_invalid_region_has_no_region() {
        assert_eq!(find_region_of_arn("arn:aws:bedrock:x@127.0.0.1/:123456789012:inference-profile/x"), None);
    }

    #[test]
    fn a_region_is_words_and_dashes() {
        assert!(["us-east-1", "us-gov-west-1", "eusc-de-east-1"].into_iter().all(is_region));
        assert!(
            !["", "us", "not a region", "us-east-1.evil.example", "x@127.0.0.1/", "us--1"].into_iter().any(is_region)
        );
    }
}
