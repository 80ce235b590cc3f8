//! Images for several platforms: what is built once, what comes out, and what can't be built here.

use crate::support::{Guard, Image, Registry, Run, Running, Workbench, peer, root, skip};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Cross-compiles, so to speak: everything runs on the machine that builds.
const CROSS: &str = "FROM --platform=$BUILDPLATFORM busybox AS tool\n\
    RUN echo once > /once\n\
    ARG TARGETPLATFORM TARGETARCH\n\
    RUN echo \"for $TARGETARCH\" > /out\n\
    FROM scratch\n\
    ARG TARGETPLATFORM\n\
    ENV FOR=$TARGETPLATFORM\n\
    COPY --from=tool /out /once /\n";

const BOTH: &str = "--platform=linux/amd64,linux/arm64";

/// A document of a layout in a directory.
fn document(layout: &Path, digest: &Value) -> Value {
    let name = digest.as_str().unwrap().replace("sha256:", "blobs/sha256/");
    serde_json::from_slice(&fs::read(layout.join(name)).unwrap()).unwrap()
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn tool(bench: &Workbench, words: &[&str]) -> Run {
    let mut command = bench.command(words[0]);
    command.args(&words[1..]);
    Running::start(command).end()
}

fn digest(text: &str) -> String {
    let hex: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Steps of these builds whose command ran, by what the progress says of them.
fn ran(run: &Run, what: &str) -> usize {
    let all = run.stderr.lines();
    all.filter(|line| line.contains(what) && line.contains("because"))
        .count()
}

#[test]
fn several_platforms_are_one_index() {
    let bench = Workbench::with(CROSS);
    let out = bench.path("work/out");
    let run = bench.build(&[BOTH, "-o", "type=oci,tar=false,dest=out", "--metadata-file=meta.json"]);
    assert_eq!(ran(&run, "RUN echo once"), 1, "{}", run.stderr);
    if cfg!(target_arch = "x86_64") {
        let run = run.says([
            "[linux/amd64 tool 2/3] RUN echo once",
            "[linux/amd64->arm64 tool 3/3] RUN",
        ]);
        run.says(["[linux/arm64 stage-1 2/2] COPY", "[linux/amd64 stage-1 2/2] COPY"]);
    }
    let layout = json(out.join("index.json"));
    let entries = layout["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["mediaType"], "application/vnd.oci.image.index.v1+json");
    let index = document(&out, &entries[0]["digest"]);
    for (entry, architecture) in index["manifests"].as_array().unwrap().iter().zip(["amd64", "arm64"]) {
        assert_eq!(
            entry["platform"],
            serde_json::json!({"architecture": architecture, "os": "linux"})
        );
        let manifest = document(&out, &entry["digest"]);
        let config = document(&out, &manifest["config"]["digest"]);
        assert_eq!(config["architecture"], architecture);
        assert_eq!(config["config"]["Env"][1], format!("FOR=linux/{architecture}"));
    }
    let meta = json(bench.path("work/meta.json"));
    assert_eq!(meta["containerimage.digest"], entries[0]["digest"]);
    assert_eq!(meta["containerimage.config.digest"], Value::Null);

    // The same again, in another order of platforms and one at a time: nothing is built, and the images are equal.
    let again = bench.build(&["--platform=linux/arm64", "--platform", "linux/amd64", "-o", "files"]);
    again.says([" 0 steps built"]);
    let read = |path: &str| fs::read_to_string(bench.path("work").join(path)).unwrap();
    assert_eq!(read("files/linux_arm64/out"), "for arm64\n");
    assert_eq!(read("files/linux_amd64/out"), "for amd64\n");
    let single = bench.build(&["--platform=linux/arm64", "-o", "type=oci,tar=false,dest=single"]);
    single.says([" 0 steps built"]).never_says(["[linux/"]);
    let single = json(bench.path("work/single/index.json"));
    assert_eq!(single["manifests"][0]["digest"], index["manifests"][1]["digest"]);

    let refused = bench.try_build(&[BOTH, "-o", "files2,platform-split=false"]);
    refused.fails(2);
    let refused = bench.try_build(&[BOTH, "-o", "type=local,dest=files2,platform-split=false"]);
    refused.fails(1).says(["`once` is in the images of several platforms"]);
    let refused = bench.try_build(&[BOTH, "-o", "type=docker,dest=x.tar"]).fails(1);
    refused
        .says(["holds one image for one platform"])
        .never_says(["because"]);
}

#[test]
fn the_store_and_registries_have_the_whole_index() {
    if !peer("docker-registry") || !peer("skopeo") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let host = registry.host();
    let bench = Workbench::with(CROSS);
    let raw = |name: &str| {
        let run = tool(
            &bench,
            &[
                "skopeo",
                "inspect",
                "--raw",
                "--tls-verify=false",
                &format!("docker://{name}"),
            ],
        );
        run.succeeds().stdout
    };
    let (direct, stored) = (format!("{host}/direct:v1"), format!("{host}/stored:v1"));
    bench.build(&[
        BOTH,
        "--push",
        "-t",
        &direct,
        "--annotation",
        "index,manifest[linux/arm64]:a=b",
    ]);
    let index: Value = serde_json::from_str(&raw(&direct)).unwrap();
    assert_eq!(index["annotations"]["a"], "b");
    let arm = index["manifests"][1]["digest"].as_str().unwrap();
    let arm: Value = serde_json::from_str(&raw(&format!("{host}/direct@{arm}"))).unwrap();
    assert_eq!(arm["annotations"]["a"], "b");
    tool(
        &bench,
        &[
            "skopeo",
            "copy",
            "--all",
            "--src-tls-verify=false",
            &format!("docker://{direct}"),
            "dir:copied",
        ],
    )
    .succeeds();

    // By way of the store it is the same, to the byte.
    bench.build(&[
        BOTH,
        "-t",
        &stored,
        "-t",
        "local:v1",
        "--annotation",
        "index,manifest[linux/arm64]:a=b",
    ]);
    let pushed = bench.varve(["push", &stored]).succeeds().stdout;
    assert_eq!(pushed.trim(), digest(&raw(&stored)));
    assert_eq!(raw(&stored), raw(&direct));
    bench
        .varve(["save", "--format=oci-archive", "-o", "saved.tar", "local:v1"])
        .succeeds();
    let saved = tool(&bench, &["skopeo", "inspect", "--raw", "oci-archive:saved.tar:v1"]);
    assert_eq!(saved.succeeds().stdout, raw(&direct));

    // It is one image with one name, and its images go with it.
    let listed = bench
        .varve(["images", "--format", "{{.Repository}}:{{.Tag}}"])
        .succeeds()
        .stdout;
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, [&stored[..], "local:v1"]);
    bench.varve(["prune", "-f"]).succeeds();
    bench
        .varve(["push", "local:v1", &format!("{host}/pruned:v1")])
        .succeeds();
    assert_eq!(raw(&format!("{host}/pruned:v1")), raw(&direct));
    bench.varve(["rmi", "local:v1", &stored]).succeeds();
    assert_eq!(bench.varve(["images", "-q"]).succeeds().stdout, "");
}

#[test]
fn an_index_travels_whole() {
    if !peer("docker-registry") || !peer("skopeo") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let bench = Workbench::with(CROSS);
    let name = |repository: &str| format!("{}/{repository}:v1", registry.host());
    let raw = |name: &str| {
        let words = [
            "skopeo",
            "inspect",
            "--raw",
            "--tls-verify=false",
            &format!("docker://{name}"),
        ];
        tool(&bench, &words).succeeds().stdout
    };
    bench.build(&[BOTH, "--push", "-t", &name("first")]);
    let first = raw(&name("first"));
    // By way of another store, and from there by way of an archive.
    let second = Workbench::bare();
    second.varve(["pull", "--all-platforms", &name("first")]).succeeds();
    second.varve(["tag", &name("first"), &name("second")]).succeeds();
    second.varve(["push", &name("second")]).succeeds();
    assert_eq!(raw(&name("second")), first);
    let again = second.varve(["pull", "--all-platforms", &name("first")]).succeeds();
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    let archive = second.text("work/all.tar");
    second.varve(["save", "-o", &archive, &name("second")]).succeeds();
    let third = Workbench::bare();
    third.varve(["load", "-i", &archive]).succeeds();
    third.varve(["push", &name("second"), &name("third")]).succeeds();
    assert_eq!(raw(&name("third")), first);

    // One platform of it, and all tags of a name.
    let arm = [
        "save",
        "--platform=linux/arm64",
        "--format=oci-archive",
        "-o",
        "arm.tar",
        &name("second"),
    ];
    third.varve(arm).succeeds();
    let arm = fs::read(third.path("work/arm.tar")).unwrap();
    assert_eq!(Image::of_tar(&arm).config["architecture"], "arm64");
    third
        .varve(["load", "-i", "arm.tar", "--platform=linux/arm64"])
        .succeeds();
    let none = third.varve(["save", "--platform=linux/s390x", "-o", "x.tar", &name("second")]);
    none.fails(1).says(["s390x"]);
    bench.build(&["--platform=linux/amd64", "-t", "app:one", "-t", "app:two"]);
    bench.varve(["save", "-o", "app.tar", "app"]).succeeds();
    let names = third
        .varve(["load", "-i", &bench.text("work/app.tar")])
        .succeeds()
        .stdout;
    assert_eq!(names, "Loaded image: app:one\nLoaded image: app:two\n");
}

#[test]
fn a_base_of_the_store_is_the_one_for_its_platform() {
    let bench = Workbench::with(CROSS);
    bench.build(&[BOTH, "-t", "base:v1"]);
    bench.dockerfile("FROM base:v1\nCOPY --from=base:v1 /out /copied\n");
    bench.build(&["--platform=linux/arm64,linux/amd64", "-o", "out"]);
    for architecture in ["amd64", "arm64"] {
        for name in ["out", "copied"] {
            let text = fs::read_to_string(bench.path(format!("work/out/linux_{architecture}/{name}"))).unwrap();
            assert_eq!(text, format!("for {architecture}\n"));
        }
    }
}

#[test]
fn commands_that_cant_run_here_are_refused_before_any_step() {
    let bench = Workbench::with(
        "FROM busybox AS slow\nRUN echo ran > /f\nFROM scratch\nCOPY --from=slow /f /f\nRUN [\"/f\"]\n",
    );
    // No emulator is for this one.
    let run = bench.try_build(&["--platform=linux/sparc64,linux/amd64"]).fails(1);
    run.says(["`RUN [\"/f\"]` is a command of `linux/sparc64`", "qemu-user-static"])
        .never_says(["because"]);
    bench
        .try_build(&["--platform=freebsd/amd64"])
        .fails(1)
        .says(["other systems"]);
    // Without commands nothing has to run.
    bench.dockerfile("FROM scratch\nCOPY Dockerfile /\n");
    bench.build(&["--platform=linux/sparc64,linux/amd64"]);
    bench
        .try_build(&["--platform=linux//"])
        .fails(1)
        .says(["not a platform"]);
}

/// A program for arm64 that makes the directory `/made`.
fn arm64_program() -> Vec<u8> {
    let code: [u32; 8] = [
        0xd280_0448, // mov x8, 34 (mkdirat)
        0x9280_0c60, // mov x0, -100 (AT_FDCWD)
        0x1000_00c1, // adr x1, path
        0xd280_3da2, // mov x2, 0o755
        0xd400_0001, // svc 0
        0xd280_0ba8, // mov x8, 93 (exit)
        0xd280_0000, // mov x0, 0
        0xd400_0001, // svc 0
    ];
    let mut program = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    program.resize(16, 0);
    let length: u64 = 120 + 32 + 6;
    for (value, size) in [
        (2_u64, 2),
        (183, 2),
        (1, 4),
        (0x40_0078, 8),
        (64, 8),
        (0, 8),
        (0, 4),
        (64, 2),
        (56, 2),
        (1, 2),
        (0, 6),
        (1, 4),
        (5, 4),
        (0, 8),
        (0x40_0000, 8),
        (0x40_0000, 8),
        (length, 8),
        (length, 8),
        (0x1000, 8),
    ] {
        program.extend_from_slice(&value.to_le_bytes()[..size]);
    }
    program.extend(code.iter().flat_map(|word| word.to_le_bytes()));
    program.extend_from_slice(b"/made\0");
    program
}

/// An emulator that the kernel knows as long as this lives.
struct Registered(&'static str);

impl Registered {
    const FOLDER: &str = "/proc/sys/fs/binfmt_misc";

    fn arm64() -> Option<Self> {
        let emulator = "/usr/bin/qemu-aarch64-static";
        if !root() || !peer("qemu-aarch64-static") {
            return None;
        }
        let folder = Path::new(Self::FOLDER);
        if !folder.join("register").exists() {
            let words = ["-t", "binfmt_misc", "none", Self::FOLDER];
            let mounted = std::process::Command::new("mount").args(words).status();
            if !mounted.is_ok_and(|status| status.success()) {
                skip("binfmt_misc can't be mounted");
                return None;
            }
        }
        let name = "varve-test-arm64";
        let magic = "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00";
        let mask =
            "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff";
        let entry = format!(":{name}:M::{magic}:{mask}:{emulator}:OCF");
        let mut register = fs::OpenOptions::new()
            .write(true)
            .open(folder.join("register"))
            .unwrap();
        match register.write_all(entry.as_bytes()) {
            Ok(()) => Some(Self(name)),
            Err(error) => {
                skip(&format!("no emulator can be registered: {error}"));
                None
            }
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _ = fs::write(Path::new(Self::FOLDER).join(self.0), "-1");
    }
}

#[test]
fn foreign_commands_run_where_an_emulator_is_registered() {
    if cfg!(target_arch = "aarch64") {
        return skip("this machine needs no emulator for arm64");
    }
    let Some(_registered) = Registered::arm64() else { return };
    let bench = Workbench::with(
        "FROM scratch\nCOPY --chmod=755 program /program\nRUN [\"/program\"]\n\
         FROM scratch AS end\nCOPY --from=0 /made /made\n",
    );
    bench.file("program", arm64_program());
    bench.build(&["--platform=linux/arm64", "--target=end", "-o", "out"]);
    assert!(bench.path("work/out/made").is_dir());
}
