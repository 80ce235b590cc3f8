//! What a checker is told besides the text of a RUN: which shell it is for, and which variables are set.

use crate::lint::document::Document;
use crate::lint::shell::{Dialect, Form, Run};
use crate::lint::variables::Variables;
use std::collections::BTreeSet;

/// One script as ShellCheck gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its place in [`Document::runs`].
    pub run: usize,
    /// `#!`, the variables that ARG and ENV set and the script has, then the script of the RUN.
    pub text: String,
    /// How many bytes of [`Unit::text`] come before the script.
    pub(super) prelude: usize,
    /// How many lines do.
    pub(super) lines: u32,
}

/// Variables that every step may have without an ARG.
const PROXIES: &[&str] = &[
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Bytes of a script that is looked at: more is no text that a person wrote.
const LONGEST: usize = 256 * 1024;

/// The scripts of `document` that ShellCheck can read: RUN and ONBUILD RUN in shell form or as a heredoc, for a shell
/// of Bourne's family other than zsh.
pub fn units(document: &Document<'_>) -> Vec<Unit> {
    let variables = Variables::new(document);
    let runs = document.runs().iter().enumerate();
    runs.filter_map(|(index, run)| unit(index, run, &variables)).collect()
}

fn unit(index: usize, run: &Run<'_>, variables: &Variables<'_>) -> Option<Unit> {
    let shell = match run.shell.dialect {
        Dialect::Sh => "/bin/sh",
        Dialect::Dash | Dialect::Ash => "/bin/dash",
        Dialect::Bash => "/bin/bash",
        Dialect::Ksh => "/bin/ksh",
        Dialect::Zsh | Dialect::Foreign => return None,
    };
    let script = run.script.text.as_str();
    if run.form == Form::Exec || script.trim().is_empty() || script.len() > LONGEST {
        return None;
    }
    // Only those that the script has: the others make no difference, and there may be many. At least one, because a
    // comment for ShellCheck at the very top would count for the whole text.
    let names: BTreeSet<&str> = names(script)
        .filter(|name| PROXIES.contains(name) || variables.is_set(run.stage, name, run.index))
        .chain(["http_proxy"])
        .collect();
    let mut text = format!("#!{shell}\n");
    for name in &names {
        text.extend(["export ", name, "=1\n"]);
    }
    let prelude = text.len();
    text.push_str(script);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Some(Unit {
        run: index,
        text,
        prelude,
        lines: 1 + names.len() as u32,
    })
}

/// Everything in `script` that could be the name of a variable.
fn names(script: &str) -> impl Iterator<Item = &str> {
    script
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}
