//! What is made again after which change: one row a change, one stage a row, so that two builds tell of them all.
//!
//! Where a row says what BuildKit does, it does the opposite, and `docs/differences.md` says why.

use crate::support::{Run, Workbench, root};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What becomes of the last step of a row's stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Want {
    Reused,
    Made,
    /// Reused, where BuildKit makes it again.
    ReusedBetter,
    /// Made again, where BuildKit takes the old one.
    MadeSafer,
}
use Want::{Made, MadeSafer, Reused, ReusedBetter};

/// A stage's instructions before and after, in which `@` is the row's own directory of the context.
struct Row {
    name: &'static str,
    before: &'static str,
    after: &'static str,
    change: fn(&Path),
    want: Want,
}

const fn row(name: &'static str, before: &'static str, after: &'static str, want: Want) -> Row {
    fn nothing(_: &Path) {}
    Row {
        name,
        before,
        after,
        change: nothing,
        want,
    }
}

/// A row in which only files change.
const fn files(name: &'static str, text: &'static str, change: fn(&Path), want: Want) -> Row {
    Row {
        name,
        before: text,
        after: text,
        change,
        want,
    }
}

fn old(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const ROWS: &[Row] = &[
    // A RUN, and what stands before it.
    row("comment", "RUN a=1", "# why\n\nRUN a=1", Reused),
    row("keyword", "RUN a=2", "run a=2", Reused),
    row(
        "settings",
        "RUN a=3",
        "LABEL a=b\nEXPOSE 80\nCMD x\nVOLUME /v\nSTOPSIGNAL 9\nRUN a=3",
        Reused,
    ),
    row(
        "healthcheck",
        "RUN a=4",
        "HEALTHCHECK CMD x\nONBUILD RUN x\nENTRYPOINT [\"x\"]\nRUN a=4",
        Reused,
    ),
    row("text", "RUN a=5", "RUN a=5 ", Reused),
    row("text-inside", "RUN : a=6", "RUN :  a=6", Made),
    row("form", "RUN true", "RUN [\"true\"]", Made),
    row("heredoc", "RUN echo heredoc", "RUN <<EOF\necho heredoc\nEOF", Made),
    row("arg", "ARG A=1\nRUN a=7", "ARG A=2\nRUN a=7", Made),
    row("arg-without-value", "RUN a=8", "ARG NONE\nRUN a=8", Reused),
    row("env", "ENV A=1\nRUN a=9", "ENV A=2\nRUN a=9", Made),
    row("env-order", "ENV A=1 B=2\nRUN a=10", "ENV B=2 A=1\nRUN a=10", Made),
    row("workdir", "WORKDIR /a\nRUN a=11", "WORKDIR /b\nRUN a=11", Made),
    row("user", "USER 0\nRUN a=12", "USER 1\nRUN a=12", Made),
    row("shell", "RUN a=13", "SHELL [\"/bin/sh\", \"-ec\"]\nRUN a=13", Made),
    row("network", "RUN a=14", "RUN --network=none a=14", Made),
    row(
        "declared-proxy",
        "ARG HTTP_PROXY=a\nRUN a=15",
        "ARG HTTP_PROXY=b\nRUN a=15",
        Made,
    ),
    row(
        "secret-id",
        "RUN --mount=type=secret,id=a a=16",
        "RUN --mount=type=secret,id=b a=16",
        Made,
    ),
    row(
        "secret-env",
        "RUN --mount=type=secret,id=a,env=A a=17",
        "RUN --mount=type=secret,id=a,env=B a=17",
        Made,
    ),
    row(
        "cache-target",
        "RUN --mount=type=cache,id=x,target=/a a=18",
        "RUN --mount=type=cache,id=x,target=/b a=18",
        Made,
    ),
    row(
        "cache-sharing",
        "RUN --mount=type=cache,id=x,target=/a,sharing=shared a=19",
        "RUN --mount=type=cache,id=x,target=/a,sharing=locked a=19",
        Reused,
    ),
    row(
        "cache-id",
        "RUN --mount=type=cache,id=x,target=/a a=20",
        "RUN --mount=type=cache,id=y,target=/a a=20",
        MadeSafer,
    ),
    row(
        "tmpfs-size",
        "RUN --mount=type=tmpfs,target=/t,size=1m a=21",
        "RUN --mount=type=tmpfs,target=/t,size=2m a=21",
        Made,
    ),
    row(
        "read-write",
        "RUN --mount=target=/m,source=@ a=22",
        "RUN --mount=target=/m,source=@,rw a=22",
        Made,
    ),
    // Another history, the same files: BuildKit goes by the history.
    row(
        "same-files",
        "RUN echo x > /f # 1\nRUN cat /f",
        "RUN echo x > /f # 2\nRUN cat /f",
        ReusedBetter,
    ),
    row(
        "one-step-for-two",
        "RUN echo y > /g\nRUN a=23",
        "RUN echo z > /g && echo y > /g\nRUN a=23",
        ReusedBetter,
    ),
    // A bind mount.
    files(
        "bind-content",
        "RUN --mount=source=@,target=/m a=24",
        |at| fs::write(at.join("a"), "2").unwrap(),
        Made,
    ),
    files(
        "bind-unrelated",
        "RUN --mount=source=@,target=/m a=25",
        |at| fs::write(at.join("new"), "").unwrap(),
        Made,
    ),
    files(
        "bind-time",
        "RUN --mount=source=@,target=/m a=26",
        |at| old(&at.join("a")),
        Reused,
    ),
    files(
        "bind-one-file",
        "RUN --mount=source=@/a,target=/m a=27",
        |at| fs::write(at.join("b"), "2").unwrap(),
        Reused,
    ),
    // A COPY.
    files("file-time", "COPY @/a /", |at| old(&at.join("a")), Reused),
    files("directory-time", "COPY @/d /", |at| old(&at.join("d")), Reused),
    files(
        "file-beside",
        "COPY @/a /",
        |at| fs::write(at.join("b"), "2").unwrap(),
        Reused,
    ),
    files(
        "no-match",
        "COPY @/*.txt /",
        |at| fs::write(at.join("x.md"), "").unwrap(),
        Reused,
    ),
    files(
        "match",
        "COPY @/*.txt /",
        |at| fs::write(at.join("x.txt"), "").unwrap(),
        Made,
    ),
    files(
        "excluded",
        "COPY --exclude=*.md @ /",
        |at| fs::write(at.join("x.md"), "").unwrap(),
        Reused,
    ),
    files(
        "content",
        "COPY @/a /",
        |at| fs::write(at.join("a"), "2").unwrap(),
        Made,
    ),
    files(
        "content-below",
        "COPY @ /",
        |at| fs::write(at.join("d/c"), "2").unwrap(),
        Made,
    ),
    files("mode", "COPY @/a /", |at| mode(&at.join("a"), 0o755), Made),
    files(
        "name",
        "COPY @/d /",
        |at| fs::rename(at.join("d/c"), at.join("d/e")).unwrap(),
        Made,
    ),
    files(
        "empty-directory",
        "COPY @ /",
        |at| fs::create_dir(at.join("e")).unwrap(),
        Made,
    ),
    files(
        "link",
        "COPY @ /",
        |at| std::os::unix::fs::symlink("a", at.join("l")).unwrap(),
        Made,
    ),
    files(
        "rewritten",
        "COPY @/a /",
        |at| fs::write(at.join("a"), "1").unwrap(),
        Reused,
    ),
    files(
        "mode-overwritten",
        "COPY --chmod=644 @/a /",
        |at| mode(&at.join("a"), 0o755),
        ReusedBetter,
    ),
    row("copy-arg", "ARG A=1\nCOPY @/a /", "ARG A=2\nCOPY @/a /", Reused),
    row("copy-env", "ENV A=1\nCOPY @/a /", "ENV A=2\nCOPY @/a /", Reused),
    row(
        "copy-expanded",
        "ENV A=/x\nCOPY @/a $A/",
        "ENV A=/y\nCOPY @/a $A/",
        Made,
    ),
    row("copy-user", "USER 0\nCOPY @/a /", "USER 1\nCOPY @/a /", Reused),
    row("copy-spelling", "COPY @/a /x/", "COPY @/./a /y/../x/", Reused),
    row("copy-moved-directory", "COPY @/d /", "COPY @/moved/d /", Reused),
    row("copy-destination", "COPY @/a /x", "COPY @/a /y", Made),
    row("chmod", "COPY --chmod=644 @/a /", "COPY --chmod=600 @/a /", Made),
    row("chown", "COPY --chown=1 @/a /", "COPY --chown=2 @/a /", Made),
    row(
        "chown-spelling",
        "COPY --chown=0:0 @/a /",
        "COPY --chown=root:root @/a /",
        Reused,
    ),
    row("copy-heredoc", "COPY <<f /\n1\nf", "COPY <<f /\n2\nf", Made),
    row("copy-heredoc-tabs", "COPY <<f /\n1\nf", "COPY <<-f /\n\t1\n\tf", Reused),
    row(
        "link-base",
        "RUN echo 1 > /l\nCOPY --link @/a /",
        "RUN echo 2 > /l\nCOPY --link @/a /",
        Reused,
    ),
    row(
        "copy-base",
        "RUN echo 1 > /n\nCOPY @/a /",
        "RUN echo 2 > /n\nCOPY @/a /",
        Made,
    ),
    row("workdir-path", "WORKDIR /a/b", "WORKDIR /a/c", Made),
    row("workdir-owner", "USER 1\nWORKDIR /w", "USER 2\nWORKDIR /w", Made),
];

/// The file with all rows, their text picked by `text`; the last stage needs all of them.
fn dockerfile(text: impl Fn(&Row) -> &'static str) -> String {
    let mut all = String::new();
    for row in ROWS {
        all.push_str(&format!(
            "FROM busybox AS {0}\n{1}\n",
            row.name,
            text(row).replace('@', row.name)
        ));
    }
    all.push_str("FROM scratch\n");
    for row in ROWS {
        all.push_str(&format!("COPY --from={0} /etc/passwd /{0}\n", row.name));
    }
    all
}

/// Whether the last step of a stage was made; `None` when there is no such stage.
fn made(run: &Run, stage: &str) -> Option<bool> {
    let steps = run.steps().into_iter();
    let own = steps.filter(|step| step.tag.split(' ').next() == Some(stage) && !step.title.starts_with("FROM "));
    let number = |tag: &str| tag.rsplit(' ').next()?.split('/').next()?.parse::<usize>().ok();
    own.max_by_key(|step| number(&step.tag))
        .map(|step| step.because.is_some())
}

#[test]
fn each_change_makes_again_what_it_must() {
    let bench = Workbench::new();
    for row in ROWS {
        for (file, content) in [("a", "1"), ("b", "1"), ("d/c", "1"), ("moved/d/c", "1"), ("y.txt", "1")] {
            mode(&bench.file(&format!("{}/{file}", row.name), content), 0o644);
        }
    }
    bench.dockerfile(&dockerfile(|row| row.before));
    bench.build(&[]);
    bench.build(&[]).all_reused();
    for row in ROWS {
        (row.change)(&bench.context().join(row.name));
    }
    bench.dockerfile(&dockerfile(|row| row.after));
    let run = bench.build(&[]);
    let mut wrong = Vec::new();
    for row in ROWS {
        let wanted = matches!(row.want, Made | MadeSafer);
        match made(&run, row.name) {
            Some(made) if made == wanted => (),
            found => wrong.push(format!("{}: want {:?}, made: {found:?}", row.name, row.want)),
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), run.stderr);
}

/// What the command line says: a stage with a RUN, one with a COPY, one with a WORKDIR, and for each change which run.
#[test]
fn each_flag_makes_again_what_it_must() {
    let text = "FROM busybox AS run\nRUN --mount=type=secret,id=s echo run\n\
        FROM busybox AS copy\nCOPY f /\nFROM busybox AS workdir\nWORKDIR /w\n\
        FROM busybox AS declared\nARG SOURCE_DATE_EPOCH\nRUN echo declared\n\
        FROM scratch\nCOPY --from=run / /1\nCOPY --from=copy / /2\nCOPY --from=workdir / /3\nCOPY --from=declared / /4\n";
    let bench = Workbench::with(text).variable("ONE", "1").variable("TWO", "2");
    bench.file("f", "f");
    let usual = [
        "--secret=id=s,env=ONE",
        "--add-host=db:10.0.0.1",
        "--build-arg=SOURCE_DATE_EPOCH=1",
    ];
    bench.build(&usual);
    let all: &[&str] = &["run", "declared"];
    let table: &[(&[&str], &[&str])] = &[
        (&["--build-arg=NOBODY=asks"], &[]),
        (&["--build-arg=HTTP_PROXY=http://p:1", "--build-arg=no_proxy=x"], &[]),
        (&["--label=a=b", "--jobs=1"], &[]),
        (&["--secret=id=s,env=TWO"], &[]),
        (&["--add-host=db:10.0.0.2"], &[]),
        (&["--add-host=other:10.0.0.1"], all),
        (&["--build-arg=BUILDKIT_SANDBOX_HOSTNAME=other"], all),
        (&["--ulimit=nofile=99"], all),
        (&["--shm-size=1m"], all),
        (&["--network=none"], all),
        (&["--build-arg=SOURCE_DATE_EPOCH=2"], &["declared", "workdir"]),
    ];
    for (words, wanted) in table {
        // A flag of the same kind takes the place of the usual one.
        let kind = |word: &str| {
            word.split('=')
                .take(2)
                .map(|it| it.split(':').next().unwrap_or(it).to_owned())
                .collect::<Vec<_>>()
        };
        let kept = usual
            .iter()
            .filter(|usual| !words.iter().any(|word| kind(word) == kind(usual)));
        let words: Vec<&str> = kept.copied().chain(words.iter().copied()).collect();
        let run = bench.build(&words);
        for stage in ["run", "copy", "workdir", "declared"] {
            let made = made(&run, stage);
            assert_eq!(
                made,
                Some(wanted.contains(&stage)),
                "{words:?}, {stage}: {:#?}",
                run.steps()
            );
        }
    }
}

#[test]
fn owners_of_the_checkout_do_not_count_and_attributes_do() {
    if !root() {
        // Only root gives files away; the attributes of a user's files are tried below.
        return attributes_count();
    }
    let bench = Workbench::with("FROM scratch\nCOPY f /\n");
    let file = bench.file("f", "f");
    bench.build(&[]);
    std::os::unix::fs::chown(&file, Some(1234), Some(1234)).unwrap();
    bench.build(&[]).all_reused();
    attributes_count();
}

/// BuildKit's client looks at size and time only, and reuses the step.
fn attributes_count() {
    let bench = Workbench::with("FROM scratch\nCOPY f /\n");
    let file = bench.file("f", "f");
    bench.build(&[]);
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    let set = Command::new("python3")
        .args(["-c", "import os, sys; os.setxattr(sys.argv[1], 'user.colour', b'red')"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(set.success(), "the file system of the tests has attributes");
    fs::File::open(&file).unwrap().set_modified(time).unwrap();
    bench.build(&[]).only_built(&["COPY f"]);
}
