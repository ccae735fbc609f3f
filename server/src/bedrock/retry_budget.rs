//! How many retries a target gets: about a tenth of its calls, so that retries do not make an outage worse.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tower::retry::budget::TpsBudget;

use super::Target;

/// Time over which calls and retries are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Retries per second that are always allowed, so that a target with few calls is retried too.
const FLOOR: u32 = 1;

/// Retries per call beyond the floor. The SDKs and linkerd use 10 to 20 %.
const SHARE: f32 = 0.1;

/// Maximum number of targets that are counted. Callers choose models and Regions, so there must be a limit.
const TARGETS_LIMIT: usize = 1000;

/// A budget per Region and model. AWS's quotas are per Region and model too.
#[derive(Default)]
pub(super) struct RetryBudgets {
    targets: Mutex<HashMap<Key, Arc<TpsBudget>>>,
}

/// Region and model.
type Key = (String, Option<String>);

impl RetryBudgets {
    /// The budget of a target.
    pub(super) fn get(&self, target: &Target) -> Arc<TpsBudget> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (target.region.clone(), target.model_id.clone());
        if targets.len() >= TARGETS_LIMIT && !targets.contains_key(&key) {
            targets.clear();
        }
        Arc::clone(targets.entry(key).or_insert_with(|| Arc::new(TpsBudget::new(WINDOW, FLOOR, SHARE))))
    }
}

#[cfg(test)]
mod tests {
    use tower::retry::budget::Budget as _;

    use super::*;

    fn target(model: &str) -> Target {
        Target { model_id: Some(model.to_owned()), region: "us-east-1".to_owned() }
    }

    #[test]
    fn retries_are_a_tenth_of_the_calls_beyond_the_floor() {
        let budgets = RetryBudgets::default();
        let retries = (0..1000)
            .filter(|_| {
                let budget = budgets.get(&target("m"));
                budget.deposit();
                budget.withdraw()
            })
            .count();
        assert!((100..=111).contains(&retries), "{retries} retries for 1,000 calls");
    }

    #[test]
    fn each_model_has_a_budget_of_its_own() {
        let budgets = RetryBudgets::default();
        while budgets.get(&target("a")).withdraw() {}
        assert!(budgets.get(&target("b")).withdraw());
    }
}
