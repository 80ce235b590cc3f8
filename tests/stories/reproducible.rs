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
        fs::File::open(entry.unwrap().path())
            .unwrap()
            .set_modified(time)
            .unwrap();
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
