//! A registry in memory, which serves images that are made for a test.

use crate::digest::{DiffId, Sha256};
use crate::http::tests::{Answer, Asked, Server};
use crate::oci::{Descriptor, ImageConfig, Index, Manifest, Platform, RootFs, media};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Documents and blobs by digest, and what tags lead to.
#[derive(Default, Clone)]
pub(crate) struct Content {
    blobs: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
    /// What was sent of uploads, by number.
    uploads: BTreeMap<usize, Vec<u8>>,
    /// Repositories and the blobs that they have, where it matters.
    held: Option<BTreeSet<(String, String)>>,
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

    /// A registry that has nothing yet, and knows repositories apart.
    pub(crate) fn empty() -> Self {
        Self {
            held: Some(BTreeSet::new()),
            ..Self::default()
        }
    }

    /// What it has under a digest or tag.
    pub(super) fn get(&self, which: &str) -> Option<&[u8]> {
        let digest = self.tags.get(which).map_or(which, String::as_str);
        self.blobs.get(digest).map(|(_, bytes)| &bytes[..])
    }

    /// The number of the upload that began last.
    pub(super) fn last_upload(&self) -> usize {
        self.uploads.len() - 1
    }

    /// What a good registry answers, also to somebody who pushes; `keeps` says whether it keeps what broke off.
    pub(crate) fn take(&mut self, asked: &Asked, keeps: bool) -> Answer {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let field = |name: &str| {
            let mut found = query.split('&').filter_map(|pair| pair.split_once('='));
            found.find(|(it, _)| *it == name).map(|(_, value)| value.to_owned())
        };
        let rest = path.strip_prefix("/v2/").unwrap();
        if let Some((repository, number)) = rest.split_once("/blobs/uploads/") {
            let whole = asked.header("content-length").and_then(|it| it.parse().ok()) == Some(asked.bytes.len());
            let place = |number: usize| format!("/v2/{repository}/blobs/uploads/{number}?state=x");
            if asked.method == "POST" {
                if let (Some(digest), Some(from)) = (field("mount"), field("from"))
                    && self.held.as_mut().unwrap().contains(&(from, digest.clone()))
                {
                    self.held.as_mut().unwrap().insert((repository.to_owned(), digest));
                    return Answer::new(201, "");
                }
                let number = self.uploads.len();
                self.uploads.insert(number, Vec::new());
                return Answer::new(202, "").header("Location", place(number));
            }
            let number: usize = number.parse().unwrap();
            let Some(upload) = self.uploads.get_mut(&number) else {
                return Answer::new(404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#);
            };
            if asked.method == "PATCH" {
                let range = asked.header("content-range").unwrap();
                if !range.starts_with(&format!("{}-", upload.len())) {
                    return Answer::new(416, "");
                }
            }
            if whole || keeps {
                upload.extend_from_slice(&asked.bytes);
            }
            let last = upload.len().saturating_sub(1);
            if asked.method != "PUT" || !whole {
                let status = if asked.method == "GET" { 204 } else { 202 };
                return Answer::new(status, "")
                    .header("Location", place(number))
                    .header("Range", format!("0-{last}"));
            }
            let bytes = std::mem::take(upload);
            if field("digest") != Some(Self::digest(&bytes)) {
                return Answer::new(
                    400,
                    r#"{"errors":[{"code":"DIGEST_INVALID","message":"not what it says"}]}"#,
                );
            }
            let digest = self.put("application/octet-stream", &bytes).digest.to_string();
            self.held.as_mut().unwrap().insert((repository.to_owned(), digest));
            return Answer::new(201, "");
        }
        if let (Some((_, which)), "PUT") = (rest.split_once("/manifests/"), &asked.method[..]) {
            let named = match Manifest::from_bytes(&asked.bytes) {
                Ok(manifest) => [manifest.layers, vec![manifest.config]].concat(),
                Err(_) => Index::from_bytes(&asked.bytes).unwrap().manifests,
            };
            let lacks = |it: &Descriptor| !self.blobs.contains_key(&it.digest.to_string());
            if named.iter().any(lacks) {
                return Answer::new(400, r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#);
            }
            let descriptor = self.put(asked.header("content-type").unwrap(), &asked.bytes);
            if !which.contains(':') {
                self.tag(which, &descriptor);
            }
            return Answer::new(201, "").header("Docker-Content-Digest", descriptor.digest.to_string());
        }
        if let (Some((repository, digest)), Some(held)) = (rest.split_once("/blobs/"), &self.held)
            && !held.contains(&(repository.to_owned(), digest.to_owned()))
        {
            return Answer::new(404, "");
        }
        self.answer(asked)
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
