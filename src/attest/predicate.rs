//! Statements in the form of in-toto: a predicate about a subject.

use crate::digest::BlobDigest;
use crate::inventory::purl::purl;
use crate::oci::{Platform, Reference};
use crate::store::{Store, StoreError};
use serde_json::{Value, json};

/// What a predicate is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// How an image was built.
    Provenance,
    /// What is in it.
    Bill,
}

/// Something that is said of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// What it is about.
    pub about: About,
    /// The type that readers know it by, a URI.
    pub kind: String,
    /// What is said.
    pub body: Value,
}

/// What it is said of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// A package URL, or `_` for what has no name.
    pub name: String,
    /// The digest of a manifest; of an image without one that of its config.
    pub digest: BlobDigest,
}

/// The version of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementForm {
    /// The present one.
    V1,
    /// The one that BuildKit documents for attestations in an index.
    V01,
}

impl StatementForm {
    fn uri(self) -> &'static str {
        match self {
            Self::V1 => "https://in-toto.io/Statement/v1",
            Self::V01 => "https://in-toto.io/Statement/v0.1",
        }
    }
}

impl Predicate {
    /// Types of SLSA's provenance begin with this.
    const SLSA: &'static str = "https://slsa.dev/provenance/";

    /// What a predicate of this type is about, if it is known here.
    pub fn about(kind: &str) -> Option<About> {
        match kind {
            kind if kind.starts_with(Self::SLSA) => Some(About::Provenance),
            "https://spdx.dev/Document" | "https://cyclonedx.org/bom" => Some(About::Bill),
            _ => None,
        }
    }

    /// The statement, as it is written to files and blobs.
    pub fn statement(&self, form: StatementForm, subjects: &[Subject]) -> Vec<u8> {
        let subjects: Vec<Value> = subjects
            .iter()
            .map(|subject| json!({"name": subject.name, "digest": {"sha256": subject.digest.hex()}}))
            .collect();
        let statement = json!({
            "_type": form.uri(),
            "subject": subjects,
            "predicateType": self.kind,
            "predicate": self.body,
        });
        serde_json::to_vec(&statement).unwrap_or_default()
    }

    /// Reads a statement of either version; `None` when it is none, or about something else.
    pub fn read(statement: &[u8]) -> Option<Self> {
        let mut statement: Value = serde_json::from_slice(statement).ok()?;
        if !statement
            .get("_type")?
            .as_str()?
            .starts_with("https://in-toto.io/Statement/")
        {
            return None;
        }
        let kind = statement.get("predicateType")?.as_str()?.to_owned();
        Some(Self {
            about: Self::about(&kind)?,
            kind,
            body: statement.get_mut("predicate")?.take(),
        })
    }

    /// The usual name of a file that holds it.
    pub fn file_name(&self) -> &'static str {
        match (self.about, self.kind.as_str()) {
            (About::Provenance, _) => "provenance.json",
            (About::Bill, "https://cyclonedx.org/bom") => "sbom.cdx.json",
            (About::Bill, _) => "sbom.spdx.json",
        }
    }
}

/// What is kept of predicates about an image of the store.
const KEPT: &str = "testimony 1";

/// Keeps what is said of an image of the store for as long as it is there, in place of what was said before.
///
/// # Errors
/// When the store can't be written.
pub fn keep(store: &Store, image: &BlobDigest, predicates: &[Predicate]) -> Result<(), StoreError> {
    let all: Vec<(&str, &Value)> = predicates.iter().map(|it| (it.kind.as_str(), &it.body)).collect();
    store.put_memo(KEPT, image.as_bytes(), &serde_json::to_vec(&all).unwrap_or_default())
}

/// What was kept of an image.
///
/// # Errors
/// When the store can't be read.
pub fn kept(store: &Store, image: &BlobDigest) -> Result<Vec<Predicate>, StoreError> {
    let memo = store.memo(KEPT, image.as_bytes())?;
    let all: Vec<(String, Value)> = memo
        .and_then(|memo| serde_json::from_slice(&memo).ok())
        .unwrap_or_default();
    let read = |(kind, body): (String, Value)| {
        let about = Predicate::about(&kind)?;
        Some(Predicate { about, kind, body })
    };
    Ok(all.into_iter().filter_map(read).collect())
}

/// The package URL of an image, as BuildKit writes it.
pub fn image_url(name: &Reference, platform: Option<&Platform>) -> String {
    let familiar = name.clone().without_tag().familiar();
    let repository = familiar.split('@').next().unwrap_or_default();
    let (namespace, short) = repository.rsplit_once('/').unwrap_or(("", repository));
    let platform = platform.map(ToString::to_string).unwrap_or_default();
    let digest = name.digest().map(ToString::to_string).unwrap_or_default();
    let version = match name.digest() {
        Some(_) => name.tag().unwrap_or_default(),
        None => name.tag_or_latest().unwrap_or_default(),
    };
    purl(
        "docker",
        namespace,
        short,
        version,
        &[("digest", &digest), ("platform", &platform)],
    )
}
