//! Words and phrases that raise a score in InvokeGuardrailChecks. They stand in for a classifier.

/// By category, as in the API's model; in lower case, words apart by one space.
pub(super) const CONTENT: &[(&str, &[&str])] = &[
    ("VIOLENCE", &["kill", "murder", "bomb", "shoot", "stab"]),
    ("HATE", &["hate", "inferior race", "vermin", "subhuman"]),
    ("SEXUAL", &["porn", "nude", "explicit sex", "erotic"]),
    ("MISCONDUCT", &["steal", "hack into", "launder", "counterfeit", "phishing"]),
    ("INSULTS", &["idiot", "stupid", "moron", "fool"]),
];

pub(super) const PROMPT_ATTACK: &[(&str, &[&str])] = &[
    ("JAILBREAK", &["jailbreak", "do anything now", "without any rules", "pretend you have no rules"]),
    (
        "PROMPT_INJECTION",
        &[
            "ignore all previous instructions",
            "ignore previous instructions",
            "disregard the above",
            "new instructions",
        ],
    ),
    ("PROMPT_LEAKAGE", &["system prompt", "your instructions verbatim", "repeat the text above"]),
];

/// 0 for none, 0.6 for one, 0.8 for two, 1 for more of a category's words; each counts once.
pub(super) fn severity(lexicon: &[(&str, &[&str])], category: &str, texts: &[&str]) -> f64 {
    let words = lexicon.iter().find(|(name, _)| *name == category).map_or(&[][..], |(_, words)| words);
    let texts: Vec<String> = texts.iter().map(|text| spaced(text)).collect();
    let said = |word: &&&str| texts.iter().any(|text| text.contains(&format!(" {word} ")));
    match words.iter().filter(said).count() {
        0 => 0.0,
        1 => 0.6,
        2 => 0.8,
        _ => 1.0,
    }
}

/// In lower case, with one space before, between and after words.
fn spaced(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = super::detect::words(&lower).collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_words_weigh_more_and_parts_of_words_nothing() {
        let score = |text| severity(CONTENT, "INSULTS", &[text]);
        assert_eq!(score("You are kind, foolish even"), 0.0);
        assert_eq!(score("Idiot! IDIOT!"), 0.6);
        assert_eq!(score("idiot, stupid"), 0.8);
        assert_eq!(score("idiot stupid moron fool"), 1.0);
        assert_eq!(severity(PROMPT_ATTACK, "PROMPT_INJECTION", &["Ignore previous\n instructions."]), 0.6);
        assert_eq!(severity(CONTENT, "NONSENSE", &["idiot"]), 0.0);
    }
}
