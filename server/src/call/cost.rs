//! The cost of a call: computed when the call ends, and sent to the caller if the operator has configured that.

use http::HeaderMap;
use tonic::Code;

use super::record::CallRecord;
use crate::pricing::{BilledUsage, PriceTable, UnknownCost, compute_cost};
use crate::routing::Pricing;
use crate::telemetry::count_unknown_cost;

/// The trailer with the cost of the call in nano-dollars, as a decimal number.
const TRAILER: &str = "bedrock-grpc-cost-nanodollars";

/// The operations that run a model. The others are free, or their price does not depend on a model.
const BILLED_OPERATIONS: &[&str] = &[
    "Converse",
    "ConverseStream",
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "InvokeModelWithBidirectionalStream",
    "StartAsyncInvoke",
];

/// Records the cost of a call that ended with `code`. A call whose cost is not known is counted.
pub(super) fn record_cost(table: &PriceTable, code: Code, record: &mut CallRecord) {
    let context = &record.context;
    let has_output = code == Code::Ok || context.events > 0 || record.usage.is_some();
    if !has_output || !BILLED_OPERATIONS.contains(&context.operation.as_str()) {
        return;
    }
    let Some(model) = &record.billing.model else { return };
    let usage = BilledUsage {
        tokens: record.usage.as_ref(),
        images: record.billing.images,
        tier: record.billing.tier.as_deref(),
        is_latency_optimized: record.billing.is_latency_optimized,
    };
    let prices = table.find(model, context.region.as_deref()).ok_or(UnknownCost::Price);
    match prices.and_then(|prices| compute_cost(prices, &usage)) {
        Ok(cost) => record.cost = Some(cost),
        Err(why) => count_unknown_cost(record.target_label().unwrap_or_else(|| "".into()), why.as_str()),
    }
}

/// Writes the cost into the trailers of a finished call, if the cost is known and the operator has turned the trailer on.
pub(super) fn insert_cost(pricing: &Pricing, cost: Option<u64>, trailers: &mut HeaderMap) {
    if let Some(cost) = cost.filter(|_| pricing.sends_trailer) {
        trailers.insert(TRAILER, cost.into());
    }
}
