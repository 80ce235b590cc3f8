//! Plain http through a proxy: the proxy is asked for the whole address (RFC 9112, 3.2.2).
//!
//! The client library would have the proxy open a tunnel, which most proxies allow for TLS only. So the connection goes
//! to the proxy, and the first line of each request is completed on its way out.

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Agent, Error};

/// An agent that reaches all servers by a proxy; `config` names the proxy, so that no other host is looked up.
pub(super) fn agent(config: Config, direct: Config, proxy: Uri) -> Agent {
    let relay = Relay {
        proxy,
        direct,
        connector: DefaultConnector::default(),
    };
    Agent::with_parts(config, relay, DefaultResolver::default())
}

#[derive(Debug)]
struct Relay {
    proxy: Uri,
    /// The same settings without the proxy.
    direct: Config,
    connector: DefaultConnector,
}

impl Connector<()> for Relay {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let authority = details.uri.authority().map(ToString::to_string).unwrap_or_default();
        let to_proxy = ConnectionDetails {
            uri: &self.proxy,
            addrs: details.resolver.resolve(&self.proxy, &self.direct, details.timeout)?,
            config: &self.direct,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let Some(inner) = self.connector.connect(&to_proxy, None)? else {
            return Ok(None);
        };
        Ok(Some(Box::new(Relayed {
            inner,
            server: format!("http://{authority}"),
        })))
    }
}

/// A connection to a proxy that is to pass requests on to one server.
#[derive(Debug)]
struct Relayed {
    inner: Box<dyn Transport>,
    server: String,
}

impl Transport for Relayed {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.inner.buffers().output();
        let amount = match method(&output[..amount]) {
            None => amount,
            Some(at) => {
                let longer = amount + self.server.len();
                if longer > output.len() {
                    return Err(Error::LargeResponseHeader(longer, output.len()));
                }
                output.copy_within(at..amount, at + self.server.len());
                output[at..at + self.server.len()].copy_from_slice(self.server.as_bytes());
                longer
            }
        };
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Where the path begins, if this is the beginning of a request. No form that this room sends begins like one.
fn method(output: &[u8]) -> Option<usize> {
    let methods: [&[u8]; 3] = [b"GET ", b"HEAD ", b"POST "];
    let method = methods.into_iter().find(|method| output.starts_with(method))?;
    (output.get(method.len()) == Some(&b'/')).then_some(method.len())
}
