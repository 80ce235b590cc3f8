//! Files of git repositories: a commit becomes a delta of the store, and is fetched once.

use super::remote::once;
use super::{ExecuteError, Remotes};
use crate::agent::{Agents, Serving};
use crate::digest::{ContentId, Fields, FileDigest};
use crate::git::{Commit, Credentials, Session};
use crate::layer::{Host, LayerError, Time, View, scan};
use crate::pins::PinnedCommit;
use crate::plan::GitSource;
use crate::store::Draft;
use base64::Engine as _;

/// A commit that a source means, and what of it is wanted.
#[derive(Debug, Clone)]
pub struct Checkout {
    source: GitSource,
    commit: Commit,
}

/// Files of a commit that the store holds.
#[derive(Debug, Clone, Copy)]
pub struct CheckedOut {
    /// Their delta. Its times are those of some checkout, since a delta's name does not tell of times.
    pub content: ContentId,
    /// When the commit was made.
    pub time: Time,
    /// When all of them were changed last, if that is the commit's time.
    pub modified: Option<Time>,
}

/// The kind of memo that knows the delta of a commit, and the commit's time.
const CHECKOUT: &str = "git checkout 1";

impl Checkout {
    /// The commit's id.
    pub fn commit(&self) -> &str {
        &self.commit.id
    }

    /// Names the files: the commit, and what is wanted of it. Where it comes from does not matter, nor which branch led
    /// to it, unless `.git` tells of them.
    fn fields(&self) -> Fields {
        let Self { source, commit } = self;
        let mut fields = Fields::new("varve 2026 git checkout v1");
        fields.bytes(&commit.id).bytes(&source.subdir);
        fields
            .number(u64::from(source.submodules))
            .number(u64::from(source.commit_time));
        if source.keeps_git_dir() {
            let name = commit.name.as_deref().unwrap_or_default();
            fields.bytes(&commit.object).bytes(name).bytes(source.public_remote());
        }
        fields
    }

    fn with(&self, content: ContentId, time: i64) -> CheckedOut {
        let time = Time {
            seconds: time,
            nanoseconds: 0,
        };
        let modified = self.source.commit_time.then_some(time);
        CheckedOut {
            content,
            time,
            modified,
        }
    }

    /// What of it makes a difference to a layer that leaves out what these patterns match.
    pub(super) fn content(&self, excludes: &[String]) -> FileDigest {
        let mut fields = self.fields();
        fields.number(u64::from(self.source.commit_time));
        fields.list(excludes.iter()).file_digest()
    }
}

/// What a ref is called among pins.
fn pin_name(source: &GitSource) -> String {
    let reference = source.reference.as_deref().unwrap_or("HEAD");
    format!("{}#{reference}", source.public_remote())
}

/// A pinned commit, which has to be the one that a checksum in the Dockerfile promises.
fn pinned(source: &GitSource, pin: PinnedCommit) -> Result<Commit, ExecuteError> {
    let object = pin.tag.unwrap_or_else(|| pin.commit.clone());
    if let Some(wanted) = &source.checksum
        && !pin.commit.starts_with(wanted)
        && !object.starts_with(wanted)
    {
        return Err(ExecuteError::OtherPin {
            name: pin_name(source),
            pinned: pin.commit,
            wanted: wanted.clone(),
        });
    }
    Ok(Commit {
        id: pin.commit,
        object,
        name: pin.reference,
    })
}

impl Remotes<'_> {
    /// Asks which commit a source means; one that is named by its whole id needs no network.
    pub fn look_up(&self, source: &GitSource) -> Result<Checkout, ExecuteError> {
        let name = format!(
            "{} {} {} {}",
            source.fetch_by_commit,
            source.checksum.as_deref().unwrap_or_default(),
            source.reference.as_deref().unwrap_or_default(),
            source.remote,
        );
        let commit = once(&self.commits, name, || {
            let pin_name = pin_name(source);
            // One that is named by its whole id is pinned in the Dockerfile.
            let pin = match source.commit() {
                Some(_) => None,
                None => self.ledger.commit(&pin_name)?,
            };
            let commit = match pin {
                Some(pin) => pinned(source, pin)?,
                None => self.session(source, |session, _| Ok(session.look_up()?))?,
            };
            if source.commit().is_none() {
                let pin = PinnedCommit {
                    tag: Some(commit.object.clone()).filter(|object| *object != commit.id),
                    commit: commit.id.clone(),
                    reference: commit.name.clone(),
                };
                self.ledger.note_commit(&pin_name, pin);
            }
            Ok::<_, ExecuteError>(commit)
        })?;
        let address = match &source.reference {
            Some(reference) => format!("{}#{reference}", source.public_remote()),
            None => source.public_remote(),
        };
        let algorithm = if commit.id.len() == 64 { "sha256" } else { "sha1" };
        self.note_use(address, algorithm, commit.id.clone());
        Ok(Checkout {
            source: source.clone(),
            commit,
        })
    }

    /// Whether a repository may be used at all. No server is asked.
    ///
    /// # Errors
    /// [`ExecuteError::Unpinned`].
    pub fn may_use_commit(&self, source: &GitSource) -> Result<(), ExecuteError> {
        match source.commit() {
            Some(_) => Ok(()),
            None => Ok(self.ledger.commit(&pin_name(source)).map(drop)?),
        }
    }

    /// The files of a commit, which is fetched unless the store has it.
    pub fn check_out(&self, checkout: &Checkout, host: &Host) -> Result<CheckedOut, ExecuteError> {
        let key = *checkout.fields().file_digest().as_bytes();
        if let Some(known) = self.checked_out(checkout, &key)? {
            return Ok(known);
        }
        // Another step, or another build, may be fetching it.
        let cancelled = || self.cancel.is_cancelled();
        let _alone = self.store.lock_step(&checkout.fields().step_key(), &cancelled)?;
        if let Some(known) = self.checked_out(checkout, &key)? {
            return Ok(known);
        }
        self.session(&checkout.source, |session, draft| {
            let time = session.check_out(&checkout.commit, draft.tree())?;
            let listing = scan(draft.tree_fd(), host, &View::new(Vec::new()), &|_| false, &cancelled);
            let listing = listing.map_err(|error| match error {
                LayerError::Cancelled => ExecuteError::Cancelled(crate::schedule::Cancelled),
                other => other.into(),
            })?;
            let content = self.store.keep(draft, &listing)?;
            let memo = [content.as_bytes().as_slice(), &time.to_le_bytes()].concat();
            self.store.put_memo(CHECKOUT, &key, &memo)?;
            Ok(checkout.with(content, time))
        })
    }

    fn checked_out(&self, checkout: &Checkout, key: &[u8; 32]) -> Result<Option<CheckedOut>, ExecuteError> {
        let Some(memo) = self.store.memo(CHECKOUT, key)? else {
            return Ok(None);
        };
        let Some((content, time)) = memo.split_first_chunk::<32>() else {
            return Ok(None);
        };
        let (content, time) = (ContentId::from_bytes(*content), time.try_into().map(i64::from_le_bytes));
        match time {
            Ok(time) if self.store.has_delta(&content)? => Ok(Some(checkout.with(content, time))),
            _ => Ok(None),
        }
    }

    /// Work with git in a draft of its own.
    fn session<T>(
        &self,
        source: &GitSource,
        work: impl FnOnce(&Session<'_>, Draft) -> Result<T, ExecuteError>,
    ) -> Result<T, ExecuteError> {
        self.cancel.check()?;
        let draft = self.store.draft()?;
        let scratch = draft.work()?.to_path_buf();
        let authorization = self.git_authorization(source)?;
        // Served for as long as git runs.
        let agent = match self.agents.get(Agents::DEFAULT).filter(|_| source.is_over_ssh()) {
            Some(agent) => Some(agent.serve_on_machine(&scratch).map_err(|source| ExecuteError::Agent {
                id: Agents::DEFAULT.to_owned(),
                source,
            })?),
            None => None,
        };
        let credentials = Credentials {
            authorization: authorization.as_deref(),
            ssh_agent: agent.as_ref().map(Serving::path),
        };
        work(&self.git.session(source, credentials, &scratch), draft)
    }

    /// The build's secret for a repository over http, if it has one: under the names that BuildKit knows.
    fn git_authorization(&self, source: &GitSource) -> Result<Option<String>, ExecuteError> {
        if !source.remote.starts_with("http") {
            return Ok(None);
        }
        let host = source.host();
        for (id, is_token) in [
            (format!("GIT_AUTH_HEADER.{host}"), false),
            (format!("GIT_AUTH_TOKEN.{host}"), true),
            ("GIT_AUTH_HEADER".to_owned(), false),
            ("GIT_AUTH_TOKEN".to_owned(), true),
        ] {
            let Some(secret) = self.secrets.get(&id) else { continue };
            let value = std::str::from_utf8(secret.reveal()).unwrap_or_default().trim();
            if value.is_empty() || value.chars().any(char::is_control) {
                return Err(ExecuteError::BadSecret(id));
            }
            return Ok(Some(match is_token {
                false => value.to_owned(),
                true => {
                    let login = format!("x-access-token:{value}");
                    format!("basic {}", base64::engine::general_purpose::STANDARD.encode(login))
                }
            }));
        }
        Ok(None)
    }
}
