//! Removes account ids and the names of roles and users from the ARNs in a message.

/// Redacts every ARN in a message: `arn:aws:sts::123456789012:assumed-role/Admin/me` -> `arn:aws:sts::<account>:assumed-role/<name>`.
pub(super) fn redact_arns(message: &str) -> String {
    let mut redacted = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find("arn:") {
        redacted.push_str(&rest[..start]);
        let arn = &rest[start..];
        let end = arn
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ')' | ']' | '>'))
            .unwrap_or(arn.len());
        redacted.push_str(&redact_arn(&arn[..end]));
        rest = &arn[end..];
    }
    redacted.push_str(rest);
    redacted
}

fn redact_arn(arn: &str) -> String {
    // arn:partition:service:region:account:resource
    let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
    if parts.len() < 5 {
        return arn.to_owned();
    }
    if !parts[4].is_empty() {
        parts[4] = "<account>";
    }
    if parts.len() < 6 {
        return parts.join(":");
    }
    let names_identity = matches!(parts[2], "iam" | "sts") && parts[5].contains('/');
    let resource = if names_identity { parts[5].split('/').next() } else { None };
    match resource {
        Some(kind) => format!("{}:{kind}/<name>", parts[..5].join(":")),
        None => parts.join(":"),
    }
}

#[cfg(test)]
mod tests {
    use super::redact_arns;

    #[test]
    fn account_ids_and_role_names_are_redacted_and_the_rest_is_kept() {
        assert_eq!(
            redact_arns(
                "User: arn:aws:sts::123456789012:assumed-role/Admin/me is not authorized to perform: bedrock:InvokeModel on \
                  resource: arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x"
            ),
            "User: arn:aws:sts::<account>:assumed-role/<name> is not authorized to perform: bedrock:InvokeModel on \
             resource: arn:aws:bedrock:us-east-1:<account>:inference-profile/us.x"
        );
        assert_eq!(
            redact_arns("arn:aws:bedrock:us-east-1::foundation-model/x"),
            "arn:aws:bedrock:us-east-1::foundation-model/x"
        );
        assert_eq!(redact_arns("no arn: here"), "no arn: here");
        assert_eq!(
            redact_arns("arn:aws:iam::123456789012:root, arn:aws:iam::123456789012"),
            "arn:aws:iam::<account>:root, arn:aws:iam::<account>"
        );
    }
}
