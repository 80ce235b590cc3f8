//! From the name of a commit to its id.

use super::program::{Call, words};
use super::{GitError, Session};
use crate::diagnostic::nearest;
use crate::plan::is_commit;

/// A commit that a source means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// What has to be fetched: the commit, or the annotated tag that names it.
    pub object: String,
    /// The ref that led to it, in full; `None` for one that is named by its id.
    pub name: Option<String>,
}

/// Refs that are looked through for one that was meant.
const LOOKED_AT: usize = 100_000;
/// Refs that a message lists.
const LISTED: usize = 6;

impl Session<'_> {
    /// Tells which commit is meant. A commit that is named by its whole id needs no network.
    ///
    /// # Errors
    /// [`GitError::NoRef`], [`GitError::Checksum`], and whatever keeps git from asking the server.
    pub fn look_up(&self) -> Result<Commit, GitError> {
        let commit = match self.source.commit() {
            Some(id) => Commit {
                id: id.to_owned(),
                object: id.to_owned(),
                name: self
                    .source
                    .reference
                    .as_ref()
                    .filter(|it| !is_commit(it))
                    .map(|it| in_full(it)),
            },
            None => match self.source.reference.as_deref() {
                None | Some("HEAD") => self.default_branch()?,
                Some(reference) => self.named(reference)?,
            },
        };
        if let Some(wanted) = &self.source.checksum
            && !commit.id.starts_with(wanted)
            && !commit.object.starts_with(wanted)
        {
            let found = match commit.id == commit.object {
                true => commit.id,
                false => format!("{} (tag {})", commit.id, commit.object),
            };
            return Err(GitError::Checksum {
                remote: self.source.to_string(),
                wanted: wanted.clone(),
                found,
            });
        }
        Ok(commit)
    }

    fn default_branch(&self) -> Result<Commit, GitError> {
        let mut name = None;
        let mut id = None;
        for (first, second) in self.refs(&["--symref"], &["HEAD"])? {
            match first.strip_prefix("ref: ") {
                Some(branch) if second == "HEAD" => name = Some(branch.trim().to_owned()),
                None if second == "HEAD" => id = Some(first),
                _ => {}
            }
        }
        let id = id.ok_or_else(|| GitError::NoDefault(self.source.public_remote()))?;
        let object = id.clone();
        Ok(Commit { id, object, name })
    }

    /// A branch before a tag of the same name, as `git checkout` has it.
    fn named(&self, reference: &str) -> Result<Commit, GitError> {
        let short = |prefix: &str| reference.strip_prefix(prefix).unwrap_or(reference).to_owned();
        let full = format!("refs/{}", short("refs/"));
        let branch = format!("refs/heads/{}", short("refs/heads/"));
        let tag = format!("refs/tags/{}", short("refs/tags/"));
        let peeled = format!("{tag}^{{}}");
        let refs = self.refs(&[], &[&full, &branch, &tag, &peeled])?;
        let of = |name: &str| refs.iter().find(|(_, it)| it == name).map(|(id, _)| id.clone());
        let plain = |name: String| of(&name).map(|id| (id, name));
        if let Some((object, name)) = plain(full.clone())
            .or_else(|| plain(branch))
            .or_else(|| plain(tag.clone()))
        {
            let id = match name == tag {
                true => of(&peeled).unwrap_or_else(|| object.clone()),
                false => object.clone(),
            };
            let name = Some(name);
            return Ok(Commit { id, object, name });
        }
        Err(GitError::NoRef {
            remote: self.source.public_remote(),
            reference: reference.to_owned(),
            help: self.near(reference).unwrap_or_default(),
        })
    }

    /// What the repository has instead.
    fn near(&self, reference: &str) -> Result<String, GitError> {
        let bare = |name: &str| {
            let prefixes = ["refs/heads/", "refs/tags/"];
            let found = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
            found.map(|name| name.trim_end_matches("^{}").to_owned())
        };
        let refs = self.refs(&["--heads", "--tags"], &[])?;
        let mut names: Vec<String> = refs.iter().take(LOOKED_AT).filter_map(|(_, name)| bare(name)).collect();
        names.dedup();
        let wanted = bare(reference).unwrap_or_else(|| reference.to_owned());
        if let Some(near) = nearest(&wanted, names.iter().map(String::as_str)) {
            return Ok(format!("did you mean `{near}`?"));
        }
        if is_beginning(reference) {
            return Ok("a commit needs its whole id of 40 or 64 digits".to_owned());
        }
        let listed: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
        let more = if names.len() > LISTED { " and others" } else { "" };
        Ok(match listed.is_empty() {
            true => "it has no branches and no tags".to_owned(),
            false => format!("it has {}{more}", listed.join(", ")),
        })
    }

    /// Asks the server for refs: what comes before and behind the tab of each line.
    fn refs(&self, flags: &[&str], patterns: &[&str]) -> Result<Vec<(String, String)>, GitError> {
        let mut all = vec!["ls-remote", "--quiet"];
        all.extend(flags);
        all.extend(["--", &self.source.remote]);
        all.extend(patterns);
        let answer = self.good(&Call {
            action: "look into",
            words: words(&all),
            directory: self.scratch,
            patience: Some(self.git.settings.patience.refs),
            talks: false,
        })?;
        let mut refs = Vec::new();
        for line in String::from_utf8_lossy(&answer).lines() {
            let bad = || GitError::BadRefs(self.source.public_remote());
            let (first, second) = line.split_once('\t').ok_or_else(bad)?;
            if !is_commit(first) && !first.starts_with("ref: ") {
                return Err(bad());
            }
            refs.push((first.to_owned(), second.to_owned()));
        }
        Ok(refs)
    }
}

/// A ref that was not looked up, as a look-up would name it.
fn in_full(reference: &str) -> String {
    match reference.starts_with("refs/") {
        true => reference.to_owned(),
        false => format!("refs/heads/{reference}"),
    }
}

/// Whether it looks like the first digits of a commit.
fn is_beginning(text: &str) -> bool {
    (4..64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit())
}
