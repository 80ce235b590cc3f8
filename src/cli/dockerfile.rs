//! `varve dockerfile`: looking at Dockerfiles without building them.

use super::arguments::DockerfileCommand;
use super::failure::{Exit, Failure};
use super::files::dockerfiles;
use super::{note, print};
use crate::diagnostic::{Severity, Source, render};
use crate::dockerfile::{Parsed, ast_json, parse};
use std::io::Read as _;
use std::path::Path;

pub(super) fn run(command: &DockerfileCommand) -> Result<Exit, Failure> {
    match command {
        DockerfileCommand::Ast { file } => {
            let (source, parsed) = read(file)?;
            report(&source, &parsed);
            let tree = serde_json::to_string_pretty(&ast_json(&parsed.dockerfile)).unwrap_or_default();
            print(&tree)?;
            Ok(verdict([&parsed]))
        }
        DockerfileCommand::Check { paths } => {
            let mut all = Vec::new();
            for path in paths {
                for file in dockerfiles(path)? {
                    let (source, parsed) = read(&file)?;
                    report(&source, &parsed);
                    all.push(parsed);
                }
            }
            note(&format!(
                "{} Dockerfile{} read",
                all.len(),
                if all.len() == 1 { "" } else { "s" }
            ));
            Ok(verdict(&all))
        }
    }
}

fn read(path: &Path) -> Result<(Source, Parsed), Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|content| bytes = content)
    };
    read.map_err(|error| Failure::machine(format!("cannot read `{}`: {error}", path.display())))?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::machine(format!("`{}` is not UTF-8 text", path.display())))?;
    let source = Source::new(path.display().to_string(), text);
    let parsed = parse(source.text());
    Ok((source, parsed))
}

fn report(source: &Source, parsed: &Parsed) {
    let color = super::color();
    for diagnostic in &parsed.diagnostics {
        note(&render(diagnostic, source, color));
    }
}

fn verdict<'a>(parsed: impl IntoIterator<Item = &'a Parsed>) -> Exit {
    let mut diagnostics = parsed.into_iter().flat_map(|parsed| &parsed.diagnostics);
    if diagnostics.any(|diagnostic| diagnostic.severity == Severity::Error) {
        Exit::Failed
    } else {
        Exit::Done
    }
}
