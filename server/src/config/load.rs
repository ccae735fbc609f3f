//! From a file, variables and flags to settings.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::Deserialize as _;

use super::file::read_file;
use super::flags::{Override, SettingsOptions};
use super::mistake::{Mistake, Mistakes};
use super::node::{Node, Value};
use super::origin::Origin;
use super::price_file::read_prices;
use super::read::read;
use super::rules::check_rules;
use super::schema::SCHEMA;
use super::settings::Settings;

/// Settings that are valid, and where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) settings: Settings,
    /// SHA-256 of the settings, shortened: two instances with the same settings have the same hash.
    pub(crate) hash: String,
    pub(super) tree: Node,
}

/// Loads the settings. Flags have priority over variables, and variables over the file. Paths of files in the file are
/// relative to its folder.
///
/// # Errors
/// All mistakes, or the first place that is not YAML.
pub(crate) fn load(options: &SettingsOptions) -> Result<Loaded, Mistakes> {
    let mut tree = match &options.config {
        Some(file) => read_file(file).map_err(|mistake| Mistakes(vec![mistake]))?,
        None => Node::empty(Origin::Flag("config".to_owned())),
    };
    for Override { path, origin, value } in &options.overrides {
        tree.set(path, Node { origin: origin.clone(), value: Value::Text(value.clone()) });
    }
    from_tree(tree, options.config.as_deref())
}

/// Checks a tree and makes settings from it.
pub(super) fn from_tree(mut tree: Node, file: Option<&Path>) -> Result<Loaded, Mistakes> {
    if tree.value == Value::Null {
        tree.value = Value::Map(Vec::new());
    }
    let mut mistakes = Vec::new();
    let json = read(&SCHEMA, &tree, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(Mistakes::sorted(mistakes));
    }
    let mut settings = match Settings::deserialize(&json) {
        Ok(settings) => settings,
        Err(error) => return Err(Mistakes(vec![Mistake::new(tree.origin.clone(), &[], error.to_string())])),
    };
    if let Some(folder) = file.and_then(Path::parent) {
        settings.resolve_paths(|key, path| {
            let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
            // The shell's folder counts for flags and variables.
            if matches!(tree.origin_of(&key), Origin::File { .. }) { folder.join(path) } else { PathBuf::from(path) }
        });
    }
    let located = |(path, problem): (Vec<String>, String)| Mistake::new(tree.origin_of(&path).clone(), &path, problem);
    let mut mistakes: Vec<Mistake> = check_rules(&settings).into_iter().map(located).collect();
    // A file that cannot be opened has a mistake already.
    if let Some(file) = settings.prices.file.as_ref().filter(|file| std::fs::File::open(file).is_ok()) {
        match read_prices(file) {
            Ok(prices) => settings.own_prices = prices,
            Err(more) => mistakes.extend(more),
        }
    }
    if !mistakes.is_empty() {
        return Err(Mistakes::sorted(mistakes));
    }
    Ok(Loaded { hash: hash(&settings), settings, tree })
}

fn hash(settings: &Settings) -> String {
    let mut text = serde_json::to_vec(settings).unwrap_or_default();
    if !settings.own_prices.is_empty() {
        text.extend(serde_json::to_vec(&settings.own_prices).unwrap_or_default());
    }
    let digest = digest::digest(&digest::SHA256, &text);
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
