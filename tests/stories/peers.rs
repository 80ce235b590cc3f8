//! What other tools make of varve's images.

use crate::support::{Run, Running, Workbench, peer, root};
use serde_json::Value;
use std::fs;

const TEXT: &str = "FROM busybox\nRUN echo peer > /f && rm /bin/vi && chown app /f && ln /f /g\nENV A=b\n\
    LABEL l=m\nCMD [\"cat\", \"/f\"]\n";

fn bench() -> Workbench {
    let bench = Workbench::with(TEXT);
    bench.build(&[
        "-t",
        "app:v1",
        "-o",
        "type=oci,dest=oci.tar",
        "-o",
        "type=docker,dest=docker.tar",
    ]);
    bench.build(&["-t", "app:v1", "-o", "type=oci,tar=false,dest=layout,compression=zstd"]);
    bench.build(&["-t", "app:gz", "-o", "type=oci,tar=false,dest=gz"]);
    bench
}

fn tool(bench: &Workbench, words: &[&str]) -> Run {
    let mut command = bench.command(words[0]);
    command.args(&words[1..]);
    Running::start(command).end()
}

#[test]
fn skopeo_reads_every_archive() {
    if !peer("skopeo") {
        return;
    }
    let bench = bench();
    for source in [
        "oci-archive:oci.tar:v1",
        "docker-archive:docker.tar",
        "oci:layout:v1",
        "oci:gz:gz",
    ] {
        let run = tool(&bench, &["skopeo", "inspect", source]).succeeds();
        let seen: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(seen["Labels"]["l"], "m", "{source}");
        assert!(seen["Env"].as_array().unwrap().contains(&"A=b".into()), "{source}");
        // Copying reads every blob and checks every digest.
        tool(&bench, &["skopeo", "--insecure-policy", "copy", source, "dir:copied"]).succeeds();
        fs::remove_dir_all(bench.path("work/copied")).unwrap();
    }
}

#[test]
fn umoci_unpacks() {
    if !peer("umoci") || !root() {
        return;
    }
    let bench = bench();
    tool(&bench, &["umoci", "unpack", "--image", "gz:gz", "bundle"]).succeeds();
    assert_eq!(
        fs::read_to_string(bench.path("work/bundle/rootfs/f")).unwrap(),
        "peer\n"
    );
    assert!(fs::symlink_metadata(bench.path("work/bundle/rootfs/bin/vi")).is_err());
    tool(&bench, &["umoci", "stat", "--image", "gz:gz"]).succeeds();
}

#[test]
fn podman_loads_and_runs() {
    if !peer("podman") || !root() {
        return;
    }
    let bench = bench();
    let options = [
        "--root",
        &bench.text("podman"),
        "--runroot",
        &bench.text("podman-run"),
        "--storage-driver=vfs",
    ]
    .map(str::to_owned);
    for archive in ["docker.tar", "oci.tar"] {
        let podman = |words: &[&str]| {
            let mut all = vec!["podman"];
            all.extend(options.iter().map(String::as_str));
            all.extend(words);
            tool(&bench, &all)
        };
        podman(&["load", "-i", archive]).succeeds();
        let images = podman(&["images", "--format", "{{.Names}}"]).succeeds().stdout;
        assert!(images.contains("app:v1"), "{archive}: {images}");
        let seen = podman(&["image", "inspect", "app:v1", "--format", "{{.Config.Cmd}}"])
            .succeeds()
            .stdout;
        assert_eq!(seen, "[cat /f]\n");
    }
}

/// What `varve save` writes of images from the store, one that was loaded from another tool's archive among them.
#[test]
fn saved_images_are_read() {
    if !peer("skopeo") || !peer("umoci") || !peer("podman") || !root() {
        return;
    }
    let bench = bench();
    let skopeo = |words: &[&str]| {
        let mut all = vec!["skopeo", "--insecure-policy"];
        all.extend(words);
        tool(&bench, &all).succeeds().stdout
    };
    let id = bench.varve(["images", "-q", "--no-trunc", "app:v1"]).succeeds().stdout;
    skopeo(&[
        "copy",
        "docker-archive:docker.tar",
        "docker-archive:theirs.tar:theirs:v1",
    ]);
    skopeo(&[
        "copy",
        "oci-archive:oci.tar:v1",
        "oci-archive:theirs-oci.tar:example.org/theirs:v2",
    ]);
    for (archive, name) in [("theirs.tar", "theirs:v1"), ("theirs-oci.tar", "example.org/theirs:v2")] {
        let said = bench.varve(["load", "-i", archive]).succeeds().stdout;
        assert_eq!(said, format!("Loaded image: {name}\n"));
        let run = bench.varve(["inspect", "-f", "{{.Id}}", name]).succeeds();
        assert_eq!(run.stdout, id, "{archive}");
    }
    bench
        .varve(["save", "-o", "saved.tar", "app:v1", "theirs:v1"])
        .succeeds();
    bench
        .varve(["save", "--format=oci-archive", "-o", "saved-oci.tar", "app:v1"])
        .succeeds();
    for source in [
        "docker-archive:saved.tar:app:v1",
        "docker-archive:saved.tar:theirs:v1",
        "oci-archive:saved-oci.tar",
    ] {
        skopeo(&["copy", source, "oci:seen:latest"]);
        let manifest: Value = serde_json::from_str(&skopeo(&["inspect", "--raw", "oci:seen:latest"])).unwrap();
        let count = bench
            .varve(["inspect", "-f", "{{len .RootFS.Layers}}", "app:v1"])
            .succeeds()
            .stdout;
        let layers = manifest["layers"].as_array().unwrap().len();
        assert_eq!(format!("{layers}\n"), count, "{source}");
    }
    tool(&bench, &["umoci", "unpack", "--image", "seen:latest", "unpacked"]).succeeds();
    let seen = fs::read_to_string(bench.path("work/unpacked/rootfs/f")).unwrap();
    assert_eq!(seen, "peer\n");
    let podman = |words: &[&str]| {
        let mut all = vec!["podman"];
        all.extend(words);
        Running::start(podman_command(&bench, &all)).end().succeeds().stdout
    };
    for archive in ["saved.tar", "saved-oci.tar"] {
        let said = podman(&["load", "-i", archive]);
        assert!(said.contains("app:v1"), "{said}");
        assert_eq!(
            podman(&["image", "inspect", "app:v1", "--format", "sha256:{{.Id}}"]),
            id
        );
        podman(&["rmi", "-f", "app:v1"]);
    }
}

/// A program for which `podman` keeps everything below the workbench, and no docker answers.
fn podman_command(bench: &Workbench, words: &[&str]) -> std::process::Command {
    let settings = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
        bench.text("podman"),
        bench.text("podman-run")
    );
    fs::write(bench.path("storage.conf"), settings).unwrap();
    let mut command = bench.command(words[0]);
    command
        .args(&words[1..])
        .env("CONTAINERS_STORAGE_CONF", bench.path("storage.conf"))
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    command
}

#[test]
fn a_build_loads_its_image_into_podman() {
    if !peer("podman") || !root() {
        return;
    }
    let bench = Workbench::with(TEXT);
    let run = |words: &[&str]| {
        let mut command = bench.build_command(words);
        let like = podman_command(&bench, &["true"]);
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Running::start(command).end()
    };
    run(&["--load", "-t", "loaded:v1"])
        .succeeds()
        .says(["podman: Loaded image"]);
    let words = ["podman", "image", "inspect", "loaded:v1", "--format", "sha256:{{.Id}}"];
    let id = Running::start(podman_command(&bench, &words)).end().succeeds().stdout;
    assert_eq!(
        bench.varve(["inspect", "-f", "{{.Id}}", "loaded:v1"]).succeeds().stdout,
        id
    );

    bench.dockerfile("FROM busybox\nRUN false\n");
    run(&["--load", "-t", "bad"])
        .fails(1)
        .says(["RUN false"])
        .never_says(["podman load"]);

    bench.dockerfile(TEXT);
    let mut command = bench.build_command(&["--load"]);
    command.env("PATH", bench.text("home"));
    Running::start(command)
        .end()
        .fails(1)
        .says(["neither a running docker nor podman"]);
}

#[test]
fn runc_runs_a_bundle() {
    if !peer("runc") || !root() {
        return;
    }
    let bench = bench();
    bench
        .varve(["run", "--bundle", "bundle", "app:v1", "cat", "/f"])
        .succeeds();
    let config: Value = serde_json::from_slice(&fs::read(bench.path("work/bundle/config.json")).unwrap()).unwrap();
    assert_eq!(config["process"]["args"], serde_json::json!(["cat", "/f"]));
    assert_eq!(
        config["process"]["env"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| **it == "A=b")
            .count(),
        1
    );
    let name = format!("varve-story-{}", std::process::id());
    let run = tool(
        &bench,
        &[
            "runc",
            "--root",
            &bench.text("runc"),
            "run",
            "--bundle",
            "bundle",
            &name,
        ],
    );
    if run.stderr.contains("cgroup") {
        return crate::support::skip("runc can't make a cgroup here");
    }
    assert_eq!(run.succeeds().stdout, "peer\n");
}

#[test]
fn images_of_others_are_bases() {
    if !peer("buildah") || !root() {
        return;
    }
    let bench = Workbench::bare();
    bench.file(
        "Containerfile",
        "FROM scratch\nCOPY busybox /bin/busybox\nLABEL made=elsewhere\nENV A=1\n",
    );
    fs::copy(
        crate::support::busybox().join("busybox"),
        bench.context().join("busybox"),
    )
    .unwrap();
    let options = [
        "--root",
        &bench.text("buildah"),
        "--runroot",
        &bench.text("buildah-run"),
        "--storage-driver=vfs",
    ]
    .map(str::to_owned);
    let buildah = |words: &[&str]| {
        let mut all = vec!["buildah"];
        all.extend(options.iter().map(String::as_str));
        all.extend(words);
        tool(&bench, &all)
    };
    let context = bench.text("context");
    buildah(&["build", "--isolation=chroot", "-t", "base", &context]).succeeds();
    for (transport, format) in [
        ("oci-archive:base.tar", "oci"),
        ("oci:base-layout:v1", "oci"),
        ("docker-archive:docker.tar:base:v1", "docker"),
    ] {
        buildah(&["push", "base", transport]).succeeds();
        let place = match (format, transport.contains("layout")) {
            (_, true) => "base-layout",
            ("oci", _) => "base.tar",
            _ => "docker.tar",
        };
        if format == "docker" {
            // Docker's own archives are no layouts; the refusal is a sentence.
            continue;
        }
        bench.dockerfile("FROM base\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\n");
        let image = bench.image(&[
            "--build-context",
            &format!("base=oci-layout://{}", bench.text(format!("work/{place}"))),
        ]);
        assert!(image.has("made") && image.has("bin/busybox"));
        assert_eq!(image.setting("Labels")["made"], "elsewhere");
    }
}
