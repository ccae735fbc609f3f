//! The prices of one model. All prices are whole numbers of nano-dollars (10⁻⁹ dollars).

use serde::{Deserialize, Serialize};

/// The prices of one model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ModelPrices {
    /// The rates of tokens. Empty for a model that is not paid by tokens.
    pub(crate) rates: Vec<Rate>,
    /// The price of an image in a response.
    pub(crate) image: Option<u64>,
    /// The price of a request, for example of one query of a reranker.
    pub(crate) request: Option<u64>,
}

/// The rates of tokens in one service tier, for prompts that are longer than a threshold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rate {
    /// Bedrock's name of the service tier. `None` is the default tier.
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html>
    pub(crate) tier: Option<String>,
    /// The rate applies to calls with more input tokens than this, cached tokens included. It applies to all tokens of the call.
    pub(crate) above: u64,
    /// The prices.
    #[serde(flatten)]
    pub(crate) rates: Rates,
}

/// The prices of a million tokens by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rates {
    /// Input tokens, without those read from or written to the prompt cache.
    pub(crate) input: u64,
    /// Output tokens. Zero for embeddings.
    pub(crate) output: u64,
    /// Tokens read from the prompt cache. Without a price they cost as much as other input tokens.
    pub(crate) cache_read: Option<u64>,
    /// Tokens written to the prompt cache with the default TTL. Without a price they cost as much as other input tokens.
    pub(crate) cache_write: Option<u64>,
    /// Tokens written to the prompt cache with a TTL of one hour.
    pub(crate) cache_write_1h: Option<u64>,
}

impl ModelPrices {
    /// The rates for a call with `input_tokens` in `tier`. `None` if they are not known.
    pub(super) fn find_rates(&self, tier: Option<&str>, input_tokens: u64) -> Option<Rates> {
        let find = |tier: Option<&str>| {
            let fits = |rate: &&Rate| rate.tier.as_deref() == tier && (rate.above == 0 || input_tokens > rate.above);
            self.rates.iter().filter(fits).max_by_key(|rate| rate.above)
        };
        let default = find(None);
        let found = if tier.is_none() { default } else { find(tier) }?;
        // Long prompts cost more in each tier. If the tier has no price for long prompts, the price of the call is not known.
        (default.is_none_or(|default| found.above >= default.above)).then_some(found.rates)
    }
}
