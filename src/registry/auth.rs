//! Proving oneself to a registry: nothing at first, then what it asks for.

use super::challenge::{self, Challenge};
use super::credentials::Login;
use super::route::whole;
use super::{Registries, RegistryError};
use crate::http::{Method, Request, Response, Url};
use crate::oci::Reference;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What worked the last time, by registry, repository and purpose.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<(String, String, Purpose), String>>);

/// What somebody wants to do with a repository; a token is for one of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Read it.
    Pull,
    /// Write to it.
    Push,
    /// Write to it what another repository of the registry has.
    Mount(String),
    /// Nothing but to be known.
    Login,
}

impl Purpose {
    /// In the words of token servers (distribution, "Token Scope Documentation").
    fn scopes(&self, repository: &str) -> Vec<String> {
        match self {
            Self::Login => Vec::new(),
            Self::Pull => vec![format!("repository:{repository}:pull")],
            Self::Push => vec![format!("repository:{repository}:pull,push")],
            Self::Mount(from) => vec![
                format!("repository:{repository}:pull,push"),
                format!("repository:{from}:pull"),
            ],
        }
    }
}

/// Largest answer of a token server, in bytes.
const LARGEST_TOKEN: u64 = 1 << 20;

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// What a registry or its token server wants to see.
pub(super) struct Granted {
    /// For the header `Authorization`.
    pub(super) authorization: String,
    /// A token that stands for the password from now on, if the token server gives such.
    pub(super) identity: Option<String>,
}

impl Registries {
    /// Sends a request about an image, with what its registry wants to see.
    pub(super) fn ask(&self, image: &Reference, request: &Request) -> Result<Response, RegistryError> {
        self.ask_to(&Purpose::Pull, image, request)
    }

    /// The same for a purpose.
    pub(super) fn ask_to(
        &self,
        purpose: &Purpose,
        image: &Reference,
        request: &Request,
    ) -> Result<Response, RegistryError> {
        let key = |purpose: &Purpose| {
            let (registry, repository) = (image.registry(), image.repository());
            (registry.to_owned(), repository.to_owned(), purpose.clone())
        };
        let tokens = || self.0.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A registry may have things uploaded to another server, which is to see no credentials.
        let home = self.request(Method::Get, image, "")?;
        if !home.url().shares_credentials_with(request.url()) {
            return Ok(self.0.client.send(request)?);
        }
        let known = {
            let tokens = tokens();
            let usual = match purpose {
                // It may do as well.
                Purpose::Mount(_) => tokens.get(&key(&Purpose::Push)),
                Purpose::Pull | Purpose::Push | Purpose::Login => None,
            };
            tokens.get(&key(purpose)).or(usual).cloned()
        };
        let with = |token: &Option<String>| match token {
            Some(token) => request.clone().authorization(token.clone()),
            None => request.clone(),
        };
        let response = self.0.client.send(&with(&known))?;
        // A server that blobs are kept at has its own rules, which nobody here knows.
        if response.status != 401 || !request.url().shares_credentials_with(&response.url) {
            return Ok(response);
        }
        let challenges: Vec<Challenge> = response.headers("www-authenticate").flat_map(challenge::read).collect();
        let Some(token) = self.authorize(purpose, image, request.url(), &challenges)? else {
            return Ok(response);
        };
        if known.as_ref() == Some(&token) {
            return Ok(response);
        }
        let token = Some(token);
        let response = self.0.client.send(&with(&token))?;
        if let (true, Some(token)) = (response.status != 401, token) {
            tokens().insert(key(purpose), token);
        }
        Ok(response)
    }

    /// What to send as `Authorization`; `None` when nobody has the right to.
    fn authorize(
        &self,
        purpose: &Purpose,
        image: &Reference,
        url: &Url,
        challenges: &[Challenge],
    ) -> Result<Option<String>, RegistryError> {
        let login = self
            .0
            .settings
            .credentials
            .find(image.registry(), image.repository(), &|| self.0.client.is_stopped())?;
        let granted = self.authorize_as(login, purpose, image, url, challenges)?;
        Ok(granted.map(|granted| granted.authorization))
    }

    /// The same for somebody.
    pub(super) fn authorize_as(
        &self,
        login: Option<Login>,
        purpose: &Purpose,
        image: &Reference,
        url: &Url,
        challenges: &[Challenge],
    ) -> Result<Option<Granted>, RegistryError> {
        let of = |scheme: &str| challenges.iter().find(|it| it.scheme == scheme);
        if let Some(bearer) = of("bearer") {
            return self.token(purpose, image, bearer, login).map(Some);
        }
        let (Some(_), Some(Login::Password { user, password })) = (of("basic"), login) else {
            return Ok(None);
        };
        if !url.is_secure() && !url.is_loopback() && !self.is_insecure(&whole(image)) {
            return Err(failed(image, "the registry asks for a password without TLS"));
        }
        Ok(Some(Granted {
            authorization: crate::http::basic(&user, &password),
            identity: None,
        }))
    }

    fn token(
        &self,
        purpose: &Purpose,
        image: &Reference,
        bearer: &Challenge,
        login: Option<Login>,
    ) -> Result<Granted, RegistryError> {
        let realm = bearer.get("realm").unwrap_or_default();
        let url = Url::parse(realm)?;
        if !url.is_secure() && !url.is_loopback() && !self.is_insecure(&whole(image)) {
            return Err(failed(image, format!("its token server `{url}` does not use TLS")));
        }
        let usual = purpose.scopes(image.repository());
        let asked = bearer.get("scope").unwrap_or_default();
        let asked: Vec<&str> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
        let scopes: Vec<&str> = match purpose {
            Purpose::Pull if !asked.is_empty() => asked,
            // The server asks for what this one request needs, and others follow that need more.
            Purpose::Pull | Purpose::Push | Purpose::Mount(_) | Purpose::Login => {
                let other = |scope: &&&str| !scope.starts_with(&format!("repository:{}:", image.repository()));
                let further = asked.iter().filter(other).copied();
                let mut all: Vec<&str> = usual.iter().map(String::as_str).chain(further).collect();
                let mut seen = std::collections::BTreeSet::new();
                all.retain(|scope| seen.insert(*scope));
                all
            }
        };
        let whole = scopes.join(" ");
        let service = bearer.get("service");
        let mut pairs: Vec<(&str, &str)> = service.iter().map(|service| ("service", *service)).collect();
        pairs.extend(scopes.iter().map(|scope| ("scope", *scope)));
        if let (Purpose::Login, Some(Login::Password { user, .. })) = (purpose, &login) {
            // (distribution, "Docker Registry v2 authentication via central service")
            pairs.extend([
                ("offline_token", "true"),
                ("client_id", "varve"),
                ("account", user.as_str()),
            ]);
        }
        let request = match &login {
            None => Request::new(Method::Get, url.clone().with_query(&pairs)),
            Some(Login::Password { user, password }) => {
                Request::new(Method::Get, url.clone().with_query(&pairs)).basic(user, password)
            }
            Some(Login::Token(token)) => {
                pairs.retain(|(name, _)| *name != "scope");
                pairs.extend([
                    ("scope", whole.as_str()),
                    ("grant_type", "refresh_token"),
                    ("client_id", "varve"),
                    ("refresh_token", token.as_str()),
                ]);
                Request::new(Method::Post, url.clone()).form(&pairs)
            }
        };
        let response = self.0.client.send(&request)?;
        if response.status != 200 {
            let why = match login {
                Some(_) => "the token server refused the credentials",
                None => "the token server gives no token without credentials",
            };
            return Err(RegistryError::Denied {
                name: image.to_string(),
                why: format!("{why}, status {}", response.status),
            });
        }
        let bytes = response.read_small(LARGEST_TOKEN)?;
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|error| failed(image, format!("the answer of its token server can't be read: {error}")))?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| failed(image, "its token server sent no token"))?;
        Ok(Granted {
            authorization: format!("Bearer {token}"),
            identity: answer.refresh_token.filter(|token| !token.is_empty()),
        })
    }
}

fn failed(image: &Reference, why: impl Into<String>) -> RegistryError {
    RegistryError::Login {
        name: image.to_string(),
        why: why.into(),
    }
}
