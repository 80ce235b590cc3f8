//! Several images as one: indexes, what speaks of images, and what the store keeps of them.

use super::*;
use crate::oci::media::{self, Family};
use crate::oci::{Descriptor, Index, Layout, Manifest, Platform, Selector, annotations, validate};
use std::collections::BTreeMap;

fn two(bench: &Bench) -> [Image; 2] {
    let shared = [Folder("bin"), file("bin/sh", "shell"), Link("bin/ta", "bin/sh")];
    let shared = bench.delta(5, &shared);
    ["amd64", "arm64"].map(|architecture| {
        let own = bench.delta(5, &[file("for", architecture)]);
        let mut image = bench.image(&[shared, own]);
        image.config.architecture = architecture.to_owned();
        image
    })
}

fn attestation(subject: &Subject<'_>) -> Result<Vec<Attestation>, ExportError> {
    let statement = format!("says of {}", subject.descriptor.digest).into_bytes();
    let config = b"{}".to_vec();
    let layer = Descriptor::of("application/vnd.in-toto+json", &statement);
    let config_of = Descriptor::of(media::OCI_CONFIG, &config);
    Ok(vec![Attestation {
        manifest: Manifest::new(media::OCI_MANIFEST, config_of.clone(), vec![layer.clone()]),
        blobs: vec![(config_of, config), (layer, statement)],
    }])
}

fn index_of(layout: &Layout) -> Index {
    let top = &layout.index().manifests[0];
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut layout.open_blob("index", top).unwrap(), &mut bytes).unwrap();
    Index::from_bytes(&bytes).unwrap()
}

#[test]
fn several_images_are_an_index() {
    let bench = Bench::new();
    let images = two(&bench);
    let mut members = images.each_ref().map(Member::plain);
    members[1]
        .annotations
        .manifest
        .insert("on".to_owned(), "arm".to_owned());
    members[1]
        .annotations
        .descriptor
        .insert("by".to_owned(), "arm".to_owned());
    members[0].attest = Some(&attestation);
    let mut options = named(&["app:v1"]);
    options.index.index = BTreeMap::from([("i".to_owned(), "in".to_owned())]);
    options.index.descriptor = BTreeMap::from([("d".to_owned(), "beside".to_owned())]);
    let path = bench.path("out.tar");
    let out = Output::Oci(Destination::Path(path.clone()));
    let exported = export(&bench.store, &members, out, &options, NEVER).unwrap();
    assert_eq!(exported.config, None, "several images have no ID");

    validate(&Layout::open(&path).unwrap()).unwrap();
    let layout = Layout::open(&path).unwrap();
    let [top] = &layout.index().manifests[..] else { panic!() };
    assert_eq!(top.digest, exported.manifest.unwrap().digest);
    assert_eq!(top.media_type, media::OCI_INDEX);
    assert_eq!((&*top.annotations["d"], top.platform.as_ref()), ("beside", None));
    assert_eq!(top.annotations[annotations::REF_NAME], "v1");
    let index = index_of(&layout);
    assert_eq!(index.annotations["i"], "in");
    let told: Vec<_> = index
        .manifests
        .iter()
        .map(|it| it.platform.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(told, ["linux/amd64", "linux/arm64", "unknown/unknown"]);
    assert_eq!(index.manifests[1].annotations["by"], "arm");
    assert_eq!(
        index.manifests[2].annotations[annotations::REFERENCE_DIGEST],
        index.manifests[0].digest.to_string()
    );
    for (name, platform) in [("amd64", "linux/amd64"), ("arm64", "linux/arm64")] {
        let platform = Platform::parse(platform, &Platform::host()).unwrap();
        let chosen = layout.image(Some(&Selector::Tag("v1".to_owned())), &platform).unwrap();
        assert_eq!(chosen.config().architecture, name);
        assert_eq!(chosen.manifest().annotations.contains_key("on"), name == "arm64");
    }
}

#[test]
fn one_image_gets_an_index_only_for_a_reason() {
    let bench = Bench::new();
    let [image, _] = two(&bench);
    let out = || Output::OciDirectory(bench.path("out"));
    let silent: &Attest<'_> = &|_: &Subject<'_>| Ok(Vec::new());
    let plain = bench.export(&image, out(), &Options::default());
    let attested = |attest| {
        let member = Member {
            attest: Some(attest),
            ..Member::plain(&image)
        };
        export(&bench.store, &[member], out(), &Options::default(), NEVER).unwrap()
    };
    assert_eq!(attested(silent), plain, "nothing was said");
    let spoken = attested(&attestation);
    assert_eq!(spoken.config, plain.config, "one image has one ID");
    assert_eq!(spoken.manifest.unwrap().media_type, media::OCI_INDEX);
    assert_eq!(spoken.listed[0].digest, plain.manifest.as_ref().unwrap().digest);
    let asked = Options {
        always_index: true,
        family: Some(Family::Docker),
        ..Options::default()
    };
    let listed = bench.export(&image, out(), &asked);
    assert_eq!(listed.manifest.unwrap().media_type, media::DOCKER_INDEX);
    let docker = Output::Docker(Destination::Path(bench.path("docker.tar")));
    let refused = export(&bench.store, &[Member::plain(&image)], docker, &asked, NEVER);
    assert!(matches!(refused, Err(ExportError::NoIndex)));
}

#[test]
fn the_store_keeps_what_was_built() {
    let bench = Bench::new();
    let images = two(&bench);
    let mut members = images.each_ref().map(Member::plain);
    members[0].attest = Some(&attestation);
    let name = "docker.io/library/app:latest";
    let exported = export(&bench.store, &members, Output::Image, &named(&["app"]), NEVER).unwrap();
    let top = bench.store.top_of(name).unwrap().unwrap();
    assert_eq!(top.digest, exported.manifest.as_ref().unwrap().digest);
    assert_eq!(top.images.len(), 2);
    for digest in &top.blobs {
        assert!(bench.store.has_blob(digest).unwrap(), "{digest}");
    }

    // Nothing of it is lost in a prune as long as it has a name, and then all.
    let prune = || bench.store.prune(&crate::store::Retention::default()).unwrap();
    prune();
    assert!(top.blobs.iter().all(|digest| bench.store.has_blob(digest).unwrap()));
    bench.store.remove_name(name).unwrap();
    let gone = bench.store.write(|records| records.remove_unnamed_tops()).unwrap();
    assert_eq!(gone.len(), 3, "the index and its images");
    prune();
    assert!(!top.blobs.iter().any(|digest| bench.store.has_blob(digest).unwrap()));
}

#[test]
fn an_image_with_notes_keeps_them_in_the_store() {
    let bench = Bench::new();
    let [image, _] = two(&bench);
    let mut member = Member::plain(&image);
    let note = |to: &mut Member<'_>, text: &str| {
        to.annotations.manifest.insert("k".to_owned(), text.to_owned());
    };
    let keep = |member: &Member<'_>, name: &str| {
        let kept = export(
            &bench.store,
            std::slice::from_ref(member),
            Output::Image,
            &named(&[name]),
            NEVER,
        );
        kept.unwrap().config.unwrap().digest
    };
    let plain = keep(&member, "plain");
    note(&mut member, "one");
    let one = keep(&member, "one");
    note(&mut member, "two");
    assert_eq!(
        (one, keep(&member, "two")),
        (plain, plain),
        "notes are no part of the ID"
    );
    let said = |name: &str| {
        let top = bench
            .store
            .top_of(&format!("docker.io/library/{name}:latest"))
            .unwrap()?;
        let bytes = bench.store.read_blob(&top.digest, 1 << 20).unwrap();
        Some(Manifest::from_bytes(&bytes).unwrap().annotations["k"].clone())
    };
    assert_eq!(
        [said("plain"), said("one"), said("two")],
        [None, Some("one".into()), Some("two".into())]
    );
}

#[test]
fn files_of_several_platforms_get_folders() {
    let bench = Bench::new();
    let images = two(&bench);
    let members = images.each_ref().map(Member::plain);
    let write = |split, name: &str| {
        let options = Options {
            split,
            ..Options::default()
        };
        let out = Output::Local {
            path: bench.path(name),
            ownership: false,
        };
        export(&bench.store, &members, out, &options, NEVER)
    };
    write(None, "out").unwrap();
    assert_eq!(names(&bench.path("out")), ["linux_amd64", "linux_arm64"]);
    assert_eq!(read(&bench.path("out/linux_arm64/for")), "arm64");
    assert_eq!(read(&bench.path("out/linux_arm64/bin/ta")), "shell");
    assert!(matches!(write(Some(false), "all"), Err(ExportError::SamePath(path)) if path == "bin/sh"));
    let options = Options {
        split: Some(true),
        ..Options::default()
    };
    let path = bench.path("one");
    bench.export(
        &images[0],
        Output::Local {
            path: path.clone(),
            ownership: false,
        },
        &options,
    );
    assert_eq!(names(&path), ["linux_amd64"]);
}
