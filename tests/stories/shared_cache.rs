//! Machines that share what they have built.

use crate::support::{Guard, Registry, Run, Wire, Workbench, base, peer};
use std::fs;
use std::path::Path;

/// Two stages, a look into the other, and commands that never give the same twice.
const DOCKERFILE: &str = "\
FROM busybox AS tools
RUN cat /proc/sys/kernel/random/uuid > /made; head -c 300000 /dev/urandom > /large
FROM busybox
WORKDIR /w
COPY f /f
RUN cat /proc/sys/kernel/random/uuid > /stamp; ln /stamp /other
COPY --from=tools /made /got/
RUN --mount=type=bind,from=tools,target=/t wc -c < /t/large > /size; rm /f
ENV A=b
";

fn machine() -> Workbench {
    let bench = Workbench::with(DOCKERFILE);
    bench.file("f", "hello\n");
    bench
}

fn manifest(bench: &Workbench) -> serde_json::Value {
    serde_json::from_slice(&fs::read(bench.path("work/m.json")).unwrap()).unwrap()
}

/// Builds and pushes, and gives the digest of the image.
fn push(bench: &Workbench, words: &[&str], name: &str) -> (String, Run) {
    let out = bench.text("work/m.json");
    let run = bench.build(&[words, &["--push", "-t", name, "--metadata-file", &out]].concat());
    (manifest(bench)["containerimage.digest"].to_string(), run)
}

fn count(path: &Path) -> usize {
    fs::read_dir(path).map_or(0, Iterator::count)
}

#[test]
fn an_empty_store_builds_nothing_that_another_has_built() {
    if !peer("docker-registry") {
        return;
    }
    for guard in [Guard::None, Guard::Password] {
        let registry = Registry::start(guard);
        let host = registry.host();
        let login = |bench: &Workbench| {
            let auth = r#"{"auths": {"HOST": {"auth": "bWU6d29yZA=="}}}"#.replace("HOST", &host);
            fs::create_dir_all(bench.path("home/.docker")).unwrap();
            fs::write(bench.path("home/.docker/config.json"), auth).unwrap();
        };
        let (here, there) = (machine(), machine());
        login(&here);
        login(&there);
        let cache = format!("type=registry,ref={host}/team/cache:main,mode=max");
        let (one, run) = push(&here, &["--cache-to", &cache], &format!("{host}/app:1"));
        run.says(["exporting cache to"]);
        let from = format!("{host}/team/cache:main");
        let (two, run) = push(&there, &["--cache-from", &from], &format!("{host}/app:2"));
        let run = run.all_reused();
        run.says([&*format!("reused from {from}")]);
        assert_eq!(one, two, "the image is the same, and as old");
        assert_eq!(count(&there.path("store/deltas/v1")), 0, "no file was needed");
        // Files, an archive and the store's own image are what they were.
        for words in [["-o", "out"], ["-o", "type=oci,dest=a.tar"], ["-t", "mine"]] {
            let other = machine();
            login(&other);
            let run = other.build(&[&["--cache-from", &*from][..], &words].concat());
            run.all_reused();
            if words[1] == "out" {
                let size = fs::read_to_string(other.path("work/out/size")).unwrap();
                assert_eq!(size.trim(), "300000");
                assert!(!other.path("work/out/f").exists(), "what was removed stays so");
            }
            if words[0] == "-t" {
                let id = other.varve(["images", "-q", "--no-trunc"]).succeeds().stdout;
                let config = manifest(&here)["containerimage.config.digest"].clone();
                assert_eq!(id.trim(), config.as_str().unwrap());
                if guard == Guard::None {
                    other
                        .varve(["run", "mine", "cat", "/size"])
                        .succeeds()
                        .prints(["300000"]);
                }
                // The store knows by itself by now, and its registry is not asked.
                other.build(&["-t", "mine"]).all_reused().never_says(["reused from"]);
            }
        }
    }
}

#[test]
fn a_step_that_runs_gets_the_files_of_others() {
    if !peer("docker-registry") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let cache = format!("{}/cache", registry.host());
    let (here, there) = (machine(), machine());
    here.build(&["--cache-to", &format!("type=registry,ref={cache},mode=max")]);
    for bench in [&here, &there] {
        bench.dockerfile(&format!(
            "{DOCKERFILE}RUN cat /size; test -h /f || ls /f || stat -c %h /stamp\nCOPY --from=tools /large /\n"
        ));
    }
    let run = there.build(&["--cache-from", &cache]);
    assert_eq!(run.built().len(), 2, "{}", run.stderr);
    assert!(
        run.output().contains(&"300000") && run.output().contains(&"2"),
        "{}",
        run.stderr
    );
}

/// A build of so many steps.
fn steps(count: usize, salt: &str) -> String {
    let mut text = "FROM scratch\nCOPY f /f\n".to_owned();
    for number in 0..count {
        text += &format!("COPY f /{salt}{number}\n");
    }
    text
}

#[test]
fn a_cached_build_asks_as_often_however_much_there_is() {
    if !peer("docker-registry") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let wire = Wire::to(&registry.host());
    let cache = format!("{}/cache:main", wire.host());
    let to = format!("type=registry,ref={cache},mode=max");
    for (count, salt) in [(3, "a"), (40, "b")] {
        let (here, there) = (Workbench::bare(), Workbench::bare());
        for bench in [&here, &there] {
            bench.dockerfile(&steps(count, salt));
            bench.file("f", "x");
        }
        here.build(&["--cache-to", &to, "-o", "type=cacheonly"]);
        wire.requests();
        there
            .build(&["--cache-from", &cache, "-o", "type=cacheonly"])
            .all_reused();
        assert_eq!(wire.requests(), ["GET /v2/cache/manifests/main"]);
        // Who has all of it already says so in three requests.
        there.build(&["--cache-from", &cache, "--cache-to", &to, "-o", "type=cacheonly"]);
        let asked = wire.requests();
        assert!(asked.len() <= 3, "{asked:?}");
    }
    // The first build is not forgotten: one request for each step that the last one did not have.
    let there = Workbench::bare();
    there.dockerfile(&steps(3, "a"));
    there.file("f", "x");
    there
        .build(&["--cache-from", &cache, "-o", "type=cacheonly"])
        .all_reused();
    assert_eq!(wire.requests().len(), 1 + 3);
}

#[test]
fn a_cache_may_be_a_directory_or_the_image_itself() {
    if !peer("docker-registry") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let host = registry.host();
    let here = machine();
    let folder = here.text("work/cache");
    let to = format!("type=local,dest={folder}");
    let (one, _) = push(
        &here,
        &["--cache-to", &to, "--cache-to", "type=inline"],
        &format!("{host}/app:1"),
    );
    // Without its layer, a step of another stage is known by what it left.
    for from in [format!("type=local,src={folder}"), format!("{host}/app:1")] {
        let there = machine();
        let name = format!("{host}/app:2");
        let (two, run) = push(&there, &["--cache-from", &from, "--cache-to", "type=inline"], &name);
        run.all_reused();
        assert_eq!(one, two, "{from}");
        // When its files are wanted after all it runs, and what follows is done again or found.
        there.dockerfile(&format!("{DOCKERFILE}COPY --from=tools /large /\n"));
        let run = there.build(&["--cache-from", &from]);
        let built = run.built();
        assert!(
            built.iter().any(|it| it.contains("RUN cat /proc")),
            "{from}: {}",
            run.stderr
        );
        run.never_says(["warning"]);
    }
    // Whoever builds on the image has none of its records.
    let there = Workbench::bare();
    there.dockerfile(&format!("FROM {host}/app:1\nRUN cat /size\n"));
    let there_image = there.text("work/i.tar");
    there.build(&["-o", &format!("type=oci,dest={there_image}")]);
    assert!(
        !fs::read(&there_image)
            .unwrap()
            .windows(14)
            .any(|it| it == b"varve.cache.v1")
    );
    // The older way to ask for it.
    let other = machine();
    let (three, run) = push(
        &other,
        &[
            "--cache-from",
            &format!("{host}/app:1"),
            "--build-arg=BUILDKIT_INLINE_CACHE=1",
        ],
        &format!("{host}/app:3"),
    );
    assert_eq!(one, three);
    run.never_says(["has no effect"]);
}

#[test]
fn what_was_done_before_a_failure_is_shared() {
    if !peer("docker-registry") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let cache = format!("{}/cache", registry.host());
    let (here, there) = (
        Workbench::with("FROM busybox\nRUN echo one > /one\nRUN false\n"),
        Workbench::with("FROM busybox\nRUN echo one > /one\nRUN true\n"),
    );
    here.try_build(&["--cache-to", &cache]).fails(1);
    there.build(&["--cache-from", &cache]).only_built(&["RUN true"]);
}

#[test]
fn a_cache_that_fails_costs_time_and_nothing_else() {
    if !peer("docker-registry") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let wire = Wire::to(&registry.host());
    let cache = format!("{}/cache", wire.host());
    let here = machine();
    here.build(&["--cache-to", &format!("type=registry,ref={cache},mode=max")]);
    // Layers are cut off or empty.
    let folder = here.text("work/cache");
    here.build(&["--cache-to", &format!("type=local,dest={folder},mode=max")]);
    let blobs = fs::read_dir(here.path("work/cache/blobs/sha256")).unwrap();
    for (number, blob) in blobs.flatten().enumerate() {
        let bytes = fs::read(blob.path()).unwrap();
        if bytes.starts_with(b"\x1f\x8b") {
            let half = if number % 2 == 0 { bytes.len() / 2 } else { 0 };
            fs::write(blob.path(), &bytes[..half]).unwrap();
        }
    }
    let warned = |run: &Run| run.stderr.matches("warning: the cache").count();
    let run = machine().build(&["--cache-from", &format!("type=local,src={folder}"), "-t", "x"]);
    assert_eq!(warned(&run), 1, "{}", run.stderr);
    assert!(run.built().len() >= 4, "{}", run.stderr);

    wire.break_after(300);
    let run = machine().build(&["--cache-from", &cache, "-o", "out"]);
    assert_eq!(warned(&run), 1, "{}", run.stderr);
    wire.cut();
    let bench = machine();
    let run = bench.build(&["--cache-from", &cache, "-t", "x"]);
    assert_eq!(warned(&run), 1, "{}", run.stderr);
    assert_eq!(run.built().len(), 6);
    // To export is a promise, unless it is none.
    let to = format!("type=registry,ref={cache}");
    bench
        .try_build(&["--cache-to", &to])
        .fails(1)
        .says(["cannot export the cache to"]);
    bench
        .build(&["--cache-to", &format!("{to},ignore-error=true"), "-t", "x"])
        .says(["warning: cannot export the cache to"]);
}

#[test]
fn what_is_asked_of_a_cache_is_looked_at_before_the_build() {
    let bench = machine();
    bench
        .try_build(&["--cache-to", "type=gha"])
        .fails(2)
        .says(["a service that varve does not speak to"]);
    bench
        .try_build(&["--cache-from", "type=registry,reff=x"])
        .fails(2)
        .says(["did you mean `ref`?"]);
    assert!(base().exists());
}

#[test]
fn cache_mounts_travel_with_the_cache() {
    if !peer("docker-registry") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let wire = Wire::to(&registry.host());
    let registry = format!("type=registry,ref={}/cache", wire.host());
    let (here, there) = (
        Workbench::with(
            "FROM busybox\nRUN --mount=type=cache,id=m,target=/m echo one > /m/one; head -c 300000 /dev/urandom > /m/two\n",
        ),
        Workbench::with("FROM busybox\nRUN --mount=type=cache,id=m,target=/m cat /m/one && wc -c < /m/two\n"),
    );
    let folder = here.text("work/cache");
    let to = [registry.clone(), format!("type=local,dest={folder}")].map(|to| format!("{to},mounts=m;nothing"));
    here.build(&["--cache-to", &to[0], "--cache-to", &to[1]])
        .says(["no step has the cache mount `nothing`"]);
    for from in [registry.clone(), format!("type=local,src={folder}")] {
        let run = there.build(&["--no-cache", "--cache-from", &format!("{from},mounts=m")]);
        assert_eq!(run.output(), ["one", "300000"], "{}", run.stderr);
        forget_mounts(&there);
    }
    // Whoever does not ask for it begins with an empty one.
    there.try_build(&["--no-cache", "--cache-from", &registry]).fails(1);
    // One file is new: that, a listing and documents are all that is sent.
    here.dockerfile("FROM busybox\nRUN --mount=type=cache,id=m,target=/m echo three > /m/three\n");
    wire.requests();
    let before = wire.sent();
    here.build(&["--cache-to", &to[0]]);
    let sent = wire.sent() - before;
    assert!(sent < 30_000, "{sent} bytes: {:?}", wire.requests());
}

/// Forgets cache mounts.
fn forget_mounts(bench: &Workbench) {
    fs::remove_dir_all(bench.path("store/mounts/v1")).unwrap();
    fs::create_dir(bench.path("store/mounts/v1")).unwrap();
}

#[test]
fn what_is_told_wrongly_of_a_selection_is_found_out() {
    let dockerfile = "FROM busybox AS a\nRUN echo one > /f\nFROM busybox\nCOPY --from=a /f /f\n";
    let (here, there) = (Workbench::with(dockerfile), Workbench::with(dockerfile));
    let folder = here.text("work/cache");
    here.build(&["--cache-to", &format!("type=local,dest={folder},mode=max")]);
    // The bundle tells of another selection, and so of a step that nobody has done.
    let path = |it: &str| here.path(format!("work/cache/{it}"));
    let mut index: serde_json::Value = serde_json::from_slice(&fs::read(path("index.json")).unwrap()).unwrap();
    let blob = |digest: &serde_json::Value| path(&format!("blobs/sha256/{}", &digest.as_str().unwrap()[7..]));
    let manifest_path = blob(&index["manifests"][0]["digest"]);
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&manifest_path).unwrap()).unwrap();
    let records = fs::read_to_string(blob(&manifest["config"]["digest"])).unwrap();
    let mut records: serde_json::Value = serde_json::from_str(&records).unwrap();
    for (_, told) in records["selections"].as_object_mut().unwrap() {
        *told = "0".repeat(64).into();
    }
    let lie = serde_json::to_vec(&records).unwrap();
    let name = sha256(&lie);
    fs::write(path(&format!("blobs/sha256/{name}")), &lie).unwrap();
    manifest["config"] = serde_json::json!({
        "mediaType": manifest["config"]["mediaType"], "digest": format!("sha256:{name}"), "size": lie.len()
    });
    let lie = serde_json::to_vec(&manifest).unwrap();
    let (name, size) = (sha256(&lie), lie.len());
    fs::write(path(&format!("blobs/sha256/{name}")), lie).unwrap();
    index["manifests"][0]["digest"] = format!("sha256:{name}").into();
    index["manifests"][0]["size"] = size.into();
    fs::write(path("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    let run = there.build(&["--cache-from", &format!("type=local,src={folder}"), "-o", "out"]);
    // The right step was there all the time.
    run.says(["a cache told wrongly", "reused from", "0 steps built"]);
    assert_eq!(fs::read_to_string(there.path("work/out/f")).unwrap(), "one\n");
}

fn sha256(bytes: &[u8]) -> String {
    varve::digest::Sha256::of(bytes).hex()
}
