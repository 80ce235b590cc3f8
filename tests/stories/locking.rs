//! Lock files: what a build gets from elsewhere, by digest.

use crate::network::server::{Answer, Server};
use crate::support::shelf::{Layer, OCI_INDEX, Shelf};
use crate::support::{Image, Repositories, Workbench, peer};
use std::sync::{Arc, Mutex};

fn shelf(content: &str) -> Shelf {
    let mut shelf = Shelf::default();
    let image = shelf.image(&[Layer::gzip(&[&format!("f={content}")])]);
    let index = shelf.index(OCI_INDEX, &[image]);
    shelf.tag("base:v1", &index);
    shelf.tag("base:latest", &index);
    shelf
}

fn files(image: &Image) -> [String; 4] {
    ["f", "g", "page", "repo/a"].map(|path| image.read(path).to_owned())
}

#[test]
fn a_locked_build_uses_what_was_locked() {
    if !peer("git") {
        return;
    }
    let (server, shelf_now) = shelf("old").serve();
    let page = Arc::new(Mutex::new("old page"));
    let theirs = Arc::clone(&page);
    let pages = Server::new(move |_| Answer::ok(*theirs.lock().unwrap()));
    let repositories = Repositories::new();
    let (repository, _, second) = repositories.two_commits();
    let bench = Workbench::bare();
    bench.dockerfile(&format!(
        "# syntax=docker/dockerfile:1\nARG BASE={0}/base:v1\nFROM $BASE\nCOPY --from={0}/base /f /g\nADD {1} /page\nADD {2} /repo\n",
        server.host(),
        pages.url("/page?token=secret"),
        repositories.url("r.git")
    ));
    let context = bench.context();
    let lock = context.join("Dockerfile.lock");
    let context = context.to_str().unwrap();
    bench
        .try_build(&["--locked"])
        .fails(2)
        .says(["Dockerfile.lock", "`varve lock` makes it"]);
    bench.varve(["lock", "--check", context]).fails(1).says([
        "base:v1 is not locked",
        "base:latest",
        "r.git#HEAD",
        "/page?token=…",
    ]);
    assert!(!lock.exists());
    bench.varve(["lock", context]).succeeds();
    let text = std::fs::read_to_string(&lock).unwrap();
    assert!(
        text.contains("[image.\"") && text.contains(&format!("commit = \"{second}\"")),
        "{text}"
    );
    assert!(text.contains("linux/") && !text.contains("secret"), "{text}");
    bench.varve(["lock", context]).succeeds();
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), text, "the same again");

    // Everything moves on.
    {
        let mut now = shelf_now.lock().unwrap();
        let old = std::mem::replace(&mut *now, shelf("new"));
        now.extend(old);
    }
    *page.lock().unwrap() = "new page";
    repository.commit_file("a", "three");
    // In this store is all that is needed but the layer and the files of the commit.
    server.take_targets();
    let asked = pages.take_targets().len();
    assert!(asked > 0);
    let image = bench.image(&["--locked", "--pull"]);
    assert_eq!(files(&image), ["old", "old", "old page", "two"]);
    assert!(server.take_targets().iter().all(|it| it.contains("/blobs/")));
    assert_eq!(pages.take_targets().len(), 0);
    repositories.take_asked();
    bench.build(&["--locked"]).all_reused();
    assert_eq!((server.take_targets().len(), repositories.take_asked()), (0, 0));
    assert_eq!(files(&bench.image(&["--pull"])), ["new", "new", "new page", "three"]);
    assert_eq!(files(&bench.image(&["--locked"])), ["old", "old", "old page", "two"]);

    // Another machine gets the same image; the page has changed, and is refused.
    let other = Workbench::bare();
    let file = format!("--file={context}/Dockerfile");
    server.take_targets();
    other
        .try_build(&["--locked", &file])
        .fails(1)
        .says(["Dockerfile:5", "sha256:"]);
    *page.lock().unwrap() = "old page";
    let image = other.image(&["--locked", &file]);
    assert_eq!(files(&image), ["old", "old", "old page", "two"]);
    assert!(server.take_targets().iter().all(|it| it.contains("sha256:")));

    // One thing is renewed, then everything.
    *page.lock().unwrap() = "new page";
    let base = format!("{}/base", server.host());
    bench.varve(["lock", "--check", context]).succeeds();
    bench
        .varve(["lock", "--check", "--update", context])
        .fails(1)
        .says(["base:v1 was sha256:", "#HEAD was"]);
    bench.varve(["lock", &format!("--update={base}"), context]).succeeds();
    assert_eq!(files(&bench.image(&["--locked"])), ["old", "new", "old page", "two"]);
    bench.varve(["lock", "--update", context]).succeeds();
    assert_eq!(files(&bench.image(&["--locked"])), ["new", "new", "new page", "three"]);
    bench
        .varve(["lock", "--update=other", context])
        .fails(2)
        .says(["no such entry"]);
}

#[test]
fn a_locked_build_refuses_everything_else() {
    let (server, _) = shelf("content").serve();
    let bench = Workbench::bare();
    let base = format!("{}/base", server.host());
    bench.dockerfile(&format!("FROM {base}:v1\n"));
    let context = bench.context().display().to_string();
    bench.varve(["lock", &context]).succeeds();
    let advice = "varve lock";
    for (line, told) in [
        (format!("COPY --from={base} / /"), "base`"),
        ("ADD http://127.0.0.1:1/x /x".to_owned(), "`http://127.0.0.1:1/x`"),
        ("ADD git://127.0.0.1:1/x.git#main /x".to_owned(), "x.git#main`"),
    ] {
        bench.dockerfile(&format!("FROM {base}:v1\nRUN exit 1\n{line}\n"));
        server.take_targets();
        bench
            .try_build(&["--locked"])
            .fails(1)
            .says(["Dockerfile:3", told, "is not locked", advice])
            .never_says(["RUN exit 1` failed"]);
        assert_eq!(server.take_targets().len(), 0, "{line}");
    }
    let images = format!("--build-context=x=docker-image://{base}");
    bench.dockerfile("FROM x\n");
    bench.try_build(&["--locked", &images]).fails(1).says(["is not locked"]);
    // What is pinned in the Dockerfile needs no lock.
    let digest = server_digest(&bench);
    bench.dockerfile(&format!("FROM {base}@{digest}\nCOPY --from={base}:v1 /f /g\n"));
    bench.build(&["--locked"]);
    // Another platform is something else.
    bench.dockerfile(&format!("FROM {base}:v1\n"));
    let text = std::fs::read_to_string(bench.context().join("Dockerfile.lock")).unwrap();
    let (other, wrong) = (
        text.replace("\"linux/", "\"plan9/"),
        text.replace("version = 1", "version = 7"),
    );
    let file = bench.path("other.lock");
    let flag = format!("--locked={}", file.display());
    std::fs::write(&file, other).unwrap();
    bench
        .try_build(&[&flag])
        .fails(1)
        .says(["Dockerfile:1", "is not locked for linux/"]);
    std::fs::write(&file, wrong).unwrap();
    bench.try_build(&[&flag]).fails(2).says(["other.lock", "version 7"]);
    bench
        .varve(["lock", "-t", "x", &context])
        .fails(2)
        .says(["builds nothing"]);
}

/// The digest in the only lock file.
fn server_digest(bench: &Workbench) -> String {
    let text = std::fs::read_to_string(bench.context().join("Dockerfile.lock")).unwrap();
    let line = text.lines().find(|line| line.starts_with("digest")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}
