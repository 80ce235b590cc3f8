//! `RUN --mount`: what each kind shows, and what it leaves behind, which is nothing but a cache's content.

use super::stack::Stack;
use super::{ExecuteError, Executor};
use crate::agent::{Access, Serving};
use crate::digest::Fields;
use crate::layer::{Kind, TreePath};
use crate::plan::{Mount, MountKind, Run, Sharing};
use crate::sandbox::{Flags, Operation, Setup, Upper};
use crate::schedule::Cancel;
use crate::store::{CacheMount, Draft, MountSharing};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The trees that the mounts of a RUN show, in the order of its mounts: of binds, and of seeds of caches.
pub(super) type Mounted = Vec<Option<Shown>>;

/// A path in a tree whose files are on disk.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) stack: Stack,
    /// Without links; what stands there exists.
    pub(super) path: TreePath,
}

/// Adds mounts to a sandbox and keeps what they need until the command has ended.
pub(super) struct Mounts<'a> {
    executor: &'a Executor<'a>,
    draft: &'a Draft,
    cancel: &'a Cancel,
    caches: Vec<CacheMount>,
    variables: Vec<(String, Vec<u8>)>,
    agents: Vec<Serving>,
}

impl<'a> Mounts<'a> {
    pub(super) fn new(executor: &'a Executor<'a>, draft: &'a Draft, cancel: &'a Cancel) -> Self {
        Self {
            executor,
            draft,
            cancel,
            caches: Vec::new(),
            variables: Vec::new(),
            agents: Vec::new(),
        }
    }

    /// Variables that hold secrets.
    pub(super) fn secret_variables(&self) -> &[(String, Vec<u8>)] {
        &self.variables
    }

    /// Adds the mounts of `run`.
    pub(super) fn add(&mut self, mut setup: Setup, run: &Run, mounted: &Mounted) -> Result<Setup, ExecuteError> {
        for (number, mount) in run.mounts.iter().enumerate() {
            let shown = mounted.get(number).and_then(Option::as_ref);
            setup = self.one(setup, number, mount, shown)?;
        }
        Ok(setup)
    }

    fn one(
        &mut self,
        setup: Setup,
        number: usize,
        mount: &Mount,
        shown: Option<&Shown>,
    ) -> Result<Setup, ExecuteError> {
        let target = &mount.target;
        Ok(match &mount.kind {
            MountKind::Bind { .. } => {
                let Some(shown) = shown else {
                    return Err(ExecuteError::Internal(format!(
                        "the mount at `{target}` has no content"
                    )));
                };
                setup.with(self.part(number, shown, target, mount.read_only)?)
            }
            MountKind::Cache {
                id,
                sharing,
                seed: _,
                mode,
                uid,
                gid,
            } => {
                let path = self.cache(id, *sharing, shown, (*mode, *uid, *gid))?;
                if mount.read_only {
                    setup.bind_read_only(path, target)
                } else {
                    setup.bind(path, target)
                }
            }
            MountKind::Tmpfs { size } if mount.read_only => setup.with(Operation::Tmpfs {
                target: target.into(),
                size: *size,
                mode: 0o1777,
                flags: Flags::NODEV | Flags::NOSUID | Flags::READ_ONLY,
            }),
            MountKind::Tmpfs { size } => setup.tmpfs(target, *size),
            MountKind::Secret {
                id,
                env,
                required,
                mode,
                uid,
                gid,
            } => {
                let Some(secret) = self.executor.secrets.get(id) else {
                    if *required {
                        return Err(ExecuteError::SecretMissing(id.clone()));
                    }
                    return Ok(setup);
                };
                if let Some(name) = env {
                    self.variables.push((name.clone(), secret.reveal().to_vec()));
                }
                if target.is_empty() {
                    return Ok(setup);
                }
                setup.secret(target, secret.reveal(), u32::from(*mode), *uid, *gid)
            }
            MountKind::Ssh {
                id,
                required,
                mode,
                uid,
                gid,
            } => {
                let Some(source) = self.executor.agents.get(id) else {
                    if *required {
                        return Err(ExecuteError::SshMissing(id.clone()));
                    }
                    return Ok(setup);
                };
                let access = Access {
                    mode: u32::from(*mode),
                    uid: *uid,
                    gid: *gid,
                };
                let folder = self.directory(&format!("mount{number}"))?;
                let failed = |source| ExecuteError::Agent { id: id.clone(), source };
                if *required {
                    source.check().map_err(failed)?;
                }
                let serving = source.serve(&folder, access).map_err(failed)?;
                let operation = Operation::Bind {
                    source: serving.path().to_path_buf(),
                    target: target.into(),
                    flags: Flags::NODEV | Flags::NOSUID | Flags::NOEXEC,
                    recursive: false,
                };
                self.agents.push(serving);
                setup.with(operation)
            }
        })
    }

    /// Shows a path of a tree. What is written to it is thrown away.
    fn part(&self, number: usize, shown: &Shown, target: &str, read_only: bool) -> Result<Operation, ExecuteError> {
        let Shown { stack, path } = shown;
        let found = stack.view().get(path);
        let mut overlay = self.executor.overlay(stack.lowers());
        if overlay.lowers.is_empty() {
            overlay.lowers.push(self.directory(&format!("mount{number}/nothing"))?);
        }
        if !read_only {
            overlay.upper = Some(Upper {
                directory: self.directory(&format!("mount{number}/upper"))?,
                work: self.directory(&format!("mount{number}/work"))?,
            });
        }
        Ok(Operation::Part {
            overlay,
            path: OsStr::from_bytes(path).into(),
            directory: found.is_none_or(|found| matches!(found.entry.kind, Kind::Directory { .. })),
            target: target.into(),
            flags: if read_only {
                Flags::NODEV | Flags::READ_ONLY
            } else {
                Flags::NODEV
            },
        })
    }

    fn directory(&self, name: &str) -> Result<PathBuf, ExecuteError> {
        let path = self.draft.work()?.join(name);
        std::fs::create_dir_all(&path).map_err(|source| ExecuteError::File {
            action: "create",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// Takes a cache mount into use. Its identity is its id and what a new one begins with, so that two that begin
    /// differently are two.
    fn cache(
        &mut self,
        id: &str,
        sharing: Sharing,
        seed: Option<&Shown>,
        (mode, uid, gid): (u16, u32, u32),
    ) -> Result<PathBuf, ExecuteError> {
        let mut identity = Fields::new("varve 2026 cache mount v1");
        identity.bytes(id);
        match seed {
            None => identity
                .number(0)
                .number(u64::from(mode))
                .number(u64::from(uid))
                .number(u64::from(gid)),
            Some(shown) => identity.number(1).bytes(self.executor.content_of(shown)?.as_bytes()),
        };
        let sharing = match sharing {
            Sharing::Shared => MountSharing::Shared,
            Sharing::Private => MountSharing::Private,
            Sharing::Locked => MountSharing::Locked,
        };
        let executor = self.executor;
        let name = identity.file_digest();
        let fill = |folder: &Path| {
            let brought = executor.imports.mount(id, &name, folder);
            match seed {
                Some(_) if brought => Ok(()),
                Some(shown) => executor.copy_out(shown, folder),
                None => own(folder, mode, uid, gid, executor.host.ownership),
            }
        };
        let cancel = self.cancel;
        let cancelled = || cancel.is_cancelled();
        let cache = executor.store.cache_mount(name.as_bytes(), sharing, &cancelled, fill)?;
        executor.notes.mount(id, name);
        let path = cache.path().to_path_buf();
        self.caches.push(cache);
        Ok(path)
    }
}

/// Gives a new cache directory its owner and mode.
fn own(folder: &Path, mode: u16, uid: u32, gid: u32, ownership: crate::layer::Ownership) -> Result<(), ExecuteError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |action| {
        let path = folder.to_path_buf();
        move |source| ExecuteError::File { action, path, source }
    };
    if ownership == crate::layer::Ownership::Mapped {
        std::os::unix::fs::chown(folder, Some(uid), Some(gid)).map_err(failed("set the owner of"))?;
    }
    let permissions = std::fs::Permissions::from_mode(u32::from(mode));
    std::fs::set_permissions(folder, permissions).map_err(failed("set the mode of"))
}
