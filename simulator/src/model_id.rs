//! The parts of a model id.

/// The beginnings of real models' names: their providers.
const PROVIDERS: &[&str] = &[
    "ai21.",
    "amazon.",
    "anthropic.",
    "cohere.",
    "deepseek.",
    "google.",
    "meta.",
    "minimax.",
    "mistral.",
    "moonshot",
    "nvidia.",
    "openai.",
    "qwen.",
    "stability.",
    "writer.",
    "zai.",
];

/// The model's name, such as `anthropic.claude-…`, in a model id, in an inference profile's id or in an ARN of one of them.
pub(crate) fn base_name(model_id: &str) -> Option<&str> {
    let resource = match model_id.strip_prefix("arn:") {
        Some(arn) => arn.split('/').nth(1)?,
        None => model_id,
    };
    let is_known = |name: &str| PROVIDERS.iter().any(|provider| name.starts_with(provider));
    // The id of a profile begins with a geography: us., eu., apac., global.
    let without_geography = resource.split_once('.').map(|(_, rest)| rest);
    [Some(resource), without_geography].into_iter().flatten().find(|name| is_known(name))
}

/// Whether an id is that of an inference profile rather than of a model.
pub(crate) fn is_profile(model_id: &str) -> bool {
    match model_id.strip_prefix("arn:") {
        Some(arn) => arn.contains("inference-profile/"),
        None => base_name(model_id).is_some_and(|name| name != model_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_ids_profiles_and_arns() {
        for (id, name) in [
            ("anthropic.claude-v2", Some("anthropic.claude-v2")),
            ("us.amazon.nova-pro-v1:0", Some("amazon.nova-pro-v1:0")),
            ("global.cohere.embed-v4:0", Some("cohere.embed-v4:0")),
            ("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b", Some("meta.llama3-8b")),
            ("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.meta.llama3-8b", Some("meta.llama3-8b")),
            (
                "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan-x:1:8k/abc",
                Some("amazon.titan-x:1:8k"),
            ),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", None),
            ("somebody.model-v1", None),
        ] {
            assert_eq!(base_name(id), name, "{id}");
        }
    }

    #[test]
    fn profiles_are_distinguished_from_models() {
        assert!(is_profile("us.amazon.nova-pro-v1:0"));
        assert!(is_profile("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"));
        assert!(!is_profile("amazon.nova-pro-v1:0"));
        assert!(!is_profile("arn:aws:bedrock:us-east-1:1:custom-model/amazon.titan-x:1:8k/abc"));
        assert!(!is_profile("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"));
    }
}
