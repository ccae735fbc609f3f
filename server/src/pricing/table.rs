//! The prices of all models.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::prices::ModelPrices;

/// The prices that come with the gateway.
#[derive(Debug, Default, Deserialize)]
struct BuiltInPrices {
    /// When the facts were read.
    date: String,
    /// The packages that the facts come from, with their versions.
    sources: Vec<String>,
    models: HashMap<String, ModelPrices>,
}

static BUILT_IN: LazyLock<BuiltInPrices> =
    LazyLock::new(|| serde_json::from_str(include_str!("prices.json")).unwrap_or_default());

/// The prices of all models. An operator's own prices have priority over the built-in ones. Clones share the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct PriceTable {
    own: Arc<HashMap<String, ModelPrices>>,
}

impl PriceTable {
    /// A table in which `own` has priority. A key is a model id, an inference profile or an ARN, with or without `REGION/` before
    /// it.
    pub(crate) fn new(own: impl IntoIterator<Item = (String, ModelPrices)>) -> Self {
        Self { own: Arc::new(own.into_iter().collect()) }
    }

    /// The prices of a model, inference profile or ARN at Bedrock, in a Region. The built-in prices without a Region are those of
    /// us-east-1.
    pub(crate) fn find(&self, model: &str, region: Option<&str>) -> Option<&ModelPrices> {
        let id = strip_arn(model);
        let find_key = |models: &HashMap<String, ModelPrices>, id: &str| {
            let in_region = region.map(|region| format!("{region}/{id}")).filter(|key| models.contains_key(key));
            in_region.or_else(|| models.contains_key(id).then(|| id.to_owned()))
        };
        for (models, id) in [(&*self.own, model), (&*self.own, id), (&BUILT_IN.models, id)] {
            if let Some(key) = find_key(models, id) {
                return models.get(&key);
            }
        }
        None
    }

    /// Where the built-in prices come from: the packages with their versions, and the date.
    pub(crate) fn built_in_source() -> String {
        format!("{} of {}", BUILT_IN.sources.join(" and "), BUILT_IN.date)
    }
}

/// The id in the ARN of a foundation model or of a system-defined inference profile. Other ARNs stay as they are, because
/// they do not contain the id of their model.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html>
fn strip_arn(model: &str) -> &str {
    let resource = model.starts_with("arn:").then(|| model.splitn(6, ':').nth(5)).flatten();
    resource
        .and_then(|resource| {
            resource.strip_prefix("foundation-model/").or_else(|| resource.strip_prefix("inference-profile/"))
        })
        .unwrap_or(model)
}
