//! The same bits from the same files, on any day, in any directory, from any store.

use crate::support::{Image, Workbench};
use std::fs;
use std::time::{Duration, SystemTime};

const TEXT: &str = "FROM busybox AS tool\nRUN echo tool > /t\nFROM busybox\nWORKDIR /w/x\nCOPY . ./\nCOPY --from=tool /t /t\n\
    RUN mkdir /made && echo made > /made/f && ln /made/f /made/h && ln -s f /made/l && rm /bin/vi\nADD a.tar /tar/\n";

#[test]
fn two_stores_two_places_two_times() {
    for compression in ["gzip", "zstd", "uncompressed"] {
        let mut digests = Vec::new();
        for seconds in [1_600_000_000, 1_700_000_001] {
            let image = build(seconds, compression);
            for (path, node) in &image.tree {
                assert!(node.mtime <= 1_500_000_000, "{path}: {}", node.mtime);
            }
            assert_eq!(image.config["created"], "2017-07-14T02:40:00Z");
            digests.push(image.digest);
        }
        assert_eq!(digests[0], digests[1], "{compression}");
    }
}

/// A context whose files are of one time, built in a place and a store of its own.
fn build(seconds: u64, compression: &str) -> Image {
    let bench = Workbench::with(TEXT);
    for path in ["one", "d/two", "d/three"] {
        bench.file(path, path);
    }
    let mut header = tar::Header::new_gnu();
    header.set_path("inner").unwrap();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_mtime(2_000_000_000);
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.resize(512 * 20, 0);
    bench.file("a.tar", archive);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    for entry in walkdir::WalkDir::new(bench.context()).contents_first(true) {
        let entry = entry.unwrap();
        fs::File::open(entry.path()).unwrap().set_modified(time).unwrap();
        // Whose files they are makes no difference either, where somebody else can own them.
        let owner = Some(u32::try_from(seconds % 1000).unwrap());
        let _ = std::os::unix::fs::chown(entry.path(), owner, owner);
    }
    let output = format!(
        "type=oci,dest={},rewrite-timestamp=true,compression={compression}",
        bench.text("work/r.tar")
    );
    bench.build(&[
        "--build-arg",
        "SOURCE_DATE_EPOCH=1500000000",
        "-t",
        "app:v1",
        "-o",
        &output,
    ]);
    Image::of_tar(&fs::read(bench.path("work/r.tar")).unwrap())
}

#[test]
fn every_output_counts_the_epoch() {
    // No step looks at files of the base, and yet they are needed.
    let bench = Workbench::with("FROM busybox\nLABEL a=b\n");
    bench.build(&["-o", "base"]);
    assert!(bench.path("work/base/bin").is_dir());
    let bench = Workbench::with("FROM busybox\nCOPY <<f /new\nx\nf\nCMD [\"cat\", \"/new\"]\n");
    let epoch = ["--build-arg", "SOURCE_DATE_EPOCH=1500000000"];
    let build = |words: &[&str]| bench.build(&[&epoch, words].concat());
    build(&["-o", "type=oci,tar=false,dest=layout,rewrite-timestamp=true"]);
    build(&["-o", "type=docker,dest=docker.tar,rewrite-timestamp=true"]);
    build(&["-o", "type=tar,dest=files.tar"]);
    build(&["-o", "type=local,dest=files"]);
    let image = Image::of_tar(&fs::read(bench.path("work/docker.tar")).unwrap());
    let files = crate::support::untar(&fs::read(bench.path("work/files.tar")).unwrap());
    for (path, node) in &image.tree {
        assert!(node.mtime <= 1_500_000_000, "{path}: {}", node.mtime);
        assert_eq!(files[path].mtime, 1_500_000_000, "{path}");
    }
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
    assert_eq!(
        fs::metadata(bench.path("work/files/new")).unwrap().modified().unwrap(),
        then
    );

    // An image of the store is the one that a layout would hold, and serves as a base.
    build(&["-o", "type=image,name=app:v1,rewrite-timestamp=true", "--iidfile", "id"]);
    let id = fs::read_to_string(bench.path("work/id")).unwrap();
    assert_eq!(id, image.manifest["config"]["digest"].as_str().unwrap());
    assert_eq!(bench.varve(["run", "app:v1"]).succeeds().stdout, "x\n");
    bench.dockerfile("FROM app:v1\nRUN cat /new > /seen\n");
    let child = bench.image(&[]);
    assert_eq!((child.read("seen"), child.node("new").mtime), ("x\n", 1_500_000_000));
    assert_eq!(
        child.tars[..image.tars.len()],
        image.tars,
        "its layers are handed on as they are"
    );

    // An output may have a moment of its own; without any, nothing can be clamped.
    bench.dockerfile("FROM scratch\nCOPY <<f /new\nx\nf\n");
    build(&[
        "-o",
        "type=oci,dest=own.tar,source-date-epoch=1400000000,rewrite-timestamp=true",
    ]);
    let own = Image::of_tar(&fs::read(bench.path("work/own.tar")).unwrap());
    assert_eq!(
        (own.node("new").mtime, &own.config["created"]),
        (1_400_000_000, &"2014-05-13T16:53:20Z".into())
    );
    let run = bench.build(&["-o", "type=oci,dest=none.tar,rewrite-timestamp=true"]);
    run.says(["no effect without `SOURCE_DATE_EPOCH`"]);
}

#[test]
fn layers_do_not_depend_on_how_fast_steps_follow_each_other() {
    let mut text = "FROM busybox\n".to_owned();
    for _ in 0..12 {
        // The same change again and again, which is one delta, in a stack that has it several times.
        text.push_str("RUN echo a > /f\n");
    }
    text.push_str("RUN cat /f > /seen\n");
    let bench = Workbench::with(&text);
    let image = bench.image(&["--no-cache"]);
    assert_eq!(image.read("seen"), "a\n");
    let with_file = image.layers.iter().filter(|names| names.iter().any(|name| name == "f"));
    assert_eq!(with_file.count(), 12, "{:?}", image.layers);
}
