//! What goes wrong: each failure names its cause and place, leaves nothing half-written, and a good store behind.

use crate::support::{Running, Workbench, base, root, skip};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A context without files of use, a Dockerfile, an exit code, and what is said.
#[test]
fn dockerfiles_that_make_no_sense() {
    let table: &[(&str, i32, &[&str])] = &[
        ("", 1, &["Dockerfile"]),
        ("# only a comment\n", 1, &["Dockerfile"]),
        ("FROM busybox\nRUNN true\n", 1, &["RUNN", "RUN", "Dockerfile:2:1"]),
        ("RUN true\n", 1, &["FROM", "Dockerfile:1"]),
        (
            "FROM busybox\nCOPY missing.txt /\n",
            1,
            &["missing.txt", "Dockerfile:2"],
        ),
        ("FROM\n", 1, &["Dockerfile:1"]),
        ("FROM busybox\nRUN <<EOF\nnever closed\n", 1, &["EOF", "Dockerfile:2"]),
        ("FROM busybox\nCOPY --chwon=1 a b\n", 1, &["--chown"]),
        (
            "FROM nobody-has-this\nRUN true\n",
            1,
            &["nobody-has-this", "Dockerfile:1"],
        ),
        ("FROM busybox\nENV a\n", 1, &["Dockerfile:2"]),
        ("FROM busybox\nEXPOSE 70000\n", 1, &["70000"]),
        ("FROM a AS b\nFROM b AS a\nCOPY --from=c / /\n", 1, &[]),
        ("FROM busybox\nUSER ghost\nRUN true\n", 1, &["ghost", "Dockerfile:"]),
        (
            "FROM busybox\nRUN [\"/not/there\"]\n",
            1,
            &["/not/there", "Dockerfile:2"],
        ),
        ("FROM busybox\nSTOPSIGNAL FOO\n", 1, &["FOO"]),
        ("FROM busybox\nRUN ${x\nCOPY ${x /\n", 1, &["Dockerfile:3"]),
        // The text, a stage, a mount and a value: all at once.
        (
            "FROM busybox\nVOLUME\nCOPY --from=5 / /\nRUN --mount=tagret=/x true\nSTOPSIGNAL SIGTREM\n",
            1,
            &[
                "Dockerfile:2:1",
                "Dockerfile:3:6",
                "Dockerfile:4:13",
                "`target`",
                "Dockerfile:5:12",
                "`TERM`",
            ],
        ),
    ];
    for (text, code, says) in table {
        let bench = Workbench::with(text);
        let tar = bench.path("work/out.tar");
        fs::write(&tar, "before").unwrap();
        let run = bench
            .try_build(&["-t", "never", "-o", &format!("type=oci,dest={}", tar.display())])
            .fails(*code);
        let run = run.says(says.iter().copied());
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert_eq!(fs::read_to_string(&tar).unwrap(), "before", "{text}");
        assert_eq!(fs::read_dir(bench.path("work")).unwrap().count(), 1, "{text}");
        assert!(!bench.varve(["images"]).succeeds().stdout.contains("never"), "{text}");
        bench.still_builds();
    }
}

#[test]
fn a_missing_dockerfile_or_context() {
    let bench = Workbench::new();
    bench.try_build(&[]).fails(1).says(["Dockerfile"]);
    bench
        .try_build(&["-f", "/nowhere/Dockerfile"])
        .fails(1)
        .says(["/nowhere/Dockerfile"]);
    bench
        .varve(["build", "/nowhere/context"])
        .fails(1)
        .says(["/nowhere/context"]);
    bench.file("Dockerfile/inner", "a directory");
    bench.try_build(&[]).fails(1).says(["Dockerfile"]);
    bench.still_builds();
}

#[test]
fn a_dockerfile_that_is_no_text() {
    let bench = Workbench::new();
    bench.file("Dockerfile", [0xff, 0xfe, b'F', 0, b'R', 0]);
    bench.try_build(&[]).fails(1).says(["Dockerfile", "UTF-8"]);
}

#[test]
fn command_lines_that_make_no_sense() {
    let bench = Workbench::with("FROM busybox\n");
    let table: &[(&[&str], &str)] = &[
        (&["--nonsense"], "--nonsense"),
        (&["-t", "UPPER/Case"], "UPPER"),
        (
            &[
                "-t",
                "a@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            ],
            "digest",
        ),
        (&["-o", "type=occi"], "oci"),
        (&["-o", "type=oci,dest=x,compression=lz4"], "lz4"),
        (&["-o", "type=oci,dest=x,depth=9"], "depth"),
        (&["-o", "type=local"], "dest"),
        (&["--secret", "id"], "--secret"),
        (&["--secret", "id=a,src=/not/there"], "/not/there"),
        (&["--add-host", "db"], "--add-host"),
        (&["--shm-size", "much"], "much"),
        (&["--ulimit", "nofile=9:1"], "--ulimit"),
        (&["--allow", "everything"], "everything"),
        (&["--jobs", "0"], "jobs"),
        (&["--progress", "loud"], "loud"),
        (&["--network", "some"], "some"),
        (&["one", "two"], "two"),
    ];
    for (words, text) in table {
        bench.try_build(words).fails(2).says([*text]);
    }
    bench.varve(["bild", "."]).fails(2).says(["build"]);
    bench.varve(["build"]).fails(2);
    bench.varve::<&str>([]).fails(2);
    assert!(
        !bench.store().exists(),
        "a command line that makes no sense makes no store"
    );
}

#[test]
fn a_failing_command_tells_its_code_its_words_and_its_place() {
    let bench = Workbench::with(
        "FROM busybox\nRUN true\n\nRUN for i in 1 2 3; do echo line $i; done; \\\n    echo oops >&2; exit 42\nRUN never\n",
    );
    let tar = bench.path("work/out.tar");
    let run = bench
        .try_build(&["-t", "never", "-o", &format!("type=oci,dest={}", tar.display())])
        .fails(1);
    let run = run
        .says(["42", "line 3", "oops", "Dockerfile:4"])
        .never_says(["RUN never"]);
    assert!(run.stderr.contains("last lines"), "{}", run.stderr);
    assert!(!tar.exists());
    bench.dockerfile("FROM busybox\nRUN kill -9 $$ ; sleep 1\n");
    bench.dockerfile("FROM busybox\nRUN not-a-command\n");
    bench.try_build(&[]).fails(1).says(["127", "not-a-command"]);
    bench.still_builds();
}

#[test]
fn one_failure_stops_the_others() {
    let bench = Workbench::with(
        "FROM busybox AS slow\nRUN echo started; sleep 100\nFROM busybox AS bad\nRUN sleep 0.3; exit 3\n\
         FROM busybox\nCOPY --from=slow / /1\nCOPY --from=bad / /2\n",
    );
    let start = std::time::Instant::now();
    bench.try_build(&[]).fails(1).says(["Dockerfile:4", "stopped"]);
    assert!(start.elapsed().as_secs() < 60);
    bench.still_builds();
}

/// Copies the base image as a directory that can be damaged.
fn layout(bench: &Workbench) -> std::path::PathBuf {
    let directory = bench.path("layout");
    fs::create_dir(&directory).unwrap();
    let status = Command::new("tar")
        .arg("-xf")
        .arg(base())
        .arg("-C")
        .arg(&directory)
        .status()
        .unwrap();
    assert!(status.success());
    directory
}

fn build_on(bench: &Workbench, layout: &Path) -> crate::support::Run {
    bench.dockerfile("FROM damaged\nRUN echo x > /x\n");
    bench.varve([
        "build",
        "--progress=plain",
        &format!("--build-context=damaged=oci-layout://{}", layout.display()),
        bench.context().to_str().unwrap(),
    ])
}

#[test]
fn damaged_base_layouts_are_refused() {
    type Damage<'a> = &'a dyn Fn(&Path);
    let blobs = |layout: &Path| {
        let mut all: Vec<_> = fs::read_dir(layout.join("blobs/sha256"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        all.sort_by_key(|path| fs::metadata(path).unwrap().len());
        all
    };
    let writable = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    };
    let damages: &[(&str, Damage<'_>)] = &[
        ("index.json is gone", &|layout| {
            fs::remove_file(layout.join("index.json")).unwrap()
        }),
        ("index.json is no JSON", &|layout| {
            writable(&layout.join("index.json"));
            fs::write(layout.join("index.json"), "{").unwrap();
        }),
        ("oci-layout is gone", &|layout| {
            fs::remove_file(layout.join("oci-layout")).unwrap()
        }),
        ("the largest blob is cut", &|layout| {
            let path = blobs(layout).pop().unwrap();
            writable(&path);
            let content = fs::read(&path).unwrap();
            fs::write(path, &content[..content.len() / 2]).unwrap();
        }),
        ("the largest blob has another bit", &|layout| {
            let path = blobs(layout).pop().unwrap();
            writable(&path);
            let mut content = fs::read(&path).unwrap();
            let middle = content.len() / 2;
            content[middle] ^= 1;
            fs::write(path, content).unwrap();
        }),
        ("the largest blob is gone", &|layout| {
            fs::remove_file(blobs(layout).pop().unwrap()).unwrap()
        }),
        ("every blob is gone", &|layout| {
            blobs(layout).iter().for_each(|path| fs::remove_file(path).unwrap())
        }),
        ("it is empty", &|layout| {
            fs::remove_dir_all(layout).unwrap();
            fs::create_dir(layout).unwrap();
        }),
        ("it is not there", &|layout| fs::remove_dir_all(layout).unwrap()),
    ];
    for (what, damage) in damages {
        let bench = Workbench::new();
        let layout = layout(&bench);
        damage(&layout);
        let run = build_on(&bench, &layout);
        assert_eq!(run.code, 1, "{what}: {}", run.stderr);
        assert!(
            run.stderr.contains("error") && !run.stderr.contains("panicked"),
            "{what}: {}",
            run.stderr
        );
        bench.still_builds();
    }
}

#[test]
fn a_layout_that_is_whole_again_builds() {
    let bench = Workbench::new();
    let layout = layout(&bench);
    let index = layout.join("index.json");
    let content = fs::read(&index).unwrap();
    fs::remove_file(&index).unwrap();
    build_on(&bench, &layout).fails(1);
    fs::write(&index, content).unwrap();
    build_on(&bench, &layout).succeeds();
}

#[test]
fn damaged_base_archives_are_refused() {
    let content = fs::read(base()).unwrap();
    let cut = |length: usize| content[..length].to_vec();
    let mut flipped = content.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let cases = [
        ("empty", Vec::new()),
        ("cut in a header", cut(300)),
        ("cut in the middle", cut(content.len() / 2)),
        ("one bit", flipped),
        ("no tar", b"nonsense".repeat(1000)),
    ];
    for (what, bytes) in cases {
        let bench = Workbench::new();
        let archive = bench.path("archive.tar");
        fs::write(&archive, bytes).unwrap();
        let run = build_on(&bench, &archive);
        assert_eq!(run.code, 1, "{what}: {}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{what}: {}", run.stderr);
        bench.still_builds();
    }
}

#[test]
fn damaged_archives_in_the_context() {
    let bench = Workbench::new();
    bench.file("dir/a", "a".repeat(100_000));
    let made = Command::new("tar")
        .args(["-czf", "good.tgz", "dir"])
        .current_dir(bench.context())
        .status()
        .unwrap();
    assert!(made.success());
    let good = fs::read(bench.context().join("good.tgz")).unwrap();
    bench.file("bad.tgz", &good[..good.len() - 20]);
    bench.dockerfile("FROM scratch\nADD bad.tgz /\n");
    bench.try_build(&[]).fails(1).says(["bad.tgz", "Dockerfile:2"]);
    bench.dockerfile("FROM scratch\nADD good.tgz /\n");
    bench.build(&[]);
}

#[test]
fn a_full_disk_is_told_and_survived() {
    if !root() {
        return;
    }
    let bench = Workbench::with("FROM busybox\nRUN head -c 50000000 /dev/urandom > /large\n");
    // A mount of this test's own, in a namespace that ends with it.
    let script = "mount -t tmpfs -o size=24m,mode=755 none \"$1\" || exit 77\nshift\n\
         \"$@\" big; code=$?\necho \"first: $code\" >&2\nrm big/Dockerfile; printf 'FROM busybox\\nRUN echo fine > /f\\n' > big/Dockerfile\n\"$@\" big\n";
    let work = bench.path("work");
    fs::create_dir_all(work.join("big")).unwrap();
    fs::copy(bench.context().join("Dockerfile"), work.join("big/Dockerfile")).unwrap();
    let store = bench.store();
    fs::create_dir(&store).unwrap();
    let mut command = bench.command("unshare");
    command
        .args(["--mount", "--propagation=private", "sh", "-c", script, "sh"])
        .arg(&store)
        .arg(crate::support::VARVE)
        .args(["build", "--progress=plain"])
        .arg(format!("--build-context=busybox=oci-layout://{}", base().display()));
    let run = Running::start(command).end();
    if run.code == 77 {
        return skip("a tmpfs can't be mounted");
    }
    run.succeeds().says(["first: 1"]);
}

#[test]
fn a_store_from_the_future_is_refused() {
    let bench = Workbench::with("FROM busybox\nRUN true\n");
    bench.build(&[]);
    let database = bench.store().join("varve.db");
    let mut bytes = fs::read(&database).unwrap();
    // The version of a store is the user version of its database, a big-endian number at byte 60.
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    for name in ["varve.db-wal", "varve.db-shm"] {
        let _ = fs::remove_file(bench.store().join(name));
    }
    fs::write(&database, bytes).unwrap();
    bench.try_build(&[]).fails(1).says(["newer"]);
    bench.varve(["images"]).fails(1).says(["newer"]);
}

#[test]
fn a_store_that_is_no_store() {
    let bench = Workbench::with("FROM busybox\n");
    fs::write(bench.store(), "a file").unwrap();
    bench.try_build(&[]).fails(1).says(["store"]);
    fs::remove_file(bench.store()).unwrap();
    fs::create_dir(bench.store()).unwrap();
    fs::write(
        bench.store().join("varve.db"),
        "no database, but long enough to look at".repeat(100),
    )
    .unwrap();
    let run = bench.try_build(&[]).fails(1);
    assert!(
        run.stderr.contains("database") && !run.stderr.contains("panicked"),
        "{}",
        run.stderr
    );
}

#[test]
fn nobody_reads_the_output() {
    let bench = Workbench::with("FROM busybox\nRUN head -c 3000000 /dev/urandom > /large\n");
    let base = format!("--build-context=busybox=oci-layout://{}", base().display());
    for kind in ["type=oci", "type=tar"] {
        let mut command = bench.command("bash");
        command
            .args([
                "-c",
                "\"$@\" | head -c 10 > /dev/null; echo \"code ${PIPESTATUS[0]}\" >&2",
                "bash",
                crate::support::VARVE,
            ])
            .args(["build", "--progress=plain", &base, "-o", &format!("{kind},dest=-")])
            .arg(bench.context());
        let run = Running::start(command).end().says(["code 1"]);
        assert!(
            !run.stderr.contains("panicked") && !run.stderr.contains("os error"),
            "{}",
            run.stderr
        );
    }
    bench.still_builds();
}

#[test]
fn a_destination_that_can_not_be_written() {
    let bench = Workbench::with("FROM busybox\nRUN true\n");
    for output in [
        "type=oci,dest=/proc/nope/x.tar",
        "type=local,dest=/proc/nope",
        "type=tar,dest=/dev/full",
    ] {
        let run = bench.try_build(&["-o", output]).fails(1);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
    bench
        .try_build(&["--iidfile", "/proc/nope/id"])
        .fails(1)
        .says(["/proc/nope/id"]);
}

#[test]
fn a_full_disk_while_files_are_copied() {
    if !root() {
        return;
    }
    let bench = Workbench::with("FROM scratch\nCOPY large /\n");
    bench.file("large", vec![1; 30_000_000]);
    let script = "mount -t tmpfs -o size=16m,mode=755 none \"$1\" || exit 77\nshift\n\"$@\"; echo \"first: $?\" >&2\n\
         printf 'FROM scratch\\nCOPY Dockerfile /\\n' > ../context/Dockerfile\n\"$@\"\n";
    let store = bench.store();
    fs::create_dir(&store).unwrap();
    let mut command = bench.command("unshare");
    command
        .args(["--mount", "--propagation=private", "sh", "-c", script, "sh"])
        .arg(&store);
    command
        .arg(crate::support::VARVE)
        .args(["build", "--progress=plain", "-o", "type=oci,dest=x.tar"])
        .arg(bench.context());
    let run = Running::start(command).end();
    if run.code == 77 {
        return skip("a tmpfs can't be mounted");
    }
    let run = run.succeeds().says(["first: 1", "No space left"]);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    crate::support::Image::of_tar(&fs::read(bench.path("work/x.tar")).unwrap());
}

#[test]
fn a_full_disk_at_the_destination() {
    if !root() {
        return;
    }
    let bench = Workbench::with("FROM busybox\nRUN head -c 9000000 /dev/urandom > /large\n");
    bench.build(&[]);
    let script = "mount -t tmpfs -o size=4m none out || exit 77\nshift 0\n\"$@\" -o type=oci,dest=out/x.tar; echo \"oci: $?\" >&2\n\
         \"$@\" -o type=tar,dest=out/x.tar; echo \"tar: $?\" >&2\nls -A out >&2\n\"$@\" -o out/sub; echo \"local: $?\" >&2\n";
    fs::create_dir(bench.path("work/out")).unwrap();
    let base = format!("--build-context=busybox=oci-layout://{}", base().display());
    let mut command = bench.command("unshare");
    command.args(["--mount", "--propagation=private", "sh", "-c", script, "sh"]);
    command
        .arg(crate::support::VARVE)
        .args(["build", "--progress=quiet", &base])
        .arg(bench.context());
    let run = Running::start(command).end();
    if run.code == 77 {
        return skip("a tmpfs can't be mounted");
    }
    let run = run.says(["oci: 1", "tar: 1", "local: 1", "No space left"]);
    assert!(
        !run.stderr.contains("panicked") && !run.stderr.lines().any(|line| line == "x.tar"),
        "{}",
        run.stderr
    );
    bench.still_builds();
}

#[test]
fn a_file_that_is_no_dockerfile_is_not_shown_line_by_line() {
    let bench = Workbench::with(&format!("FROM busybox\n{}", "lorem ipsum\n".repeat(1000)));
    let run = bench.try_build(&[]).fails(1);
    let run = run.says([
        "unknown instruction `lorem`",
        "Dockerfile:2:1",
        "900 more errors are not shown",
    ]);
    assert!(run.stderr.lines().count() < 1000, "{}", run.stderr.len());
    // A line that is longer than any editor shows is one error, and drawn in part.
    bench.dockerfile(&format!("FROM busybox\nRUN {}\n", "x".repeat(70_000)));
    let run = bench
        .try_build(&[])
        .fails(1)
        .says(["Dockerfile:2:1", "longer than 65535 bytes", "continuations"]);
    assert!(run.stderr.len() < 2000, "{}", run.stderr.len());
}
