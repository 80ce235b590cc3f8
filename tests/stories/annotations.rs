//! Notes on images: where they are written, and what other tools see of them.

use crate::support::{Image, Running, Workbench, peer};
use serde_json::{Value, json};
use std::fs;

const TEXT: &str = "FROM scratch\nCOPY <<f /f\nx\nf\n";

#[test]
fn flags_and_attributes_reach_their_documents() {
    let bench = Workbench::with(TEXT);
    let plain = bench.image(&[]);
    let tar = bench.text("work/x.tar");
    let host = if cfg!(target_arch = "x86_64") {
        "linux/amd64"
    } else {
        "linux/arm64"
    };
    let output = format!(
        "type=oci,compression=uncompressed,dest={tar},annotation.Key=kept as written,\
         annotation-manifest-descriptor.d=attribute,\"annotation.comma=a,b\""
    );
    bench.build(&[
        "-t",
        "app:v1",
        "--annotation=org.example.a=one=two",
        &format!("--annotation=manifest[{host}],manifest-descriptor:both=yes"),
        "--annotation=manifest-descriptor:d=flag",
        "-o",
        &output,
    ]);
    let image = Image::of_tar(&fs::read(&tar).unwrap());
    let notes = json!({"Key": "kept as written", "both": "yes", "comma": "a,b", "org.example.a": "one=two"});
    assert_eq!(image.manifest["annotations"], notes);
    let entry = &image.index["manifests"][0]["annotations"];
    assert_eq!((&entry["both"], &entry["d"]), (&json!("yes"), &json!("flag")));
    assert_eq!(entry["org.opencontainers.image.ref.name"], "v1");
    assert_eq!(
        image.manifest["config"], plain.manifest["config"],
        "an ID says nothing of notes"
    );
    assert_eq!(plain.manifest["annotations"], Value::Null);
    if peer("skopeo") {
        let seen = tool(&bench, &["skopeo", "inspect", "--raw", "oci-archive:x.tar:v1"]);
        assert_eq!(serde_json::from_str::<Value>(&seen).unwrap()["annotations"], notes);
        tool(&bench, &["skopeo", "copy", "oci-archive:x.tar:v1", "oci:copied:v1"]);
        if peer("umoci") {
            tool(&bench, &["umoci", "stat", "--image", "copied:v1"]);
        }
    }
}

fn tool(bench: &Workbench, words: &[&str]) -> String {
    let mut command = bench.command(words[0]);
    command.args(&words[1..]);
    Running::start(command).end().succeeds().stdout
}

#[test]
fn docker_documents_and_directories_take_them_too() {
    let bench = Workbench::with(TEXT);
    bench.build(&["-o", "type=docker,dest=d.tar", "--annotation", "a=b"]);
    let image = Image::of_tar(&fs::read(bench.path("work/d.tar")).unwrap());
    assert_eq!(image.manifest["annotations"], json!({"a": "b"}));
    assert!(image.manifest["mediaType"].as_str().unwrap().contains("docker"));
    // Entries with notes are OCI's alone.
    bench.build(&[
        "-o",
        "type=docker,tar=false,dest=d",
        "--annotation",
        "manifest-descriptor:org.opencontainers.image.created=then",
    ]);
    let index: Value = serde_json::from_slice(&fs::read(bench.path("work/d/index.json")).unwrap()).unwrap();
    let entry = &index["manifests"][0];
    assert_eq!(entry["annotations"]["org.opencontainers.image.created"], "then");
    assert!(entry["mediaType"].as_str().unwrap().contains("oci"));
}

#[test]
fn what_has_no_place_is_said_before_anything_is_built() {
    let bench = Workbench::with("FROM busybox\nRUN echo ran\n");
    for (given, code, says) in [
        ("index:a=b", 1, "has no index"),
        ("index-descriptor:a=b", 1, "has no index"),
        ("manifest[windows/amd64]:a=b", 1, "no image for `windows/amd64`"),
        ("manifset:a=b", 2, "did you mean `manifest`?"),
        ("a", 2, "KEY=VALUE"),
    ] {
        let run = bench
            .try_build(&["-o", "type=oci,dest=x.tar", "--annotation", given])
            .fails(code);
        run.says([says]).never_says(["| ran"]);
    }
    bench
        .build(&["-o", "files", "--annotation", "a=b"])
        .says(["annotations are written on manifests"]);
    bench
        .try_build(&["-o", "type=oci,dest=x.tar,annotation-nowhere.a=b"])
        .fails(2)
        .says(["nowhere"]);
}

#[test]
fn the_store_hands_notes_on() {
    let bench = Workbench::with(TEXT);
    bench.build(&["-t", "app", "-t", "other", "--annotation", "a=b"]);
    bench.build(&["-t", "other"]);
    let notes = |name: &str| {
        let words = ["save", "--format", "oci-archive", "-o", "x.tar", name];
        bench.varve(words).succeeds();
        Image::of_tar(&fs::read(bench.path("work/x.tar")).unwrap()).manifest["annotations"].clone()
    };
    assert_eq!(notes("app"), json!({"a": "b"}));
    assert_eq!(notes("other"), Value::Null, "built anew, without them");
    let inspected = bench.varve(["inspect", "app"]).succeeds().stdout;
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected[0]["Annotations"], json!({"a": "b"}));
    // Another name of it leads to the same document.
    bench.varve(["tag", "app", "third:v3"]).succeeds();
    assert_eq!(notes("third:v3"), json!({"a": "b"}));
}
