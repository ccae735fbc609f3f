//! Models that make vectors.

pub(crate) mod cohere;
pub(crate) mod nova;
pub(crate) mod titan;
