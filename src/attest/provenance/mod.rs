//! Provenance in the form of SLSA: what a build was asked, what it used, and what it did.
//!
//! The fields are those that BuildKit documents for its own provenance, in either version of SLSA.

mod steps;
mod v02;
mod v1;

use super::predicate::{About, Predicate};
use crate::oci::Descriptor;
use crate::plan::{Graph, MountKind, Network, Op, StepId};
use std::collections::{BTreeMap, BTreeSet};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// What was asked and used, without the values of build arguments and labels.
    #[default]
    Min,
    /// Also these, the steps, the Dockerfile and when it was built.
    Max,
}

/// The version of the predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlsaVersion {
    /// 1.0 and later.
    #[default]
    V1,
    /// 0.2, which older readers know.
    V02,
}

/// All that is known of a build.
#[derive(Debug)]
pub struct Provenance<'a> {
    /// What was done.
    pub graph: &'a Graph,
    /// How much is said of it.
    pub detail: Detail,
    /// Where the Dockerfile came from.
    pub source: ConfigSource,
    /// Name and text of the Dockerfile.
    pub dockerfile: (&'a str, &'a str),
    /// What was asked, under the names of BuildKit's frontend: `target`, `build-arg:NAME`, `label:NAME`.
    pub args: BTreeMap<String, String>,
    /// Contexts of this machine.
    pub locals: Vec<String>,
    /// What came from outside, each by its digest.
    pub dependencies: Vec<Dependency>,
    /// Whether these are all: nothing came from a directory of this machine.
    pub complete: bool,
    /// The platform of the machine that built.
    pub builder_platform: String,
    /// Who built, a URI; empty when nobody says.
    pub builder: String,
    /// Somebody promised that the same inputs give the same image.
    pub reproducible: bool,
    /// When it began and ended, RFC 3339. Nothing where two builds of the same must not differ.
    pub times: Option<(String, String)>,
    /// The layers that steps made, as they travel.
    pub layers: BTreeMap<StepId, Vec<Descriptor>>,
}

/// Where the Dockerfile came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigSource {
    /// The address of the context, if it is not on this machine.
    pub uri: Option<String>,
    /// Name of an algorithm and digits.
    pub digest: Option<(String, String)>,
    /// The Dockerfile's path in it.
    pub path: String,
}

/// Something from outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// Where from; without passwords.
    pub uri: String,
    /// Name of an algorithm and digits.
    pub digest: (String, String),
}

impl Provenance<'_> {
    /// The predicate of a version.
    pub fn predicate(&self, version: SlsaVersion) -> Predicate {
        let (kind, body) = match version {
            SlsaVersion::V1 => ("https://slsa.dev/provenance/v1", v1::predicate(self)),
            SlsaVersion::V02 => ("https://slsa.dev/provenance/v0.2", v02::predicate(self)),
        };
        Predicate {
            about: About::Provenance,
            kind: kind.to_owned(),
            body,
        }
    }

    /// The arguments that are told.
    fn told_args(&self) -> BTreeMap<&str, String> {
        let told = self.args.iter().filter(|(name, _)| match name.split_once(':') {
            Some(("build-arg", variable)) => self.detail == Detail::Max && !sounds_secret(variable),
            Some(("label", _)) => self.detail == Detail::Max,
            _ => true,
        });
        told.map(|(name, value)| (name.as_str(), without_password(value)))
            .collect()
    }

    /// Whether all arguments are told.
    fn is_request_complete(&self) -> bool {
        self.told_args().len() == self.args.len()
    }

    /// Whether no command could reach a network.
    fn is_hermetic(&self) -> bool {
        self.graph.steps.node_weights().all(|step| match &step.op {
            Op::Run(run) => run.network == Network::None,
            _ => true,
        })
    }

    /// Ids of the secrets and agents that commands may use, each with whether it may be missing.
    fn given(&self) -> (BTreeMap<&str, bool>, BTreeMap<&str, bool>) {
        let (mut secrets, mut agents) = (BTreeMap::new(), BTreeMap::new());
        let runs = self.graph.steps.node_weights().filter_map(|step| match &step.op {
            Op::Run(run) => Some(run),
            _ => None,
        });
        for mount in runs.flat_map(|run| &run.mounts) {
            let (into, id, required) = match &mount.kind {
                MountKind::Secret { id, required, .. } => (&mut secrets, id, required),
                MountKind::Ssh { id, required, .. } => (&mut agents, id, required),
                _ => continue,
            };
            let optional = into.entry(id.as_str()).or_insert(true);
            *optional &= !required;
        }
        (secrets, agents)
    }

    /// The dependencies, each once.
    fn dependencies(&self) -> BTreeSet<&Dependency> {
        self.dependencies.iter().collect()
    }
}

/// Whether a variable's name says that its value is for nobody's eyes: a word of it does, as for BuildKit's check
/// `SecretsUsedInArgOrEnv`.
fn sounds_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let mut words = name.split(['_', '-']);
    !name.contains("public")
        && words.any(|word| {
            matches!(
                word,
                "apikey"
                    | "auth"
                    | "credential"
                    | "credentials"
                    | "key"
                    | "password"
                    | "pword"
                    | "passwd"
                    | "secret"
                    | "token"
            )
        })
}

/// An address without the user and password that may stand in it.
pub fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}
