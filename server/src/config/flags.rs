//! The flags of `serve`, made from the schema: a setting with `x-flag` has a flag `--NAME` and a variable `BEDROCK_GRPC_NAME`.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::Value as Json;

use super::node::{Node, Value};
use super::origin::Origin;
use super::read::{has_type, read, without_null};
use super::schema::SCHEMA;

/// Where the settings come from, as the command line and the environment say.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsOptions {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// The values of variables and flags.
    pub(super) overrides: Vec<Override>,
}

impl SettingsOptions {
    /// The settings of a file alone.
    pub(crate) fn for_file(file: PathBuf) -> Self {
        Self { config: Some(file), overrides: Vec::new() }
    }
}

/// A value of a variable or a flag.
#[derive(Debug, Clone)]
pub(super) struct Override {
    pub(super) path: Vec<String>,
    pub(super) origin: Origin,
    pub(super) value: String,
}

/// A setting that has a flag.
pub(super) struct Flag {
    pub(super) name: String,
    pub(super) path: Vec<String>,
    pub(super) schema: Json,
}

const CONFIG: &str = "config";

impl Flag {
    /// `BEDROCK_GRPC_MAX_CONCURRENT_CALLS`
    pub(super) fn variable(&self) -> String {
        format!("BEDROCK_GRPC_{}", self.name.replace('-', "_").to_uppercase())
    }

    fn into_arg(self) -> Arg {
        let schema = without_null(&self.schema).clone();
        let description = self.schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        let mut help = description.trim_end_matches('.').to_owned();
        if let Some(default) = default_text(&self.schema["default"]) {
            help = format!("{help} [default: {default}]");
        }
        let mut arg = Arg::new(self.name.clone()).long(self.name.clone()).env(self.variable()).help(help);
        if let Some(section) = self.path.first().filter(|_| self.path.len() > 1) {
            arg = arg.help_heading(format!("Settings: {section}"));
        }
        if let Some(alias) = self.schema["x-alias"].as_str() {
            arg = arg.visible_alias(alias.to_owned());
        }
        if has_type(&schema, "boolean") {
            arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false");
        } else {
            arg = arg.value_name(self.schema["x-value"].as_str().unwrap_or("VALUE").to_owned());
        }
        let is_list = has_type(&schema, "array");
        arg = arg.action(if is_list { ArgAction::Append } else { ArgAction::Set });
        arg.value_parser(move |text: &str| -> Result<String, String> {
            let node = Node { origin: Origin::Flag(String::new()), value: Value::Text(text.to_owned()) };
            let mut mistakes = Vec::new();
            read(&schema, &node, &mut mistakes);
            mistakes.first().map_or_else(|| Ok(text.to_owned()), |mistake| Err(mistake.problem().to_owned()))
        })
    }
}

/// A default value as a user would write it.
fn default_text(default: &Json) -> Option<String> {
    match default {
        Json::Null | Json::Bool(false) => None,
        Json::String(text) => Some(text.clone()),
        Json::Array(items) if items.is_empty() => None,
        Json::Array(items) => Some(items.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(",")),
        other => Some(other.to_string()),
    }
}

/// All settings that have a flag.
pub(super) fn flags() -> Vec<Flag> {
    let mut flags = Vec::new();
    collect(&SCHEMA, &mut Vec::new(), &mut flags);
    flags
}

fn collect(schema: &Json, path: &mut Vec<String>, flags: &mut Vec<Flag>) {
    for (key, property) in without_null(schema)["properties"].as_object().into_iter().flatten() {
        path.push(key.clone());
        if let Some(name) = property["x-flag"].as_str() {
            flags.push(Flag { name: name.to_owned(), path: path.clone(), schema: property.clone() });
        }
        collect(property, path, flags);
        path.pop();
    }
}

impl Args for SettingsOptions {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .env("BEDROCK_GRPC_CONFIG")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The configuration file (YAML). Flags and variables have priority over it");
        flags().into_iter().fold(command.arg(config), |command, flag| command.arg(flag.into_arg()))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingsOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut overrides = Vec::new();
        for flag in flags() {
            let origin = match matches.value_source(&flag.name) {
                Some(ValueSource::CommandLine) => Origin::Flag(flag.name.clone()),
                Some(ValueSource::EnvVariable) => Origin::Variable(flag.variable()),
                _ => continue,
            };
            let values = matches.get_many::<String>(&flag.name).into_iter().flatten();
            let value = values.map(String::as_str).collect::<Vec<_>>().join(",");
            overrides.push(Override { path: flag.path, origin, value });
        }
        Ok(Self { config: matches.get_one::<PathBuf>(CONFIG).cloned(), overrides })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
