//! Users and passwords, from the files and programs in which other tools keep them.

use super::{DOCKER, RegistryError};
use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where credentials are: files in the form of Docker's `config.json`, the first that knows a registry counts. They are
/// read when a registry asks for them.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The files; those that don't exist are passed over.
    pub files: Vec<PathBuf>,
}

/// Who somebody is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    Password {
        user: String,
        password: String,
    },
    /// An identity token, which a token server takes.
    Token(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// The user whose password is a token.
pub(super) const TOKEN: &str = "<token>";
/// What Docker calls its own registry in files and to helpers.
pub(super) const DOCKER_KEY: &str = "https://index.docker.io/v1/";
/// The same without what is around it.
const DOCKER_INDEX: &str = "index.docker.io";
/// Largest file of credentials, in bytes.
pub(super) const LARGEST_FILE: u64 = 4 << 20;
/// Largest answer of a helper, in bytes.
const LARGEST_ANSWER: u64 = 1 << 20;
/// How long a helper may take; some ask the user.
const PATIENCE: Duration = Duration::from_secs(60);

impl Credentials {
    /// The login for a repository of a registry; `None` when nobody knows any.
    pub(super) fn find(
        &self,
        registry: &str,
        repository: &str,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Login>, RegistryError> {
        for path in &self.files {
            let Some(file) = read(path)? else { continue };
            let helper = file
                .cred_helpers
                .iter()
                .find(|(key, _)| place(key) == registry)
                .map(|(_, helper)| helper);
            for helper in helper.into_iter().chain(&file.creds_store) {
                let server = if registry == DOCKER { DOCKER_KEY } else { registry };
                if let Some(login) = help(helper, server, stopped)? {
                    return Ok(Some(login));
                }
            }
            if let Some(login) = entry(&file, path, registry, repository)? {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }
}

fn read(path: &Path) -> Result<Option<File>, RegistryError> {
    let failed = |why: String| RegistryError::Credentials {
        path: path.to_owned(),
        why,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut text = Vec::new();
    file.take(LARGEST_FILE)
        .read_to_end(&mut text)
        .map_err(|error| failed(error.to_string()))?;
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    // The text of the error names a place, and never the content.
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        failed(format!(
            "line {}, column {}: it is not what it should be",
            error.line(),
            error.column()
        ))
    })
}

/// The most special entry: of the repository, of what is above it, or of the registry.
fn entry(file: &File, path: &Path, registry: &str, repository: &str) -> Result<Option<Login>, RegistryError> {
    let whole = format!("{registry}/{repository}");
    let fits = |key: &str| whole == key || whole.strip_prefix(key).is_some_and(|rest| rest.starts_with('/'));
    let mut best: Option<(usize, &Entry)> = None;
    for (key, entry) in &file.auths {
        let place = place(key);
        if fits(&place) && best.is_none_or(|(length, _)| place.len() > length) && !entry.is_empty() {
            best = Some((place.len(), entry));
        }
    }
    best.map(|(_, entry)| {
        entry.login().ok_or_else(|| RegistryError::Credentials {
            path: path.to_owned(),
            why: format!("the entry of `{registry}` is not what it should be"),
        })
    })
    .transpose()
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.auth.is_empty() && self.username.is_empty() && self.identitytoken.is_empty()
    }

    fn login(&self) -> Option<Login> {
        if !self.identitytoken.is_empty() {
            return Some(Login::Token(self.identitytoken.clone()));
        }
        if self.auth.is_empty() {
            return Some(Login::Password {
                user: self.username.clone(),
                password: self.password.clone(),
            });
        }
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(self.auth.trim())
            .ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Login::Password {
            user: user.to_owned(),
            // Some tools pad with zeros.
            password: password.trim_end_matches('\0').to_owned(),
        })
    }
}

/// The registry, and maybe repository, that a key means: without scheme and API version.
pub(super) fn place(key: &str) -> String {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let bare = bare.trim_end_matches('/');
    let bare = bare
        .strip_suffix("/v1")
        .or_else(|| bare.strip_suffix("/v2"))
        .unwrap_or(bare);
    match bare {
        DOCKER_INDEX => DOCKER.to_owned(),
        other => other.to_owned(),
    }
}

/// Asks `docker-credential-NAME` (docker/docker-credential-helpers, the `get` command).
fn help(name: &str, server: &str, stopped: &dyn Fn() -> bool) -> Result<Option<Login>, RegistryError> {
    if name.is_empty() {
        return Ok(None);
    }
    let Some(answer) = call(name, "get", server.as_bytes(), stopped)? else {
        return Ok(None);
    };
    let Ok(helped) = serde_json::from_slice::<Helped>(&answer) else {
        return Err(RegistryError::Helper {
            program: format!("docker-credential-{name}"),
            why: "its answer is not what it should be".to_owned(),
        });
    };
    Ok(Some(match helped.username.as_str() {
        TOKEN => Login::Token(helped.secret),
        _ => Login::Password {
            user: helped.username,
            password: helped.secret,
        },
    }))
}

/// Has `docker-credential-NAME` do something; `None` when it knows nothing of the server.
pub(super) fn call(
    name: &str,
    command: &str,
    input: &[u8],
    stopped: &dyn Fn() -> bool,
) -> Result<Option<Vec<u8>>, RegistryError> {
    let program = format!("docker-credential-{name}");
    let failed = |why: String| RegistryError::Helper {
        program: program.clone(),
        why,
    };
    if name.contains('/') {
        return Err(failed("its name has a slash".to_owned()));
    }
    let mut child = Command::new(&program)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that needs no input may be gone already.
        let _ = stdin.write_all(input);
    }
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut answer = Vec::new();
        if let Some(stdout) = stdout {
            let _ = stdout.take(LARGEST_ANSWER).read_to_end(&mut answer);
        }
        answer
    });
    let good = wait(&mut child, stopped).map_err(failed)?;
    let answer = reader.join().unwrap_or_default();
    if good {
        return Ok(Some(answer));
    }
    let said = String::from_utf8_lossy(&answer);
    // By agreement, in these words.
    if said.contains("credentials not found") {
        return Ok(None);
    }
    let line = said.lines().next().unwrap_or("it failed and said nothing");
    Err(failed(line.chars().filter(|it| !it.is_control()).take(200).collect()))
}

/// Waits for a child's end; whether it ended well.
fn wait(child: &mut Child, stopped: &dyn Fn() -> bool) -> Result<bool, String> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) => {}
            Err(error) => return Err(error.to_string()),
        }
        if started.elapsed() > PATIENCE || stopped() {
            let _ = child.kill();
            let _ = child.wait();
            return Err("it takes too long".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, registry: &str, repository: &str) -> Result<Option<Login>, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        let files = vec![folder.path().join("none.json"), path];
        Credentials { files }.find(registry, repository, &|| false)
    }

    fn password(user: &str, password: &str) -> Login {
        Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    #[test]
    fn logins_are_found_by_registry() {
        let text = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YTpi"},
            "localhost:5000": {"username": "u", "password": "p"},
            "localhost:5000/team": {"auth": "Yzpk"},
            "https://token.test/v2/": {"auth": "eDp5", "identitytoken": "t"},
            "empty.test": {}
        }, "other": 1}"#;
        assert_eq!(find(text, DOCKER, "library/x").unwrap(), Some(password("a", "b")));
        assert_eq!(find(text, "localhost:5000", "x").unwrap(), Some(password("u", "p")));
        assert_eq!(
            find(text, "localhost:5000", "team/x").unwrap(),
            Some(password("c", "d"))
        );
        assert_eq!(
            find(text, "localhost:5000", "teams/x").unwrap(),
            Some(password("u", "p"))
        );
        assert_eq!(
            find(text, "token.test", "x").unwrap(),
            Some(Login::Token("t".to_owned()))
        );
        assert_eq!(find(text, "empty.test", "x").unwrap(), None);
        assert_eq!(find(text, "localhost", "x").unwrap(), None);
        assert_eq!(find("", "localhost", "x").unwrap(), None);
    }

    #[test]
    fn nonsense_is_told_without_being_shown() {
        for text in [
            "{",
            r#"{"auths": {"h": {"auth": "c2VjcmV0"}}}"#,
            r#"{"auths": "secret"}"#,
        ] {
            let error = find(text, "h", "x").unwrap_err().to_string();
            assert!(error.contains("config.json") && !error.contains("secret"), "{error}");
        }
        let error = find(r#"{"credsStore": "../x"}"#, "h", "x").unwrap_err().to_string();
        assert!(error.contains("slash"), "{error}");
        let error = find(r#"{"credHelpers": {"h": "varve-no-such-helper"}}"#, "h", "x").unwrap_err();
        assert!(
            error.to_string().contains("docker-credential-varve-no-such-helper"),
            "{error}"
        );
    }
}
