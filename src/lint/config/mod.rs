//! Configuration: `.hadolint.yaml` and `varve.toml` as values, and what becomes of them together.
//!
//! Text in, [`Settings`] and complaints out; who reads which file when is up to the caller.

mod keys;
mod node;
mod settings;
mod toml;
mod yaml;

pub use settings::{PerFile, Settings};

use keys::Keys;
use std::fmt;

/// Something in a configuration that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The line, counted from 1.
    pub line: u32,
    /// The key, with those of the tables around it: `override.error`.
    pub key: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// What may help.
    pub help: Option<String>,
    /// How hadolint would take it.
    pub kind: Kind,
}

/// How hadolint would take something that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The whole file counts for nothing.
    Broken,
    /// A key or a code that it does not know, which it passes over.
    Unknown,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        if let Some(key) = &self.key {
            write!(f, "`{key}`: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Reads a `.hadolint.yaml`: what could be understood, and everything that could not.
pub fn hadolint_yaml(text: &str) -> (Settings, Vec<Complaint>) {
    match yaml::read(text) {
        Ok(node) => Keys::hadolint().settings(node),
        Err(complaint) => (Settings::default(), vec![complaint]),
    }
}

/// Reads the table `lint` of a `varve.toml`; `None` when it has none.
pub fn varve_toml(text: &str) -> (Option<Settings>, Vec<Complaint>) {
    let node = match toml::read(text) {
        Ok(node) => node,
        Err(complaint) => return (None, vec![complaint]),
    };
    let mut complaints = Vec::new();
    let mut settings = None;
    if let node::Value::Table(members) = node.value {
        for (key, member) in members {
            if key.name == "lint" {
                let (found, more) = Keys::varve().settings(member);
                settings = Some(found);
                complaints.extend(more);
            } else {
                complaints.push(Complaint {
                    line: key.line,
                    key: Some(key.name),
                    message: "no such table".to_owned(),
                    help: Some("what can be set stands in the table `lint`".to_owned()),
                    kind: Kind::Unknown,
                });
            }
        }
    }
    (settings, complaints)
}
