//! ADD of git repositories, from servers of the test's own.

use crate::support::{Repositories, Running, THEN, Workbench, peer, root, user_namespaces};
use std::net::TcpListener;
use std::os::unix::fs::symlink;

#[test]
fn a_commit_becomes_files() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    served.two_commits();
    let url = served.url("r.git");
    let bench = Workbench::new();
    let image = bench.image_of(&format!(
        "FROM scratch\nADD {url} /all\nADD --chown=3:4 --chmod=600 {url}#v1:sub /some/\nADD --exclude=sub {url} /less\n\
         ADD --link {url}?mtime=commit /linked\n"
    ));
    let below = |path: &str| image.below(path).join(" ");
    assert_eq!(below("all"), "a link run.sh sub sub/deep sub/deep/c");
    assert_eq!(below("some"), "deep deep/c");
    assert_eq!(below("less"), "a link run.sh");
    assert_eq!(image.read("all/a"), "two");
    let (script, plain) = (image.node("all/run.sh"), image.node("all/a"));
    assert_eq!((script.mode, plain.mode, plain.uid, plain.gid), (0o755, 0o644, 0, 0));
    let owned = image.node("some/deep/c");
    assert_eq!((owned.mode, owned.uid, owned.gid, owned.text()), (0o600, 3, 4, "deep"));
    assert!(plain.mtime > THEN);
    for path in ["linked/a", "linked/sub"] {
        assert_eq!(image.node(path).mtime, THEN, "{path}");
    }
}

#[test]
fn every_name_of_a_commit() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (repository, first, second) = served.two_commits();
    let url = served.url("r.git");
    let (short, tag) = (&first[..9], repository.id("v1-signed"));
    let bench = Workbench::new();
    for (what, content) in [
        (String::new(), "two"),
        ("#main".to_owned(), "two"),
        ("#HEAD".to_owned(), "two"),
        ("#side".to_owned(), "one"),
        ("#refs/heads/side".to_owned(), "one"),
        ("#v1".to_owned(), "one"),
        ("#v1-signed".to_owned(), "one"),
        ("?tag=v1".to_owned(), "one"),
        ("?branch=side".to_owned(), "one"),
        ("?ref=pull/7/head".to_owned(), "one"),
        (format!("#{first}"), "one"),
        (format!("#{tag}"), "one"),
        (format!("?commit={first}"), "one"),
        (format!("?commit={short}&branch=side"), "one"),
        (format!("?branch=main&fetch-by-commit=true&checksum={first}"), "one"),
    ] {
        bench.dockerfile(&format!("FROM scratch\nADD {url}{what} /x/\n"));
        assert_eq!(bench.image(&[]).read("x/a"), content, "{what}");
    }
    for (checksum, reference, good) in [
        (first.as_str(), "side", true),
        (short, "v1", true),
        (&tag, "v1-signed", true),
        (&first, "v1-signed", true),
        (&first, "main", false),
        (&second, "", true),
        (&second[..8], &first, false),
    ] {
        bench.dockerfile(&format!(
            "FROM scratch\nADD --checksum={checksum} {url}#{reference} /x/\n"
        ));
        let run = bench.try_build(&[]);
        match good {
            true => drop(run.succeeds()),
            false => drop(run.fails(1).says(["Dockerfile:2", "promised checksum", checksum])),
        }
    }
}

#[test]
fn commits_decide_what_is_done_again() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (repository, first, _) = served.two_commits();
    let url = served.url("r.git");
    let bench = Workbench::with(&format!("FROM scratch\nADD {url} /x/\n"));
    bench.build(&[]);
    served.take_asked();
    bench.build(&[]).all_reused();
    assert_eq!(served.take_asked(), 1, "one question for the commit, and no fetch");
    // The same commit by another name.
    bench.dockerfile(&format!("FROM scratch\nADD {url}?branch=main /x/\n"));
    bench.build(&[]).all_reused();
    repository.git(&["tag", "other", "v1"]);
    bench.build(&[]).all_reused();
    repository.commit_file("a", "three");
    bench.build(&[]).says(["because commit changed"]).only_built(&["ADD"]);
    assert_eq!(bench.image(&[]).read("x/a"), "three");
    repository.git(&["reset", "--quiet", "--hard", "HEAD~"]);
    bench.build(&[]).all_reused();
    // The files are there, so that another step needs no second fetch.
    served.take_asked();
    bench.dockerfile(&format!("FROM scratch\nADD {url} /y/\nADD {url} /z/\n"));
    bench.build(&[]);
    assert_eq!(served.take_asked(), 1);
    // A whole commit id needs no network at all.
    bench.dockerfile(&format!("FROM scratch\nADD {url}#{first} /x/\n"));
    bench.build(&[]);
    drop(served);
    bench.build(&[]).all_reused();
    bench.dockerfile(&format!("FROM scratch\nADD {url}#{first} /elsewhere/\n"));
    bench.build(&[]);
}

#[test]
fn the_repository_can_stay() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (repository, first, second) = served.two_commits();
    let url = served.url("r.git");
    let bench = Workbench::new();
    for (what, head, name) in [
        ("", &second, "refs/heads/main"),
        ("#v1-signed", &first, "refs/tags/v1-signed"),
        (&*format!("#{first}"), &first, "HEAD"),
    ] {
        bench.dockerfile(&format!("FROM scratch\nADD --keep-git-dir=true {url}{what} /x/\n"));
        let out = bench.path("work/out");
        bench.build(&["-o", out.to_str().unwrap()]);
        let kept = |words: &[&str]| repository.git(&[&["-C", out.join("x").to_str().unwrap()], words].concat());
        assert_eq!(kept(&["rev-parse", "HEAD"]), *head);
        assert_eq!(kept(&["rev-parse", &format!("{name}^{{commit}}")]), *head);
        assert_eq!(kept(&["remote", "get-url", "origin"]), url);
        assert_eq!(kept(&["status", "--porcelain"]), "");
        assert!(!out.join("x/.git/hooks").exists() && !out.join("x/.git/FETCH_HEAD").exists());
        std::fs::remove_dir_all(out).unwrap();
    }
    let image = bench.image_of(&format!(
        "FROM scratch\nADD {url} /x/\nADD {url}?keep-git-dir=1 /y/\nADD --keep-git-dir {url}#:sub /z/\n"
    ));
    assert!(image.has("y/.git/HEAD") && !image.has("x/.git") && !image.has("z/.git"));
}

#[test]
fn submodules_come_too() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let inner = served.make("inner");
    inner.commit_file("i", "inside");
    let middle = served.make("middle");
    middle.git(&["submodule", "--quiet", "add", &served.url("inner"), "in"]);
    middle.commit_file("m", "middle");
    let outer = served.make("outer");
    // As most are written: beside this one.
    std::fs::write(
        outer.path().join(".gitmodules"),
        "[submodule \"mid\"]\n\tpath = dir/mid\n\turl = ../middle\n",
    )
    .unwrap();
    let id = format!("160000,{},dir/mid", middle.id("HEAD"));
    outer.git(&["add", ".gitmodules"]);
    outer.git(&["update-index", "--add", "--cacheinfo", &id]);
    outer.git(&["commit", "--quiet", "-m", "modules"]);
    let url = served.url("outer");
    let bench = Workbench::new();
    let image = bench.image_of(&format!(
        "FROM scratch\nADD {url} /x/\nADD {url}?submodules=false /y/\nADD {url}?keep-git-dir=true /z/\nADD {url}#:dir/mid /w/\n"
    ));
    assert_eq!(
        image.below("x").join(" "),
        ".gitmodules dir dir/mid dir/mid/.gitmodules dir/mid/in dir/mid/in/i dir/mid/m"
    );
    assert_eq!(image.read("x/dir/mid/in/i"), "inside");
    assert_eq!(image.below("y").join(" "), ".gitmodules dir dir/mid");
    assert!(image.read("z/dir/mid/.git").starts_with("gitdir: ../../.git/modules/"));
    assert_eq!(image.read("w/in/i"), "inside");
}

/// What a repository must not be able to reach.
#[test]
fn hostile_repositories() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let bench = Workbench::new();
    let witness = bench.path("work/witness");
    let secret = bench.path("work/secret");
    std::fs::create_dir(&secret).unwrap();
    std::fs::write(secret.join("f"), "q7-machine-q7").unwrap();

    let links = served.make("links");
    symlink(&secret, links.path().join("out")).unwrap();
    symlink("..", links.path().join("up")).unwrap();
    links.commit_file("a", "one");
    let url = served.url("links");
    for subdir in ["out", "up", "up/up", "out/f", "a", "nowhere"] {
        bench.dockerfile(&format!("FROM scratch\nADD {url}#:{subdir} /x/\n"));
        bench
            .try_build(&[])
            .fails(1)
            .says(["Dockerfile:2", "has no directory", subdir]);
    }
    let image = bench.image_of(&format!("FROM scratch\nADD {url}#:../.. /x/\n"));
    assert_eq!(image.below("x").join(" "), "a out up");

    // A submodule on this machine, and one behind a helper that runs a command.
    for address in [
        secret.to_str().unwrap(),
        &format!("ext::sh -c touch% {}", witness.display()),
        "-oProxyCommand=x@h:y",
    ] {
        let name = format!("modules{}", address.len());
        let modules = served.make(&name);
        modules.write(
            ".gitmodules",
            &format!(
                "[submodule \"m\"]\n\tpath = m\n\turl = {address}\n\tupdate = !touch {}\n",
                witness.display()
            ),
        );
        modules.git(&["add", ".gitmodules"]);
        let id = format!("160000,{},m", links.id("HEAD"));
        modules.git(&["update-index", "--add", "--cacheinfo", &id]);
        modules.git(&["commit", "--quiet", "-m", "modules"]);
        bench.dockerfile(&format!("FROM scratch\nADD {} /x/\n", served.url(&name)));
        bench
            .try_build(&[])
            .fails(1)
            .says(["submodule"])
            .never_says(["panicked"]);
    }
    assert!(!witness.exists());

    // Filters and settings that a checkout would run if somebody had switched them on.
    let filters = served.make("filters");
    filters.write(".gitattributes", "* filter=evil\n");
    filters.commit_file("a", "plain");
    std::fs::write(
        bench.path("home/.gitconfig"),
        format!("[filter \"evil\"]\n\tsmudge = touch {}; cat\n", witness.display()),
    )
    .unwrap();
    let image = bench.image_of(&format!("FROM scratch\nADD {} /x/\n", served.url("filters")));
    assert_eq!(image.read("x/a"), "plain");
    assert!(!witness.exists());
    assert_eq!(bench.holds("store", b"q7-machine-q7"), None);
}

#[test]
fn what_is_not_there_is_told() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    served.two_commits();
    served.make("empty");
    let url = served.url("r.git");
    let bench = Workbench::new();
    let zeros = "0".repeat(40);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (source, says) in [
        (
            format!("{url}#mian"),
            vec!["no branch, tag or other ref `mian`", "did you mean `main`?"],
        ),
        (format!("{url}?tag=v2"), vec!["refs/tags/v2", "did you mean `v1`?"]),
        (
            format!("{url}#something-else"),
            vec!["something-else", "it has `main`, `side`, `v1`"],
        ),
        (format!("{url}#abcdef1"), vec!["abcdef1", "whole id"]),
        (format!("{url}#{zeros}"), vec!["has no commit", &zeros]),
        (served.url("empty"), vec!["has no default branch"]),
        (served.url("none"), vec!["cannot look into", "/none"]),
        (
            format!("git://{closed}/r"),
            vec!["cannot look into", "Connection refused"],
        ),
    ] {
        bench.dockerfile(&format!("FROM scratch\nADD {source} /x/\n"));
        bench
            .try_build(&[])
            .fails(1)
            .says(["Dockerfile:2"])
            .says(says)
            .never_says(["panicked"]);
    }
    bench.dockerfile(&format!("FROM scratch\nADD {url} /x/\n"));
    let bench = bench.variable("PATH", "/nowhere");
    bench
        .try_build(&[])
        .fails(1)
        .says(["`git` is not installed", "install git"]);
}

#[test]
fn other_kinds_of_ids() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let repository = served.make_in("r", "sha256");
    let id = repository.commit_file("a", "long");
    assert_eq!(id.len(), 64);
    let url = served.url("r");
    let bench = Workbench::new();
    let image = bench.image_of(&format!(
        "FROM scratch\nADD {url} /x/\nADD {url}?keep-git-dir=1#{id} /y/\n"
    ));
    assert_eq!((image.read("x/a"), image.read("y/a")), ("long", "long"));
}

#[test]
fn a_server_that_says_nothing_can_be_left() {
    if !peer("git") {
        return;
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/r.git", silent.local_addr().unwrap());
    let bench = Workbench::with(&format!("FROM scratch\nADD {url} /x/\n"));
    let run = Running::start(bench.build_command(&[]));
    let (stream, _) = silent.accept().unwrap();
    run.signal("INT");
    run.end().fails(130).never_says(["panicked", "error"]);
    // Nobody holds the other end any more: git went with the build.
    let mut end = Vec::new();
    std::io::Read::read_to_end(&mut &stream, &mut end).unwrap();
    assert_eq!(std::fs::read_dir(bench.store().join("tmp")).unwrap().count(), 0);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_fetched() {
    let bench = Workbench::new();
    for (line, says) in [
        ("ADD https://h.test/a.git?nope=1 /x", "unexpected query `nope`"),
        ("ADD --checksum=sha256:12 git://h.test/a /x", "invalid checksum"),
        (
            "ADD --keep-git-dir=true git@h.test:a?keep-git-dir=false /x",
            "conflicts",
        ),
        ("ADD --checksum=abc git@h.test:a?checksum=abd /x", "conflicts"),
        ("ADD --checksum=abc git@h.test:a git@h.test:b /x", "multiple sources"),
        ("COPY git@h.test:a /x", "`ADD` takes it"),
    ] {
        bench.dockerfile(&format!("FROM scratch\n{line}\n"));
        bench.try_build(&[]).fails(1).says(["Dockerfile:2", says]);
    }
}

#[test]
fn users_who_are_not_root_fetch_too() {
    if !root() || !user_namespaces() || !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (repository, ..) = served.two_commits();
    let url = served.url("r.git");
    // A user without a name and without subordinate ids.
    let bench = Workbench::with(&format!(
        "FROM busybox\nADD {url} /x/\nADD {url}?keep-git-dir=1 /y/\nRUN cat /x/a > /seen\n"
    ))
    .owned_by(1_234_567, 1_234_567);
    let image = bench.image(&[]);
    assert_eq!((image.read("seen"), image.node("x/a").uid), ("two", 0));
    assert_eq!(image.read("y/.git/HEAD").trim(), repository.id("main"));
    bench.build(&[]).all_reused();
}
