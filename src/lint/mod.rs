//! Finds what is unwise in a Dockerfile, one rule per file, and says how to write it instead.
//!
//! Enter by [`Document::new`] and [`lint`]: a tree with its text in, [`Finding`]s out, sorted by place, and
//! [`silence`] for what comments silence. [`rules`] lists the rules with their documentation; [`apply`] does what a
//! finding's [`Fix`] says; [`config`] reads what people set and [`formats`] writes findings as they want them.
//! [`check`] does what `docker build --check` does, and what a build says in passing. [`explain`] is a rule's page.
//!
//! A rule is one constant of type [`Rule`] in a file of its own below `rules/`: code, name, documentation, check and
//! its cases as a literate test that `cases.rs` runs.
//!
//! Invariant: a rule sees a [`Document`] and nothing else. No file is opened, no process started and nothing printed,
//! and a broken instruction costs the findings about itself only.

#[cfg(test)]
mod cases;
mod checks;
mod codes;
pub mod config;
mod context_facts;
mod document;
mod explain;
mod finding;
mod fix;
pub mod formats;
pub mod image;
mod not_text;
mod options;
mod pragmas;
mod rule;
mod rules;
mod scopes;
mod select;
mod shell;
pub mod shellcheck;
mod silence;
mod surroundings;
mod variables;
mod words;

pub use checks::{CheckError, Checked, Checks, check};
pub use codes::{canonical, suggestion};
pub use context_facts::{ContextEntry, ContextFacts, Notable, copies_whole_context, notable, plain_sources};
pub use document::{Comment, Document, Stage};
pub use explain::{address, explain, schema};
pub use finding::{Finding, Level};
pub use fix::{Applied, Edit, Fix, Made, Refusal, Refused, Repair, Safety, apply, exec_form, repair};
pub use not_text::{not_text, too_large};
pub use options::{LabelKind, Options};
pub use pragmas::{Pragma, Scope, Void, pragmas};
pub use rule::{Docs, Family, Findings, Fixable, Rule, State};
pub use rules::{every_rule, find, rules};
pub use scopes::{From, PlatformFlag, Scopes, Step, Undefined};
pub use select::{Selection, lint};
use shell::edit_of;
pub use shell::{Assignment, Command, Dialect, Flag, Form, Link, Pipe, Redirect, Run, Script, Shell, Text};
pub use silence::silence;
pub use surroundings::{BaseFacts, Bases, Surroundings};
