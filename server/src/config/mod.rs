//! The configuration: one [`Settings`] from a file, the environment and flags.
//!
//! `settings` has the types. Their JSON Schema is the only description of keys, types, defaults and limits: `read` checks a file
//! with it, `flags` makes the command line from it, and `config schema` prints it. `rules` has what concerns more than one key.

mod caller_settings;
mod file;
mod flags;
mod load;
mod mistake;
mod node;
mod origin;
mod policy;
mod price_file;
mod read;
mod rules;
mod schema;
mod settings;
mod show;
mod values;

pub(crate) use flags::SettingsOptions;
pub(crate) use load::{Loaded, load};
pub(crate) use mistake::Mistakes;
pub(crate) use schema::schema_text;
pub(crate) use settings::*;
pub(crate) use show::{show, show_json};

/// The commented example. A test loads it.
pub(crate) const EXAMPLE: &str = include_str!("example.yaml");

#[cfg(test)]
mod tests;
