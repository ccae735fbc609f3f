mod broken;

use std::path::Path;

use proptest::prelude::*;

use broken::BROKEN;

use super::load::from_tree;
use super::node::{self, Node};
use super::origin::Origin;
use super::*;

/// The mistakes of a file, or the settings.
fn check(text: &str) -> Result<Settings, String> {
    let tree = node::parse(Path::new("c.yaml"), text).map_err(|mistake| mistake.to_string())?;
    from_tree(tree, None).map(|loaded| loaded.settings).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn example_is_valid_and_uses_every_section() {
    let settings = check(EXAMPLE).unwrap();
    assert_eq!((settings.models.len(), settings.callers.len(), settings.authentication.jwt.len()), (2, 2, 1));
    assert!(!settings.passthrough && !settings.aws.regions.is_empty());
}

#[test]
fn file_without_keys_is_the_default() {
    for text in ["", "{}", "# nothing\n", "server:\n", "server: {}\n", "server: { listen: }\n", "---\n"] {
        assert_eq!(check(text).as_ref(), Ok(&Settings::default()), "{text}");
    }
}

#[test]
fn broken_files_have_these_messages() {
    let messages = BROKEN.iter().map(|text| {
        let mistakes = check(text).expect_err(text);
        format!("{}\n{mistakes}\n", text.trim_end().lines().map(|line| format!("  | {line}\n")).collect::<String>())
    });
    insta::assert_snapshot!(messages.collect::<Vec<_>>().join("\n"));
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_order() {
    let text = "server:\n  grcae: 5m\n  idle_timeout: soon\nlimits:\n  max_connections: 0\nsrever: {}\n";
    let mistakes = check(text).unwrap_err();
    let places: Vec<_> = mistakes.lines().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(places, ["c.yaml:2:3", "c.yaml:3:17", "c.yaml:5:20", "c.yaml:6:1"], "{mistakes}");
}

/// The mistakes of a file of prices.
fn check_prices(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    std::fs::write(&file, text).unwrap();
    let configuration = format!("prices: {{ file: {} }}\n", file.display());
    let mistakes = check(&configuration).map(drop).unwrap_err();
    mistakes.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn mistakes_in_a_file_of_prices_have_their_places() {
    for (text, mistake) in [
        ("model: {}\n", "prices.yaml:1:1: model: unknown key, did you mean `models`? (allowed: models)"),
        (
            "models:\n  m: { input: -1 }\n",
            "prices.yaml:2:15: models.m.input: found the number -1, expected a number from 0 to 1000000",
        ),
        (
            "models:\n  m: { output: 1 }\n",
            "prices.yaml:2:6: models.m: the key `input` is missing: the price of input tokens",
        ),
        ("models:\n  m: {}\n", "prices.yaml:2:6: models.m: a model needs `input`, `image` or `request`"),
        (
            "models:\n  m: { input: 1, other_rates: [{ input: 2 }] }\n",
            "prices.yaml:2:32: models.m.other_rates[0]: a rate needs `tier` or `above`",
        ),
        ("models: [\n", "prices.yaml:1:9: not YAML: unclosed bracket"),
    ] {
        let found = check_prices(text);
        assert!(found.starts_with(mistake), "{text}{found}");
    }
    let found = check("prices: { file: /nonexistent/prices.yaml }\n").unwrap_err();
    assert!(found.starts_with("c.yaml:1:17: prices.file: the file /nonexistent/prices.yaml cannot be read"), "{found}");
}

#[test]
fn file_of_prices_has_exact_nano_dollars() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.yaml");
    let text = "models:\n  m: { input: 3.3, cache_read: 0.2625, other_rates: [{ tier: flex, input: 0.000000001 }] }\n  i: { image: 0.04 }\n";
    std::fs::write(&file, text).unwrap();
    let settings = check(&format!("prices: {{ file: {} }}\n", file.display())).unwrap();
    let model = &settings.own_prices["m"];
    assert_eq!(model.rates[0].rates.input, 3_300_000_000);
    assert_eq!(model.rates[0].rates.cache_read, Some(262_500_000));
    assert_eq!((model.rates[1].tier.as_deref(), model.rates[1].rates.input), (Some("flex"), 1));
    assert_eq!(settings.own_prices["i"].image, Some(40_000_000));
}

#[test]
fn value_of_several_lines_is_not_repeated() {
    let mistakes = check("server:\n  grace: |\n    -----BEGIN PRIVATE KEY-----\n    c2VjcmV0\n").unwrap_err();
    assert!(mistakes.contains("a text of several lines") && !mistakes.contains("BEGIN"), "{mistakes}");
}

#[test]
fn api_key_in_the_file_is_not_repeated() {
    let mistakes = check("callers:\n  web: { identity: [\"bgk_0123456789abcdef_00\"] }\n").unwrap_err();
    assert!(mistakes.contains("found an API key") && !mistakes.contains("0123456789"), "{mistakes}");
}

#[test]
fn every_flag_has_a_setting_a_variable_and_a_description() {
    let flags = flags::flags();
    assert!(flags.len() > 25, "{}", flags.len());
    for flag in flags {
        assert_eq!(flag.variable(), format!("BEDROCK_GRPC_{}", flag.name.to_uppercase().replace('-', "_")));
        assert!(flag.schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{}", flag.name);
    }
}

#[test]
fn published_schema_is_the_schema_of_the_settings() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/bedrock-grpc.schema.json");
    assert_or_update(file, &schema_text());
}

#[test]
fn documentation_has_every_key() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (before, rest) = text.split_once("<!-- keys -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of keys -->").unwrap();
    assert_or_update(file, &format!("{before}<!-- keys -->\n{}<!-- end of keys -->{after}", schema::key_tables()));
}

/// Compares a file with what it should contain. With `BEDROCK_GRPC_UPDATE=1` writes it.
fn assert_or_update(file: &str, wanted: &str) {
    if std::env::var_os("BEDROCK_GRPC_UPDATE").is_some() {
        std::fs::write(file, wanted).unwrap();
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        found == wanted,
        "{file} is out of date: BEDROCK_GRPC_UPDATE=1 cargo test -p bedrock-grpc-server --lib config"
    );
}

/// The messages of a text; each begins with a place.
fn assert_places(text: &str) -> Result<(), TestCaseError> {
    let Err(mistakes) = check(text) else { return Ok(()) };
    for line in mistakes.lines() {
        let mut parts = line.splitn(4, ':');
        prop_assert_eq!(parts.next(), Some("c.yaml"), "{}", line);
        for _ in 0..2 {
            let number = parts.next().and_then(|number| number.parse::<u64>().ok());
            prop_assert!(number.is_some_and(|number| number > 0), "{} in {:?}", line, text);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn random_text_never_panics_and_each_mistake_has_a_place(text in "[ -~\n\t\u{e9}\u{1F600}]{0,200}") {
        assert_places(&text)?;
    }

    #[test]
    fn random_yaml_never_panics_and_each_mistake_has_a_place(
        words in prop::collection::vec("server|listen|grace|limits|aws|models|chat|targets|callers|x|5m|-1|true|~|'|\"|[|]|\\{|\\}|,|: |:\n|\n  |\n    |- |&a |\\*a|<<|!!str|\\||>", 0..60)
    ) {
        assert_places(&words.concat())?;
    }

    #[test]
    fn mutated_example_never_panics_and_each_mistake_has_a_place(
        at in any::<prop::sample::Index>(), length in 0usize..20, insert in "[ -~\n]{0,8}"
    ) {
        let start = EXAMPLE.floor_char_boundary(at.index(EXAMPLE.len()));
        let end = EXAMPLE.floor_char_boundary((start + length).min(EXAMPLE.len()));
        assert_places(&format!("{}{insert}{}", &EXAMPLE[..start], &EXAMPLE[end..]))?;
    }

    #[test]
    fn deep_nesting_is_a_mistake_and_no_stack_overflow(depth in 1usize..5000, open in "[\\[{]") {
        assert_places(&open.repeat(depth))?;
        assert_places(&format!("{}x{}", "[".repeat(depth), "]".repeat(depth)))?;
    }
}

#[test]
fn aliases_that_multiply_are_a_mistake() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in
        ["a", "b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["b", "c", "d", "e", "f", "g", "h", "i", "j"])
    {
        text.push_str(&format!(
            "{of}: &{of} [*{name}, *{name}, *{name}, *{name}, *{name}, *{name}, *{name}, *{name}]\n"
        ));
    }
    assert!(check(&text).is_err());
}

#[test]
fn variable_or_flag_replaces_the_value_of_the_file() {
    let mut tree = node::parse(Path::new("c.yaml"), "server: { grace: 1m, idle_timeout: 2m }\n").unwrap();
    let value = node::Value::Text("3m".to_owned());
    tree.set(
        &["server".to_owned(), "grace".to_owned()],
        Node { origin: Origin::Variable("BEDROCK_GRPC_GRACE".to_owned()), value },
    );
    let loaded = from_tree(tree, None).unwrap();
    let text = show(&loaded);
    for line in
        ["  grace: 3m # BEDROCK_GRPC_GRACE", "  idle_timeout: 2m # c.yaml:1:36", "  response_timeout: 1h # default"]
    {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    // What is shown can be used as a file.
    assert_eq!(check(&text).unwrap(), loaded.settings);
}
