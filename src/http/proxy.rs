//! Which proxy stands between this machine and a host.

use super::Url;
use std::net::IpAddr;

/// Proxies as the caller gives them, in the usual terms of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For addresses with `http`.
    pub http: Option<String>,
    /// For addresses with `https`.
    pub https: Option<String>,
    /// Hosts that are reached without one: names, which stand for what is below them too, addresses, networks such as
    /// `10.0.0.0/8`, each with a port or without; `*` is all.
    pub except: String,
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxies")
            .field("http", &self.http.is_some())
            .field("https", &self.https.is_some())
            .field("except", &self.except)
            .finish()
    }
}

impl Proxies {
    /// The proxy for an address; this machine is always reached without one.
    pub(super) fn of(&self, url: &Url) -> Option<&str> {
        let proxy = if url.is_secure() { &self.https } else { &self.http };
        let proxy = proxy.as_deref().filter(|proxy| !proxy.is_empty())?;
        (!url.is_loopback() && !self.excepts(url)).then_some(proxy)
    }

    fn excepts(&self, url: &Url) -> bool {
        let host = url.host().trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = host.parse().ok();
        self.except
            .split(',')
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .any(|rule| {
                if rule == "*" {
                    return true;
                }
                if let (Some(address), Some((network, bits))) = (address, rule.split_once('/')) {
                    return in_network(address, network, bits);
                }
                let (name, port) = match rule.rsplit_once(':') {
                    Some((name, port)) if rule.matches(':').count() == 1 || rule.contains("]:") => (name, Some(port)),
                    _ => (rule, None),
                };
                if port.is_some_and(|port| port.parse() != Ok(url.port())) {
                    return false;
                }
                let name = name
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .trim_start_matches("*.")
                    .trim_start_matches('.')
                    .to_ascii_lowercase();
                match address {
                    Some(address) => name.parse() == Ok(address),
                    None => host == name || host.strip_suffix(&name).is_some_and(|above| above.ends_with('.')),
                }
            })
    }
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            bits <= 32 && (a.to_bits() ^ b.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            bits <= 128 && (a.to_bits() ^ b.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_kept_to() {
        let proxies = |except: &str| Proxies {
            http: Some("http://p:1".to_owned()),
            https: Some("http://p:2".to_owned()),
            except: except.to_owned(),
        };
        for (except, url, used) in [
            ("", "http://h/", Some("http://p:1")),
            ("", "https://h/", Some("http://p:2")),
            ("", "http://127.0.0.1:5000/", None),
            ("", "http://localhost/", None),
            ("", "http://[::1]/", None),
            ("example.org, h", "http://h/", None),
            ("example.org", "https://www.example.org/", None),
            (".example.org", "https://www.example.org/", None),
            ("example.org", "https://badexample.org/", Some("http://p:2")),
            ("h:81", "http://h/", Some("http://p:1")),
            ("h:81", "http://h:81/", None),
            ("10.0.0.0/8", "http://10.1.2.3/", None),
            ("10.0.0.0/8", "http://11.1.2.3/", Some("http://p:1")),
            ("0.0.0.0/0", "http://11.1.2.3/", None),
            ("10.0.0.0/99", "http://10.1.2.3/", Some("http://p:1")),
            ("fd00::/8", "http://[fd00::7]/", None),
            ("*", "https://h/", None),
        ] {
            assert_eq!(proxies(except).of(&Url::parse(url).unwrap()), used, "{except} {url}");
        }
    }
}
