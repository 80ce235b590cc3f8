//! Layers packed before their image is handed out.

use super::super::ahead::work;
use super::*;
use crate::layer::Compression;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

static OFF: AtomicBool = AtomicBool::new(false);

/// Several blocks that are neither all equal nor beyond compression.
fn large() -> What {
    let lines = (0..500_000).map(|number| format!("line {number}\n"));
    File("large", lines.collect::<String>().into_bytes())
}

/// Packs one layer and returns when that is done.
fn pack(bench: &Bench, content: ContentId, wanted: &[Compression], ends: &AtomicBool, cancelled: &AtomicBool) {
    let (sender, layers) = channel();
    sender.send(content).unwrap();
    drop(sender);
    work(&bench.store, wanted, &layers, ends, cancelled);
}

#[test]
fn a_layer_has_the_same_bytes_whenever_it_is_packed() {
    let mut archives = Vec::new();
    for early in [true, false] {
        let bench = Bench::new();
        let content = bench.delta(5, &[large()]);
        if early {
            pack(&bench, content, &[Compression::GZIP, Compression::ZSTD], &OFF, &OFF);
            let layer = bench.store.layer_of(&content).unwrap().unwrap();
            for compression in [Compression::GZIP, Compression::ZSTD] {
                let blob = bench.store.blob_of(&layer.diff_id, &compression.name()).unwrap();
                assert!(blob.is_some(), "{compression:?}");
            }
        }
        for compression in [Compression::GZIP, Compression::ZSTD] {
            let path = bench.path("out.tar");
            let options = Options {
                compression,
                ..named(&["app"])
            };
            let output = Output::Oci(Destination::Path(path.clone()));
            bench.export(&bench.image(&[content]), output, &options);
            archives.push(std::fs::read(path).unwrap());
        }
    }
    let (early, late) = archives.split_at(2);
    assert!(early == late);
}

#[test]
fn a_layer_that_needs_a_name_alone_is_not_compressed() {
    let bench = Bench::new();
    let content = bench.delta(5, &[large()]);
    pack(&bench, content, &[Compression::None], &OFF, &OFF);
    let layer = bench.store.layer_of(&content).unwrap().unwrap();
    let blob = bench.store.blob_of(&layer.diff_id, &Compression::GZIP.name()).unwrap();
    assert!(blob.is_none());
}

#[test]
fn what_is_no_longer_wanted_is_not_begun() {
    let bench = Bench::new();
    let content = bench.delta(5, &[large()]);
    let on = AtomicBool::new(true);
    pack(&bench, content, &[Compression::GZIP], &on, &OFF);
    pack(&bench, content, &[Compression::GZIP], &OFF, &on);
    assert!(bench.store.layer_of(&content).unwrap().is_none());
}

#[test]
fn small_layers_and_builds_without_an_image_start_no_thread() {
    let bench = Bench::new();
    let ahead = |wanted: &[Compression]| Ahead::new(&bench.store, wanted.to_vec(), Arc::default());
    let (small, large) = (bench.delta(5, &[file("small", "x")]), bench.delta(5, &[large()]));
    for (wanted, content, starts) in [
        (&[Compression::GZIP][..], small, false),
        (&[], large, false),
        (&[Compression::GZIP], large, true),
    ] {
        let ahead = ahead(wanted);
        ahead.layer(&content);
        assert_eq!(ahead.is_working(), starts);
        ahead.finish();
    }
}
