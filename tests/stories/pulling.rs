//! Base images of every form, and how often their registry is asked.

use crate::support::Workbench;
use crate::support::shelf::{DOCKER, DOCKER_LIST, Layer, OCI_INDEX, Shelf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Requests for layers, manifests and the like, without what was answered.
fn counted(asked: &[String], what: &str) -> usize {
    asked.iter().filter(|it| it.contains(what)).count()
}

/// Copies that need every file of a base.
fn copying(bench: &Workbench, name: &str) -> crate::support::Image {
    bench.dockerfile(&format!("FROM {name} AS base\nFROM scratch\nCOPY --from=base / /\n"));
    bench.image(&[])
}

#[test]
fn layers_of_every_form_are_unpacked_side_by_side() {
    let mut shelf = Shelf::default();
    let layers = [
        Layer::gzip(&[
            "usr/",
            "usr/lib/",
            "usr/lib/one=1",
            "lib -> usr/lib",
            "gone/",
            "gone/x=x",
            "opaque/",
            "opaque/x=x",
        ]),
        Layer::zstd(&["etc/", "etc/two=2"]),
        // Its directories are described below only, one by a link.
        Layer::plain(&["lib/three=3", "gone/.wh.x=", "etc/.wh.none="]),
        Layer::gzip(&[
            "usr/",
            "usr/lib/",
            "usr/lib/four=4",
            "opaque/",
            "opaque/.wh..wh..opq=",
            "opaque/y=y",
        ]),
        Layer::gzip(&["usr/lib/five=5"]).of_type("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
        Layer::zstd(&["six=6"]),
    ];
    let image = shelf.image(&layers);
    let inner = shelf.index(OCI_INDEX, &[image]);
    let outer = shelf.index(OCI_INDEX, &[inner]);
    shelf.tag("base:v1", &outer);
    let forms = [
        "docker.image.rootfs.diff.tar.gzip",
        "docker.image.rootfs.foreign.diff.tar.gzip",
    ]
    .map(|form| &*format!("application/vnd.{form}").leak());
    let docker = [
        Layer::gzip(&["one=1"]).of_type(forms[0]),
        Layer::gzip(&["two=2"]).of_type(forms[1]),
    ];
    let docker = shelf.image_of(DOCKER, &docker);
    let docker = shelf.index(DOCKER_LIST, &[docker]);
    shelf.tag("docker:latest", &docker);
    let (server, _) = shelf.serve();
    let bench = Workbench::bare();
    let image = copying(&bench, &format!("{}/base:v1", server.host()));
    let files = ["one", "three", "four", "five"].map(|name| format!("usr/lib/{name}"));
    assert_eq!(files.map(|file| image.read(&file).to_owned()), ["1", "3", "4", "5"]);
    assert_eq!(
        (
            image.read("etc/two"),
            image.read("six"),
            image.node("lib").target.as_str()
        ),
        ("2", "6", "usr/lib")
    );
    assert!(image.has("gone") && !image.has("gone/x") && image.has("opaque/y") && !image.has("opaque/x"));
    let asked = server.take_targets();
    assert_eq!(
        (counted(&asked, "/blobs/"), counted(&asked, "/manifests/")),
        (7, 3),
        "{asked:?}"
    );
    let image = copying(&bench, &format!("{}/docker", server.host()));
    assert_eq!((image.read("one"), image.read("two")), ("1", "2"));
}

#[test]
fn manifests_of_the_first_schema_are_refused() {
    let mut shelf = Shelf::default();
    for (tag, media_type) in [
        ("old:1", "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        ("old:2", "application/json"),
    ] {
        let old = shelf.put(
            media_type,
            format!(r#"{{"schemaVersion": 1, "name": "{tag}", "fsLayers": []}}"#).as_bytes(),
        );
        shelf.tag(tag, &old);
    }
    let (server, _) = shelf.serve();
    for tag in ["1", "2"] {
        let bench = Workbench::bare();
        bench.dockerfile(&format!("FROM {}/old:{tag}\nRUN true\n", server.host()));
        bench.try_build(&[]).fails(1).says(["Dockerfile:1", "schema version 1"]);
    }
}

#[test]
fn a_layer_that_is_not_what_it_should_be_leaves_nothing() {
    let good = Layer::gzip(&["one=1"]);
    let liar = Layer {
        packed: Layer::gzip(&["one=2"]).packed,
        ..good.clone()
    };
    let mut shelf = Shelf::default();
    let image = shelf.image(&[Layer::gzip(&["zero=0"]), liar, Layer::gzip(&["two=2"])]);
    shelf.tag("base:v1", &image);
    let image = shelf.image(&[Layer::gzip(&["zero=0"]), good, Layer::gzip(&["two=2"])]);
    shelf.tag("base:v2", &image);
    let (server, _) = shelf.serve();
    let bench = Workbench::bare();
    bench.dockerfile(&format!(
        "FROM {0}/base:v1\nCOPY --from={0}/base:v1 /one /other\n",
        server.host()
    ));
    bench
        .try_build(&["-o", "type=cacheonly"])
        .fails(1)
        .says(["base:v1", "layer 2"]);
    // Fetched without a look at its files, it must not become the layer of others either.
    let name = format!("{}/base:v1", server.host());
    bench.varve(["pull", &name]).fails(1).says(["layer 2"]);
    let image = copying(&bench, &format!("{}/base:v2", server.host()));
    assert_eq!(
        (image.read("zero"), image.read("one"), image.read("two")),
        ("0", "1", "2")
    );
}

#[test]
fn a_name_is_resolved_once_though_it_moves() {
    let mut shelf = Shelf::default();
    let (old, new) = (
        shelf.image(&[Layer::gzip(&["f=old"])]),
        shelf.image(&[Layer::gzip(&["f=new"])]),
    );
    shelf.tag("base:v1", &old);
    let moves = Arc::new(AtomicUsize::new(0));
    let shelf = Arc::new(Mutex::new(shelf));
    let (theirs, their_moves) = (Arc::clone(&shelf), Arc::clone(&moves));
    let server = crate::network::server::Server::new(move |asked| {
        let mut shelf = theirs.lock().unwrap();
        let answer = shelf.answer(asked);
        // Whoever asks twice for the name gets different answers.
        if asked.target.ends_with("/manifests/v1") && their_moves.fetch_add(1, Ordering::SeqCst) == 0 {
            shelf.tag("base:v1", &new);
        }
        answer
    });
    let bench = Workbench::bare();
    let name = format!("{}/base:v1", server.host());
    bench.dockerfile(&format!(
        "FROM {name} AS a\nFROM {name} AS b\nCOPY --from=a /f /a\nFROM {name}\nCOPY --from=b /a /a\nCOPY --from={name} /f /b\n"
    ));
    let image = bench.image(&["--pull"]);
    assert_eq!([image.read("a"), image.read("b"), image.read("f")], ["old"; 3]);
    let asked = server.take_targets();
    assert_eq!(counted(&asked, "/manifests/v1"), 1, "{asked:?}");
    assert_eq!(counted(&asked, "/blobs/"), 2, "{asked:?}");
    // Now it has moved; a build that may not look does not know.
    assert_eq!(bench.image(&[]).read("b"), "old");
    assert_eq!(server.take_targets().len(), 0);
    assert_eq!(bench.image(&["--pull"]).read("b"), "new");
    let asked = server.take_targets();
    assert_eq!(counted(&asked, "HEAD"), 1, "{asked:?}");
    bench.build(&["--pull"]).all_reused();
    assert_eq!(server.take_targets(), ["HEAD /v2/base/manifests/v1"]);
}
