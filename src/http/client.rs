//! Sends requests: finds the way, follows redirects, and tries again.

use super::relay;
use super::request::{Payload, encoded};
use super::roots::{client_certificate, identity_of};
use super::{Body, HttpError, Method, Proxies, Request, Response, Roots, Url};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use ureq::config::Config;
use ureq::http;
use ureq::tls::{TlsConfig, TlsProvider};
use ureq::{Agent, SendBody};

/// How a client reaches servers.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Proxies.
    pub proxies: Proxies,
    /// Certificates of trusted authorities.
    pub roots: Roots,
    /// Folders with certificates for single servers, in Docker's layout: a folder called as the server, with its port
    /// when that is not the usual one, and in it `*.crt` for further authorities, and `NAME.cert` with `NAME.key` for
    /// proving oneself.
    pub hosts: Vec<PathBuf>,
    /// The same for single servers by their names, with the port where it is not the usual one; they count before the
    /// folders.
    pub identities: BTreeMap<String, Identity>,
    /// How long to wait, and how often to try.
    pub patience: Patience,
}

/// Certificates for a single server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Files with certificates of further authorities.
    pub authorities: Vec<PathBuf>,
    /// The files of the certificate with which one proves oneself, and of its key.
    pub pair: Option<(PathBuf, PathBuf)>,
}

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection, with its handshake.
    pub connect: Duration,
    /// For the next bytes.
    pub idle: Duration,
    /// Tries of one request.
    pub tries: u32,
    /// Before the second try; each further pause is twice as long.
    pub pause: Duration,
    /// The longest pause that a server may ask for.
    pub longest_pause: Duration,
    /// For the answer to what was sent to be kept: some servers look at all of it first.
    pub digestion: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            tries: 4,
            pause: Duration::from_millis(300),
            longest_pause: Duration::from_secs(60),
            digestion: Duration::from_secs(300),
        }
    }
}

/// Sends requests. Cloning is cheap and gives the same client.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// Made when needed first.
    agents: Mutex<Agents>,
    stop: Arc<Stop>,
}

/// By whether servers are asked over TLS, by proxy, and by where the server's certificates are.
type Agents = BTreeMap<(bool, Option<String>, Option<Papers>), Agent>;

/// Where certificates of a single server are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Papers {
    /// In a folder, as Docker lays it out.
    Folder(PathBuf),
    /// In files that the settings name for this server.
    Named(String),
}

/// A switch that ends pauses and reads.
#[derive(Default)]
pub(super) struct Stop {
    on: AtomicBool,
    lock: Mutex<()>,
    turned: Condvar,
}

impl Stop {
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    fn turn(&self) {
        let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.on.store(true, Ordering::SeqCst);
        self.turned.notify_all();
    }

    fn check(&self) -> Result<(), HttpError> {
        if self.is_on() { Err(HttpError::Stopped) } else { Ok(()) }
    }

    fn pause(&self, time: Duration) -> Result<(), HttpError> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.turned.wait_timeout_while(lock, time, |()| !self.is_on());
        drop(waited);
        self.check()
    }
}

/// Steps of one redirection.
const REDIRECTS: usize = 10;
/// Largest head of an answer, in bytes.
const LARGEST_HEAD: usize = 256 << 10;

impl Client {
    /// A client that has done nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            settings,
            agents: Mutex::default(),
            stop: Arc::default(),
        }))
    }

    /// Ends all requests, also those that are under way in other threads, and refuses further ones.
    pub fn stop(&self) {
        self.0.stop.turn();
        let agents = std::mem::take(&mut *self.agents());
        for agent in agents.into_values() {
            agent.shutdown();
        }
    }

    /// Whether [`Client::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.is_on()
    }

    /// Waits for `time`, or until [`Client::stop`] is called.
    ///
    /// # Errors
    /// [`HttpError::Stopped`].
    pub fn pause(&self, time: Duration) -> Result<(), HttpError> {
        self.0.stop.pause(time)
    }

    /// How long to wait, and how often to try.
    pub fn patience(&self) -> &Patience {
        &self.0.settings.patience
    }

    /// Sends a request, follows redirects, and tries again where that may help: no connection, 429, and 500 to 504.
    /// Any other status is an answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let mut url = request.url.clone();
        let mut authorization = request.authorization.as_deref();
        for _ in 0..=REDIRECTS {
            let response = self.persist(request, &url, authorization)?;
            let moved = match request.method {
                Method::Get | Method::Head => matches!(response.status, 301 | 302 | 303 | 307 | 308),
                // What is sent is sent elsewhere only by those who may, and a form never.
                Method::Post if matches!(request.payload, Payload::Form(_)) => false,
                Method::Post | Method::Put | Method::Patch => !request.once && matches!(response.status, 307 | 308),
            };
            let Some(location) = response.header("location").filter(|_| moved) else {
                return Ok(response);
            };
            let next = url.join(location).map_err(|error| HttpError::Redirect {
                url: request.url.to_string(),
                reason: format!("it redirects elsewhere, and {error}"),
            })?;
            if !url.shares_credentials_with(&next) {
                authorization = None;
            }
            url = next;
        }
        Err(HttpError::Redirect {
            url: request.url.to_string(),
            reason: format!("it redirects more than {REDIRECTS} times"),
        })
    }

    fn persist(&self, request: &Request, url: &Url, authorization: Option<&str>) -> Result<Response, HttpError> {
        let patience = &self.0.settings.patience;
        let mut pause = patience.pause;
        let mut tries = 1;
        loop {
            let result = self.once(request, url, authorization);
            let last = request.once || tries >= patience.tries;
            let asked = match &result {
                Ok(Ok(response)) if last || !matches!(response.status, 429 | 500 | 502..=504) => None,
                Ok(Ok(response)) => Some(response.retry_after()),
                Ok(Err(error)) if last || !may_pass(error) => None,
                Ok(Err(_)) => Some(None),
                Err(_) => None,
            };
            let Some(asked) = asked else {
                return result?.map_err(|error| HttpError::Send {
                    action: if request.method.sends() { "send to" } else { "fetch" },
                    url: url.to_string(),
                    reason: in_words(&error),
                });
            };
            if let Some(asked) = asked
                && asked > patience.longest_pause
            {
                // The server knows that it will not answer soon; its answer says why.
                return result?.map_err(|_| HttpError::Stopped);
            }
            drop(result);
            self.0.stop.pause(asked.unwrap_or(pause).max(pause))?;
            pause = pause.saturating_mul(2).min(patience.longest_pause);
            tries += 1;
        }
    }

    fn once(
        &self,
        request: &Request,
        url: &Url,
        authorization: Option<&str>,
    ) -> Result<Result<Response, ureq::Error>, HttpError> {
        self.0.stop.check()?;
        let bad = |_| HttpError::Url {
            url: url.to_string(),
            reason: "it can't be requested",
        };
        let agent = self.agent(url)?;
        let mut builder = http::Request::builder().method(request.method.name()).uri(url.wire());
        for (name, value) in &request.headers {
            builder = builder.header(*name, header(name, value)?);
        }
        if let Some(value) = authorization {
            let mut value = header("authorization", value)?;
            value.set_sensitive(true);
            builder = builder.header("authorization", value);
        }
        if !url.is_secure()
            && let Some(user) = proxy_for(url, &self.0.settings.proxies)?.and_then(|proxy| proxy.user())
        {
            let mut value = header("proxy-authorization", &encoded(&user))?;
            value.set_sensitive(true);
            builder = builder.header("proxy-authorization", value);
        }
        let result = if request.method.sends() {
            let digestion = Some(self.0.settings.patience.digestion);
            let mut whole: &[u8] = &[];
            let mut opened;
            let (size, reader): (u64, &mut dyn Read) = match &request.payload {
                Payload::Nothing => (0, &mut whole),
                Payload::Form(form) => {
                    builder = builder.header("content-type", "application/x-www-form-urlencoded");
                    whole = form.as_bytes();
                    (whole.len() as u64, &mut whole)
                }
                Payload::Bytes(bytes) => {
                    whole = bytes;
                    (whole.len() as u64, &mut whole)
                }
                Payload::Stream(size, open) => {
                    let stream = open().map_err(|source| HttpError::Payload {
                        url: url.to_string(),
                        source,
                    })?;
                    opened = Interruptible {
                        inner: stream.take(*size),
                        stop: &self.0.stop,
                    };
                    (*size, &mut opened)
                }
            };
            builder = builder.header("content-length", size);
            let body = SendBody::from_reader(reader);
            let built = builder.body(body).map_err(bad)?;
            let configured = agent.configure_request(built).timeout_recv_response(digestion);
            agent.run(configured.build())
        } else {
            agent.run(builder.body(()).map_err(bad)?)
        };
        self.0.stop.check()?;
        Ok(result.map(|answer| {
            let (head, body) = answer.into_parts();
            Response {
                status: head.status.as_u16(),
                url: url.clone(),
                headers: head.headers,
                body: Body::new(body, Arc::clone(&self.0.stop), url.to_string()),
            }
        }))
    }

    fn agents(&self) -> std::sync::MutexGuard<'_, Agents> {
        self.0.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn agent(&self, url: &Url) -> Result<Agent, HttpError> {
        let settings = &self.0.settings;
        let proxy = proxy_for(url, &settings.proxies)?;
        let secure = url.is_secure() || proxy.as_ref().is_some_and(Url::is_secure);
        let papers = self.papers(url).filter(|_| url.is_secure());
        let key = (url.is_secure(), proxy.as_ref().map(Url::whole), papers.clone());
        let mut agents = self.agents();
        // Under the lock, so that no agent is made behind the back of `stop`.
        self.0.stop.check()?;
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let proxied = proxy.as_ref().map(tunnel).transpose()?;
        let config = self.config(secure, proxied.clone(), papers.as_ref())?;
        let agent = match (&proxy, url.is_secure()) {
            (Some(proxy), false) => {
                let at = proxy.wire().parse();
                let at = at.map_err(|_| HttpError::Proxy(format!("`{proxy}` can't be used")))?;
                relay::agent(config, self.config(secure, None, self.papers(proxy).as_ref())?, at)
            }
            _ => Agent::new_with_config(config),
        };
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    /// Where certificates for a server are.
    fn papers(&self, url: &Url) -> Option<Papers> {
        let names = [url.authority(), format!("{}:{}", url.host(), url.port())];
        let settings = &self.0.settings;
        if let Some(name) = names.iter().find(|name| settings.identities.contains_key(*name)) {
            return Some(Papers::Named(name.clone()));
        }
        let mut folders = settings.hosts.iter();
        folders
            .find_map(|folder| names.iter().map(|name| folder.join(name)).find(|it| it.is_dir()))
            .map(Papers::Folder)
    }

    /// What they are.
    fn identity(&self, papers: &Papers) -> Result<Identity, HttpError> {
        match papers {
            Papers::Folder(folder) => identity_of(folder),
            Papers::Named(name) => Ok(self.0.settings.identities.get(name).cloned().unwrap_or_default()),
        }
    }

    /// Whether there are certificates for a server.
    pub fn knows(&self, url: &Url) -> bool {
        self.papers(url).is_some()
    }

    fn config(&self, secure: bool, proxy: Option<ureq::Proxy>, papers: Option<&Papers>) -> Result<Config, HttpError> {
        let settings = &self.0.settings;
        let patience = &settings.patience;
        let mut config = Agent::config_builder()
            // The library's own default would be to ask the environment.
            .proxy(proxy)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(LARGEST_HEAD)
            .user_agent(concat!("varve/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.idle))
            .timeout_per_read(Some(patience.idle))
            .timeout_per_write(Some(patience.idle));
        if secure {
            let identity = papers
                .map(|papers| self.identity(papers))
                .transpose()?
                .unwrap_or_default();
            let certificate = identity.pair.as_ref().map(|(file, key)| client_certificate(file, key));
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .root_certs(settings.roots.read(&identity.authorities)?)
                .client_cert(certificate.transpose()?)
                .build();
            config = config.tls_config(tls);
        }
        Ok(config.build())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

/// A stream that ends with an error once the client is stopped.
struct Interruptible<'a, R> {
    inner: R,
    stop: &'a Stop,
}

impl<R: Read> Read for Interruptible<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.stop.is_on() {
            return Err(std::io::Error::other(HttpError::Stopped));
        }
        self.inner.read(buffer)
    }
}

fn header(name: &str, value: &str) -> Result<http::HeaderValue, HttpError> {
    http::HeaderValue::from_str(value).map_err(|_| HttpError::Header(name.to_owned()))
}

/// The proxy on the way to a server.
fn proxy_for(url: &Url, proxies: &Proxies) -> Result<Option<Url>, HttpError> {
    let Some(proxy) = proxies.of(url) else { return Ok(None) };
    let spelled = if proxy.contains("://") {
        Url::parse(proxy)
    } else {
        Url::parse(&format!("http://{proxy}"))
    };
    spelled.map(Some).map_err(|error| HttpError::Proxy(error.to_string()))
}

/// A proxy in the client library's terms, which panics at kinds that it was not compiled for.
fn tunnel(proxy: &Url) -> Result<ureq::Proxy, HttpError> {
    ureq::Proxy::new(&proxy.with_user()).map_err(|_| HttpError::Proxy(format!("`{proxy}` can't be used")))
}

/// Whether another try may end otherwise.
fn may_pass(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => !is_certificate(error),
        ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::BodyStalled => true,
        ureq::Error::Protocol(_) => true,
        _ => false,
    }
}

fn is_certificate(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// What the client library says, in this program's words.
fn in_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "the server does not answer in time".to_owned(),
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        ureq::Error::ConnectProxyFailed(why) => format!("the proxy refused: {why}"),
        other => other.to_string(),
    }
}
