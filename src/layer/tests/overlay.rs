//! The kernel as judge: what it shows of our deltas, and what it leaves in upper directories.

use super::{directory, written};
use crate::layer::{Content, DeltaWriter, Entry, Host, OverlayXattrs, Ownership, View, scan};
use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::Arc;

/// Runs a command on an overlay of layers, and gives what it printed and what it changed; `None` where this machine
/// lets nobody mount.
fn changed(layers: &[&[&str]], command: &str) -> Option<(Vec<String>, Vec<String>, View)> {
    let host = Host {
        overlay_xattrs: OverlayXattrs::Trusted,
        ownership: Ownership::Mapped,
        devices: true,
    };
    let mut trees = Vec::new();
    let mut listings = Vec::new();
    for layer in layers {
        let (tree, fd) = directory();
        let writer = DeltaWriter::new(fd, host);
        for text in *layer {
            writer.put(written(text), Content::Bytes(text.as_bytes())).ok()?;
        }
        listings.push(Arc::new(writer.finish().ok()?));
        trees.push(tree);
    }
    let work = tempfile::tempdir().unwrap();
    for name in ["upper", "work", "merged"] {
        std::fs::create_dir(work.path().join(name)).unwrap();
    }
    rustix::fs::chmod(work.path().join("upper"), 0o755.into()).unwrap();
    let lower: Vec<_> = trees.iter().rev().map(|tree| tree.path().to_str().unwrap()).collect();
    let script = format!(
        "cd {} && mount -t overlay overlay -o lowerdir={},upperdir=upper,workdir=work merged && cd merged || exit 77\n\
         {command}\n find . -mindepth 1 | sed 's/..//'",
        work.path().display(),
        lower.join(":"),
    );
    let output = Command::new("unshare")
        .args(["-m", "sh", "-ec", &script])
        .output()
        .ok()?;
    if output.status.code() != Some(0) {
        assert!(std::env::var_os("PEERS_MUST_WORK").is_none(), "{output:?}");
        return None;
    }
    let mut shown: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    shown.sort();
    let below = View::new(listings.clone());
    let upper = File::open(work.path().join("upper")).unwrap();
    let listing = scan(upper.as_fd(), &host, &below, &|_| false, &|| false).unwrap();
    let changes = super::writer::shown(&listing);
    listings.push(Arc::new(listing));
    Some((shown, changes, View::new(listings)))
}

#[test]
fn the_kernel_and_the_view_agree() {
    let layers: &[&[&str]] = &[
        &["a/x", "a/y", "b/x", "c/x", "d/e/f", "l -> a", "m -> a", "g/h"],
        &["a/y", "-b", "c//", "c/z", "d"],
        &["b/n", "d/g", "-g/h", "k = b/n"],
        &["-a/x"],
    ];
    let commands = "rm a/y; mkdir a/y; touch a/y/new; rm -r c; mkdir c; echo > c/back; ln b/n b/second; chmod 700 d;\n\
        touch -r d/g d/g; rm l; ln -s b l; mkdir -p deep/er; mknod null c 1 3; mkfifo pipe; rm -r g; echo x >> k;\n\
        ln pipe pipe2; ln m m2; ln null a/null";
    let Some((shown, changes, view)) = changed(layers, commands) else {
        return;
    };
    let walked = |view: &View| {
        let mut paths: Vec<_> = view
            .walk(b"")
            .skip(1)
            .map(|it| String::from_utf8_lossy(&it.entry.path).into_owned())
            .collect();
        paths.sort();
        paths
    };
    assert_eq!(walked(&view), shown);
    let expected = [
        "a/",
        "a/null",
        "a/y/",
        "a/y/new",
        "b/",
        "b/n",
        "b/second = b/n",
        "c//",
        "c/back",
        "d/",
        "deep/",
        "deep/er/",
        "-g",
        "k",
        "l -> b",
        "m -> a",
        "m2 = m",
        "null = a/null",
        "pipe",
        "pipe2 = pipe",
    ];
    assert_eq!(changes, expected);
    let mode = |path: &[u8]| {
        view.get(path)
            .map(|it: crate::layer::Found<'_>| Entry::clone(it.entry).mode)
    };
    assert_eq!(mode(b"d"), Some(0o700));
}
