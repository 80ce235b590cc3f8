//! What is asked, and what is answered.

use super::{Body, HttpError, Url};
use base64::Engine as _;
use std::fmt;
use ureq::http::HeaderMap;

/// What to do with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Read its headers.
    Head,
    /// Send a form to it.
    Post,
}

/// One request.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) authorization: Option<String>,
    pub(super) form: Option<String>,
}

impl Request {
    /// A request without headers; user and password of the address become its authorization.
    pub fn new(method: Method, url: Url) -> Self {
        let authorization = url.user().map(|user| encoded(&user));
        Self {
            method,
            url,
            headers: Vec::new(),
            authorization,
            form: None,
        }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same request with an `Authorization`, which goes to no other server.
    #[must_use]
    pub fn authorization(mut self, value: impl Into<String>) -> Self {
        self.authorization = Some(value.into());
        self
    }

    /// The same request with user and password.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        self.authorization(basic(user, password))
    }

    /// The same request with a form as its body.
    #[must_use]
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        // A query and a form are spelled alike.
        let text = Url::parse("http://h/").map(|url| url.with_query(pairs).wire());
        self.form = text
            .ok()
            .and_then(|text| text.split_once('?').map(|(_, form)| form.to_owned()));
        self
    }

    /// What is asked for.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.method, self.url)
    }
}

/// User and password as an `Authorization`.
pub fn basic(user: &str, password: &str) -> String {
    encoded(format!("{user}:{password}").as_bytes())
}

/// The same of both in one, with a colon between.
pub(super) fn encoded(user: &[u8]) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user))
}

/// The answer to a request.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Who answered, after redirects.
    pub url: Url,
    /// Its body.
    pub body: Body,
    pub(super) headers: HeaderMap,
}

impl Response {
    /// A header's text; `None` when it is not there or is no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All texts of a header that may come several times.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.headers.get_all(name).into_iter().filter_map(|it| it.to_str().ok())
    }

    /// Bytes of the body, when the server says so.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// The status as an error.
    pub fn refusal(&self) -> HttpError {
        HttpError::Status {
            url: self.url.to_string(),
            status: self.status,
        }
    }

    /// Reads a small body whole.
    ///
    /// # Errors
    /// [`HttpError::TooLarge`] when it has more than `limit` bytes, and what [`Body`] reports.
    pub fn read_small(mut self, limit: u64) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        self.body.copy_to(&mut bytes, limit)?;
        Ok(bytes)
    }
}
