//! Indexes of images that were built on different machines.

use crate::support::{Guard, Registry, Running, Workbench, peer};
use serde_json::{Value, json};
use std::fs;

const TEXT: &str = "FROM scratch\nARG TARGETARCH\nCOPY big /big\nENV FOR=$TARGETARCH\n";

/// A machine that has nothing but a registry in common with others.
fn machine(platform: &str, name: &str) -> Workbench {
    let bench = Workbench::with(TEXT);
    bench.file("big", format!("for {platform}").repeat(1000));
    bench.build(&["--platform", platform, "--push", "-t", name]);
    bench
}

fn raw(bench: &Workbench, name: &str) -> String {
    let mut command = bench.command("skopeo");
    command.args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    Running::start(command).end().succeeds().stdout
}

fn platforms(index: &Value) -> Vec<String> {
    let entries = index["manifests"].as_array().unwrap().iter();
    let part = |entry: &Value, key: &str| entry["platform"][key].as_str().unwrap_or_default().to_owned();
    entries
        .map(|entry| {
            format!(
                "{}/{}{}",
                part(entry, "os"),
                part(entry, "architecture"),
                part(entry, "variant")
            )
        })
        .collect()
}

#[test]
fn images_of_several_machines_become_one_index() {
    if !peer("docker-registry") || !peer("skopeo") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let host = registry.host();
    let (amd, arm, all) = (
        format!("{host}/amd:1"),
        format!("{host}/arm:1"),
        format!("{host}/all:v1"),
    );
    machine("linux/amd64", &amd);
    machine("linux/arm64", &arm);
    let bench = Workbench::with("FROM scratch\nCOPY Dockerfile /\n");
    bench.varve(["manifest", "create", &all, &amd, &arm]).succeeds();
    bench
        .varve(["manifest", "create", &all, &amd])
        .fails(1)
        .says(["--amend"]);
    // No layer of them came here.
    let layer = |name: &str| {
        let manifest: Value = serde_json::from_str(&raw(&bench, name)).unwrap();
        manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
    };
    for name in [&amd, &arm] {
        let blob = layer(name).replace("sha256:", "blobs/sha256/");
        assert!(!bench.store().join(blob).exists());
    }
    let pushed = bench.varve(["manifest", "push", &all]).succeeds();
    let pushed = pushed
        .says(["taken from amd", "taken from arm"])
        .never_says([": sent\n"]);
    let index: Value = serde_json::from_str(&raw(&bench, &all)).unwrap();
    assert_eq!(platforms(&index), ["linux/amd64", "linux/arm64"]);
    assert_eq!(
        raw(&bench, &format!("{host}/all@{}", pushed.stdout.trim())),
        raw(&bench, &all)
    );
    let mut copy = bench.command("skopeo");
    copy.args([
        "copy",
        "--all",
        "--src-tls-verify=false",
        &format!("docker://{all}"),
        "dir:copied",
    ]);
    Running::start(copy).end().succeeds();

    // One that was built here joins it, another one goes, and what it is said to be counts.
    bench.build(&["-t", "mine"]);
    bench
        .varve([
            "manifest",
            "add",
            &all,
            "mine",
            "--arch=arm",
            "--variant=v6",
            "--annotation=a=b",
        ])
        .succeeds();
    bench.varve(["manifest", "remove", &all, "linux/arm64"]).succeeds();
    bench
        .varve(["manifest", "annotate", &all, &amd, "--os-features=sse4"])
        .succeeds();
    bench
        .varve(["manifest", "annotate", &all, "--index", "--annotation=on=index"])
        .succeeds();
    bench.varve(["manifest", "push", "--purge", &all]).succeeds();
    let index: Value = serde_json::from_str(&raw(&bench, &all)).unwrap();
    assert_eq!(platforms(&index), ["linux/amd64", "linux/armv6"]);
    assert_eq!(index["annotations"], json!({"on": "index"}));
    assert_eq!(index["manifests"][1]["annotations"], json!({"a": "b"}));
    assert_eq!(index["manifests"][0]["platform"]["os.features"], json!(["sse4"]));
    bench.varve(["manifest", "push", &all]).fails(1).says(["no image"]);

    // What is in the registry can be looked at without the store, byte by byte.
    for words in [["manifest", "inspect", "--raw"], ["image", "inspect", "--raw"]] {
        let seen = bench.varve(words.iter().copied().chain([&*all])).succeeds().stdout;
        assert_eq!(seen, raw(&bench, &all));
    }
    // An index of indexes is flat, with its annotations.
    bench.varve(["manifest", "create", "flat", &all, &arm]).succeeds();
    let flat = bench.varve(["manifest", "inspect", "flat"]).succeeds().stdout;
    let flat: Value = serde_json::from_str(&flat).unwrap();
    assert_eq!(platforms(&flat), ["linux/amd64", "linux/armv6", "linux/arm64"]);
    assert_eq!(flat["manifests"][1]["annotations"], json!({"a": "b"}));
    // Saving it brings the layers.
    bench
        .varve(["save", "--format=oci-archive", "-o", "flat.tar", "flat"])
        .succeeds();
    let mut look = bench.command("skopeo");
    look.args(["copy", "--all", "oci-archive:flat.tar:latest", "dir:flat"]);
    Running::start(look).end().succeeds();
    assert!(fs::read_dir(bench.path("work/flat")).unwrap().count() >= 9);
    bench.varve(["manifest", "rm", "flat"]).succeeds();
    bench.varve(["manifest", "rm", "mine"]).fails(1).says(["no index"]);
    let left = bench.varve(["images", "--format", "{{.Repository}}"]).succeeds().stdout;
    assert_eq!(left, "mine\n");
}

#[test]
fn what_makes_no_index_is_said() {
    let bench = Workbench::with("FROM scratch\nCOPY Dockerfile /\n");
    bench.build(&["-t", "app"]);
    for (words, says) in [
        (&["create", "list"][..], "would list no image"),
        (&["create", "app", "app"], "`app` is there already"),
        (&["add", "app", "app"], "is no index"),
        (&["add", "nothing", "app"], "no image `nothing`"),
        (&["push", "app"], "is no index"),
    ] {
        let words: Vec<&str> = std::iter::once("manifest").chain(words.iter().copied()).collect();
        bench.varve(&words).fails(1).says([says]);
    }
    bench.varve(["manifest", "create", "list", "app"]).succeeds();
    bench
        .varve(["manifest", "annotate", "list", "linux/s390x", "--os=linux"])
        .fails(1);
    bench
        .varve(["manifest", "remove", "list", "app"])
        .fails(1)
        .says(["no image"]);
    // It is an image like any other.
    bench.varve(["tag", "list", "other"]).succeeds();
    bench.dockerfile("FROM other\n");
    bench.build(&["--pull=never", "-o", "out"]);
    assert!(bench.path("work/out/Dockerfile").is_file());
}
