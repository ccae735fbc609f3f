//! Collects violations of a shape's constraints, in the wording that all AWS services share.

use crate::exception::Exception;

/// Violations so far. Paths count from 1 and say `member` for a list's element, as in
/// `messages.1.member.content`.
#[derive(Debug, Default)]
pub(crate) struct Constraints(Vec<String>);

impl Constraints {
    pub(crate) fn required<T>(&mut self, value: &Option<T>, path: &str) {
        if value.is_none() {
            self.violated("Value null", path, "Member must not be null");
        }
    }

    pub(crate) fn one_of(&mut self, value: Option<&str>, path: &str, allowed: &[&str]) {
        if let Some(value) = value.filter(|value| !allowed.contains(value)) {
            self.violated(
                &format!("Value '{value}'"),
                path,
                &format!("Member must satisfy enum value set: [{}]", allowed.join(", ")),
            );
        }
    }

    pub(crate) fn between(&mut self, value: Option<f64>, path: &str, low: f64, high: f64) {
        let Some(value) = value else { return };
        let what = format!("Value '{value}'");
        if value < low {
            let rule = format!("Member must have value greater than or equal to {low}");
            self.violated(&what, path, &rule);
        } else if value > high {
            let rule = format!("Member must have value less than or equal to {high}");
            self.violated(&what, path, &rule);
        }
    }

    pub(crate) fn length(&mut self, length: usize, path: &str, low: usize, high: usize) {
        if length < low {
            let rule = format!("Member must have length greater than or equal to {low}");
            self.violated("Value", path, &rule);
        } else if length > high {
            let rule = format!("Member must have length less than or equal to {high}");
            self.violated("Value", path, &rule);
        }
    }

    /// Characters that a name may have, with AWS's pattern for the message.
    pub(crate) fn pattern(&mut self, value: Option<&str>, path: &str, pattern: &str, allowed: fn(char) -> bool) {
        if let Some(value) = value {
            self.matches(value, path, pattern, value.chars().all(allowed));
        }
    }

    /// A pattern that its caller has looked at.
    pub(crate) fn matches(&mut self, value: &str, path: &str, pattern: &str, valid: bool) {
        if !valid {
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            self.violated(&format!("Value '{value}'"), path, &rule);
        }
    }

    pub(crate) fn result(self) -> Result<(), Exception> {
        let count = self.0.len();
        let errors = if count == 1 { "error" } else { "errors" };
        match count {
            0 => Ok(()),
            _ => Err(Exception::validation(format!("{count} validation {errors} detected: {}", self.0.join("; ")))),
        }
    }

    fn violated(&mut self, value: &str, path: &str, rule: &str) {
        self.0.push(format!("{value} at '{path}' failed to satisfy constraint: {rule}"));
    }
}
