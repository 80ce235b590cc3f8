//! ADD from a web server, and base images from a registry; both are servers of the test's own.

use crate::support::{Run, Running, Workbench, base};
use server::{Answer, Asked, Server};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

#[path = "../../src/http/tests/server.rs"]
pub mod server;

const THEN: &str = "Fri, 13 Feb 2009 23:31:30 GMT";
const LATER: &str = "Mon, 16 Feb 2009 00:00:00 GMT";
/// `printf hello | sha256sum`
const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A page that knows its entity tag, and can be changed.
fn page() -> (Server, Arc<Mutex<(String, String)>>) {
    let page = Arc::new(Mutex::new(("hello".to_owned(), "\"1\"".to_owned())));
    let theirs = Arc::clone(&page);
    let server = Server::new(move |asked| {
        let (body, tag) = theirs.lock().unwrap().clone();
        let answer = match asked.header("if-none-match") == Some(tag.as_str()) {
            true => Answer::new(304, ""),
            false => Answer::ok(body),
        };
        answer
            .header("ETag", tag)
            .header("Last-Modified", THEN)
            .header("Date", LATER)
    });
    (server, page)
}

#[test]
fn a_page_becomes_a_file() {
    let (server, _) = page();
    let bench = Workbench::new();
    let url = server.url("/dir/a%20b.txt?token=secretive#x");
    let image = bench.image_of(&format!(
        "FROM scratch\nADD {url} /one\nADD --chmod=644 --chown=3:4 {url} /two/\nADD {} /three/\n",
        server.url("/")
    ));
    let one = image.node("one");
    assert_eq!((one.mode, one.uid, one.gid, one.mtime), (0o600, 0, 0, 1_234_567_890));
    let two = image.node("two/a b.txt");
    assert_eq!((two.mode, two.uid, two.gid, two.text()), (0o644, 3, 4, "hello"));
    assert_eq!(image.read("three/__unnamed__"), "hello");
    let asked = server.take_targets();
    assert_eq!(
        asked.len(),
        2,
        "each page once, whatever the number of steps: {asked:?}"
    );
}

#[test]
fn a_page_is_asked_for_again_and_read_only_when_it_changed() {
    let (server, page) = page();
    let bench = Workbench::with(&format!("FROM scratch\nADD {} /f\n", server.url("/f")));
    bench.build(&[]);
    bench.build(&[]).all_reused();
    let log = server.log();
    assert_eq!(log.len(), 2);
    assert_eq!(log[1].header("if-none-match"), Some("\"1\""));
    assert_eq!(log[1].header("if-modified-since"), Some(THEN));

    *page.lock().unwrap() = ("hello".to_owned(), "\"2\"".to_owned());
    bench.build(&[]).all_reused();
    *page.lock().unwrap() = ("other".to_owned(), "\"3\"".to_owned());
    bench.build(&[]).only_built(&["ADD"]);
    *page.lock().unwrap() = ("hello".to_owned(), "\"4\"".to_owned());
    bench.build(&[]).all_reused();
}

#[test]
fn what_a_checksum_promises_is_not_asked_for_again() {
    let (server, page) = page();
    let url = server.url("/f");
    let bench = Workbench::with(&format!("FROM scratch\nADD --checksum={HELLO} {url} /f\n"));
    bench.build(&[]);
    assert_eq!(server.take_targets().len(), 1);
    *page.lock().unwrap() = ("other".to_owned(), "\"2\"".to_owned());
    bench.build(&[]).all_reused();
    bench.build(&["--no-cache"]);
    bench.dockerfile(&format!("FROM scratch\nADD --checksum={HELLO} {url}?mirror /g\n"));
    bench.build(&[]);
    assert_eq!(server.take_targets().len(), 0);

    let wrong = HELLO.replace("2cf2", "2cf3");
    bench.dockerfile(&format!("FROM scratch\nADD --checksum={wrong} {url}?x=hidden /f\n"));
    let run = bench.try_build(&[]).fails(1);
    run.says(["checksum", &wrong, "f?x=…"]).never_says(["panicked"]);
    let long = "sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca7\
                2323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043";
    *page.lock().unwrap() = ("hello".to_owned(), "\"3\"".to_owned());
    bench.dockerfile(&format!("FROM scratch\nADD --checksum={long} {url}?y /f\n"));
    bench.build(&[]);
}

#[test]
fn archives_are_unpacked_on_request_only() {
    let tar = {
        let bench = Workbench::new();
        let out = bench.text("work/out.tar");
        bench.dockerfile("FROM scratch\nCOPY f /in/f\n");
        bench.file("f", "inside");
        bench.build(&["-o", &format!("type=tar,dest={out}")]);
        std::fs::read(out).unwrap()
    };
    let theirs = tar.clone();
    let server = Server::new(move |_| Answer::ok(theirs.clone()));
    let url = server.url("/a.tar");
    let bench = Workbench::new();
    let image = bench.image_of(&format!("FROM scratch\nADD {url} /x/\nADD --unpack=true {url} /y/\n"));
    assert_eq!(image.node("x/a.tar").content, tar);
    assert_eq!(image.read("y/in/f"), "inside");
}

#[test]
fn secrets_open_doors_and_leave_no_trace() {
    let server = Server::new(|asked| match asked.header("authorization") {
        Some("Bearer q7-token-q7") => Answer::ok("in"),
        _ => Answer::new(401, "who"),
    });
    let bench = Workbench::with(&format!("FROM scratch\nADD {} /f\n", server.url("/f?sig=q7-query-q7")));
    let run = bench.try_build(&[]).fails(1);
    run.says(["401", "Unauthorized", "f?sig=…"]);
    let bench = bench.variable("TOKEN", "q7-token-q7\n");
    let secret = format!("id=HTTP_AUTH_TOKEN_{},env=TOKEN", server.host());
    bench.build(&["--secret", &secret, "-t", "app"]);
    assert_eq!(bench.holds("store", b"q7-token-q7"), None);
}

#[test]
fn a_download_can_be_interrupted() {
    let server = Server::new(|_| Answer::ok(vec![0; 1000]).hang(10));
    let bench = Workbench::with(&format!("FROM scratch\nADD {} /f\n", server.url("/f")));
    let run = Running::start(bench.build_command(&[]));
    run.wait_for("the request", || !server.log().is_empty());
    run.signal("INT");
    run.end().fails(130).never_says(["panicked", "error"]);
    assert_eq!(std::fs::read_dir(bench.store().join("tmp")).unwrap().count(), 0);
}

/// A registry with the tests' base image, under any name.
struct Registry {
    server: Server,
    /// Answers 503 or nothing this often before any good answer.
    troubles: Arc<AtomicUsize>,
}

impl Registry {
    fn new() -> Self {
        let members = crate::support::Image::of_tar(&std::fs::read(base()).unwrap()).members;
        let index: serde_json::Value = serde_json::from_slice(&members["index.json"]).unwrap();
        let top = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
        let troubles = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&troubles);
        let server = Server::new(move |asked| {
            let trouble = theirs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            match trouble {
                Ok(left) if left % 2 == 0 => Answer::new(503, "").header("Retry-After", "0"),
                Ok(_) => Answer::silent(),
                Err(_) => answer(&members, &top, asked),
            }
        });
        Self { server, troubles }
    }

    fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.server.host())
    }
}

fn answer(members: &BTreeMap<String, Vec<u8>>, top: &str, asked: &Asked) -> Answer {
    let which = asked.target.rsplit('/').next().unwrap();
    let digest = if which.contains(':') { which } else { top };
    match members.get(&format!("blobs/{}", digest.replace(':', "/"))) {
        None => Answer::new(
            404,
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
        ),
        Some(bytes) => Answer::part(bytes, asked)
            .header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
            .header("Docker-Content-Digest", digest)
            .cut(400_000),
    }
}

fn layers(run: &[String]) -> usize {
    run.iter().filter(|it| it.contains("/blobs/")).count()
}

#[test]
fn an_image_is_pulled_whole() {
    let registry = Registry::new();
    let name = registry.image("team/base:v1");
    let bench = Workbench::bare();
    let run = bench.varve(["pull", &name]).succeeds();
    let told: Vec<&str> = run.stdout.lines().collect();
    assert!(
        told[0].starts_with("Digest: sha256:") && told[1].contains("newer"),
        "{told:?}"
    );
    assert_eq!(told[2], name);
    assert!(layers(&registry.server.take_targets()) > 1);
    let run = bench.varve(["pull", &name]).succeeds();
    assert!(run.stdout.contains("up to date"), "{}", run.stdout);
    assert_eq!(registry.server.take_targets(), ["HEAD /v2/team/base/manifests/v1"]);
    assert_eq!(
        bench.varve(["image", "pull", "-q", &name]).succeeds().stdout,
        format!("{name}\n")
    );
    bench
        .varve([
            "pull",
            &registry.image("gone@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
        ])
        .fails(1)
        .says(["gone"]);

    drop(registry);
    assert_eq!(bench.varve(["run", &name, "echo", "here"]).succeeds().stdout, "here\n");
    let run = bench
        .varve(["images", "--digests", "--format", "{{.Digest}}"])
        .succeeds();
    assert_eq!(format!("Digest: {}", run.stdout.trim()), told[0]);
    let whole = format!("{}@{}", name.strip_suffix(":v1").unwrap(), run.stdout.trim());
    let run = bench
        .varve(["inspect", "-f", "{{index .RepoDigests 0}}", &whole])
        .succeeds();
    assert_eq!(run.stdout.trim(), whole);
    let run = bench.varve(["save", "--format", "oci-archive", &name]).succeeds();
    let saved = crate::support::Image::of_tar(&run.bytes);
    assert!(whole.ends_with(&saved.digest), "the manifest is the registry's");
}

#[test]
fn a_base_image_is_pulled_once_and_lazily() {
    let registry = Registry::new();
    let name = registry.image("team/base:v1");
    let bench = Workbench::bare();
    bench.dockerfile(&format!("FROM {name}\nENV A=1\n"));
    bench.build(&["-o", "type=cacheonly"]);
    let asked = registry.server.take_targets();
    assert_eq!(layers(&asked), 1, "the config, and no layer: {asked:?}");
    bench.varve(["run", &name, "true"]).succeeds();
    assert!(layers(&registry.server.take_targets()) > 0);

    bench.dockerfile(&format!("FROM {name}\nRUN echo hello > /f\n"));
    bench.build(&["-t", "app"]);
    assert_eq!(registry.server.take_targets().len(), 0);

    bench.build(&["-t", "app"]).all_reused();
    bench.build(&["--pull=never"]).all_reused();
    assert_eq!(registry.server.take_targets().len(), 0);
    bench.build(&["--pull"]).all_reused();
    assert_eq!(registry.server.take_targets(), ["HEAD /v2/team/base/manifests/v1"]);
    let listed = bench.varve(["images"]).succeeds().stdout;
    assert!(listed.contains("team/base"), "{listed}");

    drop(registry);
    bench.dockerfile(&format!("FROM {name}\nRUN echo more > /g\n"));
    bench.build(&["-t", "more"]);
    assert_eq!(bench.varve(["run", "more", "cat", "/g"]).succeeds().stdout, "more\n");
    bench.try_build(&["--pull"]).fails(1).says([name.as_str()]);
}

#[test]
fn images_can_be_had_in_other_ways_too() {
    let registry = Registry::new();
    registry.troubles.store(2, Ordering::SeqCst);
    let bench = Workbench::bare();
    let context = format!("--build-context=other=docker-image://{}", registry.image("base"));
    bench.dockerfile(&format!(
        "FROM scratch\nCOPY --from=other /etc/passwd /one\nCOPY --from={} /etc/passwd /two\n",
        registry.image("base:v2")
    ));
    let image = bench.image(&[&context]);
    assert_eq!(image.read("one"), image.read("two"));
}

#[track_caller]
fn refused(bench: &Workbench, words: &[&str], from: &str) -> Run {
    bench.dockerfile(&format!("FROM {from}\nRUN true\n"));
    bench.try_build(words).fails(1).never_says(["panicked"])
}

#[test]
fn what_cannot_be_pulled_is_told_at_its_place() {
    let registry = Registry::new();
    let bench = Workbench::bare();
    let name = registry.image("base:none@sha256:0000000000000000000000000000000000000000000000000000000000000000");
    refused(&bench, &[], &name).says(["Dockerfile:1", "0000000", "manifest unknown"]);
    let name = registry.image("base:never");
    refused(&bench, &["--pull=never"], &name).says(["not in the store", "--pull=never"]);
    assert_eq!(layers(&registry.server.take_targets()), 0);
    let closed = Server::new(|_| Answer::new(403, r#"{"errors":[{"code":"DENIED"}]}"#));
    refused(&bench, &[], &format!("{}/base", closed.host())).says(["denied", "403", "login"]);
}
