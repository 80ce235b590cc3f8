//! What is asked for, and what it comes to once image and request are put together.

use super::error::RuntimeError;
use crate::oci::RunConfig;
use crate::sandbox::{self, Identity, Network};
use std::path::{Path, PathBuf};

/// One container: an image and what differs from its config.
#[derive(Debug, Clone)]
pub struct RunRequest<'a> {
    /// The image's layers as directories in overlay form, lowest first.
    pub lowers: Vec<PathBuf>,
    /// A directory of the caller's in which `upper`, `work` and `scratch` are made. What the container writes is in `upper`.
    pub directory: PathBuf,
    /// Overlay marks are `user.overlay.*`.
    pub userxattr: bool,
    /// The image's config.
    pub config: &'a RunConfig,
    /// The image's `/etc/passwd`.
    pub passwd: Option<&'a [u8]>,
    /// The image's `/etc/group`.
    pub group: Option<&'a [u8]>,
    /// Takes the place of the image's CMD.
    pub command: Option<Vec<String>>,
    /// Takes the place of the image's ENTRYPOINT and drops its CMD; empty removes both.
    pub entrypoint: Option<Vec<String>>,
    /// Variables over those of the image, `NAME=value`; a bare `NAME` removes one.
    pub env: Vec<String>,
    /// Takes the place of the image's USER.
    pub user: Option<String>,
    /// Takes the place of the image's WORKDIR; absolute.
    pub workdir: Option<String>,
    /// With a terminal.
    pub tty: bool,
    /// With standard input.
    pub interactive: bool,
    /// Host name.
    pub hostname: String,
    /// Network.
    pub network: Network,
    /// The text of `/etc/resolv.conf`, `None` to leave the image's.
    pub resolv_conf: Option<String>,
    /// Further lines of `/etc/hosts`: name and address.
    pub extra_hosts: Vec<(String, String)>,
    /// Files and directories of the machine.
    pub mounts: Vec<BindMount>,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: u64,
}

/// A file or directory of the machine, shown in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    /// Absolute path outside.
    pub source: PathBuf,
    /// Absolute path inside.
    pub target: PathBuf,
    /// Writes are refused.
    pub read_only: bool,
}

impl<'a> RunRequest<'a> {
    /// The image as it is, on the network of this process, without a terminal.
    #[must_use]
    pub fn new(lowers: Vec<PathBuf>, directory: impl Into<PathBuf>, config: &'a RunConfig) -> Self {
        Self {
            lowers,
            directory: directory.into(),
            userxattr: false,
            config,
            passwd: None,
            group: None,
            command: None,
            entrypoint: None,
            env: Vec::new(),
            user: None,
            workdir: None,
            tty: false,
            interactive: false,
            hostname: "varve".to_owned(),
            network: Network::Inherit,
            resolv_conf: None,
            extra_hosts: Vec::new(),
            mounts: Vec::new(),
            shm_size: sandbox::SHM_SIZE,
        }
    }

    /// Puts image and request together.
    pub(super) fn resolve(&self) -> Result<Resolved, RuntimeError> {
        let user = self.user.as_deref().unwrap_or(&self.config.user);
        let identity = sandbox::lookup(user, self.passwd, self.group).map_err(|source| RuntimeError::User {
            user: user.to_owned(),
            source,
        })?;
        Ok(Resolved {
            argv: self.argv()?,
            env: self.environment(&identity),
            cwd: self.working_directory()?,
            identity,
        })
    }

    fn argv(&self) -> Result<Vec<String>, RuntimeError> {
        let config = self.config;
        let (entrypoint, cmd) = match &self.entrypoint {
            // `--entrypoint ""` takes the image's away.
            Some(words) if words.iter().all(String::is_empty) => (&[][..], &[][..]),
            Some(words) => (&words[..], &[][..]),
            None => (
                config.entrypoint.as_deref().unwrap_or_default(),
                config.cmd.as_deref().unwrap_or_default(),
            ),
        };
        let cmd = match &self.command {
            Some(words) if !words.is_empty() => &words[..],
            _ => cmd,
        };
        let argv = [entrypoint, cmd].concat();
        if argv.is_empty() {
            return Err(RuntimeError::NoCommand);
        }
        Ok(argv)
    }

    /// Docker's defaults, the image's variables over them, the request's over those.
    fn environment(&self, identity: &Identity) -> Vec<String> {
        let mut env = vec![
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            format!("HOSTNAME={}", self.hostname),
        ];
        if self.tty {
            env.push("TERM=xterm".to_owned());
        }
        for variable in self.config.env.iter().chain(&self.env) {
            let name = name(variable);
            let old = env.iter().position(|it| self::name(it) == name);
            match (old, variable.contains('=')) {
                (Some(old), true) => env[old].clone_from(variable),
                (Some(old), false) => drop(env.remove(old)),
                (None, true) => env.push(variable.clone()),
                (None, false) => (),
            }
        }
        if !env.iter().any(|it| name(it) == "HOME") {
            env.push(format!("HOME={}", identity.home));
        }
        env
    }

    fn working_directory(&self) -> Result<PathBuf, RuntimeError> {
        match &self.workdir {
            Some(path) if path.starts_with('/') => Ok(path.into()),
            Some(path) => Err(RuntimeError::WorkingDirectory(path.clone())),
            // Images made by other tools sometimes have a relative one.
            None => Ok(Path::new("/").join(&self.config.working_dir)),
        }
    }

    pub(super) fn hosts(&self) -> String {
        sandbox::hosts_file(&self.hostname, &self.extra_hosts)
    }
}

fn name(variable: &str) -> &str {
    variable.split_once('=').map_or(variable, |(name, _)| name)
}

/// What will run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) cwd: PathBuf,
    pub(super) identity: Identity,
}
