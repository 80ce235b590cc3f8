//! What an inventory holds.

use super::license::License;
use super::os_release::OsRelease;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most packages that an inventory holds.
pub(super) const MOST_PACKAGES: usize = 100_000;
/// Most places that are named for one package.
const MOST_EVIDENCE: usize = 32;
/// Longest name or version that is believed, in bytes.
const LONGEST: usize = 512;

/// The software of a root file system.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// What it calls itself.
    pub os: Option<OsRelease>,
    /// Ordered by package URL, each once.
    pub packages: Vec<Package>,
    /// What could not be read, as sentences.
    pub notes: Vec<String>,
}

/// A piece of software.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Who knows it.
    pub ecosystem: Ecosystem,
    /// As its ecosystem spells it.
    pub name: String,
    /// The same.
    pub version: String,
    /// Its name in the form of a package URL.
    pub purl: String,
    /// What it is built for, where that is said.
    pub architecture: Option<String>,
    /// Name and version of the source that it was built from, where they are other than its own.
    pub source: Option<(String, String)>,
    /// Who made or packed it.
    pub supplier: Option<String>,
    /// What is said of its licences, in order.
    pub licenses: Vec<License>,
    /// Files that tell of it, in order.
    pub evidence: Vec<Evidence>,
}

/// A file that tells of a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// Where, relative to the root.
    pub path: String,
    /// The layer that it comes from; the lowest is 0.
    pub layer: usize,
}

/// Who names packages: a distribution's packager, or a language's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Ecosystem {
    Apk,
    Cargo,
    Composer,
    Deb,
    Gem,
    Golang,
    Maven,
    Npm,
    Nuget,
    Pypi,
    Rpm,
}

impl Ecosystem {
    /// The type of its package URLs.
    pub fn purl_type(self) -> &'static str {
        match self {
            Self::Apk => "apk",
            Self::Cargo => "cargo",
            Self::Composer => "composer",
            Self::Deb => "deb",
            Self::Gem => "gem",
            Self::Golang => "golang",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Nuget => "nuget",
            Self::Pypi => "pypi",
            Self::Rpm => "rpm",
        }
    }
}

impl Package {
    /// A package of which only the name is known.
    pub(super) fn new(ecosystem: Ecosystem, name: &str, version: &str, purl: String) -> Self {
        Self {
            ecosystem,
            name: name.to_owned(),
            version: version.to_owned(),
            purl,
            architecture: None,
            source: None,
            supplier: None,
            licenses: Vec::new(),
            evidence: Vec::new(),
        }
    }
}

/// Packages as they are found.
#[derive(Debug, Default)]
pub(super) struct Found {
    packages: BTreeMap<String, Package>,
    full: bool,
}

impl Found {
    /// Adds a package that a file tells of. One that is known gets the file as further evidence.
    ///
    /// Names and versions that no package has (empty, endless, or with control characters) are dropped.
    pub(super) fn add(&mut self, mut package: Package, evidence: Evidence) {
        let good = |text: &str| text.len() <= LONGEST && !text.chars().any(char::is_control);
        if package.name.is_empty() || !good(&package.name) || !good(&package.version) {
            return;
        }
        if let Some(known) = self.packages.get_mut(&package.purl) {
            if !known.evidence.contains(&evidence) && known.evidence.len() < MOST_EVIDENCE {
                known.evidence.push(evidence);
            }
            for license in package.licenses {
                if !known.licenses.contains(&license) && known.licenses.len() < MOST_EVIDENCE {
                    known.licenses.push(license);
                }
            }
            known.supplier = known.supplier.take().or(package.supplier);
            return;
        }
        if self.packages.len() >= MOST_PACKAGES {
            self.full = true;
            return;
        }
        package.evidence = vec![evidence];
        self.packages.insert(package.purl.clone(), package);
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// All of them, in order.
    pub(super) fn finish(self) -> Vec<Package> {
        let mut packages: Vec<Package> = self.packages.into_values().collect();
        for package in &mut packages {
            package.evidence.sort();
            package.licenses.sort();
            package.licenses.dedup();
        }
        packages
    }
}
