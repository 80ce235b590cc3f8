//! Contexts that come as tars.

use super::{copy_from, paths, tree};
use crate::context::{Context, ContextError, EmptyContext, ListedContext, Stream, read_stream};
use crate::layer::Kind;
use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// What GNU tar makes of a directory.
fn packed(dir: &TempDir, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("tar")
        .arg("-C")
        .arg(dir.path())
        .args(arguments)
        .args(["-c", "."])
        .output()
        .unwrap();
    assert!(output.status.success());
    output.stdout
}

fn unpacked(bytes: &[u8]) -> (TempDir, Result<ListedContext, ContextError>) {
    let dir = tempfile::tempdir().unwrap();
    let Stream::Tar(stream) = read_stream("-", bytes).unwrap() else {
        panic!("taken for a Dockerfile")
    };
    let context = stream.unpack(dir.path(), None);
    (dir, context)
}

#[test]
fn a_tar_is_a_context_in_every_compression() {
    let dir = tree(&["Dockerfile", "d/x", "d/y = d/x", "l -> d", ".wh.kept"]);
    let plain = packed(&dir, &["--owner=7", "--group=7"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(&plain).unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for bytes in [plain, gzip.finish().unwrap(), bzip2.finish().unwrap(), zstd] {
        let (_dir, context) = unpacked(&bytes);
        let context = context.unwrap();
        let listing = context.list(&[]).unwrap();
        assert_eq!(paths(&listing), [".wh.kept", "Dockerfile", "d", "d/x", "d/y", "l"]);
        assert!(listing.entries().iter().all(|entry| (entry.uid, entry.gid) == (0, 0)));
        assert!(matches!(listing.get(b"d/y").unwrap().kind, Kind::HardLink { .. }));
        assert_eq!(copy_from(&context, &["l"], false, &[]).unwrap(), ["l/", "x", "y = x"]);
        assert_eq!(
            std::io::read_to_string(context.open_file(b"d/x").unwrap()).unwrap(),
            "d/x"
        );
        assert_eq!(context.find_dockerfile("-", None).unwrap().source.text(), "Dockerfile");
    }
}

#[test]
fn a_dockerfile_in_a_tar_cannot_point_outside() {
    let dir = tree(&["Dockerfile -> /etc/passwd", "real/file", "app -> ../real/file"]);
    let (_dir, context) = unpacked(&packed(&dir, &[]));
    let context = context.unwrap();
    assert!(matches!(
        context.find_dockerfile("-", None),
        Err(ContextError::NoDockerfile { .. })
    ));
    assert_eq!(
        context.find_dockerfile("-", Some("app")).unwrap().source.text(),
        "real/file"
    );
}

#[test]
fn text_is_a_dockerfile() {
    for text in ["FROM scratch\n", "", "\u{feff}FROM scratch"] {
        match read_stream("-", text.as_bytes()).unwrap() {
            Stream::Dockerfile(found) => assert_eq!(found.source.text(), text),
            Stream::Tar(_) => panic!("taken for a tar"),
        }
    }
    assert!(EmptyContext.list(&[]).unwrap().entries().is_empty());
    assert!(copy_from(&EmptyContext, &["x"], false, &[]).is_err());
    let long = "# comment\n".repeat(2 << 20);
    assert!(matches!(
        read_stream("-", long.as_bytes()),
        Err(ContextError::TooLarge { .. })
    ));
}

#[test]
fn an_empty_tar_is_an_empty_context() {
    let (_dir, context) = unpacked(&[0; 1024]);
    assert!(context.unwrap().list(&[]).unwrap().entries().is_empty());
}

#[test]
fn damage_and_cancellation_end_it() {
    let dir = tree(&["d/x"]);
    let tar = packed(&dir, &[]);
    let (_dir, context) = unpacked(&tar[..1100]);
    assert!(matches!(context, Err(ContextError::Unpack { .. })));
    let Stream::Tar(stream) = read_stream("-", &tar[..]).unwrap() else {
        panic!()
    };
    let target = tempfile::tempdir().unwrap();
    let cancelled = stream.unpack(target.path(), Some(&AtomicBool::new(true)));
    assert!(matches!(cancelled, Err(ContextError::Cancelled)));
}
