//! The values of labels that callers choose. Their number is bounded, because each one is a time series.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use opentelemetry::StringValue;

/// The value for models that have no label of their own.
const OTHER: &str = "other";

/// Maximum number of model ids, besides the names in the configuration, that become label values. A gateway without configured
/// names serves a few dozen models.
const MAX_MODEL_IDS: usize = 100;

/// The model ids that Bedrock has accepted.
static SERVED_MODEL_IDS: LazyLock<RwLock<HashSet<Arc<str>>>> = LazyLock::new(RwLock::default);

/// The label of a model: its name in the configuration, or an id that Bedrock has accepted before; otherwise `other`.
#[derive(Debug, Clone)]
pub(crate) struct ModelLabel {
    id: Arc<str>,
    is_bounded: bool,
}

impl ModelLabel {
    /// The label of `id`. `is_configured` is true if `id` is a name in the configuration.
    pub(crate) fn new(id: &str, is_configured: bool) -> Self {
        let served = SERVED_MODEL_IDS.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        Self { is_bounded: is_configured || served.is_some(), id: served.unwrap_or_else(|| id.into()) }
    }

    /// Records that Bedrock accepted a request for the model, so that the caller cannot have invented the id.
    pub(crate) fn record_served(&mut self) {
        if self.is_bounded {
            return;
        }
        let mut served = SERVED_MODEL_IDS.write().unwrap_or_else(PoisonError::into_inner);
        self.is_bounded =
            served.contains(&self.id) || served.len() < MAX_MODEL_IDS && served.insert(Arc::clone(&self.id));
    }

    /// The value of the label.
    pub(crate) fn value(&self) -> StringValue {
        if self.is_bounded { Arc::clone(&self.id).into() } else { OTHER.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_configured_and_served_models_have_labels_of_their_own_and_their_number_is_bounded() {
        assert_eq!(ModelLabel::new("chat", true).value().as_str(), "chat");
        assert_eq!(ModelLabel::new("invented", false).value().as_str(), "other");
        for number in 0..2 * MAX_MODEL_IDS {
            let mut label = ModelLabel::new(&format!("model-{number}"), false);
            label.record_served();
        }
        assert_eq!(ModelLabel::new("model-0", false).value().as_str(), "model-0");
        assert_eq!(ModelLabel::new("model-199", false).value().as_str(), "other");
        assert_eq!(ModelLabel::new("chat", true).value().as_str(), "chat");
    }
}
