//! ARG and ENV: who sees which value.

use super::{Environment, ExpandError, expand};
use crate::oci::Platform;
use std::collections::{BTreeMap, HashMap};

/// `--build-arg` values by name; a name given twice keeps its last value.
#[derive(Debug, Clone, Default)]
pub struct BuildArgs<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> BuildArgs<'a> {
    /// Collects the values.
    pub fn new(pairs: &'a [(String, String)]) -> Self {
        Self(
            pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        )
    }

    /// Gives `name` another value.
    pub fn set(&mut self, name: &'a str, value: &'a str) {
        self.0.insert(name, value);
    }

    /// The value given for `name`.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }
}

/// The platform ARGs, which FROM lines see and stages may redeclare; build args override them.
pub fn platform_args(build: &Platform, target: &Platform, stage: Option<&str>, given: &BuildArgs<'_>) -> Environment {
    let (build_name, target_name) = (build.to_string(), target.to_string());
    let known = [
        ("BUILDPLATFORM", build_name.as_str()),
        ("BUILDOS", &build.os),
        ("BUILDOSVERSION", &build.os_version),
        ("BUILDARCH", &build.architecture),
        ("BUILDVARIANT", &build.variant),
        ("TARGETPLATFORM", &target_name),
        ("TARGETOS", &target.os),
        ("TARGETOSVERSION", &target.os_version),
        ("TARGETARCH", &target.architecture),
        ("TARGETVARIANT", &target.variant),
        ("TARGETSTAGE", stage.unwrap_or("default")),
    ];
    known
        .into_iter()
        .map(|(name, value)| (name, given.get(name).unwrap_or(value)))
        .collect()
}

/// What a stage's instructions see: ENV and ARG, the last writer of a name wins.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// ENV and the ARGs that have a value.
    pub environment: Environment,
    /// Declared ARGs in order of their first declaration, with the value that the last one gave.
    args: Vec<(String, Option<String>)>,
    /// Where each stands in `args`.
    places: HashMap<String, usize>,
}

/// ARGs that select what is scanned and that no command may see.
const NOT_IN_ENVIRONMENT: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

impl Scope {
    /// Does one member of an ARG instruction and returns the value that it has now.
    ///
    /// The value is that of the build arg, else the expanded default, else the one in `global`; the default of an
    /// ARG that is given is not even expanded.
    pub fn declare(
        &mut self,
        name: &str,
        default: Option<&str>,
        escape: char,
        given: &BuildArgs<'_>,
        global: &Environment,
    ) -> Result<Option<String>, ExpandError> {
        let value = match (given.get(name), default) {
            (Some(value), _) => Some(value.to_owned()),
            (None, Some(default)) => Some(expand(default, escape, &self.environment)?.text),
            (None, None) => global.get(name).map(str::to_owned),
        };
        if let Some(value) = &value
            && !NOT_IN_ENVIRONMENT.contains(&name)
        {
            self.environment.set(name, value);
        }
        match self.places.get(name).and_then(|place| self.args.get_mut(*place)) {
            Some((_, known)) => known.clone_from(&value),
            None => {
                self.places.insert(name.to_owned(), self.args.len());
                self.args.push((name.to_owned(), value.clone()));
            }
        }
        Ok(value)
    }

    /// The declared ARGs in order, each with the value that a command sees, or an empty one.
    pub fn args(&self) -> impl Iterator<Item = (&str, &str)> {
        self.args.iter().map(|(name, value)| {
            let seen = self.environment.get(name).or(value.as_deref());
            (name.as_str(), seen.unwrap_or_default())
        })
    }

    /// Whether an ARG instruction named it.
    pub fn is_declared(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }
}
