//! Build contexts and Dockerfiles that come over the network.

use crate::network::server::{Answer, Server};
use crate::support::{Image, Repositories, Run, Running, THEN, Workbench, base, peer};
use std::fs;

/// `varve build WORDS` with the base image, without the bench's own context.
fn try_build(bench: &Workbench, words: &[&str]) -> Run {
    Running::start(command(bench, words)).end()
}

fn command(bench: &Workbench, words: &[&str]) -> std::process::Command {
    let base = format!("--build-context=busybox=oci-layout://{}", base().display());
    bench.varve_command([&["build", "--progress=plain", &base], words].concat())
}

#[track_caller]
fn image(bench: &Workbench, words: &[&str]) -> Image {
    let tar = bench.text("work/image.tar");
    let output = format!("type=oci,compression=uncompressed,dest={tar}");
    try_build(bench, &[&["-o", &output], words].concat()).succeeds();
    Image::of_tar(&fs::read(tar).unwrap())
}

#[test]
fn a_repository_is_a_context() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let repository = served.make("r.git");
    repository.write("Dockerfile", "FROM scratch\nCOPY . /x/\n");
    repository.write(
        "other.Dockerfile",
        "FROM busybox\nRUN --mount=target=/m cat /m/a > /b\n",
    );
    repository.write("sub/dockerfile", "FROM scratch\nCOPY b /b\n");
    repository.write("sub/b", "below");
    repository.write(".dockerignore", "a\n");
    repository.commit_file("a", "one");
    repository.git(&["tag", "v1"]);
    let url = served.url("r.git");
    let bench = Workbench::new();

    let all = image(&bench, &[&url]);
    // The ignore file is the sender's affair, and nobody sent this; so BuildKit has it.
    assert_eq!(
        all.below("x").join(" "),
        ".dockerignore Dockerfile a other.Dockerfile sub sub/b sub/dockerfile"
    );
    assert!(image(&bench, &["--build-arg=BUILDKIT_CONTEXT_KEEP_GIT_DIR=1", &url]).has("x/.git/HEAD"));
    assert_eq!(image(&bench, &["-f", "other.Dockerfile", &url]).read("b"), "one");
    // Of equal layers the older stays, with its times, so that this has to come first.
    let old = image(&bench, &[&format!("{url}?mtime=commit&subdir=sub")]);
    assert_eq!((old.read("b"), old.node("b").mtime), ("below", THEN));
    assert_eq!(image(&bench, &[&format!("{url}#v1:sub")]).read("b"), "below");
    let local = bench.path("work/local");
    fs::write(&local, "FROM scratch\nCOPY a /local\n").unwrap();
    assert_eq!(
        image(&bench, &["-f", local.to_str().unwrap(), &url]).read("local"),
        "one"
    );

    let epoch = image(&bench, &["--build-arg=SOURCE_DATE_EPOCH=context", &url]);
    assert_eq!(epoch.config["created"], "2009-02-13T23:31:30Z");

    try_build(&bench, &[&url]).succeeds().all_reused();
    let id = repository.commit_file("unused", "x");
    try_build(&bench, &["-f", "other.Dockerfile", &url])
        .succeeds()
        .says([&*format!("loading {url} at {id}")]);
    try_build(&bench, &["-f", "nope", &url]).fails(1).says(["nope", &url]);
    try_build(&bench, &[&format!("{url}#v3")])
        .fails(1)
        .says(["`v3`", "did you mean `v1`?"]);
    try_build(&bench, &[&format!("{url}?nope=1")])
        .fails(2)
        .says(["unexpected query"]);
    // A directory of that name comes first.
    let odd = bench.path("work/github.com/a/b");
    fs::create_dir_all(&odd).unwrap();
    fs::write(odd.join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /odd\n").unwrap();
    assert!(image(&bench, &["github.com/a/b"]).has("odd"));
}

#[test]
fn the_dockerfile_may_come_from_standard_input() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    served.make("r").commit_file("a", "one");
    let bench = Workbench::new();
    let mut command = command(&bench, &["-o", "out", "-f", "-", &served.url("r")]);
    command.stdin(std::process::Stdio::piped());
    Running::start(command)
        .feed(b"FROM scratch\nCOPY a /b\n".to_vec())
        .end()
        .succeeds();
    assert_eq!(fs::read_to_string(bench.path("work/out/b")).unwrap(), "one");
}

#[test]
fn named_contexts_from_everywhere() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let repository = served.make("r");
    repository.write(".dockerignore", "d/f\n");
    repository.commit_file("d/f", "git");
    let page = Server::new(|_| Answer::ok("page"));
    let bench = Workbench::with(
        "FROM busybox AS stage\nRUN exit 1\nFROM busybox\nCOPY --from=git d/f /a\nCOPY --from=page context /b\n\
         COPY --from=stage /d/f /c\nRUN --mount=from=git,target=/m cat /m/d/f > /e\n",
    );
    let words = [
        format!("--build-context=git={}", served.url("r")),
        format!("--build-context=page={}", page.url("/f")),
        format!("--build-context=stage={}#main", served.url("r")),
        // What no step needs is not fetched.
        format!("--build-context=unused={}", page.url("/unused")),
        "--build-context=never=git@varve-no-such-host.test:a/b".to_owned(),
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let image = bench.image(&words);
    assert_eq!(
        ["a", "b", "c", "e"].map(|path| image.read(path)),
        ["git", "page", "git", "git"]
    );
    assert!(page.take_targets().iter().all(|it| it == "GET /f"));
    bench.build(&words).all_reused();
    bench.dockerfile("FROM git\n");
    assert_eq!(bench.image(&words).read("d/f"), "git");
    let page = format!(
        "--build-context=of::linux/{}={}",
        std::env::consts::ARCH,
        page.url("/f")
    );
    bench.dockerfile("FROM busybox AS base\nRUN exit 1\nFROM base\nCOPY --from=of context /f\n");
    let image = bench.image(&[
        "--build-context=base=docker-image://scratch",
        "--build-context=of=/nowhere",
        &page,
    ]);
    assert_eq!(image.tree.keys().map(String::as_str).collect::<Vec<_>>(), ["f"]);
    for (value, says) in [
        ("x=ftp://h/a", "no kind of context `ftp://`"),
        ("x=https://h/a.git?nope=1", "unexpected query"),
        ("x=target:a", "targets"),
    ] {
        bench.try_build(&["--build-context", value]).fails(2).says([says]);
    }
}

#[test]
fn pages_are_contexts() {
    let bench = Workbench::new();
    bench.file("Dockerfile", "FROM scratch\nCOPY . /x/\n");
    bench.file("other", "FROM scratch\nCOPY a /other\n");
    bench.file("a", "one");
    bench.file(".dockerignore", "a\n");
    let packed = |flag: &str| {
        let mut tar = std::process::Command::new("tar");
        tar.args(["-c", flag, "."]).current_dir(bench.context());
        tar.output().unwrap().stdout
    };
    let tars = [packed("-f-"), packed("-zf-"), packed("-jf-"), packed("-Jf-")];
    let zstd = zstd::encode_all(&tars[0][..], 1).unwrap();
    let server = Server::new(move |asked| match asked.target.as_str() {
        "/text" => Answer::ok("FROM scratch\nCOPY context /alone\n"),
        "/copy" => Answer::ok("FROM scratch\nCOPY a /copy\n"),
        "/broken" => Answer::ok(tars[1][..100].to_vec()),
        "/4" => Answer::ok(zstd.clone()),
        path => match path[1..].parse::<usize>() {
            Ok(number) => Answer::ok(tars[number].clone()),
            Err(_) => Answer::new(404, ""),
        },
    });
    let expected = ".dockerignore Dockerfile a other";
    for number in 0..5 {
        let url = server.url(&format!("/{number}"));
        assert_eq!(image(&bench, &[&url]).below("x").join(" "), expected, "{number}");
    }
    let tar = server.url("/1");
    try_build(&bench, &[&tar]).succeeds().all_reused();
    assert!(image(&bench, &["-f", "other", &tar]).has("other"));

    let text = server.url("/text");
    assert_eq!(image(&bench, &[&text]).node("alone").mode, 0o600);
    try_build(&bench, &["-f", "other", &text])
        .fails(1)
        .says([&*text, "is not a tar"]);

    let copy = server.url("/copy");
    assert_eq!(image(&bench, &["-f", &copy, &tar]).read("copy"), "one");
    bench.file(".dockerignore", "");
    assert_eq!(
        image(&bench, &["-f", &copy, &bench.text("context")]).read("copy"),
        "one"
    );
    try_build(&bench, &["-f", &tar, &tar])
        .fails(1)
        .says(["is an archive, and no Dockerfile"]);
    try_build(&bench, &[&server.url("/broken")])
        .fails(1)
        .never_says(["panicked"]);
    try_build(&bench, &[&server.url("/none?sig=q7-query-q7")])
        .fails(1)
        .says(["404", "none?sig=…"])
        .never_says(["q7-query-q7"]);
}
