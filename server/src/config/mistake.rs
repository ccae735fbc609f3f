//! What is wrong with a configuration, and where.

use std::fmt;

use super::origin::Origin;

/// The longest part of a path that a message repeats. Names of models and callers have at most 64 bytes.
const KEY_LIMIT: usize = 100;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    origin: Origin,
    /// The key with the keys around it: `models.chat.targets[0].region`. Empty for the whole file.
    path: String,
    problem: String,
}

impl Mistake {
    /// A mistake at `path`, with what was found and what is allowed in `problem`.
    pub(super) fn new(origin: Origin, path: &[String], problem: impl Into<String>) -> Self {
        Self { origin, path: join_path(path), problem: problem.into() }
    }

    /// What was found and what is allowed, without the place.
    pub(super) fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, path, problem } = self;
        if path.is_empty() { write!(f, "{origin}: {problem}") } else { write!(f, "{origin}: {path}: {problem}") }
    }
}

/// All mistakes of a configuration, in the order of the file. There is at least one.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) struct Mistakes(pub(super) Vec<Mistake>);

impl Mistakes {
    /// The mistakes in the order of their places.
    pub(super) fn sorted(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| match mistake.origin {
            Origin::File { line, column, .. } => (line, column),
            Origin::Variable(_) | Origin::Flag(_) => (u64::MAX, 0),
        });
        Self(mistakes)
    }
}

impl fmt::Display for Mistakes {
    /// One line for each mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

/// `models.chat.targets[0].region`
pub(super) fn join_path(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{part}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            let short = &part[..part.floor_char_boundary(KEY_LIMIT)];
            // A key may have line breaks, and each mistake has one line.
            text.extend(short.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
    }
    text
}

/// The candidate that `text` was probably meant to be: at most a third of its letters differ.
pub(super) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&text.to_lowercase(), &candidate.to_lowercase());
    let nearest = candidates.map(|candidate| (distance(candidate), candidate)).min()?;
    (nearest.0 * 3 <= nearest.1.chars().count().max(3)).then_some(nearest.1)
}
