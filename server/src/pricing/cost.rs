//! The cost of one call.

use bedrock_grpc_schema::runtime::v1::TokenUsage;

use super::prices::{ModelPrices, Rates};

/// The number of tokens that a price is for.
const TOKENS_PER_PRICE: u128 = 1_000_000;

/// The value of `performanceConfig.latency` for a model that runs with optimized latency.
pub(crate) const LATENCY_OPTIMIZED: &str = "optimized";

/// The TTL of the prompt cache that has its own price. <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>
const LONG_TTL: &str = "1h";

/// What Bedrock counted in one call, as far as it has a price.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BilledUsage<'a> {
    /// The tokens.
    pub(crate) tokens: Option<&'a TokenUsage>,
    /// The number of images in the response.
    pub(crate) images: u32,
    /// The service tier that Bedrock reports, in its spelling.
    pub(crate) tier: Option<&'a str>,
    /// Whether Bedrock ran the model with optimized latency, which has a price of its own.
    pub(crate) is_latency_optimized: bool,
}

/// Why the cost of a call is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownCost {
    /// The table has no price for the model, the tier, or a kind of its tokens.
    Price,
    /// Bedrock reported no usage.
    Usage,
}

impl UnknownCost {
    /// The value of the metric's label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Usage => "usage",
        }
    }
}

/// The cost of a call in nano-dollars. The sum for the whole call is rounded to the nearest nano-dollar.
///
/// # Errors
/// Why the cost is not known.
pub(crate) fn compute_cost(prices: &ModelPrices, usage: &BilledUsage<'_>) -> Result<u64, UnknownCost> {
    let images = u128::from(prices.image.unwrap_or_default()) * u128::from(usage.images);
    let request = u128::from(prices.request.unwrap_or_default());
    let tokens = if prices.rates.is_empty() { 0 } else { compute_token_cost(prices, usage)? };
    let total = images + request + (tokens + TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE;
    u64::try_from(total).map_err(|_| UnknownCost::Price)
}

/// The cost of the tokens in nano-dollars, times [`TOKENS_PER_PRICE`].
fn compute_token_cost(prices: &ModelPrices, usage: &BilledUsage<'_>) -> Result<u128, UnknownCost> {
    if usage.is_latency_optimized {
        return Err(UnknownCost::Price);
    }
    let tokens = usage.tokens.ok_or(UnknownCost::Usage)?;
    let input = to_count(tokens.input_tokens);
    let cache_read = to_count(tokens.cache_read_input_tokens);
    let cache_write = to_count(tokens.cache_write_input_tokens);
    let tier = usage.tier.filter(|tier| *tier != "default");
    let rates = prices.find_rates(tier, input + cache_read + cache_write).ok_or(UnknownCost::Price)?;
    let cost = |count: u64, price: u64| u128::from(count) * u128::from(price);
    Ok(cost(input, rates.input)
        + cost(to_count(tokens.output_tokens), rates.output)
        + cost(cache_read, rates.cache_read.unwrap_or(rates.input))
        + compute_cache_write_cost(tokens, cache_write, &rates)?)
}

/// The cost of the tokens written to the prompt cache. Tokens without a TTL have the default one.
fn compute_cache_write_cost(tokens: &TokenUsage, written: u64, rates: &Rates) -> Result<u128, UnknownCost> {
    let details = tokens.cache_details.iter().filter(|detail| detail.ttl.as_deref() == Some(LONG_TTL));
    let long = details.map(|detail| to_count(detail.input_tokens)).sum::<u64>().min(written);
    let default_price = rates.cache_write.unwrap_or(rates.input);
    let long_price = match (long, rates.cache_write_1h, rates.cache_write) {
        (0, _, _) => 0,
        (_, Some(price), _) => price,
        // If the table has no price for writes to the cache at all, it has none for the longer TTL either.
        (_, None, None) => rates.input,
        (_, None, Some(_)) => return Err(UnknownCost::Price),
    };
    Ok(u128::from(long) * u128::from(long_price) + u128::from(written - long) * u128::from(default_price))
}

/// A count of tokens. Bedrock's counts are never negative.
fn to_count(count: Option<i32>) -> u64 {
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}
