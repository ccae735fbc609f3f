//! The one way in which the simulator counts tokens.
//!
//! A token is a run of letters and digits with the white space before it, or any other single character (again with
//! the white space before it). Every image, document, video or recording counts [`MEDIA`] tokens, whatever its size.
//! A model's own tokenizer counts differently; what matters is that the same text always counts the same.

/// What an image, a document, a video or a recording counts.
pub(crate) const MEDIA: usize = 1_024;

/// How many tokens a text has.
pub(crate) fn count(text: &str) -> usize {
    split(text).count()
}

/// The tokens of a text; put together, they are the text, except for white space at its end.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(|c: char| !c.is_whitespace())?;
        let body = &rest[start..];
        let word = body.find(|c: char| !c.is_alphanumeric()).unwrap_or(body.len());
        // Anything that is no word is a token of one character.
        let length = match word {
            0 => body.chars().next().map_or(body.len(), char::len_utf8),
            word => word,
        };
        let (token, after) = rest.split_at(start + length);
        rest = after;
        Some(token)
    })
}

/// The text up to so many tokens, and whether that is less than all of it.
pub(crate) fn cut(text: &str, tokens: usize) -> (&str, bool) {
    let length = split(text).take(tokens).map(str::len).sum::<usize>();
    let (kept, rest) = text.split_at(length);
    if rest.trim().is_empty() { (text, false) } else { (kept, true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_marks_count() {
        assert_eq!(split("Hello, wörld 42!").collect::<Vec<_>>(), ["Hello", ",", " wörld", " 42", "!"]);
        assert_eq!(count(""), 0);
        assert_eq!(count(" \n"), 0);
    }

    #[test]
    fn cutting_says_whether_something_is_lost() {
        assert_eq!(cut("one two three", 2), ("one two", true));
        assert_eq!(cut("one two\n", 2), ("one two\n", false));
        assert_eq!(cut("one", 0), ("", true));
    }
}
