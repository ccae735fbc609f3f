//! The file of an operator's own prices (`prices.file`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value as Json;

use super::file::read_file;
use super::mistake::Mistake;
use super::read::read;
use crate::pricing::{ModelPrices, Rate, Rates};

/// The content of the file. Prices are in dollars.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PriceFile {
    /// Prices by model id, inference profile or ARN. `REGION/ID` has the price in one Region.
    models: BTreeMap<String, ModelEntry>,
}

/// The prices of one model.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ModelEntry {
    /// Dollars for a million input tokens that are neither read from nor written to the prompt cache.
    #[schemars(range(min = 0, max = 1000000))]
    input: Option<f64>,
    /// Dollars for a million output tokens. [default: 0]
    #[schemars(range(min = 0, max = 1000000))]
    output: Option<f64>,
    /// Dollars for a million tokens read from the prompt cache. [default: the price of input tokens]
    #[schemars(range(min = 0, max = 1000000))]
    cache_read: Option<f64>,
    /// Dollars for a million tokens written to the prompt cache with the default TTL. [default: the price of input tokens]
    #[schemars(range(min = 0, max = 1000000))]
    cache_write: Option<f64>,
    /// Dollars for a million tokens written to the prompt cache with a TTL of one hour.
    #[schemars(range(min = 0, max = 1000000))]
    cache_write_1h: Option<f64>,
    /// Dollars for an image in a response.
    #[schemars(range(min = 0, max = 1000000))]
    image: Option<f64>,
    /// Dollars for a request.
    #[schemars(range(min = 0, max = 1000000))]
    request: Option<f64>,
    /// Other rates: of service tiers, and of long prompts.
    other_rates: Vec<RateEntry>,
}

/// A rate of a service tier or of long prompts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RateEntry {
    /// Bedrock's name of the service tier, for example `flex`. [default: the default tier]
    tier: Option<String>,
    /// The number of input tokens above which the rate applies to the whole call.
    #[schemars(range(min = 0, max = 4294967295u32))]
    above: u32,
    /// Dollars for a million input tokens.
    #[schemars(range(min = 0, max = 1000000))]
    input: Option<f64>,
    /// Dollars for a million output tokens.
    #[schemars(range(min = 0, max = 1000000))]
    output: Option<f64>,
    /// Dollars for a million tokens read from the prompt cache.
    #[schemars(range(min = 0, max = 1000000))]
    cache_read: Option<f64>,
    /// Dollars for a million tokens written to the prompt cache with the default TTL.
    #[schemars(range(min = 0, max = 1000000))]
    cache_write: Option<f64>,
    /// Dollars for a million tokens written to the prompt cache with a TTL of one hour.
    #[schemars(range(min = 0, max = 1000000))]
    cache_write_1h: Option<f64>,
}

/// The schema of the file.
static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<PriceFile>().to_value()
});

/// Reads the prices of a file.
///
/// # Errors
/// All mistakes of the file.
pub(super) fn read_prices(file: &Path) -> Result<BTreeMap<String, ModelPrices>, Vec<Mistake>> {
    let tree = read_file(file).map_err(|mistake| vec![mistake])?;
    let mut mistakes = Vec::new();
    let json = read(&SCHEMA, &tree, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let entries = match PriceFile::deserialize(&json) {
        Ok(file) => file.models,
        Err(error) => return Err(vec![Mistake::new(tree.origin.clone(), &[], error.to_string())]),
    };
    for (id, entry) in &entries {
        for (key, problem) in check_entry(entry) {
            let path: Vec<String> = ["models", id].into_iter().map(str::to_owned).chain(key).collect();
            mistakes.push(Mistake::new(tree.origin_of(&path).clone(), &path, problem));
        }
    }
    if mistakes.is_empty() {
        Ok(entries.into_iter().map(|(id, entry)| (id, entry.into_prices())).collect())
    } else {
        Err(mistakes)
    }
}

/// What a JSON Schema cannot say about an entry: the keys below it, and what is wrong there.
fn check_entry(entry: &ModelEntry) -> Vec<(Vec<String>, &'static str)> {
    let mut broken = Vec::new();
    let has_tokens = entry.output.is_some()
        || entry.cache_read.is_some()
        || entry.cache_write.is_some()
        || entry.cache_write_1h.is_some()
        || !entry.other_rates.is_empty();
    if entry.input.is_none() && has_tokens {
        broken.push((vec![], "the key `input` is missing: the price of input tokens"));
    } else if entry.input.is_none() && entry.image.is_none() && entry.request.is_none() {
        broken.push((vec![], "a model needs `input`, `image` or `request`"));
    }
    for (index, rate) in entry.other_rates.iter().enumerate() {
        let key = vec!["other_rates".to_owned(), index.to_string()];
        if rate.tier.is_none() && rate.above == 0 {
            broken.push((key, "a rate needs `tier` or `above`"));
        } else if rate.input.is_none() {
            broken.push((key, "the key `input` is missing: the price of input tokens"));
        }
    }
    broken
}

impl ModelEntry {
    fn into_prices(self) -> ModelPrices {
        let Self { input, output, cache_read, cache_write, cache_write_1h, image, request, other_rates } = self;
        let base =
            RateEntry { tier: None, above: 0, input, output, cache_read, cache_write, cache_write_1h }.into_rate();
        let rates = base.into_iter().chain(other_rates.into_iter().filter_map(RateEntry::into_rate)).collect();
        ModelPrices { rates, image: image.map(to_nano), request: request.map(to_nano) }
    }
}

impl RateEntry {
    /// `None` without a price of input tokens.
    fn into_rate(self) -> Option<Rate> {
        let rates = Rates {
            input: to_nano(self.input?),
            output: self.output.map(to_nano).unwrap_or_default(),
            cache_read: self.cache_read.map(to_nano),
            cache_write: self.cache_write.map(to_nano),
            cache_write_1h: self.cache_write_1h.map(to_nano),
        };
        Some(Rate { tier: self.tier.filter(|tier| tier != "default"), above: self.above.into(), rates })
    }
}

/// Whole nano-dollars. A double has 15 digits, so every price with 9 decimals below a million is exact.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the schema limits prices to a million dollars"
)]
fn to_nano(dollars: f64) -> u64 {
    (dollars * 1e9).round() as u64
}
