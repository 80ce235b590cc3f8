//! Images that are made for a test, behind a registry of the tests' own.

use crate::network::server::{Answer, Asked, Server};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

pub const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Documents and blobs by digest, and what tags lead to.
#[derive(Debug, Default, Clone)]
pub struct Shelf {
    things: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
}

/// A layer: its tar, how it travels, and the media type of that.
#[derive(Debug, Clone)]
pub struct Layer {
    pub tar: Vec<u8>,
    pub packed: Vec<u8>,
    pub media_type: &'static str,
}

impl Layer {
    /// A tar that has these members as they stand, and describes nothing else. `name/` is a directory, `name -> x` a
    /// link, `name=text` a file.
    pub fn plain(members: &[&str]) -> Self {
        let tar = tar_of(members);
        Self {
            packed: tar.clone(),
            tar,
            media_type: "application/vnd.oci.image.layer.v1.tar",
        }
    }

    /// The same, compressed by gzip in several members, as eStargz has it.
    pub fn gzip(members: &[&str]) -> Self {
        let tar = tar_of(members);
        let mut packed = Vec::new();
        for piece in tar.chunks(700) {
            let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
            encoder.write_all(piece).unwrap();
            encoder.finish().unwrap();
        }
        Self {
            tar,
            packed,
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }

    /// The same, compressed by zstd in several frames, with one that decoders skip, as zstd:chunked has it.
    pub fn zstd(members: &[&str]) -> Self {
        let tar = tar_of(members);
        let mut packed = Vec::new();
        for piece in tar.chunks(700) {
            packed.extend(zstd::encode_all(piece, 1).unwrap());
        }
        packed.extend([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
        Self {
            tar,
            packed,
            media_type: "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    pub fn of_type(self, media_type: &'static str) -> Self {
        Self { media_type, ..self }
    }
}

fn tar_of(members: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(5);
        header.set_mode(0o755);
        header.set_size(0);
        header.set_uid(0);
        header.set_gid(0);
        if let Some((name, target)) = member.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, name, target).unwrap();
        } else if let Some((name, text)) = member.split_once('=') {
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        } else {
            header.set_entry_type(tar::EntryType::Directory);
            tar.append_data(&mut header, member, &[][..]).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Shelf {
    /// Puts something there, and gives its descriptor.
    pub fn put(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        self.things
            .insert(digest.clone(), (media_type.to_owned(), bytes.to_vec()));
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// An image for this machine.
    pub fn image(&mut self, layers: &[Layer]) -> Value {
        self.image_of(OCI, layers)
    }

    pub fn image_of(&mut self, media_type: &str, layers: &[Layer]) -> Value {
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            _ => "amd64",
        };
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest(&layer.tar)).collect();
        let config = json!({
            "architecture": architecture, "os": "linux",
            "config": {}, "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config_type = match media_type {
            DOCKER => "application/vnd.docker.container.image.v1+json",
            _ => "application/vnd.oci.image.config.v1+json",
        };
        let config = self.put(config_type, config.to_string().as_bytes());
        let layers: Vec<Value> = layers
            .iter()
            .map(|layer| self.put(layer.media_type, &layer.packed))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers,
        });
        let mut descriptor = self.put(media_type, manifest.to_string().as_bytes());
        descriptor["platform"] = json!({ "architecture": architecture, "os": "linux" });
        descriptor
    }

    pub fn index(&mut self, media_type: &str, entries: &[Value]) -> Value {
        let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
        self.put(media_type, index.to_string().as_bytes())
    }

    /// Lets a name lead somewhere: `REPOSITORY:TAG`.
    pub fn tag(&mut self, name: &str, descriptor: &Value) {
        let digest = descriptor["digest"].as_str().unwrap();
        self.tags.insert(name.to_owned(), digest.to_owned());
    }

    /// Takes things of another shelf, and none of its names.
    pub fn extend(&mut self, other: Self) {
        self.things.extend(other.things);
    }

    /// What a registry answers, whatever the repository of a digest.
    pub fn answer(&self, asked: &Asked) -> Answer {
        let path = asked.target.strip_prefix("/v2/").unwrap_or_default();
        let (repository, which) = path
            .split_once("/manifests/")
            .or_else(|| path.split_once("/blobs/"))
            .unwrap_or_default();
        let named = self.tags.get(&format!("{repository}:{which}"));
        let digest = named.map_or(which, String::as_str);
        match self.things.get(digest) {
            None => Answer::new(
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
            ),
            Some((media_type, bytes)) => Answer::part(bytes, asked)
                .header("Content-Type", media_type.clone())
                .header("Docker-Content-Digest", digest),
        }
    }

    /// A registry whose content can be changed.
    pub fn serve(self) -> (Server, Arc<Mutex<Self>>) {
        let shared = Arc::new(Mutex::new(self));
        let theirs = Arc::clone(&shared);
        (Server::new(move |asked| theirs.lock().unwrap().answer(asked)), shared)
    }
}
