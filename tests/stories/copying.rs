//! COPY and ADD.

use crate::support::{Image, Kind, Workbench};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

fn bench() -> Workbench {
    let bench = Workbench::new();
    bench.file("a.txt", "a");
    bench.file("b.txt", "b");
    bench.file("dir/one", "1");
    bench.file("dir/sub/two", "2");
    bench.file("src/x/main.c", "x");
    bench.file("src/y/main.c", "y");
    bench.file("src/y/notes.md", "n");
    for (path, mode) in [("a.txt", 0o640), ("b.txt", 0o755), ("dir", 0o750), ("dir/sub", 0o711)] {
        fs::set_permissions(bench.context().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    bench.link("to-a", "a.txt");
    bench.link("to-dir", "dir");
    bench.link("dir/dangling", "nowhere");
    bench
}

#[track_caller]
fn built(lines: &str) -> Image {
    bench().image_of(&format!("FROM busybox\n{lines}\n"))
}

/// A line of a Dockerfile, a directory, and what is below it afterwards.
#[test]
fn names() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("COPY a.txt /x", "x", &[]),
        ("COPY a.txt /x/", "x", &["a.txt"]),
        ("COPY a.txt b.txt /x/", "x", &["a.txt", "b.txt"]),
        ("COPY dir /x", "x", &["dangling", "one", "sub", "sub/two"]),
        ("COPY dir/ /x/", "x", &["dangling", "one", "sub", "sub/two"]),
        ("COPY to-dir /x/", "x", &["dangling", "one", "sub", "sub/two"]),
        ("COPY to-a /x/", "x", &["to-a"]),
        ("COPY *.txt /x/", "x", &["a.txt", "b.txt"]),
        ("COPY [ab].txt /x/", "x", &["a.txt", "b.txt"]),
        ("COPY ?.txt nothing* /x/", "x", &["a.txt", "b.txt"]),
        ("COPY s*c/* /x/", "x", &["main.c", "notes.md"]),
        (
            "COPY --parents src/*/main.c /x/",
            "x",
            &["src", "src/x", "src/x/main.c", "src/y", "src/y/main.c"],
        ),
        (
            "COPY --parents src/./*/main.c /x/",
            "x",
            &["x", "x/main.c", "y", "y/main.c"],
        ),
        ("COPY --exclude=*.md src/y /x/", "x", &["main.c"]),
        ("COPY --exclude=**/main.c src /x/", "x", &["x", "y", "y/notes.md"]),
        ("COPY [\"a.txt\", \"/x y/\"]", "x y", &["a.txt"]),
        ("WORKDIR /w\nCOPY a.txt .", "w", &["a.txt"]),
        ("WORKDIR /w\nCOPY a.txt sub/", "w", &["sub", "sub/a.txt"]),
        ("WORKDIR /w\nCOPY a.txt ./named", "w", &["named"]),
        ("COPY ../../a.txt /x/", "x", &["a.txt"]),
        ("COPY /a.txt /x/", "x", &["a.txt"]),
        ("RUN mkdir /x\nCOPY a.txt /x", "x", &["a.txt"]),
        ("RUN mkdir /y && ln -s y /x\nCOPY a.txt /x", "y", &["a.txt"]),
        (
            "RUN mkdir /y && ln -s ../../y /x\nCOPY dir/one /x/in/",
            "y",
            &["in", "in/one"],
        ),
        ("COPY --link a.txt /x/deep/", "x", &["deep", "deep/a.txt"]),
        (
            "ADD a.txt dir /x/",
            "x",
            &["a.txt", "dangling", "one", "sub", "sub/two"],
        ),
        ("ARG to=/x\nCOPY a.txt $to/${from:-copied}", "x", &["copied"]),
        (
            "FROM busybox AS s\nRUN mkdir /s && touch /s/1 /s/2\nFROM busybox\nCOPY --from=s /s /x",
            "x",
            &["1", "2"],
        ),
        (
            "FROM busybox\nRUN mkdir /s && touch /s/1\nFROM busybox\nCOPY --from=1 /s/ /x/",
            "x",
            &["1"],
        ),
    ];
    for (lines, directory, expected) in cases {
        let image = built(lines);
        assert_eq!(image.below(directory), *expected, "{lines}");
        assert!(image.has(directory), "{lines}");
    }
}

#[test]
fn modes_and_owners() {
    let table: &[(&str, &str, u32, u64, u64)] = &[
        ("COPY a.txt /x", "x", 0o640, 0, 0),
        ("COPY b.txt /new/parent/", "new/parent/b.txt", 0o755, 0, 0),
        ("COPY b.txt /new/parent/", "new/parent", 0o755, 0, 0),
        ("COPY dir /x", "x/sub", 0o711, 0, 0),
        ("COPY --chmod=600 a.txt /x", "x", 0o600, 0, 0),
        ("COPY --chmod=u=rwX,go=rX dir /x", "x/one", 0o644, 0, 0),
        ("COPY --chmod=4755 a.txt /x", "x", 0o4755, 0, 0),
        ("COPY --chown=app:app a.txt /x", "x", 0o640, 1000, 1000),
        ("COPY --chown=app a.txt /x", "x", 0o640, 1000, 1000),
        ("COPY --chown=5 a.txt /x", "x", 0o640, 5, 5),
        ("COPY --chown=5:6 a.txt /new/", "new", 0o755, 5, 6),
        ("COPY --chown=:7 a.txt /x", "x", 0o640, 0, 7),
        ("USER app\nCOPY a.txt /x", "x", 0o640, 0, 0),
        ("USER app\nWORKDIR /w/x", "w/x", 0o755, 1000, 1000),
        ("COPY <<EOF /x\ntext\nEOF", "x", 0o644, 0, 0),
        ("COPY --chmod=755 <<EOF /x\ntext\nEOF", "x", 0o755, 0, 0),
        (
            "FROM busybox AS s\nRUN touch /f && chmod 604 /f && chown app /f\nFROM busybox\nCOPY --from=s /f /x",
            "x",
            0o604,
            1000,
            0,
        ),
    ];
    for &(lines, path, mode, uid, gid) in table {
        let image = built(lines);
        let node = image.node(path);
        assert_eq!(
            (format!("{:o}", node.mode), node.uid, node.gid),
            (format!("{mode:o}"), uid, gid),
            "{lines}"
        );
    }
}

#[test]
fn existing_directories_keep_what_they_are() {
    let image = built("RUN mkdir -m 700 /x && chown app /x\nCOPY dir /x");
    assert_eq!((image.node("x").mode, image.node("x").uid), (0o700, 1000));
    assert_eq!(image.node("x/sub").mode, 0o711);
}

#[test]
fn links_and_special_files_stay_what_they_are() {
    let bench = bench();
    fs::hard_link(bench.context().join("dir/one"), bench.context().join("dir/same")).unwrap();
    let status = Command::new("mkfifo")
        .arg(bench.context().join("dir/pipe"))
        .status()
        .unwrap();
    assert!(status.success());
    let image = bench.image_of("FROM busybox\nCOPY dir /x\n");
    assert_eq!(
        (image.node("x/dangling").kind, &*image.node("x/dangling").target),
        (Kind::Link, "nowhere")
    );
    assert_eq!(image.node("x/pipe").kind, Kind::Other);
    assert_eq!((image.read("x/one"), image.read("x/same")), ("1", "1"));
}

#[test]
fn heredocs_are_files() {
    let image = built(
        "ENV v=value\nCOPY <<one <<\"two\" <<-three /x/\n$v \"quoted\" \\$v\none\n$v\ntwo\n\ttabbed\n\tthree\n\
         RUN <<EOF\necho first > /r\necho $v >> /r\nEOF\nRUN <<EOF cat > /s\nthrough the shell: $v\nEOF\n\
         RUN <<EOF\n#!/bin/busybox sh\necho $0 > /t\nEOF",
    );
    assert_eq!(image.read("x/one"), "value \"quoted\" $v\n");
    assert_eq!(image.read("x/two"), "$v\n");
    assert_eq!(image.read("x/three"), "tabbed\n");
    assert_eq!(image.read("r"), "first\nvalue\n");
    assert_eq!(image.read("s"), "through the shell: value\n");
    assert_eq!(image.read("t"), "/dev/pipes/EOF\n");
}

#[test]
fn archives_are_unpacked_by_add_only() {
    let bench = bench();
    for (name, flag) in [("plain.tar", ""), ("z.tgz", "z"), ("b.bin", "j"), ("x.dat", "J")] {
        let made = Command::new("tar")
            .args([&format!("-c{flag}f"), name, "--owner=0", "--group=0", "dir"])
            .current_dir(bench.context())
            .status()
            .unwrap();
        assert!(made.success());
        let image = bench.image_of(&format!(
            "FROM busybox\nADD {name} /x\nCOPY {name} /c/\nADD --unpack=false {name} /k/\n"
        ));
        assert_eq!(image.read("x/dir/sub/two"), "2", "{name}");
        assert_eq!(image.node("x/dir").mode, 0o750, "{name}");
        assert_eq!(image.below("c"), [name]);
        assert_eq!(image.below("k"), [name]);
    }
}

#[test]
fn what_is_refused() {
    let table: &[(&str, &[&str])] = &[
        ("COPY nothing /x", &["nothing", "Dockerfile:2"]),
        ("COPY dir/dangling /x", &["dangling"]),
        ("COPY --from=nowhere /a /b", &["nowhere"]),
        ("COPY --from=7 /a /b", &["7"]),
        ("RUN touch /file\nCOPY dir /file", &["/file", "Dockerfile:3"]),
        ("COPY https://example.com/x /y", &["Dockerfile:2"]),
        ("COPY --chmod=99999 a.txt /x", &["99999"]),
        ("COPY --form=x a b", &["--from"]),
        ("COPY a.txt", &["Dockerfile:2"]),
        ("ADD https://example.com/x /y", &["Dockerfile:2"]),
    ];
    for (lines, texts) in table {
        let bench = bench();
        bench.dockerfile(&format!("FROM busybox\n{lines}\n"));
        bench.try_build(&[]).fails(1).says(texts.iter().copied());
    }
}

#[test]
fn removed_files_are_gone() {
    let image = built("COPY dir /x\nRUN rm -r /x/sub /x/one\nRUN rm -r /x && mkdir /x && touch /x/new\nRUN rm /bin/vi");
    assert_eq!(image.below("x"), ["new"]);
    assert!(!image.has("bin/vi"));
}

#[test]
fn times_of_copied_files_are_kept() {
    let bench = Workbench::with("FROM busybox\nCOPY a.txt /x\n");
    let path = bench.file("a.txt", "a");
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
    assert_eq!(bench.image(&[]).node("x").mtime, 1_234_567_890);
}

#[test]
fn a_copy_from_a_named_image() {
    let bench = Workbench::with("FROM busybox\nRUN mkdir /made && echo made > /made/f\n");
    bench.build(&["-t", "tools:v2"]);
    let image = bench.image_of("FROM scratch\nCOPY --from=tools:v2 /made /made\nCOPY --from=busybox /etc/passwd /p\n");
    assert_eq!(image.read("made/f"), "made\n");
    assert!(image.read("p").contains("root:"));
}

#[test]
fn a_linked_copy_outlives_its_base() {
    let text = |base: &str| format!("FROM busybox\nRUN echo {base} > /base\nCOPY --link a.txt /deep/down/\n");
    let bench = bench();
    bench.dockerfile(&text("1"));
    bench.build(&[]);
    bench.dockerfile(&text("2"));
    bench.build(&[]).only_built(&["RUN echo 2"]);
    assert_eq!(bench.image(&[]).read("deep/down/a.txt"), "a");
}

#[test]
fn large_and_sparse_files_survive() {
    let bench = Workbench::with("FROM busybox\nCOPY sparse full /x/\nRUN cmp /x/sparse /dev/zero 2>&1 | grep -q EOF\n");
    fs::File::create(bench.context().join("sparse"))
        .unwrap()
        .set_len(40_000_000)
        .unwrap();
    let full: Vec<u8> = (0..5_000_000_u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    bench.file("full", &full);
    let image = bench.image(&[]);
    assert_eq!(image.node("x/full").content, full);
    assert_eq!(image.node("x/sparse").content.len(), 40_000_000);
}

#[test]
fn attributes_survive() {
    let bench = Workbench::with("FROM busybox AS s\nCOPY f /f\nFROM scratch\nCOPY --from=s /f /g\n");
    let file = bench.file("f", "x");
    let set = Command::new("python3")
        .args(["-c", "import os, sys; os.setxattr(sys.argv[1], 'user.story', b'a\\0b')"])
        .arg(&file)
        .output();
    if !set.is_ok_and(|done| done.status.success()) {
        return crate::support::skip("no extended attributes here");
    }
    let image = bench.image(&[]);
    assert_eq!(
        image.node("g").xattrs.get("user.story").map(Vec::as_slice),
        Some(b"a\0b".as_slice())
    );
}
