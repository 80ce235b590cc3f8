//! Turns arguments into requests, events into lines, and errors into exit codes.
//!
//! Enter by [`main`]. Only this room prints, reads the environment, or chooses an exit code.

mod annotations;
mod arguments;
mod attestations;
mod build;
mod caches;
mod call;
mod check;
mod dockerfile;
mod failure;
mod files;
mod fmt;
mod images;
mod lint;
mod loader;
mod lock;
mod login;
mod lsp;
mod machine;
mod manifest;
mod network;
mod output;
mod outputs;
mod progress;
mod push;
mod rewrite;
mod routes;
mod run;
mod steps;
mod template;

use crate::schedule::Cancel;
use arguments::{Arguments, Command};
use clap::Parser as _;
use failure::{Exit, Failure};
use images::arguments::{BuilderCommand, ImageCommand, SystemCommand};
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Does what the command line says and returns the exit code.
///
/// Called through a link named `build`, the program acts as `varve build`, and named `hadolint`, as hadolint does.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let called = arguments.first().and_then(|name| Path::new(name).file_name());
    if called.is_some_and(|name| name == "build") {
        arguments.insert(1, "build".into());
    } else if called.is_some_and(|name| name == "hadolint") {
        return lint::as_hadolint(&arguments);
    }
    let parsed = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version go to standard output, and are no failure.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.code();
        }
    };
    let cancel = Arc::new(Cancel::new());
    let result = match parsed.command {
        Command::Build(arguments) => build::run(*arguments, &cancel),
        Command::Run(arguments) => run::run(*arguments),
        Command::Login(arguments) => login::login(&arguments),
        Command::Logout(arguments) => login::logout(&arguments),
        Command::Lock(arguments) => lock::run(*arguments, &cancel),
        Command::Push(arguments) => push::run(&arguments, &cancel),
        Command::Lsp(arguments) => lsp::run(arguments),
        Command::Lint(arguments) => lint::run(*arguments),
        Command::Fmt(arguments) => fmt::run(&arguments),
        Command::Images(arguments) => images::run(ImageCommand::Ls(arguments), &cancel),
        Command::Inspect(arguments) => images::run(ImageCommand::Inspect(arguments), &cancel),
        Command::History(arguments) => images::run(ImageCommand::History(arguments), &cancel),
        Command::Tag(arguments) => images::run(ImageCommand::Tag(arguments), &cancel),
        Command::Rmi(arguments) => images::run(ImageCommand::Rm(arguments), &cancel),
        Command::Pull(arguments) => images::run(ImageCommand::Pull(arguments), &cancel),
        Command::Save(arguments) => images::run(ImageCommand::Save(arguments), &cancel),
        Command::Load(arguments) => images::run(ImageCommand::Load(arguments), &cancel),
        Command::Prune(arguments) | Command::System(SystemCommand::Prune(arguments)) => {
            images::run(ImageCommand::Prune(arguments), &cancel)
        }
        Command::Image(command) => images::run(command, &cancel),
        Command::Manifest(command) => manifest::run(command, &cancel),
        Command::Builder(BuilderCommand::Build(arguments)) => build::run(*arguments, &cancel),
        Command::Builder(BuilderCommand::Prune(arguments)) => images::prune_cache(arguments),
        Command::Df(arguments) | Command::System(SystemCommand::Df(arguments)) => images::df(&arguments),
        Command::Dockerfile(command) => dockerfile::run(&command),
        Command::Version => print(&format!("varve {}", env!("CARGO_PKG_VERSION"))).map(|()| Exit::Done),
    };
    end(result)
}

/// The exit code, after what there is to say.
fn end(result: Result<Exit, Failure>) -> u8 {
    match result {
        Ok(exit) => exit.code(),
        Err(Failure { text, exit }) => {
            if !text.is_empty() {
                note(&text);
            }
            exit.code()
        }
    }
}

/// A line on standard output. A reader that went away ends the program silently.
fn print(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(|_| Failure::silent(Exit::Failed))
}

/// Text on standard output as it is.
fn print_text(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Whether errors are shown in colour: on a terminal, unless `NO_COLOR` is set to anything.
fn color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line on standard error, if anybody reads it.
fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
