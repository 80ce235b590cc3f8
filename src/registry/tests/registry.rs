//! A registry in memory, which serves images that are made for a test.

use crate::digest::{DiffId, Sha256};
use crate::http::tests::{Answer, Asked, Server};
use crate::oci::{Descriptor, ImageConfig, Index, Manifest, Platform, RootFs, media};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Documents and blobs by digest, and what tags lead to.
#[derive(Default, Clone)]
pub(super) struct Content {
    blobs: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
}

impl Content {
    pub(super) fn put(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        let blob = (media_type.to_owned(), bytes.to_vec());
        self.blobs.insert(descriptor.digest.to_string(), blob);
        descriptor
    }

    /// How a blob with this content is called.
    pub(super) fn digest(bytes: &[u8]) -> String {
        Sha256::of(bytes).to_string()
    }

    pub(super) fn tag(&mut self, tag: &str, descriptor: &Descriptor) {
        self.tags.insert(tag.to_owned(), descriptor.digest.to_string());
    }

    /// An image whose layers are these bytes, which need not be tars: nobody unpacks them.
    pub(super) fn image(&mut self, platform: &str, layers: &[&[u8]]) -> Descriptor {
        let platform: Platform = platform.parse().unwrap();
        let config = ImageConfig {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            variant: platform.variant.clone(),
            rootfs: RootFs {
                diff_ids: layers.iter().map(|bytes| diff_id(bytes)).collect(),
                ..RootFs::default()
            },
            ..ImageConfig::default()
        };
        let config = self.put(media::OCI_CONFIG, &config.to_bytes());
        let layers = layers.iter().map(|bytes| self.put(media::OCI_LAYER, bytes)).collect();
        let manifest = Manifest::new(media::OCI_MANIFEST, config, layers);
        let mut descriptor = self.put(media::OCI_MANIFEST, &manifest.to_bytes());
        descriptor.platform = Some(platform);
        descriptor
    }

    pub(super) fn index(&mut self, images: Vec<Descriptor>) -> Descriptor {
        self.put(media::OCI_INDEX, &Index::new(images).to_bytes())
    }

    /// What a good registry answers below `/v2/REPOSITORY/`.
    pub(super) fn answer(&self, asked: &Asked) -> Answer {
        let mut parts = asked.target.rsplit('/');
        let which = parts.next().unwrap();
        let which = self.tags.get(which).map_or(which, String::as_str);
        match self.blobs.get(which) {
            None => {
                let text = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
                Answer::new(404, text)
            }
            Some((media_type, bytes)) => Answer::part(bytes, asked)
                .header("Content-Type", media_type.clone())
                .header("Docker-Content-Digest", which),
        }
    }

    /// A good registry.
    pub(super) fn serve(self) -> Server {
        Server::new(move |asked| self.answer(asked))
    }

    /// A good registry whose content can be changed.
    pub(super) fn serve_shared(self) -> (Server, Arc<Mutex<Self>>) {
        let content = Arc::new(Mutex::new(self));
        let theirs = Arc::clone(&content);
        (Server::new(move |asked| theirs.lock().unwrap().answer(asked)), content)
    }
}

pub(super) fn diff_id(bytes: &[u8]) -> DiffId {
    let mut hash = Sha256::new();
    hash.update(bytes);
    hash.diff_id()
}
