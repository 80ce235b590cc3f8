//! Brings a commit into a repository of our own, with as little history as the server allows.

use super::program::{Call, Said, words};
use super::{Commit, GitError, Session};
use std::path::Path;

/// What servers and clients say that can't do with a part of the history.
const NO_DEPTH: [&str; 2] = ["--depth", "shallow"];
/// What they say when an id alone is not enough.
const NOT_BY_ID: [&str; 4] = [
    "not our ref",
    "unadvertised object",
    "Server does not allow request",
    "remote error: upload-pack: not our ref",
];

/// A repository of our own and the directory of its files.
#[derive(Clone, Copy)]
pub(super) struct Repository<'a> {
    /// What becomes `.git`.
    pub(super) directory: &'a str,
    pub(super) files: &'a Path,
}

impl<'a> Repository<'a> {
    /// The words of a call in it.
    pub(super) fn words(&self, more: &[&'a str]) -> Vec<&'a std::ffi::OsStr> {
        let mut all = words(&["--git-dir", self.directory, "--work-tree"]);
        all.push(self.files.as_os_str());
        all.extend(words(more));
        all
    }
}

impl Session<'_> {
    /// Makes the repository and brings the commit into it; under the name of its ref when `named`.
    pub(super) fn fetch(&self, repository: Repository<'_>, commit: &Commit, named: bool) -> Result<(), GitError> {
        let format = if commit.object.len() == 64 { "sha256" } else { "sha1" };
        let format = format!("--object-format={format}");
        let mut init = words(&["--git-dir", repository.directory, "init", "--quiet"]);
        // The usual one is not said, so that an older git does without the flag.
        if commit.object.len() == 64 {
            init.push(format.as_ref());
        }
        self.good(&Call {
            action: "make a repository for",
            words: init,
            directory: repository.files,
            patience: None,
            talks: false,
        })?;
        self.own(repository, &["remote", "add", "--", "origin", &self.source.remote])?;

        let name = commit.name.as_deref().filter(|_| named);
        let by_id = match name {
            Some(name) => format!("+{}:{name}", commit.object),
            None => commit.object.clone(),
        };
        let mut said = self.try_fetch(repository, &[&by_id])?;
        if !said.good
            && said.mentions(&NOT_BY_ID)
            && let Some(name) = &commit.name
        {
            said = self.try_fetch(repository, &[name])?;
            // The ref may have gone on since.
            if said.good && !self.has(repository, commit)? {
                said = self.whole(repository)?;
            }
        } else if !said.good && said.mentions(&NOT_BY_ID) {
            said = self.whole(repository)?;
        }
        if !said.good {
            return Err(self.failed("fetch", &said));
        }
        if !self.has(repository, commit)? {
            return Err(GitError::NoCommit {
                remote: self.source.public_remote(),
                commit: commit.object.clone(),
            });
        }
        if let Some(name) = name {
            self.own(repository, &["update-ref", "--no-deref", name, &commit.object])?;
        }
        Ok(())
    }

    /// Fetches without history, or with all of it when that can't be had.
    fn try_fetch(&self, repository: Repository<'_>, what: &[&str]) -> Result<Said, GitError> {
        let mut all = vec![
            "fetch",
            "--progress",
            "--no-tags",
            "--force",
            "--update-head-ok",
            "--depth=1",
            "origin",
        ];
        all.extend(what);
        let said = self.network(repository, &all)?;
        if said.good || !said.mentions(&NO_DEPTH) {
            return Ok(said);
        }
        all.retain(|word| *word != "--depth=1");
        self.network(repository, &all)
    }

    /// Fetches all branches and tags with all of their history.
    fn whole(&self, repository: Repository<'_>) -> Result<Said, GitError> {
        let mut all = vec!["fetch", "--progress", "--force", "--tags", "origin"];
        if Path::new(repository.directory).join("shallow").exists() {
            all.insert(1, "--unshallow");
        }
        self.network(repository, &all)
    }

    fn has(&self, repository: Repository<'_>, commit: &Commit) -> Result<bool, GitError> {
        let what = format!("{}^{{commit}}", commit.object);
        let said = self.call(&Call {
            action: "look at",
            words: repository.words(&["cat-file", "-e", &what]),
            directory: repository.files,
            patience: None,
            talks: false,
        })?;
        Ok(said.good)
    }

    /// A call that goes to the server.
    pub(super) fn network(&self, repository: Repository<'_>, more: &[&str]) -> Result<Said, GitError> {
        self.call(&Call {
            action: "fetch",
            words: repository.words(more),
            directory: repository.files,
            patience: Some(self.git.settings.patience.fetch),
            talks: true,
        })
    }

    /// A call that stays on this machine.
    pub(super) fn own(&self, repository: Repository<'_>, more: &[&str]) -> Result<Vec<u8>, GitError> {
        self.good(&Call {
            action: "check out",
            words: repository.words(more),
            directory: repository.files,
            patience: None,
            talks: false,
        })
    }
}
