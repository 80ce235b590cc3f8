//! Reads an OCI layout in a tar, checks every digest in it, and flattens its layers.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Read as _;
use varve::layer::{DETECT, decoder, detect};

/// An image as it is in an archive.
#[derive(Debug)]
pub struct Image {
    pub index: Value,
    pub manifest: Value,
    /// Of the manifest, with `sha256:`.
    pub digest: String,
    pub config: Value,
    /// Names in each layer's tar, in order.
    pub layers: Vec<Vec<String>>,
    /// Each layer's tar.
    pub tars: Vec<Vec<u8>>,
    /// The root file system, by path without a leading slash.
    pub tree: BTreeMap<String, Node>,
    /// Every member of the archive.
    pub members: BTreeMap<String, Vec<u8>>,
}

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// One file of the flattened image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub mtime: u64,
    pub target: String,
    pub content: Vec<u8>,
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Node {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }
}

impl Image {
    /// Of an OCI layout in a tar.
    #[track_caller]
    pub fn of_tar(bytes: &[u8]) -> Self {
        let members = untar(bytes)
            .into_iter()
            .map(|(name, node)| (name, node.content))
            .collect();
        Self::of_members(members)
    }

    #[track_caller]
    pub fn of_members(members: BTreeMap<String, Vec<u8>>) -> Self {
        let layout: Value = serde_json::from_slice(&members["oci-layout"]).unwrap();
        assert_eq!(layout["imageLayoutVersion"], "1.0.0");
        let index: Value = serde_json::from_slice(&members["index.json"]).unwrap();
        let descriptor = &index["manifests"][0];
        let manifest: Value = serde_json::from_slice(&blob(&members, descriptor)).unwrap();
        let config: Value = serde_json::from_slice(&blob(&members, &manifest["config"])).unwrap();
        let mut tree = BTreeMap::new();
        let (mut layers, mut tars) = (Vec::new(), Vec::new());
        for (number, descriptor) in manifest["layers"].as_array().unwrap().iter().enumerate() {
            let packed = blob(&members, descriptor);
            let format = detect(&packed[..packed.len().min(DETECT)]);
            let mut tar = Vec::new();
            decoder(format, packed.as_slice())
                .unwrap()
                .read_to_end(&mut tar)
                .unwrap();
            assert_eq!(
                config["rootfs"]["diff_ids"][number],
                hash(&tar),
                "the diff id of layer {number}"
            );
            layers.push(apply(&mut tree, &tar));
            tars.push(tar);
        }
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), layers.len());
        let history = config["history"].as_array().unwrap();
        let with_layer = history.iter().filter(|entry| entry["empty_layer"] != true).count();
        assert_eq!(with_layer, layers.len(), "history and layers disagree: {history:#?}");
        let digest = descriptor["digest"].as_str().unwrap().to_owned();
        Self {
            digest,
            manifest,
            config,
            layers,
            tars,
            tree,
            members,
            index,
        }
    }

    #[track_caller]
    pub fn node(&self, path: &str) -> &Node {
        self.tree
            .get(path)
            .unwrap_or_else(|| panic!("no `{path}` in {:#?}", self.tree.keys().collect::<Vec<_>>()))
    }

    /// The text of a file.
    #[track_caller]
    pub fn read(&self, path: &str) -> &str {
        self.node(path).text()
    }

    pub fn has(&self, path: &str) -> bool {
        self.tree.contains_key(path)
    }

    /// What is below a directory, without it, sorted.
    pub fn below(&self, directory: &str) -> Vec<&str> {
        let prefix = format!("{directory}/");
        self.tree.keys().filter_map(|path| path.strip_prefix(&prefix)).collect()
    }

    /// `created_by` of the history.
    pub fn history(&self) -> Vec<&str> {
        let entries = self.config["history"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| entry["created_by"].as_str().unwrap_or_default())
            .collect()
    }

    /// A part of the config's `config`.
    pub fn setting(&self, name: &str) -> &Value {
        &self.config["config"][name]
    }
}

fn hash(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A blob that is what its descriptor claims.
#[track_caller]
fn blob(members: &BTreeMap<String, Vec<u8>>, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap();
    let bytes = &members[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!(hash(bytes), digest);
    assert_eq!(descriptor["size"], bytes.len());
    bytes.clone()
}

/// Lays a layer over a tree and returns the names in its tar.
fn apply(tree: &mut BTreeMap<String, Node>, tar: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let lower: Vec<String> = tree.keys().cloned().collect();
    for (path, node) in members(tar) {
        names.push(path.clone());
        let path = path.trim_end_matches('/').to_owned();
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let below = |directory: &str, path: &str| {
            directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
        };
        if name == ".wh..wh..opq" {
            for gone in lower.iter().filter(|path| below(directory, path)) {
                tree.remove(gone);
            }
            continue;
        }
        if let Some(hidden) = name.strip_prefix(".wh.") {
            let hidden = if directory.is_empty() {
                hidden.to_owned()
            } else {
                format!("{directory}/{hidden}")
            };
            tree.retain(|path, _| *path != hidden && !below(&hidden, path));
            continue;
        }
        if node.kind != Kind::Directory {
            tree.retain(|other, _| !below(&path, other));
        }
        let node = match node.target.strip_prefix('\0') {
            Some(first) => tree[first].clone(),
            None => node,
        };
        tree.insert(path, node);
    }
    names
}

/// Members of a tar by name; of two with one name the last counts.
pub fn untar(bytes: &[u8]) -> BTreeMap<String, Node> {
    members(bytes)
        .into_iter()
        .map(|(name, node)| (name.trim_end_matches('/').to_owned(), node))
        .collect()
}

/// A hard link's target starts with a zero byte.
fn members(bytes: &[u8]) -> Vec<(String, Node)> {
    let mut archive = tar::Archive::new(bytes);
    let mut all = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let header = entry.header().clone();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Regular | tar::EntryType::Link => Kind::File,
            tar::EntryType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        let mut target = entry
            .link_name_bytes()
            .map(|it| String::from_utf8(it.into_owned()).unwrap())
            .unwrap_or_default();
        if header.entry_type() == tar::EntryType::Link {
            target.insert(0, '\0');
        }
        let mut xattrs = BTreeMap::new();
        if let Ok(Some(records)) = entry.pax_extensions() {
            for record in records.flatten() {
                if let Some(name) = record.key().ok().and_then(|key| key.strip_prefix("SCHILY.xattr.")) {
                    xattrs.insert(name.to_owned(), record.value_bytes().to_vec());
                }
            }
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let node = Node {
            kind,
            mode: header.mode().unwrap() & 0o7777,
            uid: header.uid().unwrap(),
            gid: header.gid().unwrap(),
            mtime: header.mtime().unwrap(),
            target,
            content,
            xattrs,
        };
        all.push((name, node));
    }
    all
}
