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
