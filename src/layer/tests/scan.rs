use super::{directory, entry, host, listing, written};
use crate::layer::{
    Content, DeltaWriter, Entry, Host, Kind, LayerError, Listing, OverlayXattrs, Ownership, Time, View, scan,
};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

/// Writes entries to a new directory; files hold their own paths.
fn on_disk(entries: &[Entry]) -> (tempfile::TempDir, Listing) {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    for entry in entries {
        writer.put(entry.clone(), Content::Bytes(&entry.path)).unwrap();
    }
    (tree, writer.finish().unwrap())
}

fn scanned(tree: &Path, host: &Host, lower: &View) -> Result<Listing, LayerError> {
    let tree = std::fs::File::open(tree).unwrap();
    scan(tree.as_fd(), host, lower, &|path| path == b"skipped", &|| false)
}

fn shown(listing: &Listing) -> Vec<String> {
    listing
        .entries()
        .iter()
        .map(|it| String::from_utf8_lossy(&it.path).into_owned())
        .collect()
}

/// What the root of every directory that the writer made looks like.
fn lower(entries: &[&str]) -> View {
    View::new(vec![listing(entries)])
}

#[test]
fn a_written_delta_scans_to_its_listing() {
    let mut entries: Vec<Entry> = [
        "a/",
        "a/b",
        "a/c -> b",
        "a/d = a/c",
        "d/",
        "e/",
        "e/h = a/b",
        "d/i",
        "e/j = d/i",
    ]
    .iter()
    .map(|it| written(it))
    .collect();
    for number in 0..400 {
        entries.push(written(&format!("e/{number}")));
    }
    entries.push(Entry {
        mode: 0o1620,
        uid: 3,
        gid: 4,
        ..entry("p", Kind::Fifo)
    });
    entries.push(entry("dev", Kind::Block { major: 7, minor: 300 }));
    entries.extend(["e/p = p", "dev2 = dev"].map(written));
    entries.push(Entry {
        xattrs: vec![(b"user.a"[..].into(), [7; 300].into())],
        ..written("x")
    });
    let (tree, listing) = on_disk(&entries);
    let view = View::new(Vec::new());
    assert_eq!(scanned(tree.path(), &host(), &view).unwrap(), listing);
}

#[test]
fn only_changes_are_listed() {
    let same = written("same/f");
    let lower_layer = Listing::from_entries(vec![
        same.clone(),
        written("linked"),
        Entry {
            path: b"second"[..].into(),
            ..entry(
                "",
                Kind::HardLink {
                    target: b"linked"[..].into(),
                },
            )
        },
        written("touched/f"),
        Entry {
            mode: 0o700,
            ..written("mode/")
        },
        written("hidden/x"),
        written("file-now-dir"),
        written("gone"),
        Entry {
            mtime: Time {
                seconds: 1,
                nanoseconds: 0,
            },
            ..written("time")
        },
    ]);
    let view = View::new(vec![Arc::new(lower_layer.unwrap())]);
    let (tree, _) = on_disk(&[
        Entry {
            mtime: Time::default(),
            mode: 0o755,
            ..written("same/")
        },
        same,
        Entry {
            kind: Kind::File {
                size: 0,
                digest: crate::layer::UNKNOWN_DIGEST,
            },
            ..written("second")
        },
        Entry {
            mtime: Time::default(),
            ..written("touched/")
        },
        written("mode/"),
        written("hidden//"),
        written("file-now-dir//"),
        written("file-now-dir/x"),
        written("-gone"),
        written("-never-there"),
        written("-hidden/x"),
        written("time"),
        written("skipped/x"),
    ]);
    std::fs::write(tree.path().join("second"), "linked").unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 5);
    std::fs::File::open(tree.path().join("second"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    let listing = scanned(tree.path(), &host(), &view).unwrap();
    assert_eq!(
        shown(&listing),
        ["file-now-dir", "file-now-dir/x", "gone", "hidden", "mode", "time"]
    );
    assert_eq!(listing.get(b"hidden").unwrap().kind, Kind::Directory { opaque: true });
    assert_eq!(
        listing.get(b"file-now-dir").unwrap().kind,
        Kind::Directory { opaque: false }
    );
    assert_eq!(listing.get(b"gone").unwrap().kind, Kind::Whiteout);
}

#[test]
fn a_name_of_several_that_was_copied_up_alone_is_no_change() {
    let layer = ["f", "f2 = f", "s -> x", "s2 = s", "s3 = s", "t -> x"].map(written);
    let pipe = [entry("p", Kind::Fifo), written("p2 = p")];
    let view = View::new(vec![Arc::new(
        Listing::from_entries([&layer[..], &pipe].concat()).unwrap(),
    )]);
    let alone = |path: &str| Entry {
        path: path.as_bytes().into(),
        ..written("s -> x")
    };
    let (tree, _) = on_disk(&[
        alone("s2"),
        entry("p2", Kind::Fifo),
        alone("t"),
        written("s3 -> y"),
        written("f2 -> x"),
    ]);
    let listing = scanned(tree.path(), &host(), &view).unwrap();
    assert_eq!(super::writer::shown(&listing), ["f2 -> x", "s3 -> y"]);
}

#[test]
fn what_one_name_tells_holds_for_a_new_first_name() {
    let owned = |text: &str| Entry {
        uid: 33,
        gid: 44,
        ..written(text)
    };
    let null = Entry {
        uid: 33,
        ..entry("dev/null", Kind::Character { major: 1, minor: 3 })
    };
    let lower = vec![
        owned("f"),
        null.clone(),
        Entry {
            uid: 33,
            ..written("s -> x")
        },
    ];
    let view = View::new(vec![Arc::new(Listing::from_entries(lower).unwrap())]);
    let host = Host {
        ownership: Ownership::Recorded,
        devices: false,
        ..host()
    };
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host);
    for entry in [owned("f"), null.clone(), written("s -> x")] {
        writer.put(entry.clone(), Content::Bytes(b"")).ok();
    }
    for text in ["a = dev/null", "b = s", "z = s"] {
        writer.put(written(text), Content::None).unwrap();
    }
    writer.finish().unwrap();
    std::fs::write(tree.path().join("f"), "new").unwrap();
    std::fs::hard_link(tree.path().join("f"), tree.path().join("c")).unwrap();
    let listing = scanned(tree.path(), &host, &view).unwrap();
    let shown = super::writer::shown(&listing);
    assert_eq!(
        shown,
        ["a", "b -> x", "c", "dev/", "dev/null = a", "f = c", "s = b", "z = b"]
    );
    let owner = |path: &[u8]| listing.get(path).map(|it| it.uid);
    assert_eq!((owner(b"a"), owner(b"b"), owner(b"c")), (Some(33), Some(33), Some(33)));
    assert_eq!(listing.get(b"a").unwrap().kind, null.kind);
}

#[test]
fn attributes_of_links_and_pipes_are_listed() {
    let host = Host {
        overlay_xattrs: OverlayXattrs::Trusted,
        ..host()
    };
    let marked = |text: &str| Entry {
        xattrs: vec![
            (b"trusted.a"[..].into(), [7; 300].into()),
            (b"trusted.b"[..].into(), b""[..].into()),
        ],
        ..written(text)
    };
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host);
    let pipe = Entry {
        kind: Kind::Fifo,
        ..marked("d/p")
    };
    for entry in [marked("d/s -> x"), marked("d/t = d/s"), pipe, written("d/u -> x")] {
        writer.put(entry, Content::None).unwrap();
    }
    let listing = writer.finish().unwrap();
    let on_disk = tree.path().join("d/s");
    if rustix::fs::lgetxattr(&on_disk, "trusted.b", &mut [0; 1][..]).is_err() {
        // Only root may, and not on every file system.
        return;
    }
    // A mark of overlayfs is no change.
    rustix::fs::lsetxattr(
        &on_disk,
        "trusted.overlay.origin",
        b"x",
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
    assert_eq!(scanned(tree.path(), &host, &View::new(Vec::new())).unwrap(), listing);
}

#[test]
fn a_scan_can_be_called_off() {
    let (tree, _) = on_disk(&["d/e/f", "g"].map(written));
    let tree = std::fs::File::open(tree.path()).unwrap();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let after = |count: usize| {
        asked.store(0, std::sync::atomic::Ordering::Relaxed);
        let cancelled = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= count;
        scan(tree.as_fd(), &host(), &View::new(Vec::new()), &|_| false, &cancelled)
    };
    for count in 0..3 {
        assert!(matches!(after(count), Err(LayerError::Cancelled)), "{count}");
    }
    assert_eq!(shown(&after(1000).unwrap()), ["d", "d/e", "d/e/f", "g"]);
}

#[test]
fn every_form_of_removal_is_understood() {
    let view = lower(&["d/a", "d/b", "d/c"]);
    let (tree, _) = on_disk(&[written("d/"), written("d/a"), written("d/b"), written("d/new")]);
    let set = |path: &str, name: &str, value: &[u8]| {
        rustix::fs::setxattr(tree.path().join(path), name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    set("d", "user.overlay.opaque", b"x");
    set("d", "user.overlay.origin", b"whatever");
    for path in ["d/a", "d/b"] {
        std::fs::write(tree.path().join(path), "").unwrap();
    }
    set("d/a", "user.overlay.whiteout", b"y");
    let listing = scanned(tree.path(), &host(), &view).unwrap();
    assert_eq!(listing.get(b"d").unwrap().kind, Kind::Directory { opaque: false });
    assert_eq!(listing.get(b"d/a").unwrap().kind, Kind::Whiteout);
    assert!(matches!(listing.get(b"d/b").unwrap().kind, Kind::File { size: 0, .. }));
    assert!(listing.get(b"d").unwrap().xattrs.is_empty());
    for (path, feature) in [("d", "redirect"), ("d/new", "metacopy")] {
        let name = format!("user.overlay.{feature}");
        set(path, &name, b"");
        let refused = scanned(tree.path(), &host(), &view);
        assert!(matches!(refused, Err(LayerError::Overlay { feature: it, .. }) if it == feature));
        rustix::fs::removexattr(tree.path().join(path), &name).unwrap();
    }
}

#[test]
fn recorded_owners_and_devices_are_taken_from_below() {
    let lower_layer = vec![
        Entry {
            uid: 33,
            gid: 44,
            ..written("d/")
        },
        Entry {
            uid: 33,
            gid: 44,
            ..written("d/f")
        },
        Entry {
            uid: 33,
            gid: 44,
            ..entry("null", Kind::Character { major: 1, minor: 3 })
        },
    ];
    let view = View::new(vec![Arc::new(Listing::from_entries(lower_layer).unwrap())]);
    let host = Host {
        ownership: Ownership::Recorded,
        devices: false,
        ..host()
    };
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host);
    writer
        .put(
            Entry {
                mode: 0o600,
                ..written("d/f")
            },
            Content::Bytes(b"d/f"),
        )
        .unwrap();
    writer
        .put(
            Entry {
                uid: 9,
                ..written("d/new")
            },
            Content::Bytes(b"d/new"),
        )
        .unwrap();
    writer
        .put(
            Entry {
                mode: 0o666,
                ..entry("null", Kind::Character { major: 1, minor: 3 })
            },
            Content::None,
        )
        .unwrap();
    let written = writer.finish().unwrap();
    assert_eq!(written.get(b"d/new").unwrap().uid, 9);
    assert_eq!(
        tree.path().join("d/new").metadata().unwrap().uid(),
        rustix::process::geteuid().as_raw()
    );
    let listing = scanned(tree.path(), &host, &view).unwrap();
    let owner = |path: &[u8]| listing.get(path).map(|it| (it.uid, it.gid)).unwrap();
    assert_eq!(
        (owner(b"d"), owner(b"d/f"), owner(b"null")),
        ((33, 44), (33, 44), (33, 44))
    );
    assert_eq!(owner(b"d/new").0, rustix::process::geteuid().as_raw());
    let null = listing.get(b"null").unwrap();
    assert_eq!(
        (&null.kind, null.mode),
        (&Kind::Character { major: 1, minor: 3 }, 0o666)
    );
}

#[test]
fn a_root_that_differs_is_listed_and_sockets_are_not() {
    let (tree, _) = on_disk(&[Entry {
        mode: 0o711,
        ..written("d/")
    }]);
    let socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
    let listing = scanned(tree.path(), &host(), &View::new(Vec::new())).unwrap();
    assert_eq!(shown(&listing), ["d"]);
    rustix::fs::chmod(tree.path(), rustix::fs::Mode::RWXU).unwrap();
    let listing = scanned(tree.path(), &host(), &View::new(Vec::new())).unwrap();
    assert_eq!(
        (shown(&listing), listing.entries()[0].mode),
        (vec![String::new(), "d".into()], 0o700)
    );
    drop(socket);
}
