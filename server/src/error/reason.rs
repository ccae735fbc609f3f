//! Reasons: the names of `bedrock.errors.v1.ErrorReason`.

use bedrock_grpc_schema::errors::v1::ErrorReason;
use heck::ToShoutySnakeCase as _;

/// The reason of an exception that the schema does not know.
pub(super) const UNKNOWN_EXCEPTION: &str = "UPSTREAM_EXCEPTION";

/// Whether `ErrorReason` has a value with this name.
pub(super) fn is_reason(name: &str) -> bool {
    ErrorReason::from_str_name(name).is_some()
}

/// The reason of an exception: `ThrottlingException` -> `THROTTLING`. An exception that the schema does not know has
/// [`UNKNOWN_EXCEPTION`], so that reasons are a closed set. Its name is in the details.
pub(super) fn reason_from_name(name: &str) -> &'static str {
    let name = name.strip_suffix("Exception").filter(|rest| !rest.is_empty()).unwrap_or(name);
    let reason = ErrorReason::from_str_name(&name.to_shouty_snake_case());
    reason.map_or(UNKNOWN_EXCEPTION, |reason| reason.as_str_name())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bedrock_grpc_schema::FILE_DESCRIPTOR_SET;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// The names of the enum's values that can be sent.
    fn enum_names() -> BTreeSet<String> {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let values = set
            .file
            .into_iter()
            .filter(|file| file.package() == "bedrock.errors.v1")
            .flat_map(|file| file.enum_type)
            .flat_map(|reasons| reasons.value);
        values.map(|value| value.name().to_owned()).filter(|name| name != "ERROR_REASON_UNSPECIFIED").collect()
    }

    /// The string literals of the error table.
    fn table_literals() -> impl Iterator<Item = &'static str> {
        include_str!("table.rs").split('"').skip(1).step_by(2)
    }

    fn is_upper_snake_case(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    }

    #[test]
    fn error_table_and_enum_have_the_same_reasons() {
        let literals: BTreeSet<_> =
            table_literals().filter(|text| is_upper_snake_case(text)).map(str::to_owned).collect();
        let unknown: Vec<_> = literals.iter().filter(|reason| !is_reason(reason)).collect();
        assert!(unknown.is_empty(), "the enum lacks {unknown:?}");
        let from_exceptions = table_literals().filter(|text| !is_upper_snake_case(text)).map(reason_from_name);
        let sent: BTreeSet<_> = literals.into_iter().chain(from_exceptions.map(str::to_owned)).collect();
        let never_sent: Vec<_> = enum_names().into_iter().filter(|reason| !sent.contains(reason)).collect();
        assert!(never_sent.is_empty(), "the table lacks {never_sent:?}");
    }

    #[test]
    fn every_reason_has_a_section_in_the_documentation() {
        let documentation = include_str!("../../../docs/errors.md");
        let headings = documentation.lines().filter_map(|line| line.strip_prefix("### "));
        let documented: BTreeSet<_> = headings.filter(|text| is_upper_snake_case(text)).map(str::to_owned).collect();
        assert_eq!(documented, enum_names());
    }

    #[test]
    fn exception_names_become_reasons() {
        for (name, reason) in [
            ("ThrottlingException", "THROTTLING"),
            ("FTUFormNotFilled", "FTU_FORM_NOT_FILLED"),
            ("TeapotException", UNKNOWN_EXCEPTION),
            ("Exception", UNKNOWN_EXCEPTION),
            // The name of a reason that is not an exception's must not come from Bedrock by chance.
            ("", UNKNOWN_EXCEPTION),
        ] {
            assert_eq!(reason_from_name(name), reason, "{name}");
        }
    }
}
