//! What is reused, what is not, and what is said of it.

use crate::support::{Run, Running, Workbench};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

const SMALL: &str = "FROM busybox\nCOPY a.txt dir/ /in/\nRUN cat /in/a.txt > /out\n";

type Change<'a> = &'a dyn Fn(&Workbench);

fn small() -> Workbench {
    let bench = Workbench::with(SMALL);
    bench.file("a.txt", "one");
    bench.file("dir/b.txt", "two");
    bench.file("other.txt", "not copied");
    bench
}

/// Builds, changes something, builds again, and says which steps ran the second time.
#[track_caller]
fn after(bench: &Workbench, first: &[&str], change: impl FnOnce(&Workbench), second: &[&str]) -> Run {
    bench.build(first);
    bench.build(first).all_reused();
    change(bench);
    bench.build(second)
}

#[test]
fn what_a_copy_does_not_depend_on() {
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let changes: &[(&str, Change<'_>)] = &[
        ("time of a file", &|bench| {
            fs::File::open(bench.context().join("a.txt"))
                .unwrap()
                .set_modified(old)
                .unwrap()
        }),
        ("time of a directory", &|bench| {
            fs::File::open(bench.context().join("dir"))
                .unwrap()
                .set_modified(old)
                .unwrap()
        }),
        ("a file that is not copied", &|bench| {
            drop(bench.file("other.txt", "changed"))
        }),
        ("a new file beside", &|bench| drop(bench.file("new.txt", "new"))),
        ("the same content again", &|bench| drop(bench.file("a.txt", "one"))),
        ("a comment", &|bench| {
            drop(bench.dockerfile(&format!("# why\n\n{}", SMALL.replace("RUN", "# how\nRUN"))))
        }),
        ("a label", &|bench| {
            drop(bench.dockerfile(&SMALL.replace("RUN", "LABEL a=b\nEXPOSE 80\nCMD [\"x\"]\nRUN")))
        }),
        ("case of a keyword", &|bench| {
            drop(bench.dockerfile(&SMALL.replace("RUN", "run")))
        }),
        ("a spelling of the destination", &|bench| {
            drop(bench.dockerfile(&SMALL.replace("/in/\n", "/x/../in/\n")))
        }),
    ];
    for (what, change) in changes {
        let bench = small();
        let run = after(&bench, &[], change, &[]);
        assert!(run.built().is_empty(), "{what}: {:#?}", run.steps());
    }
    let bench = small();
    after(&bench, &[], |_| (), &["--build-arg", "NOBODY=asks"]).all_reused();
    let bench = small();
    after(&bench, &[], |_| (), &["--label", "a=b"]).all_reused();
}

#[test]
fn what_a_copy_depends_on() {
    let changes: &[(&str, Change<'_>)] = &[
        ("content", &|bench| drop(bench.file("a.txt", "changed"))),
        ("content of the same length", &|bench| drop(bench.file("a.txt", "eno"))),
        ("mode", &|bench| {
            fs::set_permissions(bench.context().join("a.txt"), fs::Permissions::from_mode(0o600)).unwrap();
        }),
        ("a new file in the directory", &|bench| {
            drop(bench.file("dir/c.txt", "three"))
        }),
        ("a name", &|bench| {
            fs::rename(bench.context().join("dir/b.txt"), bench.context().join("dir/c.txt")).unwrap()
        }),
    ];
    for (what, change) in changes {
        let bench = small();
        let run = after(&bench, &[], change, &[]);
        let built = run.built();
        assert!(
            built.len() == 2 && built[0].starts_with("COPY"),
            "{what}: {:#?}",
            run.steps()
        );
        assert!(run.stderr.contains("because"), "{what}");
    }
}

#[test]
fn wildcards_depend_on_what_they_match() {
    let bench = Workbench::with("FROM busybox\nCOPY *.txt /in/\n");
    bench.file("a.txt", "a");
    bench.build(&[]);
    bench.file("b.md", "no match");
    bench.build(&[]).all_reused();
    bench.file("b.txt", "match");
    bench.build(&[]).only_built(&["COPY"]);
}

#[test]
fn what_a_run_depends_on() {
    let text = "FROM busybox\nARG A=1\nRUN echo a\nRUN echo b\n";
    let cases: &[(&str, &str, &[&str])] = &[
        ("an ARG, even unused", "", &["--build-arg", "A=2"]),
        ("ENV", "ENV B=1\n", &[]),
        ("WORKDIR", "WORKDIR /elsewhere\n", &[]),
        ("USER", "USER app\n", &[]),
        ("SHELL", "SHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n", &[]),
        ("network", "", &["--network=none"]),
        ("a host's name", "", &["--add-host", "db:10.0.0.1"]),
        ("size of /dev/shm", "", &["--shm-size=1m"]),
        ("a limit", "", &["--ulimit", "nofile=64"]),
    ];
    for (what, line, words) in cases {
        let bench = Workbench::with(text);
        let change =
            |bench: &Workbench| drop(bench.dockerfile(&text.replace("RUN echo a", &format!("{line}RUN echo a"))));
        let run = after(&bench, &[], change, words);
        let built = run.built();
        assert!(built.contains(&"RUN echo a".to_owned()), "{what}: {:#?}", run.steps());
    }
}

#[test]
fn what_a_run_does_not_depend_on() {
    let text = "FROM busybox\nRUN --mount=type=secret,id=token cat /run/secrets/token > /dev/null\n";
    let first: &[&str] = &["--secret", "id=token,env=ONE", "--add-host", "db:10.0.0.1"];
    let second: &[&str] = &["--secret", "id=token,env=TWO", "--add-host", "db:10.0.0.2", "--jobs=1"];
    let bench = Workbench::with(text).variable("ONE", "first").variable("TWO", "second");
    after(&bench, first, |_| (), second).all_reused();

    let bench = Workbench::with("FROM busybox\nRUN echo $http_proxy\n");
    let proxy = &["--build-arg", "HTTP_PROXY=http://proxy:3128"];
    after(&bench, &[], |_| (), proxy).all_reused();
}

#[test]
fn an_equal_result_leaves_the_rest_cached() {
    let text = "FROM busybox AS made\nCOPY version /\nRUN echo same > /result\n\
        FROM busybox\nCOPY --from=made /result /\nRUN cat /result\n";
    let bench = Workbench::with(text);
    bench.file("version", "1");
    bench.build(&[]);
    bench.file("version", "2");
    bench.build(&[]).only_built(&["COPY version", "RUN echo same"]);

    // The same within one stage: a command that ran again with the same result.
    let bench = Workbench::with("FROM busybox\nRUN echo same > /result # 1\nRUN cat /result > /copy\n");
    bench.build(&[]);
    bench.dockerfile("FROM busybox\nRUN echo same > /result # 2\nRUN cat /result > /copy\n");
    bench.build(&[]).only_built(&["RUN echo same"]);
}

#[test]
fn no_cache_asks_nothing() {
    let text = "FROM busybox AS one\nRUN echo 1 > /1\nFROM busybox AS two\nRUN echo 2 > /2\n\
        FROM busybox\nCOPY --from=one /1 /\nCOPY --from=two /2 /\n";
    let bench = Workbench::with(text);
    bench.build(&[]);
    bench
        .build(&["--no-cache"])
        .only_built(&["RUN echo 1", "RUN echo 2", "COPY --from=one", "COPY --from=two"]);
    bench.build(&["--no-cache-filter=two"]).only_built(&["RUN echo 2"]);
    bench.build(&[]).all_reused();
}

#[test]
fn a_failure_is_not_remembered_and_what_came_before_is() {
    let bench = Workbench::with("FROM busybox\nRUN echo fine > /fine\nRUN test -e /nowhere\n");
    bench
        .try_build(&[])
        .fails(1)
        .only_built(&["RUN echo fine", "RUN test -e"]);
    bench.try_build(&[]).fails(1).only_built(&["RUN test -e"]);
}

#[test]
fn stages_that_nobody_needs_are_left_out() {
    let bench = Workbench::with(
        "FROM busybox AS unused\nRUN exit 9\nFROM busybox AS used\nRUN echo used > /used\nFROM used AS last\nRUN echo last\n",
    );
    bench.build(&[]).only_built(&["RUN echo used", "RUN echo last"]);
    bench.build(&["--target", "used"]).all_reused();
    bench.build(&["--target", "USED"]).all_reused();
    bench.try_build(&["--target", "unused"]).fails(1);
    bench.try_build(&["--target", "usd"]).fails(1).says(["used"]);
}

#[test]
fn copies_elsewhere_are_the_same_step() {
    let bench = small();
    bench.build(&[]);
    let copy = bench.path("moved");
    fs::rename(bench.context(), &copy).unwrap();
    fs::create_dir(bench.context()).unwrap();
    for name in ["Dockerfile", "a.txt", "dir/b.txt"] {
        bench.file(name, fs::read(copy.join(name)).unwrap());
    }
    bench.build(&[]).all_reused();
}

#[test]
fn one_step_of_several_builds_runs_once() {
    let bench = Workbench::with(
        "FROM busybox\nRUN --mount=type=cache,target=/log echo ran >> /log/times; sleep 1; cat /proc/sys/kernel/random/uuid > /once\n",
    );
    let builds: Vec<Running> = (0..3)
        .map(|number| {
            let output = format!(
                "type=oci,compression=uncompressed,dest={}",
                bench.text(format!("work/{number}.tar"))
            );
            Running::start(bench.build_command(&["-o", &output]))
        })
        .collect();
    for build in builds {
        build.end().succeeds();
    }
    let read = |number: usize| {
        let tar = fs::read(bench.path(format!("work/{number}.tar"))).unwrap();
        crate::support::Image::of_tar(&tar).read("once").to_owned()
    };
    assert_eq!(read(0), read(1));
    assert_eq!(read(0), read(2));
    let times = bench.image_of("FROM busybox\nRUN --mount=type=cache,target=/log cp /log/times /times\n");
    assert_eq!(times.read("times"), "ran\n");
}

#[test]
fn independent_stages_run_at_once() {
    // Each of the two waits for the other: through a cache mount that both see.
    let meet = |own: &str, other: &str| {
        format!(
            "FROM busybox AS {own}\nRUN --mount=type=cache,target=/meet,id=meet touch /meet/{own}; \
             for i in $(seq 300); do test -e /meet/{other} && exit 0; sleep 0.1; done; exit 1\n"
        )
    };
    let text = format!(
        "{}{}FROM busybox\nCOPY --from=left /etc/passwd /left\nCOPY --from=right /etc/passwd /right\n",
        meet("left", "right"),
        meet("right", "left")
    );
    Workbench::with(&text).build(&[]);
}

#[test]
fn a_lost_result_is_made_again() {
    let bench = Workbench::with("FROM busybox\nRUN echo kept > /kept\nRUN cat /kept > /copy\n");
    let before = bench.image(&[]).tree;
    let deltas: Vec<_> = fs::read_dir(bench.store())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let deltas = deltas
        .iter()
        .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("deltas"))
        .unwrap();
    crate::support::remove(deltas);
    assert!(!deltas.exists());
    let after = bench.image(&[]).tree;
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
}

#[test]
fn a_reason_names_what_changed() {
    let text = "FROM busybox\nARG VERSION=1\nENV MODE=a\nRUN echo $VERSION $MODE\n";
    let bench = Workbench::with(text);
    bench.build(&[]);
    let reason = |run: &Run| {
        run.steps()
            .into_iter()
            .find_map(|step| step.because)
            .unwrap_or_default()
    };
    assert!(reason(&bench.build(&["--build-arg", "VERSION=2"])).contains("VERSION"));
    bench.dockerfile(&text.replace("MODE=a", "MODE=b"));
    assert!(reason(&bench.build(&["--build-arg", "VERSION=2"])).contains("MODE"));
    assert!(reason(&bench.build(&["--no-cache"])).contains("cache"));
}

#[test]
fn a_context_that_changes_while_it_is_watched() {
    // Files that change within one tick of the clock, with equal sizes, are not mistaken for each other.
    let bench = Workbench::with("FROM scratch\nCOPY a /a\n");
    for number in 0..20 {
        let content = format!("{number:02}");
        bench.file("a", &content);
        assert_eq!(bench.image(&[]).read("a"), content);
    }
}

#[test]
fn a_base_that_moved_runs_again() {
    let bench = Workbench::with("FROM busybox\nRUN echo 1 > /base\n");
    bench.build(&["-t", "base"]);
    let child = "FROM base\nRUN cat /base > /seen\n";
    bench.dockerfile(child);
    bench.build(&["-t", "child"]);
    bench.build(&[]).all_reused();
    // A base of other settings with the same files: nothing runs again.
    bench.dockerfile("FROM busybox\nRUN echo 1 > /base\nLABEL a=b\n");
    bench.build(&["-t", "base"]);
    bench.dockerfile(child);
    let image = bench.image_and_run(&[]);
    assert_eq!(image.0.setting("Labels")["a"], "b");
    image.1.all_reused();
    bench.dockerfile("FROM busybox\nRUN echo 2 > /base\n");
    bench.build(&["-t", "base"]);
    bench.dockerfile(child);
    assert_eq!(bench.image(&[]).read("seen"), "2\n");
}
