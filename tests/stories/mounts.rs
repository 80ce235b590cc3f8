//! RUN --mount: what commands see, and what they leave.

use crate::support::Workbench;
use std::fs;

#[test]
fn a_bind_shows_files_and_keeps_no_writes() {
    let bench = Workbench::with(
        "FROM busybox AS other\nRUN mkdir /o && echo stage > /o/f\nFROM busybox\nWORKDIR /w\n\
         RUN --mount=target=/c cat /c/a.txt > /1 && ! touch /c/new\n\
         RUN --mount=type=bind,source=a.txt,target=a,rw cat a > /2 && echo changed > a && cat a >> /2\n\
         RUN --mount=type=bind,from=other,source=/o,target=/o cat /o/f > /3\n\
         RUN --mount=type=bind,from=other,target=/o,rw echo more >> /o/o/f && cat /o/o/f > /4\n\
         RUN --mount=type=bind,from=other,source=/o,target=/o cat /o/f > /5\n",
    );
    bench.file("a.txt", "context\n");
    let image = bench.image(&[]);
    let read: Vec<&str> = ["1", "2", "3", "4", "5"].map(|path| image.read(path)).to_vec();
    assert_eq!(
        read,
        ["context\n", "context\nchanged\n", "stage\n", "stage\nmore\n", "stage\n"]
    );
    assert_eq!(fs::read_to_string(bench.context().join("a.txt")).unwrap(), "context\n");
    for stub in ["c", "o", "w/a"] {
        assert!(!image.has(stub), "the stub `{stub}` is left");
    }
    assert!(!bench.context().join("new").exists());
}

#[test]
fn a_cache_outlives_builds_and_reaches_no_image() {
    let text = |command: &str| format!("FROM busybox\nRUN --mount=type=cache,target=/cache {command}\n");
    let bench = Workbench::with(&text("echo one >> /cache/log; cat /cache/log > /seen"));
    assert_eq!(bench.image(&[]).read("seen"), "one\n");
    let image = bench.image_of(&text("echo two >> /cache/log; cat /cache/log > /seen"));
    assert_eq!(image.read("seen"), "one\ntwo\n");
    assert!(!image.has("cache"));
    // Another id is another cache; --no-cache keeps the contents.
    let image = bench.image_of("FROM busybox\nRUN --mount=type=cache,target=/cache,id=other ls /cache > /seen\n");
    assert_eq!(image.read("seen"), "");
    bench.dockerfile(&text("cat /cache/log > /seen"));
    assert_eq!(bench.image(&["--no-cache"]).read("seen"), "one\ntwo\n");
}

#[test]
fn caches_have_owners_modes_and_seeds() {
    let bench = Workbench::new();
    let image = bench.image_of(
        "FROM busybox AS seed\nRUN mkdir /s && echo seed > /s/f\nFROM busybox\n\
         RUN --mount=type=cache,target=/c,uid=5,gid=6,mode=0700 stat -c '%u %g %a' /c > /1\n\
         RUN --mount=type=cache,target=/c,id=seeded,from=seed,source=/s cat /c/f > /2\n",
    );
    assert_eq!((image.read("1"), image.read("2")), ("5 6 700\n", "seed\n"));
}

#[test]
fn a_locked_cache_serves_one_at_a_time() {
    let stage = |name: &str| {
        format!(
            "FROM busybox AS {name}\nRUN --mount=type=cache,target=/c,id=l,sharing=locked mkdir /c/busy && sleep 0.3 && rmdir /c/busy\n"
        )
    };
    let text: String = ["a", "b", "c"].map(stage).concat();
    let copies =
        "FROM busybox\nCOPY --from=a /etc/passwd /a\nCOPY --from=b /etc/passwd /b\nCOPY --from=c /etc/passwd /c\n";
    Workbench::with(&format!("{text}{copies}")).build(&[]);
}

#[test]
fn a_tmpfs_is_empty_and_leaves_nothing() {
    let image = Workbench::new().image_of(
        "FROM busybox\nRUN echo below > /tmp/below\n\
         RUN --mount=type=tmpfs,target=/tmp,size=1m ls /tmp > /seen; df -k /tmp | tail -1 | awk '{print $2}' >> /seen; echo x > /tmp/x\n",
    );
    assert_eq!(image.read("seen"), "1024\n");
    assert_eq!(image.below("tmp"), ["below"]);
}

const TOKEN: &str = "correct-horse-battery-staple-7";

#[test]
fn a_secret_leaves_no_trace() {
    let bench = Workbench::with(
        "FROM busybox\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size && stat -c %a /run/secrets/token >> /size\n\
         RUN --mount=type=secret,id=token,target=/deep/down,mode=0444,uid=7 test -s /deep/down && stat -c '%a %u' /deep/down > /at\n\
         RUN --mount=type=secret,id=token,env=TOKEN test -n \"$TOKEN\" && test ! -e /run/secrets/token\n\
         RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent\n",
    )
    .variable("TOKEN_OF_CALLER", TOKEN);
    let secret = bench.text("work/secret");
    fs::write(&secret, TOKEN).unwrap();
    for spec in [
        format!("id=token,src={secret}"),
        "id=token,env=TOKEN_OF_CALLER".to_owned(),
    ] {
        let (image, run) = bench.image_and_run(&["--no-cache", "--secret", &spec]);
        assert_eq!(image.read("size"), format!("{}\n400\n", TOKEN.len()));
        assert_eq!(image.read("at"), "444 7\n");
        for path in ["run/secrets", "deep"] {
            assert!(!image.has(path), "{path} is left");
        }
        for (name, bytes) in image.members.iter().map(|(name, bytes)| (name.as_str(), bytes)) {
            assert!(
                !bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()),
                "in `{name}`"
            );
        }
        for tar in &image.tars {
            assert!(
                !tar.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()),
                "in a layer"
            );
        }
        assert!(!run.stderr.contains(TOKEN));
    }
    fs::remove_file(&secret).unwrap();
    assert_eq!(bench.holds(".", TOKEN.as_bytes()), None);
}

#[test]
fn a_required_secret_has_to_be_given() {
    let bench = Workbench::with("FROM busybox\nRUN --mount=type=secret,id=token,required true\n");
    bench
        .try_build(&[])
        .fails(1)
        .says(["token", "--secret id=token", "Dockerfile:2"]);
    bench.still_builds();
}

#[test]
fn a_bind_depends_on_what_it_shows() {
    let bench = Workbench::with("FROM busybox\nRUN --mount=source=shown,target=/s cat /s/f\n");
    bench.file("shown/f", "1");
    bench.file("hidden", "1");
    bench.build(&[]);
    bench.file("hidden", "2");
    bench.build(&[]).all_reused();
    bench.file("shown/f", "2");
    bench.build(&[]).only_built(&["RUN"]);
}

#[test]
fn what_is_refused() {
    let table = [
        ("--mount=type=bnd,target=/x", "bind"),
        ("--mount=type=cache", "target"),
        ("--mount=type=tmpfs,target=/", "/"),
        ("--mount=type=bind,source=missing,target=/x", "missing"),
        ("--mount=type=cache,target=/x,sharing=some", "sharing"),
        ("--mount=type=bind,target=/x,from=nobody", "nobody"),
        ("--mount=type=ssh,source=x", "source"),
        ("--mount=type=ssh,target=/", "/"),
        ("--mount=type=ssh,mode=9", "octal"),
        ("--mount=type=secret", "`id`"),
        ("--mount=required,type=secret,id=x", "required"),
        ("--mount=type=tmpfs,target=/x,size=many", "size"),
        ("--device=vendor.com/class=name", "--device"),
        ("--network=hots", "host"),
        ("--security=insecur", "insecure"),
    ];
    for (flag, text) in table {
        let bench = Workbench::with(&format!("FROM busybox\nRUN {flag} true\n"));
        bench.try_build(&[]).fails(1).says([text, "Dockerfile:2"]);
    }
}

#[test]
fn a_tmpfs_can_be_read_only_and_targets_are_relative() {
    let image = Workbench::new().image_of(
        "FROM busybox\nWORKDIR /w\n\
         RUN --mount=type=tmpfs,target=t,ro ! touch t/x && grep -c ' /w/t tmpfs ro,' /proc/mounts > /1\n\
         RUN --mount=type=tmpfs,dst=../t,size=512k,rw touch /t/x && df -k /t | tail -1 | awk '{print $2}' > /2\n\
         RUN --mount=type=tmpfs,destination=/a --mount=type=tmpfs,target=/a/b touch /a/b/c && ls /a > /3\n",
    );
    assert_eq!(
        (image.read("1"), image.read("2"), image.read("3")),
        ("1\n", "512\n", "b\n")
    );
    for stub in ["w/t", "t", "a"] {
        assert!(!image.has(stub), "{stub}");
    }
}

#[test]
fn binds_come_from_everywhere() {
    let bench = Workbench::with(
        "FROM busybox\nWORKDIR /w\nARG where=sub\n\
         RUN --mount=from=files,src=$where/f,dst=here cat here > /1\n\
         RUN --mount=from=busybox,source=/etc/passwd,target=/p,readonly=false echo mine >> /p && grep -c root /p > /2\n\
         RUN --mount=target=/c,rw=false ! touch /c/x\n\
         RUN --mount=target=/c,source=one --mount=target=/c,source=two cat /c > /3\n\
         RUN --mount=target=/c,source=../../two cat /c > /4\n\
         RUN --mount=type=bind,target=/c,source=folder,readwrite=true rm /c/f && touch /c/g && ls /c > /5\n",
    );
    for (path, text) in [("one", "1"), ("two", "2"), ("folder/f", "f")] {
        bench.file(path, text);
    }
    let files = bench.path("files/sub");
    fs::create_dir_all(&files).unwrap();
    fs::write(files.join("f"), "from files").unwrap();
    let image = bench.image(&["--build-context", &format!("files={}", bench.text("files"))]);
    let read: Vec<&str> = ["1", "2", "3", "4", "5"].map(|path| image.read(path)).to_vec();
    assert_eq!(read, ["from files", "1\n", "2", "2", "g\n"]);
    assert!(bench.context().join("folder/f").exists() && !bench.context().join("folder/g").exists());
}

#[test]
fn caches_by_id_owner_and_space() {
    let bench = Workbench::with(
        "FROM busybox AS seed\nRUN mkdir -m 750 /s && chown 3:4 /s && echo seed > /s/f\n\
         FROM busybox AS fill\nRUN --mount=type=cache,target=/c echo one > /c/f\n\
         FROM fill\nWORKDIR /w\n\
         RUN --mount=type=cache,id=/c,target=/other cat /other/f > /1\n\
         RUN --mount=type=cache,target=/c,ro cat /c/f > /2 && ! touch /c/x\n\
         RUN --mount=type=cache,target=/c,uid=7,gid=8,mode=0711 ls /c > /3 && stat -c '%u:%g %a' /c >> /3\n\
         RUN --mount=type=cache,target=/z,from=seed,source=/s,uid=7,mode=0777 stat -c '%u:%g %a' /z > /4\n\
         RUN --mount=type=cache,target=here echo rel > here/f\nWORKDIR /v\n\
         RUN --mount=type=cache,target=here cat here/f > /5\n",
    );
    let image = bench.image(&[]);
    let read: Vec<&str> = ["1", "2", "3", "4", "5"].map(|path| image.read(path)).to_vec();
    assert_eq!(read, ["one\n", "one\n", "7:8 711\n", "3:4 750\n", "rel\n"]);
    // Another space has caches of its own.
    bench.dockerfile("FROM busybox\nRUN --mount=type=cache,target=/c ls /c > /6\n");
    let image = bench.image(&["--build-arg", "BUILDKIT_CACHE_MOUNT_NS=mine"]);
    assert_eq!(image.read("6"), "");
    assert_eq!(bench.image(&[]).read("6"), "f\n");
}

#[test]
fn sharing_decides_who_is_together_in_a_cache() {
    // Both wait for each other: alone, neither would end; in caches of their own neither meets the other.
    let stage = |name: &str, other: &str, sharing: &str, found: &str| {
        format!(
            "FROM busybox AS {name}\nRUN --mount=type=cache,target=/m,id=meet --mount=type=cache,target=/c,id={sharing},sharing={sharing} \
             touch /c/{name} /m/{sharing}-{name}; while test ! -e /m/{sharing}-{other}; do sleep 0.02; done; test {found} -e /c/{other} && touch /m/{sharing}-{name}-saw; \
             while test ! -e /m/{sharing}-{other}-saw; do sleep 0.02; done\n"
        )
    };
    for (sharing, found) in [("shared", ""), ("private", "!")] {
        let text = stage("a", "b", sharing, found) + &stage("b", "a", sharing, found);
        Workbench::with(&format!(
            "{text}FROM busybox\nCOPY --from=a /etc/group /a\nCOPY --from=b /etc/group /b\n"
        ))
        .build(&[]);
    }
}

#[test]
fn options_of_a_secret() {
    let bench = Workbench::with(
        "FROM busybox\nWORKDIR /w\n\
         RUN --mount=type=secret,source=deep/token cat /run/secrets/token > /1\n\
         RUN --mount=type=secret,target=deep/token,gid=9 stat -c '%g %a' /w/deep/token > /2\n\
         RUN --mount=type=secret,id=token,target=/t,env=T,required test \"$T\" = \"$(cat /t)\" && echo same > /3\n\
         RUN --mount=type=secret,id=script,target=/s,mode=0500 /s > /4\n\
         RUN --mount=type=secret,id=script,target=/s,mode=0400 grep ' /s ' /proc/mounts | grep -c noexec > /5; ! touch /s\n\
         RUN --mount=type=secret,id=no,required=false,env=NO test -z \"$NO\" && test ! -e /run/secrets\n",
    );
    let script = bench.text("work/script");
    fs::write(&script, "#!/bin/sh\necho ran\n").unwrap();
    fs::create_dir(bench.path("work/deep")).unwrap();
    fs::write(bench.path("work/deep/token"), "t").unwrap();
    // An id alone may be a file's path.
    let image = bench.image(&[
        "--secret=id=deep/token",
        "--secret=id=token,src=deep/token",
        &format!("--secret=id=script,src={script}"),
    ]);
    let read: Vec<&str> = ["1", "2", "3", "4", "5"].map(|path| image.read(path)).to_vec();
    assert_eq!(read, ["t", "9 400\n", "same\n", "ran\n", "1\n"]);
    bench.try_build(&["--secret=id=nowhere"]).fails(2).says(["src=FILE"]);
}
