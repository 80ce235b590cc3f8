//! Sends requests: finds the way, follows redirects, and tries again.

use super::relay;
use super::request::encoded;
use super::{Body, HttpError, Method, Proxies, Request, Response, Roots, Url, parse_date};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::http;
use ureq::tls::{TlsConfig, TlsProvider};

/// How a client reaches servers.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Proxies.
    pub proxies: Proxies,
    /// Certificates of trusted authorities.
    pub roots: Roots,
    /// How long to wait, and how often to try.
    pub patience: Patience,
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
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            tries: 4,
            pause: Duration::from_millis(300),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// Sends requests. Cloning is cheap and gives the same client.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// By whether servers are asked over TLS, and by proxy; made when needed first.
    agents: Mutex<BTreeMap<(bool, Option<String>), Agent>>,
    stop: Arc<Stop>,
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
            let moved = matches!(response.status, 301 | 302 | 303 | 307 | 308) && request.method != Method::Post;
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
            let last = tries >= patience.tries;
            let asked = match &result {
                Ok(Ok(response)) if last || !matches!(response.status, 429 | 500 | 502..=504) => None,
                Ok(Ok(response)) => Some(retry_after(response)),
                Ok(Err(error)) if last || !may_pass(error) => None,
                Ok(Err(_)) => Some(None),
                Err(_) => None,
            };
            let Some(asked) = asked else {
                return result?.map_err(|error| HttpError::Send {
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
        let mut builder = http::Request::builder()
            .method(match request.method {
                Method::Get => "GET",
                Method::Head => "HEAD",
                Method::Post => "POST",
            })
            .uri(url.wire());
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
        let result = match &request.form {
            Some(form) if request.method == Method::Post => {
                builder = builder.header("content-type", "application/x-www-form-urlencoded");
                agent.run(builder.body(form.as_str()).map_err(bad)?)
            }
            _ => agent.run(builder.body(()).map_err(bad)?),
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

    fn agents(&self) -> std::sync::MutexGuard<'_, BTreeMap<(bool, Option<String>), Agent>> {
        self.0.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn agent(&self, url: &Url) -> Result<Agent, HttpError> {
        let settings = &self.0.settings;
        let proxy = proxy_for(url, &settings.proxies)?;
        let secure = url.is_secure() || proxy.as_ref().is_some_and(Url::is_secure);
        let key = (url.is_secure(), proxy.as_ref().map(Url::whole));
        let mut agents = self.agents();
        // Under the lock, so that no agent is made behind the back of `stop`.
        self.0.stop.check()?;
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let proxied = proxy.as_ref().map(tunnel).transpose()?;
        let config = self.config(secure, proxied.clone())?;
        let agent = match (&proxy, url.is_secure()) {
            (Some(proxy), false) => {
                let at = proxy.wire().parse();
                let at = at.map_err(|_| HttpError::Proxy(format!("`{proxy}` can't be used")))?;
                relay::agent(config, self.config(secure, None)?, at)
            }
            _ => Agent::new_with_config(config),
        };
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    fn config(&self, secure: bool, proxy: Option<ureq::Proxy>) -> Result<Config, HttpError> {
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
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .root_certs(settings.roots.read()?)
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

/// How long the server wants to be left alone.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // By the server's own clock, which need not be this machine's.
    let (then, now) = (parse_date(text)?, parse_date(response.header("date")?)?);
    Some(Duration::from_secs(u64::try_from(then.saturating_sub(now)).ok()?))
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
