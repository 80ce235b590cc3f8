//! What a build hands out, and where.

use crate::support::{Image, Kind, Node, Run, Running, Workbench, peer, untar};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

const TEXT: &str = "FROM busybox AS made\nRUN mkdir /d && mkdir -m 750 /d/s && echo f > /d/f && ln -s f /d/l && ln /d/f /d/h && chown 1000:1000 /d/f\n\
    FROM scratch\nCOPY --from=made /d /d\nLABEL a=b\n";

#[track_caller]
fn built(words: &[&str]) -> (Workbench, Run) {
    let bench = Workbench::with(TEXT);
    let run = bench.build(words);
    (bench, run)
}

#[track_caller]
fn as_made(tree: &BTreeMap<String, Node>) {
    let names: Vec<&str> = tree.keys().map(String::as_str).collect();
    assert_eq!(names, ["d", "d/f", "d/h", "d/l", "d/s"]);
    assert_eq!(
        (tree["d/s"].mode, tree["d/f"].uid, tree["d/f"].text()),
        (0o750, 1000, "f\n")
    );
    assert_eq!((tree["d/l"].kind, tree["d/l"].target.as_str()), (Kind::Link, "f"));
}

#[test]
fn oci_archives_in_every_compression() {
    let table = [
        ("", "application/vnd.oci.image.layer.v1.tar+gzip"),
        (
            ",compression=gzip,compression-level=9",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (",compression=zstd", "application/vnd.oci.image.layer.v1.tar+zstd"),
        (
            ",compression=zstd,compression-level=12",
            "application/vnd.oci.image.layer.v1.tar+zstd",
        ),
        (",compression=uncompressed", "application/vnd.oci.image.layer.v1.tar"),
        (
            ",oci-mediatypes=false",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
    ];
    let bench = Workbench::with(TEXT);
    let mut ids = Vec::new();
    for (options, media) in table {
        let tar = bench.text("work/x.tar");
        bench.build(&["-t", "app:v1", "-o", &format!("type=oci,dest={tar}{options}")]);
        let image = Image::of_tar(&fs::read(&tar).unwrap());
        as_made(&image.tree);
        assert_eq!(image.manifest["layers"][0]["mediaType"], media, "{options}");
        let annotations = &image.index["manifests"][0]["annotations"];
        assert_eq!(annotations["org.opencontainers.image.ref.name"], "v1");
        assert_eq!(annotations["io.containerd.image.name"], "docker.io/library/app:v1");
        ids.push(image.manifest["config"]["digest"].to_string());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "how layers travel is no part of an image's id");
}

#[test]
fn directories_of_layouts() {
    let (bench, _) = built(&["-t", "app:v1", "-o", "type=oci,tar=false,dest=layout"]);
    bench.build(&["-t", "app:v2", "-o", "type=oci,tar=false,dest=layout", "--label", "c=d"]);
    let index: Value = serde_json::from_slice(&fs::read(bench.path("work/layout/index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2, "{index:#}");
    let mut members = BTreeMap::new();
    for entry in walkdir::WalkDir::new(bench.path("work/layout"))
        .into_iter()
        .flatten()
        .filter(|it| it.file_type().is_file())
    {
        let name = entry
            .path()
            .strip_prefix(bench.path("work/layout"))
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        members.insert(name, fs::read(entry.path()).unwrap());
    }
    as_made(&Image::of_members(members).tree);
    // The layout serves as a base.
    bench.dockerfile("FROM app AS a\nFROM scratch\nCOPY --from=a /d/f /seen\n");
    let image = bench.image(&[
        "--build-context",
        &format!("app=oci-layout://{}:v2", bench.text("work/layout")),
    ]);
    assert_eq!(image.read("seen"), "f\n");
    bench
        .try_build(&[
            "--build-context",
            &format!("app=oci-layout://{}:v3", bench.text("work/layout")),
        ])
        .fails(1)
        .says(["v3"]);
}

#[test]
fn docker_archives() {
    let (bench, _) = built(&["-t", "app:v1", "-t", "app:latest", "-o", "type=docker,dest=x.tar"]);
    let members = untar(&fs::read(bench.path("work/x.tar")).unwrap());
    let manifest: Value = serde_json::from_slice(&members["manifest.json"].content).unwrap();
    let mut tags: Vec<&str> = manifest[0]["RepoTags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    tags.sort_unstable();
    assert_eq!(tags, ["app:latest", "app:v1"]);
    for name in manifest[0]["Layers"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&manifest[0]["Config"]])
    {
        assert!(members.contains_key(name.as_str().unwrap()), "{name}");
    }
}

#[test]
fn tars_of_files() {
    let (bench, _) = built(&["-o", "type=tar,dest=x.tar"]);
    let mut tree = untar(&fs::read(bench.path("work/x.tar")).unwrap());
    tree.remove("");
    as_made(&tree);
    let run = bench.build(&["-o", "-"]);
    let mut tree = untar(&run.bytes);
    tree.remove("");
    as_made(&tree);
    let run = bench.build(&["-o", "type=oci"]);
    as_made(&Image::of_tar(&run.bytes).tree);
}

#[test]
fn directories_of_files() {
    let bench = Workbench::with(TEXT);
    fs::create_dir(bench.path("work/out")).unwrap();
    fs::write(bench.path("work/out/mine"), "mine").unwrap();
    for output in ["out", "type=local,dest=out"] {
        bench.build(&["-o", output]);
        let directory = bench.path("work/out/d");
        assert_eq!(fs::read_to_string(directory.join("f")).unwrap(), "f\n");
        assert_eq!(fs::read_link(directory.join("l")).unwrap().to_str(), Some("f"));
        assert_eq!(
            fs::metadata(directory.join("s")).unwrap().permissions().mode() & 0o7777,
            0o750
        );
        let user = rustix::process::geteuid();
        let owner = fs::metadata(directory.join("f")).unwrap().uid();
        assert_eq!(owner, user.as_raw(), "files belong to whoever asked for them");
        assert!(bench.path("work/out/mine").exists(), "what was there stays");
    }
}

#[test]
fn nothing_but_the_cache() {
    let (bench, _) = built(&["-o", "type=cacheonly"]);
    assert_eq!(fs::read_dir(bench.path("work")).unwrap().count(), 0);
    bench.build(&[]).all_reused();
}

#[test]
fn several_at_once() {
    let (bench, _) = built(&[
        "-o",
        "type=oci,dest=a.tar",
        "-o",
        "type=tar,dest=b.tar",
        "-o",
        "c",
        "-t",
        "app",
    ]);
    for name in ["a.tar", "b.tar", "c/d/f"] {
        assert!(bench.path("work").join(name).exists(), "{name}");
    }
    assert!(bench.varve(["images"]).succeeds().stdout.contains("app"));
}

#[test]
fn ids_and_metadata() {
    let (bench, _) = built(&[
        "-t",
        "app:v1",
        "--iidfile",
        "id",
        "--metadata-file",
        "meta.json",
        "-o",
        "type=oci,dest=x.tar",
    ]);
    let image = Image::of_tar(&fs::read(bench.path("work/x.tar")).unwrap());
    let id = fs::read_to_string(bench.path("work/id")).unwrap();
    assert_eq!(image.manifest["config"]["digest"], id.as_str());
    let metadata: Value = serde_json::from_slice(&fs::read(bench.path("work/meta.json")).unwrap()).unwrap();
    assert_eq!(metadata["containerimage.config.digest"], id.as_str());
    assert_eq!(metadata["containerimage.digest"], image.digest.as_str());
    assert_eq!(metadata["image.name"], "app:v1");
    let quiet = bench.build(&["-q"]);
    assert_eq!(
        (quiet.stdout.as_str(), quiet.stderr.as_str()),
        (format!("{id}\n").as_str(), "")
    );
}

#[test]
fn destinations_are_replaced_whole() {
    let bench = Workbench::with(TEXT);
    let tar = bench.path("work/x.tar");
    fs::write(&tar, "old").unwrap();
    bench.build(&["-o", "type=oci,dest=x.tar"]);
    as_made(&Image::of_tar(&fs::read(&tar).unwrap()).tree);
    let names: Vec<_> = fs::read_dir(bench.path("work"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["x.tar"]);
    // A link stays a link, and a pipe is written to.
    std::os::unix::fs::symlink("x.tar", bench.path("work/link.tar")).unwrap();
    bench.build(&["-o", "type=oci,dest=link.tar"]);
    as_made(&Image::of_tar(&fs::read(&tar).unwrap()).tree);
    bench.build(&["-o", "type=oci,dest=/dev/null"]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn empty_layers_are_there() {
    let bench = Workbench::new();
    let image = bench.image_of("FROM busybox\nRUN true\nWORKDIR /\nWORKDIR /tmp\nENV a=b\n");
    let empty = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    let ids = image.config["rootfs"]["diff_ids"].as_array().unwrap();
    assert_eq!(ids[ids.len() - 2..], [empty, empty]);
}

#[test]
fn a_large_umask_changes_nothing() {
    let bench =
        Workbench::with("FROM busybox\nRUN mkdir /a && touch /a/b\nCOPY c /d/e/\nCOPY <<f /g/\nx\nf\nWORKDIR /h\n");
    bench.file("c", "c");
    let modes = |image: &Image| -> Vec<(String, u32)> {
        image
            .tree
            .iter()
            .map(|(path, node)| (path.clone(), node.mode))
            .collect()
    };
    let usual = modes(&bench.image(&[]));
    let output = format!("type=oci,dest={}", bench.text("work/masked.tar"));
    let mut command = bench.build_command(&["-o", &output]);
    let program = command.get_program().to_owned();
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    command = bench.command("sh");
    command
        .args(["-c", "umask 077; exec \"$@\"", "sh"])
        .arg(program)
        .args(words);
    command.env("VARVE_ROOT", bench.path("another"));
    Running::start(command).end().succeeds();
    assert_eq!(
        modes(&Image::of_tar(&fs::read(bench.path("work/masked.tar")).unwrap())),
        usual
    );
    if peer("tar") {
        let listed = bench
            .command("tar")
            .args(["-tf", &bench.text("work/masked.tar")])
            .output()
            .unwrap();
        assert!(
            listed.status.success() && listed.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&listed.stderr)
        );
    }
}
