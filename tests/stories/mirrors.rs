//! Images that are asked for elsewhere than their names say.

use crate::network::server::{Answer, Server};
use crate::support::Workbench;
use crate::support::shelf::{Layer, Shelf};

/// A shelf with one image under a name, and the image's only layer.
fn shelf(name: &str) -> (Shelf, Layer) {
    let mut shelf = Shelf::default();
    let layer = Layer::gzip(&["f=content"]);
    let image = shelf.image(std::slice::from_ref(&layer));
    shelf.tag(name, &image);
    (shelf, layer)
}

fn read(bench: &Workbench, from: &str, words: &[&str]) -> String {
    bench.dockerfile(&format!("FROM {from} AS base\nFROM scratch\nCOPY --from=base /f /f\n"));
    bench.image(words).read("f").to_owned()
}

#[test]
fn a_mirror_gets_its_own_password_and_the_name_stays() {
    let (shelf, _) = shelf("proxy/library/base:v1");
    // `mirror:its`
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some("Basic bWlycm9yOml0cw==") => shelf.answer(asked),
        _ => Answer::new(401, "").header("WWW-Authenticate", "Basic realm=\"m\""),
    });
    let bench = Workbench::bare();
    let auth = |text: &str| format!(r#"{{"auth": "{text}"}}"#);
    let config = format!(
        r#"{{"auths": {{"https://index.docker.io/v1/": {}, "{}": {}}}}}"#,
        auth("b3JpZ2luOnNlY3JldA=="),
        server.host(),
        auth("bWlycm9yOml0cw==")
    );
    std::fs::create_dir_all(bench.path("home/.docker")).unwrap();
    std::fs::write(bench.path("home/.docker/config.json"), config).unwrap();
    let mirror = format!("--registry-mirror=docker.io={}/proxy", server.host());
    assert_eq!(read(&bench, "base:v1", &[&mirror]), "content");
    assert!(
        server
            .take_targets()
            .iter()
            .all(|it| it.contains(" /v2/proxy/library/base/"))
    );
    let listed = bench
        .varve(["images", "--format", "{{.Repository}}:{{.Tag}}"])
        .succeeds();
    assert_eq!(listed.stdout, "base:v1\n");
    bench.build(&["--pull=missing"]).all_reused();
    assert_eq!(server.take_targets().len(), 0);
    bench.build(&["--pull", &mirror]).all_reused();
    assert_eq!(server.take_targets().len(), 2, "a challenge, and one HEAD");
    let digest = bench
        .varve(["inspect", "-f", "{{index .RepoDigests 0}}", "base:v1"])
        .succeeds();
    assert!(digest.stdout.starts_with("base@sha256:"), "{}", digest.stdout);
}

#[test]
fn whoever_fails_is_passed_over() {
    let (good, layer) = shelf("real/team/base:v1");
    let mut liar = Shelf::default();
    // It has all the documents, and other bytes for the layer.
    let image = liar.image(std::slice::from_ref(&layer));
    liar.tag("lie/team/base:v1", &image);
    let wanted = crate::support::shelf::digest(&layer.packed);
    let bad = Layer::gzip(&["f=changed"]).packed;
    let liar = Server::new(move |asked| match asked.target.ends_with(&wanted) {
        true => Answer::ok(&bad[..]),
        false => liar.answer(asked),
    });
    let empty = Server::new(|_| Answer::new(404, ""));
    let closed = Server::new(|_| Answer::new(404, "")).host().to_owned();
    let (origin, _) = good.serve();
    let bench = Workbench::bare();
    let conf = |extra: &str| {
        format!(
            "[[registry]]\nprefix = \"origin.test/team\"\nlocation = \"{}/real/team\"\n{extra}\n\
             [[registry.mirror]]\nlocation = \"{closed}\"\n\
             [[registry.mirror]]\nlocation = \"{}/none/team\"\n\
             [[registry.mirror]]\nlocation = \"{}/lie/team\"\n",
            origin.host(),
            empty.host(),
            liar.host()
        )
    };
    std::fs::create_dir_all(bench.path("home/.config/containers")).unwrap();
    let file = bench.path("home/.config/containers/registries.conf");
    std::fs::write(&file, conf("")).unwrap();
    assert_eq!(read(&bench, "origin.test/team/base:v1", &[]), "content");
    let (lies, truth) = (liar.take_targets(), origin.take_targets());
    assert!(lies.iter().any(|it| it.contains("/manifests/v1")), "{lies:?}");
    assert_eq!(truth.len(), 1, "the layer alone: {truth:?}");
    assert_eq!(
        empty.take_targets(),
        ["GET /v2/none/team/base/manifests/v1"],
        "and never again"
    );

    // What is to be said when nobody has it.
    let gone = "origin.test/team/gone";
    bench.dockerfile(&format!("FROM {gone}\n"));
    let words = [closed.as_str(), empty.host(), "Dockerfile:1", gone, "manifest unknown"];
    bench.try_build(&[]).fails(1).says(words);
    std::fs::write(&file, conf("blocked = true")).unwrap();
    bench.try_build(&[]).fails(1).says(["blocked", "origin.test/team"]);
    let named = bench.path("own.conf");
    std::fs::write(&named, "[[registry]]\nlocation = \"no host\"\n").unwrap();
    let flag = format!("--registries-conf={}", named.display());
    bench.try_build(&[&flag]).fails(2).says(["own.conf", "`no host`"]);
}

#[test]
fn mirrors_may_serve_tags_or_digests_only() {
    let (content, _) = shelf("base:v1");
    let (tags, _) = content.clone().serve();
    let (digests, _) = content.clone().serve();
    let (origin, _) = content.serve();
    let bench = Workbench::bare();
    let conf = format!(
        "[[registry]]\nprefix = \"origin.test\"\nlocation = \"{}\"\nmirror = [\
         {{ location = \"{}\", pull-from-mirror = \"digest-only\" }},\
         {{ location = \"{}\", pull-from-mirror = \"tag-only\" }}]\n",
        origin.host(),
        digests.host(),
        tags.host()
    );
    let file = bench.path("own.conf");
    std::fs::write(&file, conf).unwrap();
    let flag = format!("--registries-conf={}", file.display());
    bench.varve(["pull", "-q", &flag, "origin.test/base:v1"]).succeeds();
    let asked = tags.take_targets();
    assert_eq!(asked[0], "GET /v2/base/manifests/v1");
    assert!(digests.take_targets().iter().all(|it| it.contains("/blobs/")));
    let digest = bench
        .varve(["inspect", "-f", "{{index .RepoDigests 0}}", "origin.test/base:v1"])
        .succeeds();
    let bench = Workbench::bare();
    bench.varve(["pull", "-q", &flag, digest.stdout.trim()]).succeeds();
    assert!(digests.take_targets()[0].contains("/manifests/sha256:"));
    assert_eq!(tags.take_targets().len(), 0);
    assert_eq!(origin.take_targets().len(), 0);
}

#[test]
fn what_is_pushed_goes_where_the_registry_is() {
    let registry = crate::support::Registry::start(crate::support::Guard::None);
    let bench = Workbench::with("FROM scratch\nCOPY f /f\n");
    bench.file("f", "pushed");
    let file = bench.path("own.conf");
    let conf = format!(
        "[[registry]]\nprefix = \"origin.test/team\"\nlocation = \"{}/deep/team\"\nmirror = [{{ location = \"127.0.0.1:1\" }}]\n",
        registry.host()
    );
    std::fs::write(&file, conf).unwrap();
    let flag = format!("--registries-conf={}", file.display());
    let run = bench.build(&["-t", "origin.test/team/app:v1", "--push", &flag]);
    assert!(run.stderr.contains("origin.test/team/app:v1@sha256:"), "{}", run.stderr);
    let name = format!("{}/deep/team/app:v1", registry.host());
    let other = Workbench::bare();
    assert_eq!(read(&other, &name, &[]), "pushed");
}
