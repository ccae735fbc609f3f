//! Removes account ids and the names of roles and users from a message of Bedrock.

use std::borrow::Cow;

use crate::arn::Arn;

/// Length of an AWS account id. <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
const ACCOUNT_DIGITS: usize = 12;

const ACCOUNT: &str = "<account>";
const NAME: &str = "<name>";

/// Redacts every ARN, also a percent-encoded one, and every account id outside ARNs:
/// `arn:aws:sts::123456789012:assumed-role/Admin/me` -> `arn:aws:sts::<account>:assumed-role/<name>`.
pub(crate) fn redact_message(message: &str) -> String {
    let mut redacted = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = find_arn(rest) {
        mask_account_ids(&rest[..start], &mut redacted);
        let arn = &rest[start..start + arn_len(&rest[start..])];
        redact_arn(&decode_separators(arn), &mut redacted);
        rest = &rest[start + arn.len()..];
    }
    mask_account_ids(rest, &mut redacted);
    redacted
}

/// The start of the first `arn:` or `arn%3A`.
fn find_arn(text: &str) -> Option<usize> {
    text.match_indices("arn").map(|(at, _)| at).find(|at| starts_arn(&text.as_bytes()[*at..]))
}

fn starts_arn(bytes: &[u8]) -> bool {
    bytes.starts_with(b"arn:") || bytes.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"arn%3a"))
}

/// The length of the ARN at the start of `text`. It ends before the first character that cannot be part of an ARN, and before
/// the next ARN. A role name may contain a comma, but a comma also separates ARNs, so a comma belongs to the ARN only when
/// another of its characters follows.
fn arn_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b":/%+=.@_-*?$~#".contains(b);
    let mut len = 0;
    while let Some(byte) = bytes.get(len) {
        let is_comma_in_name =
            *byte == b',' && bytes.get(len + 1).is_some_and(is_part) && !starts_arn(&bytes[len + 1..]);
        if !(is_part(byte) || is_comma_in_name) || len > 0 && starts_arn(&bytes[len..]) {
            break;
        }
        len += 1;
    }
    // The period, the colon or the question mark of a sentence.
    text[..len].trim_end_matches(['.', ':', '?']).len()
}

/// Decodes `%3A` and `%2F`.
fn decode_separators(arn: &str) -> Cow<'_, str> {
    if !arn.contains('%') {
        return Cow::Borrowed(arn);
    }
    Cow::Owned(arn.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/"))
}

fn redact_arn(arn: &str, redacted: &mut String) {
    let Some(Arn { partition, service, region, account, resource }) = Arn::parse(arn) else {
        return mask_account_ids(arn, redacted);
    };
    let account = if account.is_empty() { "" } else { ACCOUNT };
    for part in ["arn", partition, service, region] {
        mask_account_ids(part, redacted);
        redacted.push(':');
    }
    redacted.push_str(account);
    let Some(resource) = resource else { return };
    redacted.push(':');
    match resource.split_once('/') {
        // Everything after the kind of an identity is a name or a path.
        Some((kind, _)) if matches!(service, "iam" | "sts") => {
            mask_account_ids(kind, redacted);
            redacted.push('/');
            redacted.push_str(NAME);
        }
        _ => mask_account_ids(resource, redacted),
    }
}

/// Appends `text` with every run of 12 or more digits masked.
fn mask_account_ids(text: &str, redacted: &mut String) {
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].bytes().take_while(u8::is_ascii_digit).count();
        let end = start + digits;
        redacted.push_str(if digits < ACCOUNT_DIGITS { &rest[..end] } else { &rest[..start] });
        if digits >= ACCOUNT_DIGITS {
            redacted.push_str(ACCOUNT);
        }
        rest = &rest[end..];
    }
    redacted.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::redact_message;

    #[test]
    fn account_ids_and_role_names_are_redacted_and_the_rest_is_kept() {
        for (message, redacted) in [
            (
                "User: arn:aws:sts::123456789012:assumed-role/Admin/me is not authorized to perform: bedrock:InvokeModel on \
                 resource: arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x",
                "User: arn:aws:sts::<account>:assumed-role/<name> is not authorized to perform: bedrock:InvokeModel on \
                 resource: arn:aws:bedrock:us-east-1:<account>:inference-profile/us.x",
            ),
            ("arn:aws:bedrock:us-east-1::foundation-model/x", "arn:aws:bedrock:us-east-1::foundation-model/x"),
            ("no arn: here", "no arn: here"),
            (
                "arn:aws:iam::123456789012:root, arn:aws:iam::123456789012",
                "arn:aws:iam::<account>:root, arn:aws:iam::<account>",
            ),
        ] {
            assert_eq!(redact_message(message), redacted);
        }
    }

    #[test]
    fn arn_ends_at_separators_and_braces_and_at_the_next_arn() {
        let arn = "arn:aws:iam::123456789012:role/Admin";
        let redacted = "arn:aws:iam::<account>:role/<name>";
        for (message, expected) in [
            (format!("{arn};{arn}|{arn}"), format!("{redacted};{redacted}|{redacted}")),
            (format!("{{{arn}}} [{arn}] <{arn}>"), format!("{{{redacted}}} [{redacted}] <{redacted}>")),
            (format!("{arn},{arn}"), format!("{redacted},{redacted}")),
            (format!("{arn}{arn}"), format!("{redacted}{redacted}")),
            (format!("It is {arn}."), format!("It is {redacted}.")),
            (format!("{arn},Team"), redacted.to_owned()),
        ] {
            assert_eq!(redact_message(&message), expected);
        }
    }

    #[test]
    fn percent_encoded_arn_is_redacted() {
        let message = "no route /model/arn%3Aaws%3Asts%3A%3A123456789012%3Aassumed-role%2FAdmin%2Fme";
        assert_eq!(redact_message(message), "no route /model/arn:aws:sts::<account>:assumed-role/<name>");
    }

    #[test]
    fn account_id_outside_an_arn_is_masked_and_shorter_numbers_are_kept() {
        assert_eq!(redact_message("account 123456789012 has 12345678901"), "account <account> has 12345678901");
    }

    /// Texts that contain parts of ARNs in any order.
    fn message() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("arn:aws:iam::".to_owned()),
            Just("arn%3Aaws%3Asts%3A%3A".to_owned()),
            Just(":role/".to_owned()),
            "[0-9]{10,14}",
            "[-a-z:/%;|,.{} ]{0,4}",
            ".{0,3}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_twelve_digits_in_a_row_survive(message in message()) {
            let redacted = redact_message(&message);
            let longest = redacted.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
            prop_assert!(longest < Some(12), "{redacted}");
        }
    }
}
