//! Addresses: read strictly, shown without secrets.

use super::HttpError;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An `http` or `https` address. What it shows of itself has no password and no values of its query.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    user: Option<String>,
    host: String,
    port: u16,
    path: String,
    query: Option<String>,
}

/// Longest address that is read, in bytes.
const LONGEST: usize = 16 << 10;

impl Url {
    /// Reads an absolute address. Characters that may not stand in one are escaped; a fragment is left out.
    ///
    /// # Errors
    /// [`HttpError::Url`].
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        read(text).map_err(|reason| HttpError::Url {
            url: shown(text),
            reason,
        })
    }

    /// An address of a host, with or without a port, such as `localhost:5000`.
    ///
    /// # Errors
    /// [`HttpError::Url`].
    pub fn of(secure: bool, host: &str, path: &str) -> Result<Self, HttpError> {
        Self::parse(&format!("http{}://{host}{path}", if secure { "s" } else { "" }))
    }

    /// Where a `Location` of this address leads (RFC 3986, 5.2).
    ///
    /// # Errors
    /// [`HttpError::Url`] when it is no address of http or https.
    pub fn join(&self, location: &str) -> Result<Self, HttpError> {
        let location = location.trim();
        if has_scheme(location) {
            return Self::parse(location);
        }
        let scheme = if self.secure { "https:" } else { "http:" };
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}{location}"));
        }
        let location = location.split('#').next().unwrap_or_default();
        let (path, query) = match location.split_once('?') {
            Some((path, query)) => (path, Some(escaped(query))),
            None => (location, None),
        };
        let path = match path {
            "" => self.path.clone(),
            path if path.starts_with('/') => without_dots(&escaped(path)),
            path => {
                let folder = self.path.rfind('/').map_or("/", |end| &self.path[..=end]);
                without_dots(&escaped(&format!("{folder}{path}")))
            }
        };
        let query = if location.is_empty() { self.query.clone() } else { query };
        Ok(Self {
            path,
            query,
            user: None,
            ..self.clone()
        })
    }

    /// The same address with more in its query; names and values are escaped.
    #[must_use]
    pub fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        let mut query = self.query.take().unwrap_or_default();
        for (name, value) in pairs {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&component(name));
            query.push('=');
            query.push_str(&component(value));
        }
        self.query = Some(query);
        self
    }

    /// Whether it is https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host's name or address, an IPv6 one in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also when it is the usual one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host, and the port when it is not the usual one.
    pub fn authority(&self) -> String {
        if self.port == usual_port(self.secure) {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether both addresses are of one server, so that credentials for the one may be shown to the other. The
    /// https server of a host counts as its http server, but not the other way round.
    pub fn shares_credentials_with(&self, next: &Self) -> bool {
        let same_port = self.port == next.port || (self.port == usual_port(false) && next.port == usual_port(true));
        self.host == next.host && same_port && (next.secure || !self.secure)
    }

    /// User and password before the host, unescaped, as `user:password`.
    pub fn user(&self) -> Option<Vec<u8>> {
        self.user.as_deref().map(unescape)
    }

    /// The last part of the path that is not empty, unescaped.
    pub fn file_name(&self) -> Option<Vec<u8>> {
        let path = unescape(&self.path);
        let mut parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
        parts.next_back().map(<[u8]>::to_vec)
    }

    /// The address as it is requested, without user and password. It may hold secrets.
    pub fn wire(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}{query}", self.authority(), self.path)
    }

    /// The server with user and password, as the address of a proxy. Never to be shown.
    pub(super) fn with_user(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{user}{}:{}", self.host, self.port)
    }

    /// The address with all that it holds, for keys. Never to be shown.
    pub fn whole(&self) -> String {
        format!("{} {}", self.user.as_deref().unwrap_or_default(), self.wire())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)?;
        let Some(query) = &self.query else { return Ok(()) };
        f.write_str("?")?;
        for (number, pair) in query.split('&').enumerate() {
            if number > 0 {
                f.write_str("&")?;
            }
            match pair.split_once('=') {
                Some((name, value)) if !value.is_empty() => write!(f, "{name}=…")?,
                // A query without names may be a secret as a whole.
                None if !pair.is_empty() => f.write_str("…")?,
                _ => f.write_str(pair)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// Whether a host's name or address, as it stands in an address, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare.parse::<Ipv4Addr>().is_ok_and(|it| it.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|it| it.is_loopback())
}

fn read(text: &str) -> Result<Url, &'static str> {
    if text.len() > LONGEST {
        return Err("it is too long");
    }
    let (scheme, rest) = text.split_once("://").ok_or("it has no `://`")?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err("it is neither http nor https"),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()).filter(|user| !user.is_empty()), place),
        None => (None, authority),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or("its host lacks a `]`")?;
            address.parse::<Ipv6Addr>().map_err(|_| "its host is no IPv6 address")?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err("something stands behind its host"),
            };
            (format!("[{address}]"), port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (place.to_owned(), None),
        },
    };
    let host = host.to_ascii_lowercase();
    if host.is_empty() {
        return Err("it has no host");
    }
    if !host.is_ascii() {
        return Err("its host has letters beyond ASCII: write its `xn--` form");
    }
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !host.starts_with('[') && !host.bytes().all(fine) {
        return Err("its host has characters that no host has");
    }
    let port = match port {
        None | Some("") => usual_port(secure),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or("its port is no port")?,
        Some(_) => return Err("its port is no port"),
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(escaped(query))),
        None => (target, None),
    };
    let path = if path.is_empty() { "/".to_owned() } else { escaped(path) };
    Ok(Url {
        secure,
        user,
        host,
        port,
        path,
        query,
    })
}

fn usual_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Whether a location is absolute: letters, then a colon, before any slash.
fn has_scheme(location: &str) -> bool {
    location.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|it: char| it.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}

/// Escapes what may not stand in a path or query, and leaves escapes as they are.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let fine =
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
        push(&mut out, byte, fine);
    }
    out
}

/// Escapes all but letters, digits and a few signs.
fn component(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let fine = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b',');
        push(&mut out, byte, fine);
    }
    out
}

fn push(out: &mut String, byte: u8, fine: bool) {
    if fine {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("%{byte:02X}"));
    }
}

/// Takes escapes back; what is no escape stays.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%'
            && let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2))
        {
            out.push(u8::try_from(high * 16 + low).unwrap_or_default());
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    out
}

/// Resolves `.` and `..` of a path (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    out.pop();
                }
                if last {
                    out.push("");
                }
            }
            part => out.push(part),
        }
    }
    format!("/{}", out.join("/"))
}

/// What may be shown of a text that is no address.
fn shown(text: &str) -> String {
    let start = text.split(['?', '#']).next().unwrap_or_default();
    let start = match (start.split_once("://"), start.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        _ => start.to_owned(),
    };
    start.chars().filter(|it| !it.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_read() {
        for (text, wire) in [
            ("http://h", "http://h/"),
            ("HTTPS://H.example:443/a?b=c#d", "https://h.example/a?b=c"),
            ("http://h:8080?x", "http://h:8080/?x"),
            ("http://u:p@[::1]:5000/ü a", "http://[::1]:5000/%C3%BC%20a"),
            ("http://h/a%20b", "http://h/a%20b"),
        ] {
            assert_eq!(Url::parse(text).unwrap().wire(), wire);
        }
        for text in [
            "",
            "h",
            "ftp://h/",
            "http://",
            "http://:80/",
            "http://h:0/",
            "http://h:x/",
            "http://h:99999/",
            "http://h h/",
            "http://[::1/",
            "http://[::1]x/",
            "http://bücher/",
            "http://[x]/",
            "http://a\r\nb/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let url = Url::parse("https://me:word@h/p?X-Signature=abc&y=&sec").unwrap();
        assert_eq!(url.to_string(), "https://h/p?X-Signature=…&y=&…");
        assert_eq!(format!("{url:?}"), "Url(https://h/p?X-Signature=…&y=&…)");
        assert_eq!(url.user().unwrap(), b"me:word");
        let error = Url::parse("ftp://me:word@h/p?secret").unwrap_err().to_string();
        assert!(!error.contains("word") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn locations_are_joined() {
        let base = Url::parse("http://u:p@h:81/a/b/c?q=1").unwrap();
        for (location, wire) in [
            ("https://x/y", "https://x/y"),
            ("//x/y", "http://x/y"),
            ("/y?z", "http://h:81/y?z"),
            ("d", "http://h:81/a/b/d"),
            ("../d/./e/..", "http://h:81/a/d/"),
            ("../../../../x", "http://h:81/x"),
            ("?r", "http://h:81/a/b/c?r"),
            ("", "http://h:81/a/b/c?q=1"),
            ("./a:b", "http://h:81/a/b/a:b"),
        ] {
            let joined = base.join(location).unwrap();
            assert_eq!(joined.wire(), wire, "{location}");
            assert_eq!(joined.user(), None);
        }
        assert!(base.join("file:///etc/passwd").is_err());
    }

    #[test]
    fn credentials_stay_with_their_server() {
        let shares = |a: &str, b: &str| Url::parse(a).unwrap().shares_credentials_with(&Url::parse(b).unwrap());
        assert!(shares("https://h/a", "https://h/b"));
        assert!(shares("http://h/a", "https://h/b"));
        assert!(!shares("https://h/a", "http://h/b"));
        assert!(!shares("https://h/a", "https://h:444/b"));
        assert!(!shares("https://h/a", "https://g.h/b"));
    }

    #[test]
    fn file_names_are_unescaped() {
        for (url, name) in [
            ("http://h/a/b.txt?x=/z", Some("b.txt")),
            ("http://h/a%20b.txt", Some("a b.txt")),
            ("http://h/dir/", Some("dir")),
            ("http://h/a%2Fb", Some("b")),
            ("http://h/%zz", Some("%zz")),
            ("http://h/", None),
            ("http://h", None),
        ] {
            let found = Url::parse(url).unwrap().file_name();
            assert_eq!(found.as_deref(), name.map(str::as_bytes), "{url}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_reads_back(text in "(http://|https://)?\\PC{0,40}", location in "\\PC{0,30}") {
            if let Ok(url) = Url::parse(&text) {
                prop_assert_eq!(Url::parse(&url.wire()).unwrap().wire(), url.wire());
                let _ = url.join(&location);
                let _ = url.file_name();
            }
        }
    }
}
