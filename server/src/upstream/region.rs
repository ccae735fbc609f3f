//! The Region of an ARN: `arn:aws:bedrock:us-west-2:123456789012:inference-profile/...`.

pub(super) fn of_arn(model_id: &str) -> Option<&str> {
    let mut parts = model_id.strip_prefix("arn:")?.split(':');
    let (_partition, _service, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some(region).filter(|r| !r.is_empty())
}

#[cfg(test)]
mod tests {
    use super::of_arn;

    #[test]
    fn an_arn_names_its_region_and_a_plain_id_none() {
        assert_eq!(of_arn("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x"), Some("eu-west-1"));
        assert_eq!(of_arn("arn:aws:bedrock:::foundation-model/x"), None);
        assert_eq!(of_arn("us.anthropic.claude-sonnet-4-20250514-v1:0"), None);
    }
}
