//! Names of images, by Docker's rules (distribution/reference).

use crate::digest::BlobDigest;
use std::fmt;
use std::str::FromStr;

/// The registry of names that name none.
const DOCKER: &str = "docker.io";
/// Its folder for names without a slash.
const LIBRARY: &str = "library/";
/// Longest repository, in bytes.
const LONGEST_REPOSITORY: usize = 255;
/// Longest tag, in bytes.
const LONGEST_TAG: usize = 128;

/// The name of an image: where, what, and which one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<BlobDigest>,
}

/// Why a text is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is an invalid reference: {reason}")]
pub struct ParseReferenceError {
    text: String,
    reason: &'static str,
}

impl Reference {
    /// Reads a name such as `debian`, `localhost:5000/team/app:v1` or `debian@sha256:…`.
    pub fn parse(text: &str) -> Result<Self, ParseReferenceError> {
        read(text).map_err(|reason| ParseReferenceError {
            text: text.chars().take(300).collect(),
            reason,
        })
    }

    /// The registry's host and port; `docker.io` when none is named.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository; on `docker.io` with the `library/` that users leave out.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag as given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest as given; it counts, and a tag beside it does not.
    pub fn digest(&self) -> Option<&BlobDigest> {
        self.digest.as_ref()
    }

    /// The tag, or `latest` when there is neither tag nor digest.
    pub fn tag_or_latest(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some("latest"),
            (None, Some(_)) => None,
        }
    }

    /// The same name with `:latest` when it had neither tag nor digest.
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        self.tag = self.tag_or_latest().map(str::to_owned);
        self
    }

    /// The same name without its tag.
    #[must_use]
    pub fn without_tag(mut self) -> Self {
        self.tag = None;
        self
    }

    /// The same name with this digest.
    #[must_use]
    pub fn with_digest(mut self, digest: BlobDigest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// As users write it: without `docker.io/` and `library/`.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let Some(short) = full.strip_prefix(DOCKER).and_then(|it| it.strip_prefix('/')) else {
            return full;
        };
        match short.strip_prefix(LIBRARY) {
            // A repository below `library/` with another slash needs it.
            Some(shorter) if !self.repository[LIBRARY.len()..].contains('/') => shorter.to_owned(),
            _ => short.to_owned(),
        }
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        Self::parse(text)
    }
}

/// The whole name, as registries and containerd know it.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn read(text: &str) -> Result<Reference, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("64 hexadecimal digits are the id of an image, not a name");
    }
    let (name, digest) = match text.split_once('@') {
        None => (text, None),
        Some((name, digest)) => {
            let digest = digest
                .parse()
                .map_err(|_| "the digest is not `sha256:` followed by 64 hexadecimal digits")?;
            (name, Some(digest))
        }
    };
    let (registry, rest) = match name.split_once('/') {
        // What has no sign of a host name is the first part of a repository.
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (DOCKER, name),
    };
    let (repository, tag) = match rest.split_once(':') {
        None => (rest, None),
        Some((repository, tag)) => (repository, Some(tag)),
    };
    check_registry(registry)?;
    check_repository(repository)?;
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    let registry = match registry {
        "index.docker.io" => DOCKER,
        other => other,
    };
    let repository = if registry == DOCKER && !repository.contains('/') {
        format!("{LIBRARY}{repository}")
    } else {
        repository.to_owned()
    };
    if repository.len() > LONGEST_REPOSITORY {
        return Err("its repository is longer than 255 characters");
    }
    Ok(Reference {
        registry: registry.to_owned(),
        repository,
        tag: tag.map(str::to_owned),
        digest,
    })
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    const WRONG: &str = "its registry is not a host name with or without a port";
    let (host, port) = match registry.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(WRONG)?;
            if address.is_empty() || !address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') {
                return Err(WRONG);
            }
            match after {
                "" => (None, None),
                _ => (None, Some(after.strip_prefix(':').ok_or(WRONG)?)),
            }
        }
        None => match registry.split_once(':') {
            None => (Some(registry), None),
            Some((host, port)) => (Some(host), Some(port)),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !host.is_none_or(|host| host.split('.').all(label)) {
        return Err(WRONG);
    }
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(WRONG);
    }
    Ok(())
}

fn check_repository(repository: &str) -> Result<(), &'static str> {
    if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("its repository has capital letters");
    }
    if repository.split('/').all(is_component) {
        Ok(())
    } else {
        Err("its repository may have parts of small letters and digits, joined by `/`, `.`, `_`, `__` or dashes")
    }
}

/// Runs of small letters and digits, joined by one dot, one or two underscores, or any number of dashes.
fn is_component(component: &str) -> bool {
    let word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    word(*first)
        && word(*last)
        && bytes
            .chunk_by(|a, b| word(*a) == word(*b))
            .all(|run| word(run[0]) || matches!(run, b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-'))
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = tag.as_bytes();
    if bytes.is_empty() {
        return Err("its tag is empty");
    }
    if bytes.len() > LONGEST_TAG {
        return Err("its tag is longer than 128 characters");
    }
    if word(bytes[0]) && bytes.iter().all(|byte| word(*byte) || matches!(byte, b'.' | b'-')) {
        Ok(())
    } else {
        Err("its tag may have letters, digits, `_`, `.` and `-`, and begins with none of the last two")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

    #[test]
    fn names_are_read_as_docker_reads_them() {
        for (text, full, familiar) in [
            ("debian", "docker.io/library/debian", "debian"),
            (
                "debian:bookworm",
                "docker.io/library/debian:bookworm",
                "debian:bookworm",
            ),
            ("team/app", "docker.io/team/app", "team/app"),
            ("docker.io/debian", "docker.io/library/debian", "debian"),
            ("index.docker.io/debian", "docker.io/library/debian", "debian"),
            ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"),
            ("localhost/app", "localhost/app", "localhost/app"),
            ("localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1"),
            ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
            ("[2001:db8::1]/x", "[2001:db8::1]/x", "[2001:db8::1]/x"),
            ("Foo/bar", "Foo/bar", "Foo/bar"),
            ("a__b/c---d.e_f", "docker.io/a__b/c---d.e_f", "a__b/c---d.e_f"),
            ("x:_T.a-g", "docker.io/library/x:_T.a-g", "x:_T.a-g"),
            ("localhost", "docker.io/library/localhost", "localhost"),
            ("scratch", "docker.io/library/scratch", "scratch"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(
                (reference.to_string().as_str(), reference.familiar().as_str()),
                (full, familiar)
            );
            assert_eq!(Reference::parse(full).unwrap(), reference);
            assert_eq!(Reference::parse(familiar).unwrap(), reference);
        }
        let both = Reference::parse(&format!("debian:12@{DIGEST}")).unwrap();
        assert_eq!(
            (both.tag(), both.digest().unwrap().to_string().as_str()),
            (Some("12"), DIGEST)
        );
        assert_eq!(
            Reference::parse(&format!("debian@{DIGEST}")).unwrap().tag_or_latest(),
            None
        );
        assert_eq!(
            Reference::parse("debian").unwrap().or_latest().familiar(),
            "debian:latest"
        );
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        let hexadecimal = "a".repeat(64);
        let long = "a".repeat(256);
        let long_tag = format!("x:{}", "a".repeat(129));
        for text in [
            "",
            ":",
            "/",
            "Debian",
            "debian:",
            ":tag",
            "debian@",
            "debian@sha256:abc",
            "a//b",
            "a/",
            "/a",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "x:-t",
            "x:.t",
            "x:t:u",
            "host.:80/x",
            "host:/x",
            "host:80a/x",
            "[::1/x",
            "[]/x",
            "[::1]5000/x",
            "a b",
            "é",
            "x:é",
            "localhost:5000/",
            "-host.de/x",
            "https://host/x",
            "a@b@c",
            &hexadecimal,
            &long,
            &long_tag,
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
        assert!(
            Reference::parse("Debian")
                .unwrap_err()
                .to_string()
                .ends_with("has capital letters")
        );
        assert!(Reference::parse(&"a".repeat(247)).is_ok());
        assert!(Reference::parse(&"a".repeat(248)).is_err(), "`library/` counts");
    }

    proptest! {
        #[test]
        fn never_panics_and_reads_back(text in "\\PC{0,40}|[a-zA-Z0-9./:@_\\[\\]-]{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference.clone());
                prop_assert_eq!(Reference::parse(&reference.familiar()).unwrap(), reference);
            }
        }
    }
}
