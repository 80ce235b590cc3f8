//! Contexts, `.dockerignore` files and Dockerfiles, wherever they come from.

use crate::support::{Image, Workbench};
use std::fs;
use std::process::Command;

/// An ignore file and what is copied of `a.txt a.md sub/b.txt sub/b.md sub/deep/c.txt other/d`.
#[test]
fn ignore_files() {
    const ALL: &[&str] = &[
        "a.md",
        "a.txt",
        "other",
        "other/d",
        "sub",
        "sub/b.md",
        "sub/b.txt",
        "sub/deep",
        "sub/deep/c.txt",
    ];
    let table: &[(&str, &[&str])] = &[
        ("", ALL),
        ("# *.txt\n\n", ALL),
        ("*.txt\nother\nsub", &["a.md"]),
        ("**/*.txt\nother\n", &["a.md", "sub", "sub/b.md", "sub/deep"]),
        ("/sub/deep/\nother\n*.md", &["a.txt", "sub", "sub/b.md", "sub/b.txt"]),
        ("*\n!a.txt", &["a.txt"]),
        ("sub\n!sub/deep\nother\na.*", &["sub", "sub/deep", "sub/deep/c.txt"]),
        ("*\n!sub\nsub/deep", &["sub", "sub/b.md", "sub/b.txt"]),
        ("  a.md  \n./other/\nsub/../sub\n", &["a.txt"]),
        ("[ab].txt\nother\nsub/*\n!sub/b.??\n", &["a.md", "sub", "sub/b.md"]),
        ("\u{feff}other\r\nsub\r\n", &["a.md", "a.txt"]),
        ("!a.txt\na.txt\nother\nsub", &["a.md"]),
    ];
    for (ignore, expected) in table {
        let bench = Workbench::with("FROM scratch\nCOPY files /x/\nCOPY . /x/\n");
        bench.file("files/.keep", "");
        for path in ["a.txt", "a.md", "sub/b.txt", "sub/b.md", "sub/deep/c.txt", "other/d"] {
            bench.file(path, path);
        }
        bench.dockerfile("FROM scratch\nCOPY . /x/\n");
        bench.file(".dockerignore", ignore);
        fs::remove_dir_all(bench.context().join("files")).unwrap();
        let image = bench.image(&[]);
        let found: Vec<&str> = image
            .below("x")
            .into_iter()
            .filter(|name| !matches!(*name, "Dockerfile" | ".dockerignore"))
            .collect();
        assert_eq!(found, *expected, "{ignore:?}");
    }
}

#[test]
fn an_ignore_file_beside_the_dockerfile_replaces_the_other() {
    let bench = Workbench::new();
    bench.file("a", "a");
    bench.file("b", "b");
    bench.file(".dockerignore", "a\n");
    bench.file("other.Dockerfile", "FROM scratch\nCOPY a b* .dockerignor[e] /x/\n");
    bench.file("other.Dockerfile.dockerignore", "b\n");
    let file = bench.context().join("other.Dockerfile");
    let image = bench.image(&["-f", file.to_str().unwrap()]);
    assert_eq!(image.below("x"), [".dockerignore", "a"]);
}

#[test]
fn an_ignored_source_is_missing() {
    let bench = Workbench::with("FROM scratch\nCOPY a /x\n");
    bench.file("a", "a");
    bench.file(".dockerignore", "a\n");
    bench.try_build(&[]).fails(1).says(["a", "Dockerfile:2", "ignore"]);
    bench.file(".dockerignore", "Dockerfile\n.dockerignore\n");
    bench.build(&[]);
}

#[test]
fn a_bad_ignore_file_is_told() {
    let bench = Workbench::with("FROM scratch\nCOPY . /x\n");
    bench.file(".dockerignore", "fine\n!\n");
    bench.try_build(&[]).fails(1).says([".dockerignore"]);
}

#[test]
fn dockerfiles_are_found() {
    let bench = Workbench::new();
    bench.file("dockerfile", "FROM scratch\nCOPY <<a /lower\na\n");
    assert!(bench.image(&[]).has("lower"));
    bench.file("Dockerfile", "FROM scratch\nCOPY <<a /upper\na\n");
    assert!(bench.image(&[]).has("upper"));
    let outside = bench.path("work/outside");
    fs::write(&outside, "FROM scratch\nCOPY <<a /outside\na\n").unwrap();
    assert!(bench.image(&["-f", outside.to_str().unwrap()]).has("outside"));
}

fn tar_of(bench: &Workbench, flag: &str) -> Vec<u8> {
    let made = Command::new("tar")
        .args(["-c", flag, "."])
        .current_dir(bench.context())
        .output()
        .unwrap();
    assert!(made.status.success());
    made.stdout
}

#[test]
fn a_context_on_standard_input() {
    let bench = Workbench::with("FROM scratch\nCOPY . /x/\n");
    bench.file("a", "one");
    bench.file("drafts/b", "no");
    bench.file(".dockerignore", "drafts\n");
    let output = format!("type=oci,dest={}", bench.text("work/out.tar"));
    for flag in ["-f-", "-zf-", "-jf-", "-Jf-"] {
        bench
            .build_from(&["-o", &output, "-"], &tar_of(&bench, flag))
            .succeeds();
        let image = Image::of_tar(&fs::read(bench.path("work/out.tar")).unwrap());
        // What was packed is the context: nothing of it is ignored, as BuildKit has it.
        assert_eq!(
            image.below("x"),
            [".dockerignore", "Dockerfile", "a", "drafts", "drafts/b"],
            "{flag}"
        );
    }
    // Another packing of the same files is the same context.
    bench
        .build_from(&["-"], &tar_of(&bench, "-zf-"))
        .succeeds()
        .all_reused();
    bench.file("named", "FROM scratch\nCOPY a /named\n");
    bench
        .build_from(&["-o", &output, "-f", "named", "-"], &tar_of(&bench, "-f-"))
        .succeeds();
    assert!(Image::of_tar(&fs::read(bench.path("work/out.tar")).unwrap()).has("named"));
}

#[test]
fn a_dockerfile_on_standard_input() {
    let bench = Workbench::new();
    bench.file("a", "one");
    let output = format!("type=oci,dest={}", bench.text("work/out.tar"));
    let read = || Image::of_tar(&fs::read(bench.path("work/out.tar")).unwrap());
    bench
        .build_from(&["-o", &output, "-"], b"FROM busybox\nRUN echo alone > /x\n")
        .succeeds();
    assert_eq!(read().read("x"), "alone\n");
    let context = bench.text("context");
    bench
        .build_from(&["-o", &output, "-f", "-", &context], b"FROM busybox\nCOPY a /x\n")
        .succeeds();
    assert_eq!(read().read("x"), "one");
    bench.build_from(&["-f", "-", "-"], b"FROM busybox\n").fails(2);
    bench.build_from(&["-"], b"").fails(1);
    bench.build_from(&["-"], b"FROM busybox\nCOPY a /x\n").fails(1);
    bench.build_from(&["-"], &[0, 159, 146, 150, 0, 1]).fails(1);
}

#[test]
fn further_contexts() {
    let bench = Workbench::with(
        "FROM busybox AS replaced\nRUN exit 1\nFROM busybox\nCOPY --from=more f /f\nCOPY --from=replaced f /g\n\
         RUN --mount=from=more,target=/m cat /m/f > /h\n",
    );
    let more = bench.path("more");
    fs::create_dir(&more).unwrap();
    fs::write(more.join("f"), "more").unwrap();
    fs::write(more.join("hidden"), "hidden").unwrap();
    fs::write(more.join(".dockerignore"), "hidden\n").unwrap();
    let words = [
        format!("--build-context=more={}", more.display()),
        format!("--build-context=replaced={}", more.display()),
    ];
    let image = bench.image(&[&words[0], &words[1]]);
    assert_eq!(["f", "g", "h"].map(|path| image.read(path)), ["more"; 3]);
    bench.dockerfile("FROM busybox\nCOPY --from=more hidden /f\n");
    bench.try_build(&[&words[0]]).fails(1).says(["hidden"]);
    bench
        .try_build(&["--build-context=more=/nowhere/at/all"])
        .fails(1)
        .says(["/nowhere/at/all"]);
    bench.try_build(&["--build-context=more"]).fails(2);
}

#[test]
fn odd_names_survive() {
    let bench = Workbench::with("FROM scratch\nCOPY . /x/\n");
    let long = "n".repeat(200);
    let deep = format!("{}/end", [&*"d".repeat(60); 5].join("/"));
    for name in [
        " blank ",
        "new\nline",
        "uml\u{e4}ut",
        "-dash",
        "a\\b",
        "[x]",
        "*",
        long.as_str(),
        deep.as_str(),
    ] {
        bench.file(name, name);
    }
    let image = bench.image(&[]);
    for name in [
        " blank ",
        "new\nline",
        "uml\u{e4}ut",
        "-dash",
        "a\\b",
        "[x]",
        "*",
        long.as_str(),
        deep.as_str(),
    ] {
        assert_eq!(image.read(&format!("x/{name}")), name);
    }
    bench.build(&[]).all_reused();
}

#[test]
fn onbuild_fires_in_the_child_only() {
    let bench = Workbench::with("FROM busybox\nONBUILD COPY a /from-child\nONBUILD RUN echo ran > /ran\n");
    bench.build(&["-t", "parent"]);
    bench.file("a", "child");
    bench.dockerfile("FROM parent\n");
    let image = bench.image(&["-t", "child"]);
    assert_eq!((image.read("from-child"), image.read("ran")), ("child", "ran\n"));
    bench.dockerfile("FROM child\nRUN rm /ran\n");
    assert!(!bench.image(&[]).has("ran"));
}

#[test]
fn configs_are_as_written() {
    let bench = Workbench::new();
    let image = bench.image_of(
        "FROM busybox\nENV A=1 B=\"two words\"\nENV A=3\nLABEL l=m\nEXPOSE 80 81-82/UDP\nVOLUME /v\nUSER app\nWORKDIR /w\n\
         STOPSIGNAL SIGINT\nENTRYPOINT [\"/bin/echo\", \"e\"]\nCMD c d\nHEALTHCHECK --interval=5s CMD true\n",
    );
    let expected = serde_json::json!({
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=3", "B=two words"],
        "Labels": {"l": "m"}, "ExposedPorts": {"80/tcp": {}, "81/udp": {}, "82/udp": {}}, "Volumes": {"/v": {}},
        "User": "app", "WorkingDir": "/w", "StopSignal": "SIGINT", "Entrypoint": ["/bin/echo", "e"],
        "Cmd": ["/bin/sh", "-c", "c d"],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(image.setting(name), value, "{name}");
    }
    assert_eq!(image.setting("Healthcheck")["Interval"], 5_000_000_000_u64);
    assert_eq!(image.config["os"], "linux");
    let history = image.history();
    assert!(
        history.contains(&"WORKDIR /w") && history.contains(&"LABEL l=m"),
        "{history:#?}"
    );
    let labelled = bench.image(&["--label", "l=n", "--label", "o=p"]);
    assert_eq!(*labelled.setting("Labels"), serde_json::json!({"l": "n", "o": "p"}));
}
