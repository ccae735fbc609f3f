//! What a call costs: the prices of Bedrock's models, and the cost of a call's usage in whole nano-dollars.
//!
//! `python3 tools/prices` writes the built-in table from published facts. An operator's own prices (`prices.file`) have priority
//! over it. If a price is not known, the cost is not known either. It is never reported as zero.

mod cost;
mod prices;
mod table;

pub(crate) use cost::{BilledUsage, LATENCY_OPTIMIZED, UnknownCost, compute_cost};
pub(crate) use prices::{ModelPrices, Rate, Rates};
pub(crate) use table::PriceTable;

#[cfg(test)]
mod tests;
