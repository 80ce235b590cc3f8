//! What a source of ADD and COPY is: a path, a URL, or a git repository.

use super::{GitSource, Source};

/// Sorts an expanded source of an ADD.
pub(super) fn classify(text: String) -> Result<Source, String> {
    match GitSource::parse(&text) {
        Some(source) => Ok(Source::Git {
            source: Box::new(source?),
            text,
        }),
        None if is_url(&text) => Ok(Source::Url(text)),
        None => Ok(Source::Path(text)),
    }
}

/// Whether it is fetched over http or https.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Checks `--checksum` of a URL: an algorithm and its digits.
pub(super) fn check_digest(text: &str) -> Result<(), String> {
    let fits = text.split_once(':').is_some_and(|(algorithm, hex)| {
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return false,
        };
        hex.len() == length && hex.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    });
    if fits {
        Ok(())
    } else {
        Err(format!(
            "invalid checksum `{text}`: want `sha256:` and 64 hexadecimal digits"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        for git in [
            "git@github.com:a/b",
            "git://x/y",
            "ssh://git@h/p",
            "https://h/a.git",
            "http://h/a.git#v1:sub",
            "https://h/a.git?ref=x#:y",
        ] {
            assert!(matches!(classify(git.to_owned()), Ok(Source::Git { .. })), "{git}");
        }
        for url in ["https://h/a", "http://h/a?x=.git", "https://h/a.git.tar"] {
            assert!(matches!(classify(url.to_owned()), Ok(Source::Url(_))), "{url}");
        }
        for path in ["a", "HTTP://x", "github.com/a/b", "a@b", "./git@x:y", ""] {
            assert!(matches!(classify(path.to_owned()), Ok(Source::Path(_))), "{path}");
        }
        assert!(classify("https://h/a.git?nope=1".to_owned()).is_err());
    }
}
