//! Amazon Resource Names: `arn:partition:service:region:account:resource`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

/// The parts of an ARN. Any part may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    /// Everything after the account. It may contain colons and slashes. `None` when the text ends with the account.
    pub(crate) resource: Option<&'a str>,
}

impl<'a> Arn<'a> {
    /// Splits an ARN into its parts. Returns `None` for a text that is not an ARN.
    #[must_use]
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let mut next = || parts.next();
        let (partition, service, region, account) = (next()?, next()?, next()?, next()?);
        Some(Self { partition, service, region, account, resource: next() })
    }
}

#[cfg(test)]
mod tests {
    use super::Arn;

    #[test]
    fn parse_splits_an_arn_and_keeps_the_colons_of_its_resource() {
        let arn = Arn::parse("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a:b").unwrap();
        assert_eq!((arn.partition, arn.service, arn.region), ("aws", "bedrock", "us-east-1"));
        assert_eq!((arn.account, arn.resource), ("123456789012", Some("application-inference-profile/a:b")));
    }

    #[test]
    fn parse_accepts_an_arn_that_ends_with_its_account() {
        assert_eq!(Arn::parse("arn:aws:iam::123456789012").unwrap().resource, None);
    }

    #[test]
    fn parse_rejects_other_ids() {
        for text in ["", "arn:", "arn:aws:bedrock:us-east-1", "us.anthropic.claude-sonnet-4-6", "a:b:c:d:e:f"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
