//! Which files of which git repository a text names, in the forms that BuildKit takes.

use super::paths::clean;
use std::fmt;

/// Files of a git repository: where it is, which commit, and what of it.
///
/// `Display` and `Debug` are the address as it may be shown: without a password.
#[derive(Clone, PartialEq, Eq)]
pub struct GitSource {
    /// What git is told: an address without query and fragment, or `user@host:path`. It may hold a password.
    pub remote: String,
    /// A commit, a tag, a branch, or another ref; the default branch when absent.
    pub reference: Option<String>,
    /// The directory of the repository that is meant, clean and relative; empty for all of it.
    pub subdir: String,
    /// How the commit's id begins, or the id of the tag that names it; in small letters.
    pub checksum: Option<String>,
    /// Whether `.git` stays; `None` when the text does not say.
    pub keep_git_dir: Option<bool>,
    /// Whether submodules come too.
    pub submodules: bool,
    /// Whether files are as old as the commit, and not as their checkout.
    pub commit_time: bool,
    /// Whether the commit of the checksum is taken without asking where the ref points to by now.
    pub fetch_by_commit: bool,
}

/// The protocols that git may speak for a build.
const SCHEMES: [&str; 4] = ["http", "https", "ssh", "git"];

impl GitSource {
    /// Reads an address; `None` when it names no git repository.
    ///
    /// # Errors
    /// In words, when it names one and its query makes no sense.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        if text.chars().any(|it| it.is_control() || it == ' ') {
            return None;
        }
        let (base, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (remote, query) = base.split_once('?').unwrap_or((base, ""));
        let remote = match remote.split_once("://") {
            Some((scheme, rest)) => {
                let scheme = scheme.to_ascii_lowercase();
                let is_web = scheme.starts_with("http");
                if !SCHEMES.contains(&&*scheme) || (is_web && !remote.ends_with(".git")) {
                    return None;
                }
                format!("{scheme}://{rest}")
            }
            None if is_scp_like(remote) => remote.to_owned(),
            None => return None,
        };
        Some(Self::of(text, remote, query, fragment))
    }

    /// Reads the address of a build context, where `github.com/…` names a repository too.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_context(text: &str) -> Option<Result<Self, String>> {
        match text.strip_prefix("github.com/") {
            Some(path) => {
                let (base, fragment) = path.split_once('#').unwrap_or((path, ""));
                let (path, query) = base.split_once('?').unwrap_or((base, ""));
                let fine = !path.is_empty() && !text.chars().any(|it| it.is_control() || it == ' ');
                fine.then(|| Self::of(text, format!("https://github.com/{path}"), query, fragment))
            }
            None => Self::parse(text),
        }
    }

    fn of(text: &str, remote: String, query: &str, fragment: &str) -> Result<Self, String> {
        let fragment = decoded(fragment, false);
        let (reference, subdir) = fragment.split_once(':').unwrap_or((&fragment, ""));
        let mut source = Self {
            remote,
            reference: Some(reference.to_owned()).filter(|it| !it.is_empty()),
            subdir: clean(subdir)[1..].to_owned(),
            checksum: None,
            keep_git_dir: None,
            submodules: true,
            commit_time: false,
            fetch_by_commit: false,
        };
        let shown = source.to_string();
        source
            .query(query)
            .map_err(|problem| format!("{problem} in `{shown}`"))?;
        if source.fetch_by_commit && !source.checksum.as_deref().is_some_and(is_commit) {
            return Err(format!(
                "`fetch-by-commit` needs a whole commit id as `checksum` in `{shown}`"
            ));
        }
        // A ref goes to git as one word, and into files below `.git` when these stay.
        let odd =
            |it: &String| it.starts_with('-') || it.contains("..") || it.contains(['\\', '~', '^', ':', '*', '[']);
        match source.reference.as_ref().filter(|it| odd(it)) {
            Some(reference) => Err(format!(
                "`{reference}` can't be a git ref in `{text}`",
                text = shown_text(text)
            )),
            None => Ok(source),
        }
    }

    fn query(&mut self, query: &str) -> Result<(), String> {
        let mut seen = Vec::new();
        let (mut tag, mut branch) = (None, None);
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (key, value) = (decoded(key, true), decoded(value, true));
            let is_switch = matches!(&*key, "keep-git-dir" | "submodules" | "fetch-by-commit");
            if value.is_empty() && !is_switch {
                return Err(format!("query `{key}` has no value"));
            }
            match &*key {
                "ref" => self.refer(value.clone())?,
                "tag" => tag = Some(qualified("refs/tags/", &value)),
                "branch" => branch = Some(qualified("refs/heads/", &value)),
                "subdir" => {
                    let subdir = &clean(&value)[1..];
                    if !self.subdir.is_empty() && self.subdir != subdir {
                        return Err(format!("`subdir={value}` conflicts with `{}`", self.subdir));
                    }
                    self.subdir = subdir.to_owned();
                }
                "checksum" | "commit" => self.expect(&value)?,
                "keep-git-dir" => self.keep_git_dir = Some(switch(&key, &value)?),
                "submodules" => self.submodules = switch(&key, &value)?,
                "fetch-by-commit" => self.fetch_by_commit = switch(&key, &value)?,
                "mtime" => {
                    self.commit_time = match &*value {
                        "commit" => true,
                        "checkout" => false,
                        _ => {
                            return Err(format!(
                                "invalid value for `mtime`: want `checkout` or `commit`, got `{value}`"
                            ));
                        }
                    }
                }
                _ => return Err(format!("unexpected query `{key}`")),
            }
            if seen.contains(&key) {
                return Err(format!("query `{key}` has several values"));
            }
            seen.push(key);
        }
        if tag.is_some() && branch.is_some() {
            return Err("`branch` conflicts with `tag`".to_owned());
        }
        match tag.or(branch) {
            Some(reference) => self.refer(reference),
            None => Ok(()),
        }
    }

    fn refer(&mut self, reference: String) -> Result<(), String> {
        match &self.reference {
            Some(there) if *there != reference => Err(format!("the ref `{reference}` conflicts with `{there}`")),
            _ => {
                self.reference = Some(reference);
                Ok(())
            }
        }
    }

    fn expect(&mut self, checksum: &str) -> Result<(), String> {
        if checksum.len() > 64 || !checksum.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Err(format!(
                "invalid checksum `{checksum}`: want a commit id, whole or its beginning"
            ));
        }
        let checksum = checksum.to_ascii_lowercase();
        match &self.checksum {
            Some(there) if *there != checksum => Err(format!(
                "the checksum `{checksum}` conflicts with `{there}` in the source"
            )),
            _ => {
                self.checksum = Some(checksum);
                Ok(())
            }
        }
    }

    /// The source with what the flags of an ADD say.
    ///
    /// # Errors
    /// In words, when flags and address disagree.
    pub fn with_flags(mut self, checksum: Option<&str>, keep_git_dir: Option<bool>) -> Result<Self, String> {
        if let Some(checksum) = checksum {
            self.expect(checksum)?;
        }
        match (self.keep_git_dir, keep_git_dir) {
            (Some(there), Some(flag)) if there != flag => {
                return Err("`--keep-git-dir` conflicts with `keep-git-dir` in the source".to_owned());
            }
            (there, flag) => self.keep_git_dir = flag.or(there),
        }
        Ok(self)
    }

    /// The commit, when the text alone names it: as the ref, or as a whole checksum where no ref is given.
    pub fn commit(&self) -> Option<&str> {
        let by_checksum = self.fetch_by_commit || self.reference.is_none();
        let checksum = self.checksum.as_deref().filter(|_| by_checksum);
        self.reference
            .as_deref()
            .filter(|it| is_commit(it))
            .or(checksum.filter(|it| is_commit(it)))
    }

    /// Whether `.git` is in the files: not below a subdirectory.
    pub fn keeps_git_dir(&self) -> bool {
        self.keep_git_dir == Some(true) && self.subdir.is_empty()
    }

    /// Whether ssh leads there.
    pub fn is_over_ssh(&self) -> bool {
        self.remote.starts_with("ssh://") || !self.remote.contains("://")
    }

    /// Host and port, under which secrets are looked for.
    pub fn host(&self) -> &str {
        match self.remote.split_once("://") {
            Some((_, rest)) => {
                let authority = rest.split('/').next().unwrap_or_default();
                authority.rsplit('@').next().unwrap_or_default()
            }
            None => self
                .remote
                .split_once('@')
                .and_then(|(_, rest)| rest.split_once(':'))
                .map_or("", |it| it.0),
        }
    }

    /// The remote without user and password, when it has them in a place where they are secret.
    pub fn public_remote(&self) -> String {
        match self.remote.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = authority.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}/{path}")
            }
            _ => self.remote.clone(),
        }
    }
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public_remote())?;
        match (&self.reference, self.subdir.as_str()) {
            (None, "") => Ok(()),
            (Some(reference), "") => write!(f, "#{reference}"),
            (reference, subdir) => write!(f, "#{}:{subdir}", reference.as_deref().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitSource({self})")
    }
}

/// Whether it is a whole commit id: of SHA-1 or SHA-256.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

fn shown_text(text: &str) -> &str {
    text.rsplit('@').next().unwrap_or_default()
}

fn qualified(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) {
        name.to_owned()
    } else {
        format!("{prefix}{name}")
    }
}

/// As Go reads it.
fn switch(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!(
            "invalid value for `{key}`: want `true` or `false`, got `{value}`"
        )),
    }
}

/// `user@host:path`
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

/// Without `%XX`; what is no such thing stays.
fn decoded(text: &str, plus_is_blank: bool) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|it| char::from(*it).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match (byte, digit(bytes.get(at)), digit(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if plus_is_blank => out.push(b' '),
            _ => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> GitSource {
        GitSource::parse(text).unwrap_or_else(|| panic!("{text}")).unwrap()
    }

    /// Remote, ref and subdirectory.
    fn parts(text: &str) -> (String, String, String) {
        let it = parse(text);
        (it.remote, it.reference.unwrap_or_default(), it.subdir)
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (text, remote, reference, subdir) in [
            ("https://h/a.git", "https://h/a.git", "", ""),
            ("https://h/a.git#v1", "https://h/a.git", "v1", ""),
            ("https://h/a.git#release/1.2", "https://h/a.git", "release/1.2", ""),
            ("https://h/a.git#b/c:d/../e/./f/", "https://h/a.git", "b/c", "e/f"),
            ("https://h/a.git#:d", "https://h/a.git", "", "d"),
            ("https://h/a.git#x:../../etc", "https://h/a.git", "x", "etc"),
            ("https://h/a.git?ref=v1&subdir=/d", "https://h/a.git", "v1", "d"),
            ("https://h/a.git?tag=v1", "https://h/a.git", "refs/tags/v1", ""),
            (
                "https://h/a.git?branch=refs/heads/b",
                "https://h/a.git",
                "refs/heads/b",
                "",
            ),
            ("https://h/a.git?ref=a%2Fb#a/b", "https://h/a.git", "a/b", ""),
            ("HTTPS://h/a.git", "https://h/a.git", "", ""),
            ("git://h/a", "git://h/a", "", ""),
            ("ssh://git@h:2222/a#x", "ssh://git@h:2222/a", "x", ""),
            ("git@h.test:a/b#x:y", "git@h.test:a/b", "x", "y"),
            ("git@h.test:a/b.git?tag=t", "git@h.test:a/b.git", "refs/tags/t", ""),
            ("other_user@h:2", "other_user@h:2", "", ""),
        ] {
            let want = (remote.to_owned(), reference.to_owned(), subdir.to_owned());
            assert_eq!(parts(text), want, "{text}");
        }
    }

    #[test]
    fn other_texts_name_no_repository() {
        for text in [
            "a",
            "",
            "./git@x:y",
            "https://h/a",
            "https://h/a.git/",
            "https://h/a.git.bar",
            "https://h/a?x=.git",
            "http://h/a.git:#b",
            "file:///a.git",
            "ext::sh",
            "ext://x/a.git",
            ".git",
            "a@b",
            "github.com/a/b",
            "git@h:a b",
            "https://h/a\n.git",
            "-oProxy@h.test",
        ] {
            assert_eq!(GitSource::parse(text), None, "{text}");
        }
        let github = GitSource::parse_context("github.com/a/b#v1").unwrap().unwrap();
        assert_eq!(github.remote, "https://github.com/a/b");
        assert_eq!(github.reference.as_deref(), Some("v1"));
    }

    #[test]
    fn queries_are_checked() {
        let zeros = "0".repeat(40);
        let it = parse(&format!(
            "https://h/a.git?commit={zeros}&keep-git-dir&submodules=false&mtime=commit"
        ));
        assert_eq!(
            (it.keep_git_dir, it.submodules, it.commit_time),
            (Some(true), false, true)
        );
        assert_eq!(it.commit(), Some(&*zeros));
        let it = parse(&format!("https://h/a.git?commit={zeros}&branch=b"));
        assert_eq!(it.commit(), None);
        let it = parse(&format!("https://h/a.git?commit={zeros}&branch=b&fetch-by-commit"));
        assert_eq!(it.commit(), Some(&*zeros));
        assert_eq!(parse("https://h/a.git?checksum=ABC").commit(), None);
        for (text, problem) in [
            ("https://h/a.git?nope=1", "unexpected query `nope`"),
            ("https://h/a.git?ref", "has no value"),
            ("https://h/a.git?ref=", "has no value"),
            ("https://h/a.git?ref=a&ref=a", "several values"),
            ("https://h/a.git?ref=a#b", "conflicts"),
            ("https://h/a.git?subdir=a#:b", "conflicts"),
            ("https://h/a.git?tag=a&branch=b", "conflicts"),
            ("https://h/a.git?tag=a#a", "conflicts"),
            ("https://h/a.git?submodules=perhaps", "invalid value"),
            ("https://h/a.git?mtime=now", "invalid value"),
            ("https://h/a.git?checksum=xyz", "invalid checksum"),
            (
                "https://h/a.git?fetch-by-commit=1&branch=b&checksum=abc",
                "whole commit id",
            ),
            ("https://h/a.git#--upload-pack=x", "can't be a git ref"),
            ("https://h/a.git#a..b", "can't be a git ref"),
            ("git@h:a?ref=%5E%7B%7D", "can't be a git ref"),
        ] {
            let error = GitSource::parse(text).unwrap().unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn flags_and_queries_agree() {
        let flags = |text: &str, checksum, keep| parse(text).with_flags(checksum, keep);
        assert!(flags("git://h/a?keep-git-dir=0", None, Some(true)).is_err());
        assert!(flags("git://h/a?checksum=abc", Some("abd"), None).is_err());
        assert!(flags("git://h/a", Some("sha256:1"), None).is_err());
        let it = flags("git://h/a?checksum=abc", Some("ABC"), Some(true)).unwrap();
        assert_eq!((it.checksum.as_deref(), it.keeps_git_dir()), (Some("abc"), true));
        assert!(!flags("git://h/a#:sub", None, Some(true)).unwrap().keeps_git_dir());
    }

    #[test]
    fn passwords_are_not_shown() {
        let it = parse("https://user:pa@ss@h:8/a.git?ref=x#x:sub");
        assert_eq!((it.to_string().as_str(), it.host()), ("https://h:8/a.git#x:sub", "h:8"));
        assert_eq!(parse("git@h:a").to_string(), "git@h:a");
        assert_eq!(parse("git@h:a").host(), "h");
        let error = GitSource::parse("https://u:secretive@h/a.git?x=1")
            .unwrap()
            .unwrap_err();
        assert!(!error.contains("secretive"), "{error}");
        let error = GitSource::parse("https://u:secretive@h/a.git#a..b")
            .unwrap()
            .unwrap_err();
        assert!(!error.contains("secretive"), "{error}");
    }
}
