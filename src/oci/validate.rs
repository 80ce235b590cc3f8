//! Recomputes every claim of a layout.

use super::OciError;
use super::config::ImageConfig;
use super::documents::{Descriptor, Index, Manifest};
use super::layout::Layout;
use super::media::{self, Kind, LayerForm};
use super::select::what_is;
use crate::digest::{BlobDigest, DiffId, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Read};

/// Largest memory that a zstd layer may ask for, as a power of two: 128 MiB, as the zstd program allows.
const ZSTD_WINDOW: u32 = 27;
/// Indexes inside indexes that are followed.
const DEEPEST: usize = 8;

/// What was found: how much was looked at, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Manifests that were read.
    pub manifests: usize,
    /// Layers whose diff ID was recomputed.
    pub layers: usize,
    /// Blobs that were read and have the right digest and size.
    pub blobs: usize,
    /// One sentence for each claim that is wrong.
    pub wrong: Vec<String>,
}

/// Recomputes the digest and size of everything that a layout's index leads to, and the diff ID of every layer.
///
/// # Errors
///
/// When the layout can't be looked at. What is wrong in it is no error but part of the answer.
pub fn validate(layout: &Layout) -> Result<Claims, OciError> {
    let mut check = Check {
        layout,
        claims: Claims::default(),
        seen: BTreeSet::new(),
    };
    check.index(layout.index(), 0);
    Ok(check.claims)
}

struct Check<'a> {
    layout: &'a Layout,
    claims: Claims,
    seen: BTreeSet<BlobDigest>,
}

impl Check<'_> {
    fn wrong(&mut self, what: &str, digest: &BlobDigest, why: impl std::fmt::Display) {
        self.claims.wrong.push(format!("{what} `{digest}`: {why}"));
    }

    fn index(&mut self, index: &Index, depth: usize) {
        for entry in &index.manifests {
            if depth > DEEPEST {
                self.wrong("index", &entry.digest, OciError::TooDeep(DEEPEST));
                continue;
            }
            if !self.seen.insert(entry.digest) {
                continue;
            }
            let Some(bytes) = self.read("document", entry) else {
                continue;
            };
            if what_is(entry, &bytes) == Kind::Index {
                match Index::from_bytes(&bytes) {
                    Ok(inner) => self.index(&inner, depth + 1),
                    Err(error) => self.wrong("index", &entry.digest, error),
                }
                continue;
            }
            match Manifest::from_bytes(&bytes) {
                Ok(manifest) => self.manifest(entry, &manifest),
                Err(error) => self.wrong("manifest", &entry.digest, error),
            }
        }
    }

    fn manifest(&mut self, entry: &Descriptor, manifest: &Manifest) {
        self.claims.manifests += 1;
        if !manifest.media_type.is_empty() && !entry.media_type.is_empty() && manifest.media_type != entry.media_type {
            let why = format!(
                "the index calls it `{}`, and it calls itself `{}`",
                entry.media_type, manifest.media_type
            );
            self.wrong("manifest", &entry.digest, why);
        }
        let Some(bytes) = self.read("config", &manifest.config) else {
            return;
        };
        if manifest.config.kind() != Kind::Config {
            for layer in &manifest.layers {
                self.blob(layer);
            }
            return;
        }
        let config = match ImageConfig::from_bytes(&bytes) {
            Ok(config) => config,
            Err(error) => return self.wrong("config", &manifest.config.digest, error),
        };
        if let Some(platform) = &entry.platform
            && !entry.is_attestation()
            && super::Platform::new(&platform.os, &platform.architecture, &platform.variant).to_string()
                != config.platform().to_string()
        {
            let why = format!("the index says `{platform}`, and the config `{}`", config.platform());
            self.wrong("manifest", &entry.digest, why);
        }
        let filled = config.history.iter().filter(|line| !line.empty_layer).count();
        if !config.history.is_empty() && filled != config.rootfs.diff_ids.len() {
            let why = format!(
                "its history has {filled} layers, and its list of diff IDs {}",
                config.rootfs.diff_ids.len()
            );
            self.wrong("config", &manifest.config.digest, why);
        }
        if manifest.layers.len() != config.rootfs.diff_ids.len() {
            let why = OciError::LayerCount {
                layers: manifest.layers.len(),
                diff_ids: config.rootfs.diff_ids.len(),
            };
            self.wrong("manifest", &entry.digest, why);
        }
        for (layer, diff_id) in manifest.layers.iter().zip(&config.rootfs.diff_ids) {
            match self.layer(layer) {
                Ok(found) if found == *diff_id => self.claims.layers += 1,
                Ok(found) => self.wrong(
                    "layer",
                    &layer.digest,
                    format!("its diff ID is `{found}`, not `{diff_id}`"),
                ),
                Err(why) => self.wrong("layer", &layer.digest, why),
            }
        }
    }

    /// Reads a small blob and notes what is wrong with it.
    fn read(&mut self, what: &'static str, descriptor: &Descriptor) -> Option<Vec<u8>> {
        match self.layout.read(what, descriptor) {
            Ok(bytes) => {
                self.claims.blobs += 1;
                Some(bytes)
            }
            Err(error) => {
                self.wrong(what, &descriptor.digest, told(&error));
                None
            }
        }
    }

    fn blob(&mut self, descriptor: &Descriptor) {
        let checked = self
            .layout
            .open_blob("blob", descriptor)
            .map_err(|error| told(&error))
            .and_then(|mut reader| io::copy(&mut reader, &mut io::sink()).map_err(|error| error.to_string()));
        match checked {
            Ok(_) => self.claims.blobs += 1,
            Err(error) => self.wrong("blob", &descriptor.digest, error),
        }
    }

    /// Recomputes a layer's diff ID, and its digest and size on the way.
    fn layer(&mut self, descriptor: &Descriptor) -> Result<DiffId, String> {
        let text = |error: io::Error| error.to_string();
        let reader = self
            .layout
            .open_blob("layer", descriptor)
            .map_err(|error| told(&error))?;
        let mut reader = io::BufReader::with_capacity(1 << 17, reader);
        let mut hash = Sha256::new();
        match media::kind(&descriptor.media_type) {
            Kind::Layer(LayerForm::Tar) => io::copy(&mut reader, &mut hash).map_err(text)?,
            Kind::Layer(LayerForm::Gzip) => {
                let mut plain = flate2::bufread::MultiGzDecoder::new(&mut reader);
                io::copy(&mut plain, &mut hash).map_err(text)?
            }
            Kind::Layer(LayerForm::Zstd) => {
                let mut plain = zstd::Decoder::with_buffer(&mut reader).map_err(text)?;
                plain.window_log_max(ZSTD_WINDOW).map_err(text)?;
                io::copy(&mut plain, &mut hash).map_err(text)?
            }
            _ => return Err(format!("`{}` is not a layer", descriptor.media_type)),
        };
        // A decoder may stop before the end, where the digest is checked.
        let left = io::copy(&mut reader.by_ref(), &mut io::sink()).map_err(text)?;
        if left > 0 {
            return Err(format!("{left} bytes stand after its end"));
        }
        self.claims.blobs += 1;
        Ok(hash.diff_id())
    }
}

/// An error and its causes as one sentence.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
