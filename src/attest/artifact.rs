//! The documents that carry statements: a manifest that refers to an image, or one that stands beside it in an index.

use super::predicate::Predicate;
use crate::digest::Sha256;
use crate::oci::media::{OCI_CONFIG, OCI_MANIFEST};
use crate::oci::{Descriptor, Manifest};
use serde_json::json;

/// The media type of a statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The annotation that says what a statement is about.
pub const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
/// The media type of a config that says nothing (OCI image-spec, "guidance for an empty descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A manifest with the blobs that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The manifest.
    pub manifest: Manifest,
    /// The config and the statements.
    pub blobs: Vec<(Descriptor, Vec<u8>)>,
}

/// A manifest that refers to an image and has one statement about it (OCI image-spec 1.1, "guidelines for artifact
/// usage").
pub fn referrer(image: &Descriptor, predicate: &Predicate, statement: Vec<u8>) -> Artifact {
    let mut config = Descriptor::of(EMPTY, b"{}");
    config.data = Some("e30=".to_owned());
    let layer = layer(predicate, &statement);
    let mut manifest = Manifest::new(OCI_MANIFEST, config.clone(), vec![layer.clone()]);
    manifest.artifact_type = Some(IN_TOTO.to_owned());
    manifest.subject = Some(Descriptor::new(&image.media_type, image.digest, image.size));
    // Lists of what refers to an image show these, so that nobody needs to open what he does not look for.
    manifest
        .annotations
        .insert(PREDICATE_TYPE.to_owned(), predicate.kind.clone());
    Artifact {
        manifest,
        blobs: vec![(config, b"{}".to_vec()), (layer, statement)],
    }
}

/// BuildKit's attestation manifest: all statements about an image, as layers, with the config of no machine.
pub fn beside(statements: Vec<(&Predicate, Vec<u8>)>) -> Artifact {
    let digests: Vec<String> = statements
        .iter()
        .map(|(_, statement)| Sha256::of(statement).to_string())
        .collect();
    let config = json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": digests},
    });
    let config = serde_json::to_vec(&config).unwrap_or_default();
    let mut blobs = vec![(Descriptor::of(OCI_CONFIG, &config), config)];
    for (predicate, statement) in statements {
        blobs.push((layer(predicate, &statement), statement));
    }
    let layers = blobs[1..].iter().map(|(descriptor, _)| descriptor.clone()).collect();
    Artifact {
        manifest: Manifest::new(OCI_MANIFEST, blobs[0].0.clone(), layers),
        blobs,
    }
}

fn layer(predicate: &Predicate, statement: &[u8]) -> Descriptor {
    let mut layer = Descriptor::of(IN_TOTO, statement);
    layer
        .annotations
        .insert(PREDICATE_TYPE.to_owned(), predicate.kind.clone());
    layer
}
