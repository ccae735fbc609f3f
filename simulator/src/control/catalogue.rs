//! The catalogue itself: enough of each kind to filter by.

/// A foundation model, as far as it differs from others.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) provider: &'static str,
    pub(super) input: &'static [&'static str],
    pub(super) output: &'static [&'static str],
    pub(super) streams: bool,
    pub(super) customizations: &'static [&'static str],
    /// Empty: only through an inference profile.
    pub(super) inference: &'static [&'static str],
    pub(super) legacy: bool,
}

/// An inference profile: one model in several Regions. Its id is the model's with a prefix.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) geography: &'static str,
    pub(super) prefix: &'static str,
    pub(super) regions: &'static [&'static str],
    /// By place in [`MODELS`].
    pub(super) models: &'static [usize],
}

const TEXT: &[&str] = &["TEXT"];
const TEXT_AND_IMAGES: &[&str] = &["TEXT", "IMAGE"];
const EMBEDDINGS: &[&str] = &["EMBEDDING"];
const ON_DEMAND: &[&str] = &["ON_DEMAND"];
const BOTH: &[&str] = &["ON_DEMAND", "PROVISIONED"];
const PROFILES_ONLY: &[&str] = &["INFERENCE_PROFILE"];

/// What most models are.
const USUAL: Model = Model {
    id: "",
    name: "",
    provider: "",
    input: TEXT,
    output: TEXT,
    streams: true,
    customizations: &[],
    inference: ON_DEMAND,
    legacy: false,
};

pub(super) const MODELS: &[Model] = &[
    Model {
        id: "anthropic.claude-sonnet-4-20250514-v1:0",
        name: "Claude Sonnet 4",
        provider: "Anthropic",
        input: TEXT_AND_IMAGES,
        inference: PROFILES_ONLY,
        ..USUAL
    },
    Model {
        id: "anthropic.claude-3-haiku-20240307-v1:0",
        name: "Claude 3 Haiku",
        provider: "Anthropic",
        input: TEXT_AND_IMAGES,
        customizations: &["FINE_TUNING", "DISTILLATION"],
        inference: BOTH,
        legacy: true,
        ..USUAL
    },
    Model {
        id: "amazon.nova-pro-v1:0",
        name: "Nova Pro",
        provider: "Amazon",
        input: TEXT_AND_IMAGES,
        customizations: &["FINE_TUNING", "DISTILLATION"],
        inference: BOTH,
        ..USUAL
    },
    Model {
        id: "amazon.nova-lite-v1:0",
        name: "Nova Lite",
        provider: "Amazon",
        input: TEXT_AND_IMAGES,
        customizations: &["FINE_TUNING"],
        inference: BOTH,
        ..USUAL
    },
    Model {
        id: "amazon.nova-canvas-v1:0",
        name: "Nova Canvas",
        provider: "Amazon",
        input: TEXT_AND_IMAGES,
        output: &["IMAGE"],
        streams: false,
        ..USUAL
    },
    Model {
        id: "amazon.titan-embed-text-v2:0",
        name: "Titan Text Embeddings V2",
        provider: "Amazon",
        output: EMBEDDINGS,
        streams: false,
        ..USUAL
    },
    Model {
        id: "amazon.titan-text-express-v1",
        name: "Titan Text G1 - Express",
        provider: "Amazon",
        customizations: &["FINE_TUNING", "CONTINUED_PRE_TRAINING"],
        inference: BOTH,
        legacy: true,
        ..USUAL
    },
    Model {
        id: "cohere.embed-english-v3",
        name: "Embed English",
        provider: "Cohere",
        output: EMBEDDINGS,
        streams: false,
        ..USUAL
    },
    Model { id: "meta.llama3-1-70b-instruct-v1:0", name: "Llama 3.1 70B", provider: "Meta", ..USUAL },
    Model { id: "mistral.mistral-large-2407-v1:0", name: "Mistral Large (24.07)", provider: "Mistral AI", ..USUAL },
];

pub(super) const PROFILES: &[Profile] = &[
    Profile {
        geography: "US",
        prefix: "us",
        regions: &["us-east-1", "us-east-2", "us-west-2"],
        models: &[0, 1, 2, 3, 8],
    },
    Profile { geography: "EU", prefix: "eu", regions: &["eu-central-1", "eu-west-1", "eu-west-3"], models: &[0, 2, 3] },
    Profile { geography: "APAC", prefix: "apac", regions: &["ap-northeast-1", "ap-southeast-2"], models: &[0, 2, 3] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_to_the_limits_of_their_members() {
        for model in MODELS {
            // BrandedName
            assert!((1..=20).contains(&model.provider.len()) && !model.name.is_empty(), "{}", model.id);
            assert!(model.id.split_once('.').is_some_and(|(provider, _)| !provider.is_empty()));
        }
        for profile in PROFILES {
            assert!(profile.models.iter().all(|index| MODELS.get(*index).is_some()) && profile.regions.len() <= 5);
        }
    }
}
