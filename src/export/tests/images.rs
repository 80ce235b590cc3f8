//! Layouts and the local store.

use super::*;
use crate::layer::Compression;
use crate::oci::media::{self, Family};
use crate::oci::{Layout, Platform, Selector, annotations, validate};
use std::io::Read;

fn open(path: &Path) -> Layout {
    let layout = Layout::open(path).unwrap();
    assert_eq!(validate(&layout).unwrap().wrong, [""; 0]);
    layout
}

fn amd64() -> Platform {
    Platform::new("linux", "amd64", "")
}

fn two_layers(bench: &Bench) -> Image {
    let low = bench.delta(5, &[Folder("bin"), file("bin/sh", "shell"), file("gone", "x")]);
    let high = bench.delta(5, &[Removed("gone"), file("new", &"y".repeat(3_000_000))]);
    bench.image(&[low, high])
}

#[test]
fn the_tar_has_the_form_of_buildkits() {
    let bench = Bench::new();
    let image = two_layers(&bench);
    let path = bench.path("deep/er/out.tar");
    let exported = bench.export(
        &image,
        Output::Oci(Destination::Path(path.clone())),
        &named(&["app:v1", "localhost:5000/team/app"]),
    );
    let layout = open(&path);
    let entries = &layout.index().manifests;
    let notes: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| {
            (
                &*entry.annotations[annotations::IMAGE_NAME],
                &*entry.annotations[annotations::REF_NAME],
            )
        })
        .collect();
    assert_eq!(
        notes,
        [
            ("docker.io/library/app:v1", "v1"),
            ("localhost:5000/team/app:latest", "latest")
        ]
    );
    assert_eq!(entries[0].annotations[annotations::CREATED], "2023-11-14T22:13:20Z");
    assert_eq!(entries[0].platform, Some(amd64()));
    assert_eq!(entries[0].media_type, media::OCI_MANIFEST);
    let source = layout.image(Some(&Selector::Tag("v1".to_owned())), &amd64()).unwrap();
    assert_eq!(Some(source.descriptor().digest), exported.manifest.map(|it| it.digest));
    assert_eq!(Some(&source.manifest().config), exported.config.as_ref());
    assert_eq!(
        source.config().history[2].created.as_deref(),
        Some("2020-09-13T12:26:40Z")
    );
    assert!(
        source
            .layers()
            .iter()
            .all(|layer| layer.media_type == media::OCI_LAYER_GZIP)
    );

    let bytes = std::fs::File::open(&path).unwrap();
    let mut archive = tar::Archive::new(bytes);
    let mut members = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(
            (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
            (0, 0, 0)
        );
        let wanted = if header.entry_type().is_dir() { 0o755 } else { 0o444 };
        assert_eq!(header.mode().unwrap(), wanted);
        members.push(String::from_utf8(header.path_bytes().to_vec()).unwrap());
    }
    assert_eq!(members[..2], ["blobs/", "blobs/sha256/"]);
    assert_eq!(members[members.len() - 2..], ["index.json", "oci-layout"]);
    assert!(members[2..members.len() - 2].is_sorted());
    assert_eq!(members.len(), 2 + 4 + 2);
}

#[test]
fn equal_images_give_equal_bytes() {
    let outputs: Vec<Vec<u8>> = (0..2)
        .map(|number| {
            let bench = Bench::new();
            let image = two_layers(&bench);
            if number == 1 {
                // What is known already changes nothing.
                let path = bench.path("first.tar");
                bench.export(&image, Output::Docker(Destination::Path(path)), &Options::default());
            }
            let mut bytes = Vec::new();
            bench.export(
                &image,
                Output::Oci(Destination::Stream(&mut bytes)),
                &Options::default(),
            );
            bytes
        })
        .collect();
    assert!(outputs[0] == outputs[1]);
}

#[test]
fn every_compression_keeps_the_image_id() {
    let bench = Bench::new();
    let image = two_layers(&bench);
    let id = image_id(&bench.store, &image, None, NEVER).unwrap();
    assert_eq!(
        names(&bench.store.path().join("blobs/sha256")),
        [""; 0],
        "nothing was written for it"
    );
    for (compression, media_type) in [
        (Compression::None, media::OCI_LAYER),
        (Compression::GZIP, media::OCI_LAYER_GZIP),
        (Compression::ZSTD, media::OCI_LAYER_ZSTD),
    ] {
        let options = Options {
            compression,
            ..Options::default()
        };
        let path = bench.path("out.tar");
        let exported = bench.export(&image, Output::Oci(Destination::Path(path.clone())), &options);
        assert_eq!(exported.config.unwrap().digest, id);
        let source = open(&path).image(None, &amd64()).unwrap();
        assert!(source.layers().iter().all(|layer| layer.media_type == media_type));
        let folder = bench.path(&compression.name());
        let again = bench.export(&image, Output::OciDirectory(folder.clone()), &options);
        assert_eq!(again.manifest, exported.manifest);
        open(&folder);
    }
    // Tars are written again rather than kept.
    assert_eq!(names(&bench.store.path().join("blobs/sha256")).len(), 4);
}

#[test]
fn a_layer_is_compressed_once() {
    let bench = Bench::new();
    let image = two_layers(&bench);
    let path = bench.path("out.tar");
    bench.export(
        &image,
        Output::Oci(Destination::Path(path.clone())),
        &Options::default(),
    );
    let first = std::fs::read(&path).unwrap();
    // Without its file the delta can't be packed any more, and does not have to be.
    let LayerSource::Delta(content) = &image.layers[1] else {
        unreachable!()
    };
    let delta = bench.store.delta(content).unwrap().unwrap();
    std::fs::remove_file(delta.tree().join("new")).unwrap();
    bench.export(
        &image,
        Output::Oci(Destination::Path(path.clone())),
        &Options::default(),
    );
    assert!(std::fs::read(&path).unwrap() == first);

    let LayerSource::Delta(content) = &image.layers[0] else {
        unreachable!()
    };
    let record = bench.store.layer_of(content).unwrap().unwrap();
    let (digest, _) = bench
        .store
        .blob_of(&record.diff_id, &Compression::GZIP.name())
        .unwrap()
        .unwrap();
    bench.store.discard_blob(&digest).unwrap();
    bench.export(
        &image,
        Output::Oci(Destination::Path(path.clone())),
        &Options::default(),
    );
    assert!(std::fs::read(&path).unwrap() == first, "a lost blob is made again");
}

#[test]
fn an_image_without_layers_is_fine() {
    let bench = Bench::new();
    let image = bench.image(&[]);
    let path = bench.path("out.tar");
    bench.export(
        &image,
        Output::Oci(Destination::Path(path.clone())),
        &Options::default(),
    );
    assert!(open(&path).image(None, &amd64()).unwrap().layers().is_empty());
}

#[test]
fn an_empty_layer_is_1024_zeros() {
    let bench = Bench::new();
    let image = bench.image(&[bench.delta(1, &[]), bench.delta(1, &[])]);
    let path = bench.path("out.tar");
    bench.export(
        &image,
        Output::Oci(Destination::Path(path.clone())),
        &Options::default(),
    );
    let source = open(&path).image(None, &amd64()).unwrap();
    let diff_ids = &source.config().rootfs.diff_ids;
    let empty = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    assert_eq!(
        diff_ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [empty, empty]
    );
}

#[test]
fn dockers_form_has_its_own_types_and_list() {
    let bench = Bench::new();
    let image = two_layers(&bench);
    let path = bench.path("out.tar");
    bench.export(
        &image,
        Output::Docker(Destination::Path(path.clone())),
        &named(&["app:v1"]),
    );
    let source = open(&path).image(None, &amd64()).unwrap();
    assert_eq!(source.manifest().media_type, media::DOCKER_MANIFEST);
    assert_eq!(source.manifest().config.media_type, media::DOCKER_CONFIG);
    assert!(
        source
            .layers()
            .iter()
            .all(|layer| layer.media_type == media::DOCKER_LAYER_GZIP)
    );
    let mut archive = tar::Archive::new(std::fs::File::open(&path).unwrap());
    let mut list = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if &*entry.path_bytes() == b"manifest.json" {
            entry.read_to_string(&mut list).unwrap();
        }
    }
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["RepoTags"], serde_json::json!(["app:v1"]));
    assert_eq!(
        list[0]["Config"],
        format!("blobs/sha256/{}", source.manifest().config.digest.hex())
    );
    assert_eq!(list[0]["Layers"].as_array().unwrap().len(), 2);

    // Docker's types have no word for zstd.
    let options = Options {
        compression: Compression::ZSTD,
        family: Some(Family::Docker),
        ..Options::default()
    };
    bench.export(&image, Output::Docker(Destination::Path(path.clone())), &options);
    let source = open(&path).image(None, &amd64()).unwrap();
    assert_eq!(source.manifest().media_type, media::OCI_MANIFEST);
    assert_eq!(source.layers()[0].media_type, media::OCI_LAYER_ZSTD);
}

#[test]
fn a_base_layer_is_handed_on_as_it_came_unless_forced() {
    let bench = Bench::new();
    let base = bench.image(&[bench.delta(1, &[file("base", &"b".repeat(100_000))])]);
    let base_path = bench.path("base.tar");
    bench.export(
        &base,
        Output::Oci(Destination::Path(base_path.clone())),
        &Options::default(),
    );
    let base = open(&base_path).image(None, &amd64()).unwrap();

    let other = Bench::new();
    let own = other.delta(1, &[file("own", "o")]);
    let mut image = other.image(&[own]);
    image.config = base.config().clone();
    let (diff_id, descriptor) = (base.config().rootfs.diff_ids[0], Box::new(base.layers()[0].clone()));
    let mut blob = other.store.blob_writer().unwrap();
    std::io::copy(&mut base.open_layer(0).unwrap(), &mut blob).unwrap();
    for place in [LayerPlace::Layout(base.layout().clone()), LayerPlace::Store] {
        if matches!(place, LayerPlace::Store) {
            let mut blob = other.store.blob_writer().unwrap();
            std::io::copy(&mut base.open_layer(0).unwrap(), &mut blob).unwrap();
            blob.finish_expecting(&descriptor.digest, descriptor.size).unwrap();
        }
        let mut image = image.clone();
        image.layers.insert(
            0,
            LayerSource::Blob {
                diff_id,
                descriptor: descriptor.clone(),
                place,
            },
        );
        let out = other.path("out.tar");
        let zstd = |force_compression| Options {
            compression: Compression::ZSTD,
            force_compression,
            ..Options::default()
        };
        other.export(&image, Output::Oci(Destination::Path(out.clone())), &zstd(false));
        let source = open(&out).image(None, &amd64()).unwrap();
        assert_eq!(source.layers()[0].digest, descriptor.digest);
        assert_eq!(source.layers()[1].media_type, media::OCI_LAYER_ZSTD);
        assert_eq!(source.config().history.len(), 2 + 2);
        other.export(&image, Output::Oci(Destination::Path(out.clone())), &zstd(true));
        let source = open(&out).image(None, &amd64()).unwrap();
        assert_eq!(source.layers()[0].media_type, media::OCI_LAYER_ZSTD);
        assert_eq!(source.config().rootfs.diff_ids[0], diff_id);
        other.export(&image, Output::Image, &Options::default());
        assert!(
            other.store.has_blob(&descriptor.digest).unwrap(),
            "the store does not depend on a layout"
        );
    }
    let far = crate::store::Retention {
        used_since: Some(at(i64::MAX / 2_000_000_000)),
        most_bytes: None,
    };
    other.store.prune(&far).unwrap();
    assert!(other.store.has_blob(&descriptor.digest).unwrap(), "the image needs it");
    drop(blob);
    image.layers.insert(
        0,
        LayerSource::Blob {
            diff_id,
            descriptor: Box::new(crate::oci::Descriptor::of(media::OCI_LAYER, b"missing")),
            place: LayerPlace::Store,
        },
    );
    let out = Output::Oci(Destination::Path(other.path("none.tar")));
    assert!(export(&other.store, &[Member::plain(&image)], out, &Options::default(), NEVER).is_err());
    assert!(!other.path("none.tar").exists());
}

#[test]
fn a_directory_collects_images() {
    let bench = Bench::new();
    let (one, two) = (two_layers(&bench), bench.image(&[bench.delta(1, &[file("f", "f")])]));
    let path = bench.path("layout");
    let put = |image: &Image, names: &[&str]| {
        bench
            .export(image, Output::OciDirectory(path.clone()), &named(names))
            .manifest
            .unwrap()
            .digest
    };
    let tagged = |tag: &str| {
        open(&path)
            .image(Some(&Selector::Tag(tag.to_owned())), &amd64())
            .map(|it| it.descriptor().digest)
    };
    let first = put(&one, &["app:v1", "app:latest"]);
    let second = put(&two, &["app:latest"]);
    assert_eq!((tagged("v1").unwrap(), tagged("latest").unwrap()), (first, second));
    put(&one, &[]);
    put(&two, &[]);
    assert_eq!(open(&path).index().manifests.len(), 3);
    assert_eq!(names(&path), ["blobs", "index.json", "oci-layout"]);
    std::fs::write(bench.path("file"), "").unwrap();
    let out = Output::OciDirectory(bench.path("file"));
    let error = export(&bench.store, &[Member::plain(&one)], out, &Options::default(), NEVER).unwrap_err();
    assert!(matches!(error, ExportError::NotADirectory(_)), "{error:?}");
}

#[test]
fn names_go_to_the_local_store() {
    let bench = Bench::new();
    let image = two_layers(&bench);
    let app = [Reference::parse("app").unwrap()];
    let id = tag(&bench.store, &image, &app, None, NEVER).unwrap();
    let record = bench
        .store
        .image_named("docker.io/library/app:latest")
        .unwrap()
        .unwrap();
    assert_eq!((record.id, record.layers.len()), (id, 2));
    assert!(record.size > 3_000_000);
    let config = ImageConfig::from_bytes(&bench.store.read_blob(&id, 1 << 20).unwrap()).unwrap();
    assert_eq!(config.rootfs.diff_ids.len(), 2);
    let out = bench.path("out.tar");
    let exported = bench.export(&image, Output::Docker(Destination::Path(out)), &Options::default());
    assert_eq!(exported.config.unwrap().digest, id, "the same image everywhere");
}

#[test]
fn an_epoch_makes_builds_at_different_times_equal() {
    let ids: Vec<_> = [10, 20]
        .into_iter()
        .map(|late| {
            let bench = Bench::new();
            let mut image = bench.image(&[
                bench.delta(900, &[file("old", "o")]),
                bench.delta(1_500_000_000 + late, &[Folder("d"), file("d/new", "n")]),
            ]);
            image.created = at(1_700_000_000 + late);
            image.history[1].layer = Some(at(1_700_000_000 + late));
            let options = Options {
                epoch: Some(Epoch::new(1_000, true)),
                ..Options::default()
            };
            let out = bench.path("out.tar");
            let exported = bench.export(&image, Output::Oci(Destination::Path(out.clone())), &options);
            let source = open(&out).image(None, &amd64()).unwrap();
            assert_eq!(source.config().created.as_deref(), Some("1970-01-01T00:16:40Z"));
            let LayerSource::Delta(old) = &image.layers[0] else {
                unreachable!()
            };
            let plain = bench.store.layer_of(old).unwrap().unwrap();
            assert_eq!(
                source.config().rootfs.diff_ids[0],
                plain.diff_id,
                "early files are left alone"
            );
            let again = bench.export(&image, Output::Oci(Destination::Path(out)), &options);
            assert_eq!(exported, again);
            let plain = image_id(&bench.store, &image, Some(Epoch::new(1_000, false)), NEVER).unwrap();
            assert_ne!(
                plain,
                exported.config.as_ref().unwrap().digest,
                "files keep their times unless asked"
            );
            exported.manifest.unwrap().digest
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_cancelled_or_failed_export_leaves_what_was_there() {
    let bench = Bench::new();
    let image = two_layers(&bench);
    let path = bench.path("out.tar");
    std::fs::write(&path, "before").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).unwrap();
    let output = || Output::Oci(Destination::Path(path.clone()));
    let error = export(
        &bench.store,
        &[Member::plain(&image)],
        output(),
        &Options::default(),
        &|| true,
    )
    .unwrap_err();
    assert!(matches!(error, ExportError::Cancelled), "{error:?}");
    assert_eq!(read(&path), "before");
    assert_eq!(names(bench.folder.path()), ["out.tar", "store"]);
    assert_eq!(names(&bench.store.path().join("tmp")), [""; 0]);

    symlink("out.tar", bench.path("link")).unwrap();
    bench.export(
        &image,
        Output::Oci(Destination::Path(bench.path("link"))),
        &Options::default(),
    );
    assert!(bench.path("link").is_symlink() && mode(&path) == 0o604);
    open(&path);
    let into = Output::Oci(Destination::Path(bench.folder.path().to_owned()));
    let error = export(&bench.store, &[Member::plain(&image)], into, &Options::default(), NEVER).unwrap_err();
    assert!(matches!(error, ExportError::IsDirectory(_)));
}

#[test]
fn a_pipe_is_written_to_as_it_is() {
    let bench = Bench::new();
    let image = two_layers(&bench);
    let pipe = bench.path("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read(pipe).unwrap()
    });
    bench.export(&image, Output::Oci(Destination::Path(pipe)), &Options::default());
    let mut direct = Vec::new();
    bench.export(
        &image,
        Output::Oci(Destination::Stream(&mut direct)),
        &Options::default(),
    );
    assert!(reader.join().unwrap() == direct);
}
