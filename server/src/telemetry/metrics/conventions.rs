//! Which names of OpenTelemetry's conventions the telemetry uses: the newest, the older ones, or both.

use std::sync::LazyLock;

/// The environment variable that chooses the names. `rpc/dup` has the meaning of the RPC conventions, and the other values
/// follow its pattern.
/// <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/>
const VARIABLE: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";

/// Which names are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    /// The names of the newest conventions.
    pub(crate) new: bool,
    /// The names of the earlier conventions.
    pub(crate) old: bool,
}

/// The names of each category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conventions {
    /// `rpc.*`
    pub(crate) rpc: Names,
    /// `gen_ai.*`
    pub(crate) gen_ai: Names,
}

static CONVENTIONS: LazyLock<Conventions> =
    LazyLock::new(|| Conventions::parse(&std::env::var(VARIABLE).unwrap_or_default()));

/// The conventions that are in use. The variable is read once.
pub(crate) fn conventions() -> Conventions {
    *CONVENTIONS
}

impl Conventions {
    /// Reads the comma-separated values: `rpc/dup` and `gen_ai/dup` for both names, `rpc/old` and `gen_ai/old` for the older
    /// ones alone. Other values are for other instrumentation, or they choose the newest names, which is the default.
    fn parse(value: &str) -> Self {
        let names = |category: &str| {
            let has = |choice: &str| value.split(',').any(|part| part.trim().strip_prefix(category) == Some(choice));
            let is_both = has("/dup");
            Names { new: is_both || !has("/old"), old: is_both || has("/old") }
        };
        Self { rpc: names("rpc"), gen_ai: names("gen_ai") }
    }
}

#[cfg(test)]
mod tests {
    use super::{Conventions, Names};

    const NEW: Names = Names { new: true, old: false };
    const OLD: Names = Names { new: false, old: true };
    const BOTH: Names = Names { new: true, old: true };

    #[test]
    fn values_choose_the_names_of_their_category_and_others_are_ignored() {
        for (value, rpc, gen_ai) in [
            ("", NEW, NEW),
            ("rpc,gen_ai_latest_experimental,http/dup", NEW, NEW),
            ("rpc/dup", BOTH, NEW),
            ("gen_ai/old, rpc/old", OLD, OLD),
            ("rpc/old,rpc/dup", BOTH, NEW),
            ("http/dup,gen_ai/dup", NEW, BOTH),
        ] {
            assert_eq!(Conventions::parse(value), Conventions { rpc, gen_ai }, "{value}");
        }
    }
}
