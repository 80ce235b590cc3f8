//! Contexts, archives and images that want out of where they belong.

use crate::support::Workbench;
use std::fs;
use std::path::PathBuf;

/// A tar of one's own making: name, type, link, content. Names go in as they are.
fn tar(members: &[(&str, u8, &str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(name, kind, link, content) in members {
        let mut header = tar::Header::new_gnu();
        let bytes = header.as_mut_bytes();
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
        bytes[156] = kind;
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(content.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A directory outside of everything, watched.
fn victim(bench: &Workbench) -> PathBuf {
    let path = bench.path("victim");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("precious"), "precious").unwrap();
    path
}

#[track_caller]
fn unharmed(victim: &std::path::Path) {
    let names: Vec<_> = fs::read_dir(victim)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["precious"]);
    assert_eq!(fs::read_to_string(victim.join("precious")).unwrap(), "precious");
}

#[test]
fn archives_stay_in_the_image() {
    let bench = Workbench::new();
    let victim = victim(&bench);
    let out = victim.to_str().unwrap().to_owned();
    let up = format!("{}{}", "../".repeat(16), out.trim_start_matches('/'));
    let through = format!("{out}/precious");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("parents", tar(&[(&format!("{up}/new"), b'0', "", "x")])),
        ("absolute", tar(&[(&through, b'0', "", "x")])),
        (
            "through a link",
            tar(&[("out", b'2', &out, ""), ("out/new", b'0', "", "x")]),
        ),
        (
            "through a relative link",
            tar(&[("out", b'2', &up, ""), ("out/precious", b'0', "", "x")]),
        ),
        (
            "hard link out",
            tar(&[("stolen", b'1', &through, ""), ("stolen", b'0', "", "x")]),
        ),
        ("hard link up", tar(&[("stolen", b'1', &format!("{up}/precious"), "")])),
        (
            "link then directory",
            tar(&[
                ("d/", b'5', "", ""),
                ("d", b'2', &out, ""),
                ("d/precious", b'0', "", "x"),
            ]),
        ),
        ("whiteout out", tar(&[(&format!("{up}/.wh.precious"), b'0', "", "")])),
        (
            "whiteout through a link",
            tar(&[("out", b'2', &out, ""), ("out/.wh.precious", b'0', "", "")]),
        ),
        (
            "opaque out",
            tar(&[("out", b'2', &out, ""), ("out/.wh..wh..opq", b'0', "", "")]),
        ),
        (
            "whiteout of nothing",
            tar(&[
                (".wh.", b'0', "", ""),
                (".wh...", b'0', "", ""),
                (".wh..", b'0', "", ""),
            ]),
        ),
        (
            "nul and dots",
            tar(&[(".", b'5', "", ""), ("..", b'5', "", ""), ("/", b'5', "", "")]),
        ),
    ];
    for (what, bytes) in cases {
        bench.file("a.tar", bytes);
        bench.dockerfile("FROM busybox\nADD a.tar /in/\nRUN ls -R /in\n");
        let run = bench.try_build(&[]);
        assert!(
            run.code == 0 || run.code == 1 && run.stderr.contains("a.tar"),
            "{what}: {}",
            run.stderr
        );
        assert!(!run.stderr.contains("panicked"), "{what}: {}", run.stderr);
        unharmed(&victim);
        let run = bench.build_from(&["-"], &fs::read(bench.context().join("a.tar")).unwrap());
        assert!(
            run.code == 1 && !run.stderr.contains("panicked"),
            "{what} as a context: {}",
            run.stderr
        );
        unharmed(&victim);
    }
    bench.still_builds();
}

#[test]
fn links_of_the_context_lead_nowhere_else() {
    let bench = Workbench::new();
    let victim = victim(&bench);
    let out = victim.to_str().unwrap().to_owned();
    bench.link("file", &format!("{out}/precious"));
    bench.link("directory", &out);
    bench.link("relative", "../victim/precious");
    bench.link("loop", "loop");
    bench.file("sub/a", "a");
    for source in [
        "file",
        "directory",
        "directory/precious",
        "relative",
        "../victim/precious",
        "loop",
        "sub/../../victim",
    ] {
        bench.dockerfile(&format!("FROM scratch\nCOPY {source} /x\n"));
        bench.try_build(&[]).fails(1);
        bench.dockerfile(&format!(
            "FROM busybox\nRUN --mount=source={source},target=/x cat /x /x/precious\n"
        ));
        bench.try_build(&[]).fails(1).never_says(["| precious"]);
    }
    bench.dockerfile("FROM scratch\nCOPY sub /x\nCOPY --parents ../../victim/* /y/\nCOPY d*/prec* /z/\n");
    let image = bench.image(&[]);
    assert!(!image.tree.keys().any(|path| path.contains("precious")));
}

#[test]
fn links_of_an_image_lead_nowhere_else() {
    let bench = Workbench::new();
    let victim = victim(&bench);
    let out = victim.to_str().unwrap();
    bench.file("a", "new");
    bench.dockerfile(&format!(
        "FROM busybox AS from\nRUN ln -s {out} /out && ln -s ../../../../../../../{out} /up\n\
         FROM from\nCOPY a /out/a\nCOPY a /up/precious\nWORKDIR /out/w\nRUN echo x > /out/run\n\
         RUN --mount=type=cache,target=/up/cache --mount=target=/out/bind --mount=type=tmpfs,target=/up/tmp ls /out\n"
    ));
    let image = bench.image(&[]);
    unharmed(&victim);
    assert_eq!(image.read(&format!("{}/a", out.trim_start_matches('/'))), "new");
    for output in [bench.text("local"), format!("type=local,dest={}", bench.text("again"))] {
        bench.build(&["-o", &output]);
        unharmed(&victim);
    }
    // A directory that holds a link out of it is written to again.
    std::os::unix::fs::symlink(out, bench.path("local/bin2")).unwrap();
    bench.dockerfile("FROM scratch\nCOPY a /bin2/precious\n");
    let run = bench.try_build(&["-o", &bench.text("local")]);
    assert!(matches!(run.code, 0 | 1), "{}", run.stderr);
    unharmed(&victim);
    bench.dockerfile("FROM busybox\nCOPY --from=from /out/precious /x\n");
    bench.try_build(&[]).fails(1);
}

#[test]
fn names_do_not_drive_the_terminal() {
    let bench = Workbench::with("FROM busybox AS s\nRUN echo '\u{1b}[2Jgone' && false\n");
    let run = bench.try_build(&[]).fails(1);
    let told = run.stderr.lines().filter(|line| !line.contains("] | "));
    for line in told {
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn bombs_are_defused() {
    let bench = Workbench::new();
    // A header that claims exabytes; the archive ends there.
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..4].copy_from_slice(b"huge");
    header.set_size(u64::MAX >> 2);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    bench.file("a.tar", header.as_bytes().as_slice());
    bench.dockerfile("FROM scratch\nADD a.tar /x/\n");
    bench.try_build(&[]).fails(1).says(["a.tar"]);
    // Depth: a Dockerfile of nested expansions and a path of many parts.
    let nested = format!(
        "FROM scratch\nARG x={}a{}\nCOPY <<e /x\n$x\ne\n",
        "${n:-".repeat(20_000),
        "}".repeat(20_000)
    );
    bench.dockerfile(&nested);
    let run = bench.try_build(&[]);
    assert!(
        run.code >= 0 && !run.stderr.contains("panicked") && !run.stderr.contains("overflow"),
        "{}",
        run.code
    );
    bench.dockerfile(&format!("FROM scratch\nCOPY <<e {}x\ne\n", "/d".repeat(20_000)));
    let run = bench.try_build(&[]);
    assert!(
        run.code == 1 && !run.stderr.contains("panicked"),
        "{} {}",
        run.code,
        run.stderr.len()
    );
    bench.still_builds();
}

#[test]
fn hostile_passwd_files() {
    let bench = Workbench::new();
    for content in [
        "app",
        "app:x:99999999999999999999:1::/:/bin/sh\n",
        "app:x:-1:-1::/:\n",
        ":::::\n\0\n",
        "app:x:4294967295:4294967295::/:\n",
    ] {
        bench.file("passwd", content);
        bench.dockerfile("FROM busybox\nCOPY passwd /etc/passwd\nUSER app\nRUN id -u\n");
        let run = bench.try_build(&[]).fails(1);
        assert!(!run.stderr.contains("panicked"), "{content:?}: {}", run.stderr);
    }
    bench.file("passwd", "x".repeat(3_000_000));
    bench.try_build(&[]).fails(1);
}
