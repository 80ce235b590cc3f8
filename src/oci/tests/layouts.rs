use super::super::*;
use crate::digest::{DiffId, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A layout in a folder, built blob by blob.
struct Folder {
    folder: tempfile::TempDir,
    index: Vec<Descriptor>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { folder, index: vec![] }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        std::fs::write(self.file(&descriptor), bytes).unwrap();
        descriptor
    }

    fn file(&self, descriptor: &Descriptor) -> PathBuf {
        self.path().join("blobs/sha256").join(descriptor.digest.hex())
    }

    /// An image with one gzip layer; `seed` makes it another one.
    fn image(&self, platform: &str, seed: &str) -> Descriptor {
        let tar = format!("{seed:x<1024}");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(tar.as_bytes()).unwrap();
        let layer = self.blob(media::OCI_LAYER_GZIP, &gzip.finish().unwrap());
        let platform: Platform = platform.parse().unwrap();
        let config = ImageConfig {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            variant: platform.variant.clone(),
            rootfs: RootFs {
                diff_ids: vec![DiffId::from_bytes(*Sha256::of(tar.as_bytes()).as_bytes())],
                ..RootFs::default()
            },
            ..ImageConfig::default()
        };
        let config = self.blob(media::OCI_CONFIG, &config.to_bytes());
        let manifest = Manifest::new(media::OCI_MANIFEST, config, vec![layer]);
        Descriptor {
            platform: Some(platform),
            ..self.blob(media::OCI_MANIFEST, &manifest.to_bytes())
        }
    }

    fn add(&mut self, mut entry: Descriptor, tag: Option<&str>) {
        if let Some(tag) = tag {
            entry
                .annotations
                .insert(annotations::REF_NAME.to_owned(), tag.to_owned());
        }
        self.index.push(entry);
    }

    fn open(&self) -> Layout {
        std::fs::write(
            self.path().join("index.json"),
            Index::new(self.index.clone()).to_bytes(),
        )
        .unwrap();
        Layout::open(self.path()).unwrap()
    }
}

fn amd64() -> Platform {
    Platform::new("linux", "amd64", "")
}

fn tag(tag: &str) -> Option<Selector> {
    Some(Selector::Tag(tag.to_owned()))
}

#[test]
fn an_image_is_chosen_by_tag_digest_or_being_alone() {
    let mut folder = Folder::new();
    let (one, two) = (folder.image("linux/amd64", "one"), folder.image("linux/amd64", "two"));
    folder.add(one.clone(), Some("v1"));
    let layout = folder.open();
    let chosen = |layout: &Layout, selector: Option<Selector>| {
        layout
            .image(selector.as_ref(), &amd64())
            .map(|it| it.descriptor().digest)
    };
    assert_eq!(chosen(&layout, None).unwrap(), one.digest);
    assert_eq!(chosen(&layout, tag("v1")).unwrap(), one.digest);
    let error = chosen(&layout, tag("v2")).unwrap_err().to_string();
    assert!(
        error.starts_with("there is no image `v2` in") && error.ends_with("only `v1`"),
        "{error}"
    );

    folder.add(two.clone(), None);
    let layout = folder.open();
    assert!(matches!(chosen(&layout, None), Err(OciError::Ambiguous { known, .. }) if known.len() == 2));
    assert_eq!(chosen(&layout, Some(Selector::Digest(two.digest))).unwrap(), two.digest);
    let config = layout
        .image(tag("v1").as_ref(), &amd64())
        .unwrap()
        .manifest()
        .config
        .digest;
    assert_eq!(chosen(&layout, Some(Selector::Digest(config))).unwrap(), one.digest);
    assert!(matches!(
        chosen(&layout, Some(Selector::Digest(Sha256::of(b"?")))),
        Err(OciError::NoImage { .. })
    ));

    folder.add(two.clone(), Some("latest"));
    assert_eq!(chosen(&folder.open(), None).unwrap(), two.digest);
    folder.index = vec![two.clone()];
    assert_eq!(
        chosen(&folder.open(), tag("any")).unwrap(),
        two.digest,
        "the only one, and without a name"
    );
    folder.index.clear();
    assert!(matches!(chosen(&folder.open(), None), Err(OciError::NoImage { .. })));
}

#[test]
fn nested_indexes_and_attestations_are_walked() {
    let mut folder = Folder::new();
    let (amd, arm) = (folder.image("linux/amd64", "amd"), folder.image("linux/arm/v7", "arm"));
    let mut attestation = folder.image("linux/amd64", "attestation");
    attestation.platform = Some(Platform::new("unknown", "unknown", ""));
    let inner = Index::new(vec![attestation, arm.clone(), amd.clone()]);
    let inner = folder.blob(media::OCI_INDEX, &inner.to_bytes());
    // Without media types, as some tools write them.
    let outer = folder.blob(
        "",
        Index {
            media_type: String::new(),
            ..Index::new(vec![inner])
        }
        .to_bytes()
        .as_slice(),
    );
    folder.add(outer, Some("latest"));
    let layout = folder.open();
    let pick = |platform: &str| layout.image(None, &platform.parse().unwrap());
    assert_eq!(pick("linux/amd64").unwrap().descriptor().digest, amd.digest);
    assert_eq!(
        pick("linux/arm64").unwrap().descriptor().digest,
        arm.digest,
        "it runs those too"
    );
    let error = pick("linux/s390x").unwrap_err().to_string();
    assert_eq!(
        error,
        "no image for `linux/s390x`, only for `linux/amd64`, `linux/arm/v7`"
    );
    assert_eq!(
        layout
            .image(Some(&Selector::Digest(arm.digest)), &amd64())
            .unwrap()
            .platform()
            .to_string(),
        "linux/arm/v7"
    );
    assert_eq!(validate(&layout).unwrap().wrong, [""; 0]);
}

#[test]
fn an_index_inside_itself_ends() {
    // Digests forbid a real circle, so a tower stands for it.
    let mut folder = Folder::new();
    let mut top = folder.image("linux/amd64", "deep");
    for _ in 0..20 {
        top = folder.blob(media::OCI_INDEX, &Index::new(vec![top]).to_bytes());
    }
    folder.add(top, Some("latest"));
    let layout = folder.open();
    assert!(matches!(layout.image(None, &amd64()), Err(OciError::TooDeep(_))));
    assert_eq!(validate(&layout).unwrap().wrong.len(), 1);
}

#[test]
fn layers_come_out_checked() {
    let mut folder = Folder::new();
    folder.add(folder.image("linux/amd64", "one"), None);
    let layout = folder.open();
    let image = layout.image(None, &amd64()).unwrap();
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(image.open_layer(0).unwrap())
        .read_to_end(&mut plain)
        .unwrap();
    assert!(plain.starts_with(b"onexxx"));
    assert_eq!(
        validate(&layout).unwrap(),
        Claims {
            manifests: 1,
            layers: 1,
            blobs: 3,
            wrong: vec![]
        }
    );

    let file = folder.file(&image.layers()[0]);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[12] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let error = image.open_layer(0).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("have the digest"), "{error}");
    assert_eq!(validate(&layout).unwrap().wrong.len(), 1);
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(
        image.open_layer(0),
        Err(OciError::Missing { what: "layer", .. })
    ));
}

#[test]
fn damaged_and_oversized_documents_are_refused() {
    let mut folder = Folder::new();
    let image = folder.image("linux/amd64", "one");
    folder.add(image.clone(), None);
    std::fs::write(folder.file(&image), b"{}").unwrap();
    assert!(matches!(
        folder.open().image(None, &amd64()),
        Err(OciError::Damaged { what: "manifest", .. })
    ));
    folder.index[0].size = u64::MAX;
    assert!(matches!(
        folder.open().image(None, &amd64()),
        Err(OciError::TooLarge { .. })
    ));
    std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0"}"#).unwrap();
    assert!(matches!(Layout::open(folder.path()), Err(OciError::NotALayout { .. })));
    std::fs::remove_file(folder.path().join("oci-layout")).unwrap();
    assert!(
        Layout::open(folder.path())
            .unwrap_err()
            .to_string()
            .ends_with("it has no `oci-layout`")
    );
    assert!(matches!(Layout::open(Path::new("/nowhere")), Err(OciError::Io { .. })));
}

#[test]
fn an_artifact_is_no_image() {
    let mut folder = Folder::new();
    let config = folder.blob("application/vnd.oci.empty.v1+json", b"{}");
    let manifest = Manifest::new(media::OCI_MANIFEST, config, vec![]);
    folder.add(folder.blob(media::OCI_MANIFEST, &manifest.to_bytes()), None);
    let error = folder.open().image(None, &amd64()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is not an image but `application/vnd.oci.empty.v1+json`")
    );
}

#[test]
fn a_tar_of_a_layout_is_read_in_place() {
    let mut folder = Folder::new();
    let image = folder.image("linux/amd64", "one");
    folder.add(image.clone(), Some("latest"));
    folder.open();
    let tars = tempfile::tempdir().unwrap();
    for (number, format) in ["gnu", "pax", "ustar", "v7"].iter().enumerate() {
        let tar = tars.path().join(format!("{number}.tar"));
        // Once with names as they are and once with `./` in front.
        let what: &[&str] = if number % 2 == 0 {
            &["."]
        } else {
            &["blobs", "index.json", "oci-layout"]
        };
        let done = Command::new("tar")
            .args(["--format", format, "-cf"])
            .arg(&tar)
            .arg("-C")
            .arg(folder.path())
            .args(what)
            .status()
            .unwrap();
        assert!(done.success());
        let layout = Layout::open(&tar).unwrap();
        assert_eq!(layout.image(None, &amd64()).unwrap().descriptor().digest, image.digest);
        assert_eq!(validate(&layout).unwrap().wrong, [""; 0]);
        let blob = layout.find_blob(&image.digest).unwrap().unwrap();
        assert_eq!(blob.size(), image.size);

        // Cut anywhere, it is an error or at least not valid, and never a panic.
        let whole = std::fs::read(&tar).unwrap();
        for cut in [0, 1, 511, 512, 600, 1024, 2000, whole.len() / 2] {
            let short = tars.path().join("short.tar");
            std::fs::write(&short, &whole[..cut]).unwrap();
            if let Ok(layout) = Layout::open(&short) {
                assert!(layout.image(None, &amd64()).is_err() || !validate(&layout).unwrap().wrong.is_empty());
            }
        }
    }
    let compressed = tars.path().join("x.tar.gz");
    std::fs::write(&compressed, [&[0x1f, 0x8b][..], &[0; 1000]].concat()).unwrap();
    assert!(
        Layout::open(&compressed)
            .unwrap_err()
            .to_string()
            .ends_with("it is compressed; unpack it first")
    );
}

#[test]
fn what_docker_save_wrote_is_an_image_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let layer = vec![0; 1024];
    let diff_id = DiffId::from_bytes(*Sha256::of(&layer).as_bytes());
    let config = ImageConfig {
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        rootfs: RootFs {
            diff_ids: vec![diff_id, diff_id],
            ..RootFs::default()
        },
        ..ImageConfig::default()
    };
    std::fs::create_dir_all(path("tree/one")).unwrap();
    std::fs::create_dir_all(path("tree/two")).unwrap();
    std::fs::write(path("tree/one/layer.tar"), &layer).unwrap();
    std::os::unix::fs::symlink("../one/layer.tar", path("tree/two/layer.tar")).unwrap();
    std::fs::write(path("tree/config.json"), config.to_bytes()).unwrap();
    let manifest =
        r#"[{"Config":"config.json","RepoTags":["app:v1","other/app:v2"],"Layers":["one/layer.tar","two/layer.tar"]}]"#;
    std::fs::write(path("tree/manifest.json"), manifest).unwrap();
    let done = Command::new("tar")
        .arg("-cf")
        .arg(path("saved.tar"))
        .arg("-C")
        .arg(path("tree"))
        .args(["config.json", "manifest.json", "one", "two"])
        .status()
        .unwrap();
    assert!(done.success());
    let layout = Layout::open(&path("saved.tar")).unwrap();
    let image = layout.image(tag("v2").as_ref(), &amd64()).unwrap();
    assert_eq!(image.config_bytes(), config.to_bytes());
    let mut read = Vec::new();
    image.open_layer(1).unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(read, layer);
    assert_eq!(
        layout
            .image(tag("docker.io/library/app:v1").as_ref(), &amd64())
            .unwrap()
            .layers()
            .len(),
        2
    );
    assert_eq!(validate(&layout).unwrap().wrong, [""; 0]);
}
