//! Logging in: a password is tried, and then written where other tools look for it.

use super::auth::Purpose;
use super::challenge::{self, Challenge};
use super::credentials::{DOCKER_KEY, LARGEST_FILE, Login, TOKEN, call, place};
use super::pull::answer;
use super::{Credentials, DOCKER, Registries, RegistryError};
use crate::http::{Method, Request};
use crate::oci::Reference;
use base64::Engine as _;
use serde_json::{Map, Value, json};
use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where a password went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Into a file, where whoever may read it can read it.
    File(PathBuf),
    /// To a program that keeps such things.
    Helper(String),
}

/// What proves who somebody is.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Password(String),
    /// A token that the registry's token server gave for it, which can be taken back there.
    Token(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Registries {
    /// Whether a registry knows a user and password; one that asks nobody takes all. Gives what is to be kept.
    ///
    /// # Errors
    /// [`RegistryError::Denied`] when it does not, and when it can't be asked.
    pub fn login(&self, registry: &str, user: &str, password: &str) -> Result<Secret, RegistryError> {
        // What is asked about needs a name, which no server gets to see.
        let image: Reference = format!("{registry}/login")
            .parse()
            .map_err(|_| RegistryError::NoRegistry(registry.to_owned()))?;
        let image = if registry == DOCKER {
            image
        } else {
            checked(image, registry)?
        };
        let request = Request::new(Method::Get, self.address(registry, "/v2/")?);
        let response = self.0.client.send(&request)?;
        let denied = |why: String| RegistryError::Denied {
            name: registry.to_owned(),
            why,
        };
        match response.status {
            200 => return Ok(Secret::Password(password.to_owned())),
            401 => {}
            _ => return Err(denied(answer(response))),
        }
        let challenges: Vec<Challenge> = response.headers("www-authenticate").flat_map(challenge::read).collect();
        let login = Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        };
        let token = self.authorize_as(Some(login), &Purpose::Login, &image, request.url(), &challenges)?;
        let granted = token.ok_or_else(|| denied("it asks for no password".to_owned()))?;
        let response = self.0.client.send(&request.authorization(granted.authorization))?;
        match response.status {
            200 => Ok(match granted.identity {
                Some(token) => Secret::Token(token),
                None => Secret::Password(password.to_owned()),
            }),
            _ => Err(denied(answer(response))),
        }
    }
}

/// A registry is a host and maybe a port, and no more.
fn checked(image: Reference, registry: &str) -> Result<Reference, RegistryError> {
    match image.registry() == registry {
        true => Ok(image),
        false => Err(RegistryError::NoRegistry(registry.to_owned())),
    }
}

impl Credentials {
    /// Writes down who a user is: to the helper that `file` names for the registry, else into `file`, which only
    /// its owner can read afterwards.
    ///
    /// # Errors
    /// [`RegistryError`]; the file is as it was then.
    pub fn keep(file: &Path, registry: &str, user: &str, secret: &Secret) -> Result<Kept, RegistryError> {
        let mut config = Config::read(file)?;
        let key = key_of(registry);
        let helper = config.helper(registry);
        let (entry, kept) = match helper {
            Some(helper) => {
                // Helpers know a token by this name.
                let (user, secret) = match secret {
                    Secret::Password(password) => (user, password),
                    Secret::Token(token) => (TOKEN, token),
                };
                let request = json!({ "ServerURL": key, "Username": user, "Secret": secret });
                call(&helper, "store", request.to_string().as_bytes(), &|| false)?;
                // The file tells which registries the helper knows, as Docker has it.
                (json!({}), Kept::Helper(helper))
            }
            None => {
                let encoded = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
                let entry = match secret {
                    Secret::Password(password) => json!({ "auth": encoded(format!("{user}:{password}")) }),
                    Secret::Token(token) => json!({ "auth": encoded(format!("{user}:")), "identitytoken": token }),
                };
                (entry, Kept::File(file.to_owned()))
            }
        };
        let auths = config.auths()?;
        auths.retain(|known, _| place(known) != registry);
        auths.insert(key.to_owned(), entry);
        config.write()?;
        Ok(kept)
    }

    /// Removes what is known of a registry; whether anything was.
    ///
    /// # Errors
    /// [`RegistryError`]; the file is as it was then.
    pub fn forget(file: &Path, registry: &str) -> Result<bool, RegistryError> {
        let mut config = Config::read(file)?;
        let helper = config.helper(registry);
        let auths = config.auths()?;
        let before = auths.len();
        auths.retain(|known, _| place(known) != registry);
        let mut found = auths.len() != before;
        if let Some(helper) = helper
            && call(&helper, "get", key_of(registry).as_bytes(), &|| false)?.is_some()
        {
            call(&helper, "erase", key_of(registry).as_bytes(), &|| false)?;
            found = true;
        }
        if auths.len() != before {
            config.write()?;
        }
        Ok(found)
    }
}

/// What Docker calls a registry in its files.
fn key_of(registry: &str) -> &str {
    if registry == DOCKER { DOCKER_KEY } else { registry }
}

/// A file in the form of Docker's `config.json`, with all that other tools keep there.
struct Config {
    path: PathBuf,
    fields: Map<String, Value>,
}

impl Config {
    fn read(path: &Path) -> Result<Self, RegistryError> {
        // A link stays one.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut text = Vec::new();
        match std::fs::File::open(&path) {
            Ok(file) => {
                let read = file.take(LARGEST_FILE + 1).read_to_end(&mut text);
                read.map_err(|error| failed(&path, "read", &error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, "read", &error)),
        }
        let fields = match text.trim_ascii().is_empty() {
            true => Map::new(),
            // What can't be read is not written over.
            false => serde_json::from_slice(&text).map_err(|_| RegistryError::Credentials {
                path: path.clone(),
                why: "it is not what it should be".to_owned(),
            })?,
        };
        Ok(Self { path, fields })
    }

    /// The program that keeps the password of a registry.
    fn helper(&self, registry: &str) -> Option<String> {
        let own = self.fields.get("credHelpers").and_then(Value::as_object);
        let own = own.and_then(|all| all.iter().find(|(key, _)| place(key) == registry));
        let helper = own.map(|(_, helper)| helper).or_else(|| self.fields.get("credsStore"));
        helper
            .and_then(Value::as_str)
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
    }

    fn auths(&mut self) -> Result<&mut Map<String, Value>, RegistryError> {
        let wrong = RegistryError::Credentials {
            path: self.path.clone(),
            why: "`auths` is not what it should be".to_owned(),
        };
        let auths = self.fields.entry("auths").or_insert_with(|| json!({}));
        auths.as_object_mut().ok_or(wrong)
    }

    /// Replaces the file, so that others see the old one or the new one.
    fn write(&self) -> Result<(), RegistryError> {
        let failed = |error: io::Error| failed(&self.path, "write", &error);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let mut text = serde_json::to_vec_pretty(&self.fields).unwrap_or_default();
        text.push(b'\n');
        let number = RandomState::new().build_hasher().finish();
        let beside = folder.join(format!(".varve-{number:016x}"));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed)?;
        let written = file
            .write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&beside, &self.path));
        written.map_err(|error| {
            let _ = std::fs::remove_file(&beside);
            failed(error)
        })
    }
}

fn failed(path: &Path, action: &str, error: &io::Error) -> RegistryError {
    RegistryError::Credentials {
        path: path.to_owned(),
        why: format!(
            "it can't be {}: {error}",
            if action == "read" { "read" } else { "written" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_password_is_kept_and_forgotten_beside_what_else_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/config.json");
        let secret = Secret::Password("p:w".to_owned());
        let keep = |registry| Credentials::keep(&file, registry, "me", &secret).unwrap();
        assert_eq!(keep("h.test:5000"), Kept::File(file.clone()));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(
            &file,
            r#"{"auths": {"https://h.test:5000/v2/": {"auth": "x"}}, "proxies": {"a": 1}}"#,
        )
        .unwrap();
        keep("h.test:5000");
        keep(DOCKER);
        let known = Credentials {
            files: vec![file.clone()],
        };
        for (registry, repository) in [("h.test:5000", "x"), (DOCKER, "library/x")] {
            let login = known.find(registry, repository, &|| false).unwrap();
            assert!(matches!(login, Some(Login::Password { user, password }) if user == "me" && password == "p:w"));
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains(DOCKER_KEY) && text.contains("proxies") && !text.contains("/v2/"),
            "{text}"
        );
        assert!(Credentials::forget(&file, "h.test:5000").unwrap());
        assert!(!Credentials::forget(&file, "h.test:5000").unwrap());
        assert!(known.find("h.test:5000", "x", &|| false).unwrap().is_none());
        assert!(known.find(DOCKER, "library/x", &|| false).unwrap().is_some());
        for broken in ["{", "[]", r#"{"auths": 1}"#] {
            std::fs::write(&file, broken).unwrap();
            assert!(Credentials::keep(&file, DOCKER, "a", &secret).is_err());
            assert_eq!(std::fs::read_to_string(&file).unwrap(), broken);
        }
    }
}
