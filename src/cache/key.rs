//! What a step depends on, by name.
//!
//! | value                                          | in the key | because                                         |
//! |------------------------------------------------|------------|-------------------------------------------------|
//! | key format version                             | yes        | so that this table can change                   |
//! | root file system the step starts from          | yes        | a change travels down, an equal result does not |
//! | the same, of `COPY --link`                     | no         | the layer is made without it                    |
//! | RUN text, shell, user, working directory       | yes        | the command sees them                           |
//! | network and security mode, host names          | yes        | the command sees them                           |
//! | addresses of extra hosts                       | no         | they are the machine's, as the network is       |
//! | environment in scope: ENV, and ARG with values | yes        | the command can read it                         |
//! | proxy variables that were not declared         | no         | they are the machine's, as the network is       |
//! | mounts: kind, target, options                  | yes        | the command sees them                           |
//! | contents of bind mounts                        | yes        | the command can read them                       |
//! | ids of cache mounts, secrets and ssh agents    | yes        | they are part of the command's world            |
//! | contents of cache mounts, values of secrets    | no         | they must leave no trace                        |
//! | limits: ulimits, size of `/dev/shm`            | yes        | the command sees them                           |
//! | parent of the control group                    | yes        | as BuildKit has it                              |
//! | limits of memory and processors                | no         | they are the machine's, as the network is       |
//! | copied names, contents, modes and owners       | yes        | they become the layer                           |
//! | commit, subdirectory and options of a git source | yes        | they say which files come                       |
//! | branch or tag that led to the commit           | no         | the same commit has the same files              |
//! | mode and owner that the instruction overwrites | no         | what will be written counts                     |
//! | modification times of copied files             | no         | a fresh checkout must still match               |
//! | destination, `--chown`, `--chmod`              | yes        | they become the layer                           |
//! | WORKDIR's path, owner and SOURCE_DATE_EPOCH    | yes        | they become the layer                           |
//! | place in the Dockerfile, comments, stage names | no         | they change nothing in the layer                |
//! | workers, progress style, output, `--label`     | no         | they change how, not what                       |
//!
//! The rows are tests below. A named owner or user is looked up in the root file system, which is in the key; a
//! `COPY --link` that names one has it in the key for this reason.

use crate::digest::{ContentId, DiffId, Fields, FileDigest, StepKey, TreeId};
use crate::plan::{Copy, From, MountKind, Network, Run, Source, Workdir};

/// Changes whenever the table or the encoding does, so that old records are never taken for new ones.
const KEY: &str = "varve 2026 step key v1";
const TREE: &str = "varve 2026 tree v1";
const BASE: &str = "varve 2026 base tree v1";

/// The root file system of `FROM scratch`.
pub fn empty_tree() -> TreeId {
    Fields::new(TREE).tree_id()
}

/// The root file system of an image: the chain of its diff IDs, lowest first.
pub fn base_tree(layers: &[DiffId]) -> TreeId {
    if layers.is_empty() {
        return empty_tree();
    }
    Fields::new(BASE)
        .list(layers.iter().map(|layer| layer.as_bytes()))
        .tree_id()
}

/// The root file system that a delta makes of its parent. An empty delta is a delta too: it is a layer.
pub fn next_tree(parent: &TreeId, delta: &ContentId) -> TreeId {
    Fields::new(TREE)
        .bytes(parent.as_bytes())
        .bytes(delta.as_bytes())
        .tree_id()
}

/// Named values that a step depends on, in a fixed order; together they are its key.
///
/// They are kept with the step's record, so that a miss can name what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredients(Vec<(String, String)>);

/// The content that one mount of a RUN shows: of a bind mount, and of a cache mount's seed.
pub type MountContent = Option<FileDigest>;

/// The content of one source of a COPY or ADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceContent(
    /// What the patterns select, without what the instruction overwrites.
    pub FileDigest,
);

impl Ingredients {
    fn new(kind: &str) -> Self {
        Self(vec![("instruction".to_owned(), kind.to_owned())])
    }

    fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// What a RUN depends on; `mounts` are the contents of `run.mounts`, in their order.
    pub fn of_run(root: &TreeId, run: &Run, mounts: &[MountContent]) -> Self {
        // Without `..`: a field that is new must be thought of here.
        let Run {
            argv,
            env,
            proxy_env: _,
            user,
            workdir,
            network,
            insecure,
            mounts: mount_specs,
            scripts,
            hostname,
            extra_hosts,
            shm_size,
            ulimits,
            cgroup_parent,
        } = run;
        let mut all = Self::new("RUN");
        all.add("root file system", root.to_string());
        all.add("command", json(argv));
        for (name, value) in env {
            all.add(format!("variable {name}"), value);
        }
        all.add("user", user);
        all.add("working directory", workdir);
        all.add(
            "network",
            match network {
                Network::Default => "default",
                Network::None => "none",
                Network::Host => "host",
            },
        );
        all.add("security", if *insecure { "insecure" } else { "sandbox" });
        all.add("host name", hostname);
        for (name, _) in extra_hosts {
            all.add("extra host", name);
        }
        if let Some(size) = shm_size {
            all.add("size of /dev/shm", size.to_string());
        }
        for (name, soft, hard) in ulimits {
            all.add(format!("ulimit {name}"), format!("{soft}:{hard}"));
        }
        if let Some(parent) = cgroup_parent {
            all.add("parent of the control group", parent);
        }
        for (name, body) in scripts {
            all.add(format!("script {name}"), body);
        }
        for (number, mount) in mount_specs.iter().enumerate() {
            let name = format!("mount {} {}", number + 1, mount.target);
            let access = if mount.read_only { "read-only" } else { "read-write" };
            all.add(&name, format!("{access} {}", mount_text(&mount.kind)));
            if let Some(content) = mounts.get(number).copied().flatten() {
                all.add(format!("content of {name}"), content.to_string());
            }
        }
        all
    }

    /// What a COPY or ADD depends on; `selected` is the content of its path sources, `remote` that of each URL or
    /// git source in order.
    pub fn of_copy(root: &TreeId, copy: &Copy, selected: Option<SourceContent>, remote: &[FileDigest]) -> Self {
        let Copy {
            from: _,
            sources,
            destination,
            chown,
            chmod,
            link,
            parents,
            excludes: _,
            add,
            unpack,
            checksum: _,
        } = copy;
        let mut all = Self::new(if *add { "ADD" } else { "COPY" });
        let numeric = |owner: &str| owner.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        if !*link || chown.as_deref().is_some_and(|owner| !numeric(owner)) {
            all.add("root file system", root.to_string());
        }
        if let Some(SourceContent(content)) = selected {
            all.add("copied files", content.to_string());
        }
        let mut remote = remote.iter();
        for source in sources {
            match source {
                // Patterns are no part of the key, what they select is; but an empty selection must differ from none.
                Source::Path(_) => {}
                Source::Inline { name, body } => all.add(format!("heredoc {name}"), body),
                Source::Url(_) | Source::Git { .. } => {
                    let is_page = matches!(source, Source::Url(_));
                    let name = if is_page { "downloaded content" } else { "commit" };
                    all.add(name, remote.next().map(ToString::to_string).unwrap_or_default());
                }
            }
        }
        all.add("destination", destination);
        if let Some(chown) = chown {
            all.add("--chown", owner_text(chown));
        }
        if let Some(chmod) = chmod {
            all.add("--chmod", chmod);
        }
        all.add("--link", link.to_string());
        all.add("--parents", parents.to_string());
        if *add {
            all.add(
                "--unpack",
                unpack.map_or_else(|| "archives".to_owned(), |unpack| unpack.to_string()),
            );
        }
        all
    }

    /// What a WORKDIR depends on.
    ///
    /// `epoch` is `SOURCE_DATE_EPOCH`, which new directories get as their time.
    pub fn of_workdir(root: &TreeId, workdir: &Workdir, epoch: Option<i64>) -> Self {
        let Workdir { path, passes, user } = workdir;
        let mut all = Self::new("WORKDIR");
        all.add("root file system", root.to_string());
        for path in passes {
            all.add("directory on the way", path);
        }
        all.add("path", path);
        all.add("owner", owner_text(user));
        if let Some(epoch) = epoch {
            all.add("SOURCE_DATE_EPOCH", epoch.to_string());
        }
        all
    }

    /// The key that they are together.
    pub fn key(&self) -> StepKey {
        let mut fields = Fields::new(KEY);
        fields.number(self.0.len() as u64);
        for (name, value) in &self.0 {
            fields.bytes(name).bytes(value);
        }
        fields.step_key()
    }

    /// The names and values.
    pub fn named(&self) -> &[(String, String)] {
        &self.0
    }
}

/// `root` and `0` are the same owner everywhere, so that writing one for the other changes nothing.
fn owner_text(owner: &str) -> String {
    match owner {
        "" | "0" | "root" | "0:0" | "root:root" | "0:root" | "root:0" => "0:0".to_owned(),
        other => other.to_owned(),
    }
}

fn json(words: &[String]) -> String {
    serde_json::Value::from(words).to_string()
}

fn mount_text(kind: &MountKind) -> String {
    match kind {
        // Where a bind comes from does not matter, its content does; a file or directory of another name does.
        MountKind::Bind { from: _, source } => format!("bind {}", source.rsplit('/').next().unwrap_or_default()),
        // Who else may use the cache at once changes nothing that the command can rely on.
        MountKind::Cache {
            id,
            sharing: _,
            seed,
            mode,
            uid,
            gid,
        } => {
            let seeded = match seed {
                None => "empty",
                Some((From::Context | From::Named(_), _)) => "seeded from a context",
                Some((From::Step(_), _)) => "seeded from a stage",
            };
            format!("cache {} {seeded} {mode:o} {uid}:{gid}", json(std::slice::from_ref(id)))
        }
        MountKind::Tmpfs { size } => format!("tmpfs {}", size.map_or_else(String::new, |size| size.to_string())),
        MountKind::Secret {
            id,
            env,
            required,
            mode,
            uid,
            gid,
        } => {
            let names = json(&[id.clone(), env.clone().unwrap_or_default()]);
            format!("secret {names} {required} {mode:o} {uid}:{gid}")
        }
        MountKind::Ssh {
            id,
            required,
            mode,
            uid,
            gid,
        } => {
            format!("ssh {} {required} {mode:o} {uid}:{gid}", json(std::slice::from_ref(id)))
        }
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
