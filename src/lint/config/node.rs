//! What both YAML and TOML are read into: values that know their lines.

/// A value, and the line it begins on, counted from 1.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing after the key, or `null`.
    Nothing,
    Truth(bool),
    Text(String),
    /// A number or a time, as written.
    Other(String),
    List(Vec<Node>),
    Table(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) line: u32,
    pub(super) name: String,
}

impl Value {
    /// What it is, for a person who wrote it where something else was wanted.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Truth(_) => "true or false",
            Self::Text(_) => "text",
            Self::Other(_) => "a number",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}
