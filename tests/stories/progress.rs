//! What a build tells while it runs.

use crate::support::{Run, Workbench};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;

/// The objects on standard error, which holds nothing else.
#[track_caller]
fn objects(run: &Run) -> Vec<Value> {
    let lines = run.stderr.lines().take_while(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All members of one kind.
fn all<'v>(objects: &'v [Value], kind: &str) -> Vec<&'v Value> {
    objects
        .iter()
        .filter_map(|object| object[kind].as_array())
        .flatten()
        .collect()
}

fn text(base64: &Value) -> String {
    String::from_utf8(STANDARD.decode(base64.as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn rawjson_is_buildkit_s_status_stream() {
    let bench = Workbench::with(
        "from busybox AS a\nRUN echo one; echo two >&2; printf end\nFROM scratch\nCOPY --from=a /bin/sh /\n",
    );
    let run = bench.build(&["--progress=rawjson", "-o", "type=oci,dest=x.tar"]);
    let objects = objects(&run);
    assert_eq!(
        objects.len(),
        run.stderr.lines().count(),
        "nothing but objects: {}",
        run.stderr
    );
    let mut last = BTreeMap::new();
    for vertex in all(&objects, "vertexes") {
        let digest = vertex["digest"].as_str().unwrap();
        assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
        last.insert(vertex["name"].as_str().unwrap().to_owned(), vertex);
    }
    let step = |word: &str| *last.iter().find(|(name, _)| name.contains(word)).unwrap().1;
    for vertex in last.values() {
        let (started, completed) = (vertex["started"].as_str(), vertex["completed"].as_str());
        assert!(started.unwrap() <= completed.unwrap(), "{vertex}");
    }
    assert_eq!(
        (&step("RUN")["cached"], &step("FROM busybox")["cached"]),
        (&Value::Null, &true.into())
    );
    assert_eq!(step("RUN")["inputs"][0], step("FROM busybox")["digest"]);
    assert!(
        step("COPY")["inputs"]
            .as_array()
            .unwrap()
            .contains(&step("RUN")["digest"])
    );
    let output = |stream: u64| -> String {
        let logs = all(&objects, "logs");
        let own = logs
            .iter()
            .filter(|log| log["stream"] == stream && log["vertex"] == step("RUN")["digest"]);
        own.map(|log| text(&log["data"])).collect()
    };
    assert_eq!((output(1).as_str(), output(2).as_str()), ("one\nend", "two\n"));
    let status = all(&objects, "statuses");
    assert_eq!(status.last().unwrap()["vertex"], step("exporting to x.tar")["digest"]);
    assert!(status.last().unwrap()["completed"].is_string());
    // A line of the Dockerfile is a warning's.
    let again = bench.variable("BUILDKIT_PROGRESS", "rawjson");
    again.dockerfile("FROM busybox\nRUN true \\\n\n  && true\n");
    let words = ["build", "--root", &again.text("store"), &again.text("context")];
    let base = format!(
        "--build-context=busybox=oci-layout://{}",
        crate::support::base().display()
    );
    let run = again.varve([&words[..], &[&base]].concat()).succeeds();
    let found = self::objects(&run);
    let warnings = all(&found, "warnings");
    assert!(
        text(&warnings[0]["short"]).starts_with("NoEmptyContinuation: "),
        "{}",
        run.stderr
    );
    assert!(text(&warnings[0]["short"]).ends_with("(line 4)"), "{}", run.stderr);
    assert!(
        warnings[0]["url"]
            .as_str()
            .unwrap()
            .ends_with("/no-empty-continuation/")
    );
}

#[test]
fn rawjson_tells_failures() {
    let bench = Workbench::with("FROM busybox\nRUN echo bad; exit 3\n");
    let run = bench.try_build(&["--progress=rawjson"]).fails(1);
    let objects = objects(&run);
    let failed: Vec<_> = all(&objects, "vertexes")
        .into_iter()
        .filter(|it| it["error"].is_string())
        .collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0]["error"].as_str().unwrap().contains('3') && failed[0]["completed"].is_string());
    run.says(["exit status 3", "Dockerfile:2:1"]);
}

#[test]
fn quiet_in_every_spelling() {
    let bench = Workbench::with("FROM busybox\nRUN echo noise\n");
    let id = bench.build(&["-q"]).stdout;
    assert!(id.starts_with("sha256:") && id.lines().count() == 1, "{id}");
    for style in ["quiet", "none"] {
        let run = bench.build(&["--no-cache", "--progress", style]);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{style}");
    }
    let run = bench.build(&["--no-cache", "--quiet=false"]);
    run.says(["| noise"]);
    bench.try_build(&["--progress=loud"]).fails(2).says(["loud"]);
}

#[test]
fn files_of_results() {
    let bench = Workbench::with("FROM scratch\nCOPY <<f /f\nx\nf\n");
    let meta = || -> Value { serde_json::from_slice(&std::fs::read(bench.path("work/meta.json")).unwrap()).unwrap() };
    // Without an image there is nothing to name, and the file says so by being empty.
    bench.build(&["--metadata-file", "meta.json", "-o", "type=local,dest=out"]);
    assert_eq!(meta(), serde_json::json!({}));
    bench
        .try_build(&["--iidfile", "id", "-o", "type=tar,dest=x.tar"])
        .fails(2)
        .says(["--iidfile"]);
    bench.build(&[
        "--metadata-file",
        "meta.json",
        "--annotation=manifest-descriptor:a=b",
        "-t",
        "app:v1",
        "-t",
        "app:v2",
        "-o",
        "type=oci,dest=x.tar",
    ]);
    let meta = meta();
    assert_eq!(meta["image.name"], "app:v1,app:v2");
    assert_eq!(
        meta["containerimage.descriptor"]["digest"],
        meta["containerimage.digest"]
    );
    assert_eq!(meta["containerimage.descriptor"]["annotations"]["a"], "b");
    bench
        .try_build(&["--metadata-file", "no/such/folder/meta.json"])
        .fails(1)
        .says(["no/such/folder"]);
}
