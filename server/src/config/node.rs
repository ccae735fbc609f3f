//! The configuration as a tree in which each value knows where it comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::mistake::Mistake;
use super::origin::Origin;

/// Maximum depth of lists and mappings. The settings need 7. In a debug build, 64 levels overflow the stack of a thread.
const MAX_DEPTH: usize = 16;

/// A value and its origin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// A value of YAML's core schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key is.
    pub(super) origin: Origin,
    pub(super) node: Node,
}

impl Node {
    /// An empty mapping.
    pub(super) fn empty(origin: Origin) -> Self {
        Self { origin, value: Value::Map(Vec::new()) }
    }

    /// The origin of the value at `path`, or of the nearest value around it.
    pub(super) fn origin_of(&self, path: &[String]) -> &Origin {
        let Some((first, rest)) = path.split_first() else { return &self.origin };
        let child = match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == *first).map(|entry| &entry.node),
            Value::List(items) => first.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        };
        child.map_or(&self.origin, |child| child.origin_of(rest))
    }

    /// Whether a value is set at `path`.
    pub(super) fn contains(&self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else { return self.value != Value::Null };
        match &self.value {
            Value::Map(entries) => entries.iter().any(|entry| entry.key == *first && entry.node.contains(rest)),
            Value::List(items) => {
                first.parse().ok().and_then(|i: usize| items.get(i)).is_some_and(|n| n.contains(rest))
            }
            _ => false,
        }
    }

    /// Sets the value at `path` and creates the mappings on the way. A value that is no mapping is replaced.
    pub(super) fn set(&mut self, path: &[String], node: Self) {
        let Some((first, rest)) = path.split_first() else {
            *self = node;
            return;
        };
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return };
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *first) {
            return entry.node.set(rest, node);
        }
        let origin = node.origin.clone();
        let mut child = Self::empty(origin.clone());
        child.set(rest, node);
        entries.push(Entry { key: first.clone(), origin, node: child });
    }
}

/// Parses a file's text.
///
/// # Errors
/// The first place that is not YAML. A parser cannot know what comes after it.
pub(super) fn parse(file: &Path, text: &str) -> Result<Node, Mistake> {
    let file: Arc<Path> = PathBuf::from(file).into();
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(raw.value.into_node(&file, raw.referenced.line(), raw.referenced.column())),
        Err(error) => {
            let location = error.location();
            let (line, column) = location.map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
            let message = error.without_snippet().to_string();
            // The library adds the place to its text, and hints for programmers.
            let cut = [" at line ", ", set DuplicateKeyPolicy", "; use from_str"].map(|hint| message.find(hint));
            let end = cut.into_iter().flatten().min().unwrap_or(message.len());
            let message = message[..end].trim_end_matches([':', ',']).replace('\n', " ");
            Err(Mistake::new(Origin::File { file, line, column }, &[], format!("not YAML: {message}")))
        }
    }
}

/// A value as the parser gives it.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl Raw {
    fn into_node(self, file: &Arc<Path>, line: u64, column: u64) -> Node {
        let origin =
            |line: u64, column: u64| Origin::File { file: Arc::clone(file), line: line.max(1), column: column.max(1) };
        let child = |node: Spanned<Self>| node.value.into_node(file, node.referenced.line(), node.referenced.column());
        let value = match self {
            Self::Scalar(value) => value,
            Self::List(items) => Value::List(items.into_iter().map(child).collect()),
            Self::Map(entries) => {
                let entries = entries.into_iter().map(|(key, node)| Entry {
                    origin: origin(key.referenced.line(), key.referenced.column()),
                    key: key.value,
                    node: child(node),
                });
                Value::Map(entries.collect())
            }
        };
        Node { origin: origin(line, column), value }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

macro_rules! visit_scalar {
    ($name:ident, $type:ty, $variant:ident, $convert:expr) => {
        fn $name<E>(self, value: $type) -> Result<Raw, E> {
            Ok(Raw::Scalar(Value::$variant($convert(value))))
        }
    };
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    visit_scalar!(visit_bool, bool, Bool, |value| value);
    visit_scalar!(visit_i64, i64, Integer, i128::from);
    visit_scalar!(visit_u64, u64, Integer, i128::from);
    visit_scalar!(visit_i128, i128, Integer, |value| value);
    visit_scalar!(visit_u128, u128, Integer, |value: u128| i128::try_from(value).unwrap_or(i128::MAX));
    visit_scalar!(visit_f64, f64, Float, |value| value);
    visit_scalar!(visit_str, &str, Text, str::to_owned);
    visit_scalar!(visit_string, String, Text, |value| value);

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
