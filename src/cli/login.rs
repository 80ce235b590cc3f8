//! `varve login` and `varve logout`: passwords of registries, where `docker login` keeps them too.

use super::arguments::{LoginArguments, LogoutArguments};
use super::failure::{Exit, Failure, Usage};
use super::{network, note, print};
use crate::http::Client;
use crate::registry::{Credentials, Kept, Registries, Secret};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{BufRead as _, IsTerminal as _, Read as _};

/// The longest password or name that is read, in bytes.
const LONGEST: u64 = 64 << 10;

pub(super) fn login(arguments: &LoginArguments) -> Result<Exit, Failure> {
    let registry = bare(&arguments.registry);
    let file = network::credentials_file()?;
    let terminal = std::io::stdin().is_terminal();
    let user = match &arguments.username {
        Some(user) => user.clone(),
        None if arguments.password_stdin || !terminal => {
            return Err(Usage::new("a user is needed: give one with `-u`").into());
        }
        None => line("Username: ")?,
    };
    let password = match &arguments.password {
        Some(password) => {
            note("warning: other users can see a password on the command line: use `--password-stdin`");
            password.clone()
        }
        None if arguments.password_stdin => from_stdin()?,
        None if !terminal => {
            return Err(Usage::new("standard input is not a terminal: use `--password-stdin`").into());
        }
        None => hidden("Password: ")?,
    };
    if user.is_empty() || password.is_empty() {
        return Err(Usage::new("neither user nor password can be empty").into());
    }
    if user.contains(':') {
        return Err(Usage::new("a user can't have a colon in the name").into());
    }
    let (http, registries) = network::servers(&arguments.servers)?;
    let registries = Registries::new(Client::new(http), registries);
    let failed = |error| Failure::caused(&error, Exit::Failed);
    let secret = registries.login(registry, &user, &password).map_err(failed)?;
    let what = match &secret {
        Secret::Password(_) => "the password",
        Secret::Token(_) => "a token in place of the password",
    };
    match Credentials::keep(&file, registry, &user, &secret).map_err(failed)? {
        Kept::Helper(helper) => note(&format!("{what} is kept by `docker-credential-{helper}`")),
        Kept::File(path) => note(&format!("{what} is kept in `{}`, not encrypted", path.display())),
    }
    print("Login Succeeded").map(|()| Exit::Done)
}

pub(super) fn logout(arguments: &LogoutArguments) -> Result<Exit, Failure> {
    let registry = bare(&arguments.registry);
    let file = network::credentials_file()?;
    let found = Credentials::forget(&file, registry).map_err(|error| Failure::caused(&error, Exit::Failed))?;
    let text = match found {
        true => format!("Removed the login of {registry}"),
        false => format!("Not logged in to {registry}"),
    };
    print(&text).map(|()| Exit::Done)
}

/// A registry as names have it: people paste addresses.
fn bare(registry: &str) -> &str {
    let host = registry
        .strip_prefix("https://")
        .or_else(|| registry.strip_prefix("http://"))
        .unwrap_or(registry);
    match host.split('/').next().unwrap_or(host) {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| Failure::machine(format!("cannot read the password from standard input: {error}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A line that somebody types.
fn line(question: &str) -> Result<String, Failure> {
    use std::io::Write as _;
    let _ = write!(std::io::stderr(), "{question}");
    let mut text = String::new();
    let read = std::io::stdin().lock().take(LONGEST).read_line(&mut text);
    read.map_err(|error| Failure::machine(format!("cannot read from the terminal: {error}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The same, without showing it.
fn hidden(question: &str) -> Result<String, Failure> {
    let stdin = rustix::stdio::stdin();
    let failed = |errno| Failure::machine(format!("cannot hide what is typed: {errno}"));
    let usual = tcgetattr(stdin).map_err(failed)?;
    let mut silent = usual.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin, OptionalActions::Flush, &silent).map_err(failed)?;
    let typed = line(question);
    let _ = tcsetattr(stdin, OptionalActions::Flush, &usual);
    note("");
    typed
}
