//! What a source of ADD and COPY is: a path, a URL, or a git repository.

use super::Source;

/// Sorts an expanded source of an ADD.
pub(super) fn classify(text: String) -> Result<Source, String> {
    if is_git(&text) {
        check_git(&text)?;
        return Ok(Source::Git(text));
    }
    Ok(if is_url(&text) {
        Source::Url(text)
    } else {
        Source::Path(text)
    })
}

/// Whether it is fetched over http or https.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Whether it names a git repository: `git://`, `ssh://`, `user@host:path`, or a URL whose path ends with `.git`.
pub(super) fn is_git(text: &str) -> bool {
    if is_url(text) {
        let end = text.find(['?', '#']).unwrap_or(text.len());
        return text[..end].ends_with(".git");
    }
    text.starts_with("git://") || text.starts_with("ssh://") || is_scp_like(text)
}

fn is_scp_like(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else {
        return false;
    };
    let Some((host, _)) = rest.split_once(':') else {
        return false;
    };
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || more.contains(it))
    };
    word(user, "-_") && word(host, "-.")
}

/// What a git source may say behind `?`.
const QUERIES: [&str; 10] = [
    "ref",
    "tag",
    "branch",
    "subdir",
    "checksum",
    "commit",
    "keep-git-dir",
    "submodules",
    "mtime",
    "fetch-by-commit",
];

fn check_git(text: &str) -> Result<(), String> {
    for (key, value) in queries(text) {
        if !QUERIES.contains(&key) {
            return Err(format!("unexpected query `{key}` in `{text}`"));
        }
        if key == "mtime" && !matches!(value, "checkout" | "commit") {
            return Err(format!(
                "invalid value for `mtime` in `{text}`: want `checkout` or `commit`"
            ));
        }
    }
    Ok(())
}

/// Checks that flags and query of a git source agree.
pub(super) fn check_git_flags(text: &str, checksum: Option<&str>, keep_git_dir: Option<bool>) -> Result<(), String> {
    if checksum.is_some_and(|it| !(7..=64).contains(&it.len()) || !it.bytes().all(|it| it.is_ascii_hexdigit())) {
        return Err("`--checksum` of a git source is a commit: 7 to 64 hexadecimal digits".to_owned());
    }
    for (key, value) in queries(text) {
        match key {
            "checksum" | "commit" if checksum.is_some_and(|it| !it.eq_ignore_ascii_case(value)) => {
                return Err(format!("`--checksum` conflicts with `{key}={value}` in the source"));
            }
            "keep-git-dir" => {
                let asked = value.is_empty() || value == "1" || value.eq_ignore_ascii_case("true");
                if keep_git_dir.is_some_and(|it| it != asked) {
                    return Err("`--keep-git-dir` conflicts with `keep-git-dir` in the source".to_owned());
                }
            }
            _ => (),
        }
    }
    Ok(())
}

fn queries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
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
            "https://h/a.git?ref=x#y",
        ] {
            assert!(matches!(classify(git.to_owned()), Ok(Source::Git(_))), "{git}");
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
