//! What is asked, and what is answered.

use super::{Body, HttpError, Url, parse_date};
use base64::Engine as _;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use ureq::http::HeaderMap;

/// What to do with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Read its headers.
    Head,
    /// Send a form to it, or begin something there.
    Post,
    /// Put something there.
    Put,
    /// Add something to it.
    Patch,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }

    /// Whether a request has a body, be it empty.
    pub(super) fn sends(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

/// What a request sends.
#[derive(Clone)]
pub(super) enum Payload {
    Nothing,
    /// Fields with values, which may be secret.
    Form(String),
    Bytes(Arc<[u8]>),
    /// So many bytes, which are read anew whenever they are sent.
    Stream(u64, Arc<Opener>),
}

/// Opens a stream at its beginning.
pub(super) type Opener = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// One request.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) authorization: Option<String>,
    pub(super) payload: Payload,
    /// Whether a failure is told at once.
    pub(super) once: bool,
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
            payload: Payload::Nothing,
            once: false,
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
        let form = text
            .ok()
            .and_then(|text| text.split_once('?').map(|(_, form)| form.to_owned()));
        self.payload = Payload::Form(form.unwrap_or_default());
        self
    }

    /// The same request with bytes as its body.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.payload = Payload::Bytes(bytes.into());
        self
    }

    /// The same request with `size` bytes of a stream as its body. It is opened again when the request is sent again.
    #[must_use]
    pub fn stream(
        mut self,
        size: u64,
        open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static,
    ) -> Self {
        self.payload = Payload::Stream(size, Arc::new(open));
        self
    }

    /// The same request, which is sent a single time: whoever sends it knows better what to do when it fails.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The same request with more in its query.
    #[must_use]
    pub fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url = self.url.with_query(pairs);
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

    /// How long the server wants to be left alone, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        // By the server's own clock, which need not be this machine's.
        let (then, now) = (parse_date(text)?, parse_date(self.header("date")?)?);
        Some(Duration::from_secs(u64::try_from(then.saturating_sub(now)).ok()?))
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
