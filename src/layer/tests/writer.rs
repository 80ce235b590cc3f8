use super::{directory, entry, host, listing, written};
use crate::digest::FileHasher;
use crate::layer::{Content, DeltaWriter, Entry, Kind, LayerError, Listing, Time, UNKNOWN_DIGEST, View};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Puts entries in the notation of [`written`]; files hold their own names.
fn put(writer: &DeltaWriter, entries: &[&str]) {
    for text in entries {
        writer.put(written(text), Content::Bytes(text.as_bytes())).unwrap();
    }
}

pub(super) fn shown(listing: &Listing) -> Vec<String> {
    let show = |it: &Entry| {
        let path = String::from_utf8_lossy(&it.path);
        match &it.kind {
            Kind::Directory { opaque: true } => format!("{path}//"),
            Kind::Directory { .. } => format!("{path}/"),
            Kind::Whiteout => format!("-{path}"),
            Kind::Symlink { target } => format!("{path} -> {}", String::from_utf8_lossy(target)),
            Kind::HardLink { target } => format!("{path} = {}", String::from_utf8_lossy(target)),
            _ => path.into_owned(),
        }
    };
    listing.entries().iter().map(show).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_put_is_on_disk_and_in_the_listing() {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    put(&writer, &["d//", "d/f", "l -> d/f", "h = d/f", "-gone", "deep/er/x"]);
    let special = Entry {
        mode: 0o6751,
        uid: 7,
        gid: 8,
        mtime: Time {
            seconds: -5,
            nanoseconds: 123_456_789,
        },
        xattrs: vec![
            (b"user.x"[..].into(), b"a\n\0b"[..].into()),
            (b"trusted.overlay.opaque"[..].into(), b"y"[..].into()),
        ],
        ..entry(
            "s",
            Kind::File {
                size: 0,
                digest: UNKNOWN_DIGEST,
            },
        )
    };
    writer
        .put(special.clone(), Content::Reader(&mut &b"content"[..]))
        .unwrap();
    writer
        .put(
            Entry {
                mode: 0o620,
                ..entry("p", Kind::Fifo)
            },
            Content::None,
        )
        .unwrap();
    writer
        .put(entry("c", Kind::Character { major: 1, minor: 3 }), Content::None)
        .unwrap();
    writer
        .put(entry("zero", Kind::Character { major: 0, minor: 0 }), Content::None)
        .unwrap();
    let listing = writer.finish().unwrap();
    let expected = [
        "c",
        "d//",
        "d/f",
        "deep/",
        "deep/er/",
        "deep/er/x",
        "-gone",
        "h = d/f",
        "l -> d/f",
        "p",
        "s",
        "-zero",
    ];
    assert_eq!(shown(&listing), expected);
    let got = listing.get(b"s").unwrap();
    assert_eq!(
        got.kind,
        Kind::File {
            size: 7,
            digest: FileHasher::of(b"content")
        }
    );
    assert_eq!(got.xattrs, special.xattrs[..1]);

    let stat = |name: &str| tree.path().join(name).symlink_metadata().unwrap();
    let s = stat("s");
    assert_eq!(
        (s.mode() & 0o7777, s.uid(), s.gid(), s.mtime(), s.mtime_nsec()),
        (0o6751, 7, 8, -5, 123_456_789)
    );
    let mut value = [0; 9];
    assert_eq!(
        rustix::fs::getxattr(tree.path().join("s"), "user.x", &mut value[..]),
        Ok(4)
    );
    assert!(rustix::fs::getxattr(tree.path().join("s"), "trusted.overlay.opaque", &mut value[..]).is_err());
    assert_eq!(
        rustix::fs::getxattr(tree.path().join("d"), "user.overlay.opaque", &mut value[..]),
        Ok(1)
    );
    assert_eq!((stat("d").mtime(), stat("d").mode() & 0o777), (1_700_000_000, 0o755));
    assert_eq!(stat("h").ino(), stat("d/f").ino());
    assert!(stat("gone").file_type().is_char_device() && stat("gone").rdev() == 0 && stat("zero").rdev() == 0);
    assert!(stat("p").file_type().is_fifo() && stat("p").permissions().mode() & 0o777 == 0o620);
    assert_eq!(stat("c").rdev(), rustix::fs::makedev(1, 3));
    assert_eq!(std::fs::read(tree.path().join("l")).unwrap(), b"d/f");
}

#[test]
fn later_entries_replace_earlier_ones() {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    put(
        &writer,
        &["a/b/c/d", "a/x", "f", "g = f", "l -> /etc", "m", "n = m", "o = n"],
    );
    put(
        &writer,
        &["a/b", "f/", "f/under", "l/passwd", "-m", "a/", "q/w", "q", "q/e"],
    );
    let listing = writer.finish().unwrap();
    let expected = [
        "a/", "a/b", "a/x", "f/", "f/under", "g", "l/", "l/passwd", "-m", "n", "o = n", "q/", "q/e",
    ];
    assert_eq!(shown(&listing), expected);
    assert_eq!(names(tree.path()), ["a", "f", "g", "l", "m", "n", "o", "q"]);
    assert_eq!(names(&tree.path().join("a")), ["b", "x"]);
    assert_eq!(std::fs::read(tree.path().join("g")).unwrap(), b"f");
    assert!(!Path::new("/etc/passwd/").exists());
}

#[test]
fn links_to_what_has_no_second_name_are_refused() {
    let (_tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    put(&writer, &["d/", "-w", "s -> x", "t = s", "d/f"]);
    assert_eq!(writer.get(b"t").unwrap().kind, written("s -> x").kind);
    for text in ["a = missing", "a = d", "a = w", "d = d/f"] {
        let refused = writer.put(written(text), Content::None);
        assert!(matches!(refused, Err(LayerError::Link { .. })), "{text}");
    }
    assert!(matches!(
        writer.put(written("../x"), Content::None),
        Err(LayerError::Listing(_))
    ));
}

#[test]
fn links_pipes_and_devices_can_have_several_names() {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    put(&writer, &["s -> nowhere", "d/t = s", "a = d/t"]);
    for (path, kind) in [
        ("p", Kind::Fifo),
        ("c", Kind::Character { major: 1, minor: 3 }),
        ("b", Kind::Block { major: 7, minor: 9 }),
    ] {
        writer.put(entry(path, kind), Content::None).unwrap();
        put(&writer, &[&format!("{path}2 = {path}")]);
    }
    // The first name goes, and the next one takes its place.
    put(&writer, &["p", "x = p", "p2/"]);
    let listing = writer.finish().unwrap();
    let expected = [
        "a -> nowhere",
        "b",
        "b2 = b",
        "c",
        "c2 = c",
        "d/",
        "d/t = a",
        "p",
        "p2/",
        "s = a",
        "x = p",
    ];
    assert_eq!(shown(&listing), expected);
    let inode = |name: &str| tree.path().join(name).symlink_metadata().unwrap().ino();
    for (first, second) in [("a", "d/t"), ("a", "s"), ("c", "c2"), ("b", "b2"), ("p", "x")] {
        assert_eq!(inode(first), inode(second), "{first} {second}");
    }
    assert!(std::fs::read_link(tree.path().join("s")).is_ok());
}

#[test]
fn contents_are_checked_and_holes_kept() {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    let mut file = tempfile::tempfile().unwrap();
    let mut bytes = vec![0; 3 << 20];
    bytes[1 << 20] = 1;
    bytes.extend_from_slice(b"end");
    file.write_all(&bytes).unwrap();
    let known = Kind::File {
        size: bytes.len() as u64,
        digest: FileHasher::of(&bytes),
    };
    let unknown = Kind::File {
        size: 0,
        digest: UNKNOWN_DIGEST,
    };
    writer
        .put(entry("known", known.clone()), Content::File(file.as_fd()))
        .unwrap();
    writer
        .put(entry("unknown", unknown.clone()), Content::File(file.as_fd()))
        .unwrap();
    writer
        .put(entry("bytes", unknown.clone()), Content::Bytes(&bytes))
        .unwrap();
    bytes.resize(5 << 20, 0);
    writer
        .put(entry("tail", unknown), Content::Reader(&mut &bytes[..]))
        .unwrap();
    let short = Kind::File {
        size: (8 << 20),
        digest: FileHasher::of(&bytes),
    };
    let changed = writer.put(entry("short", short), Content::File(file.as_fd()));
    assert!(matches!(changed, Err(LayerError::Changed(_))));
    let changed = writer.put(entry("other", known.clone()), Content::Bytes(b"other"));
    assert!(matches!(changed, Err(LayerError::Changed(_))));
    for name in ["known", "unknown", "bytes"] {
        assert_eq!(writer.get(name.as_bytes()).unwrap().kind, known);
        assert_eq!(
            std::fs::read(tree.path().join(name)).unwrap(),
            bytes[..(3 << 20) + 3],
            "{name}"
        );
    }
    assert_eq!(std::fs::read(tree.path().join("tail")).unwrap(), bytes);
    assert!(tree.path().join("tail").metadata().unwrap().blocks() < 1024);
}

#[test]
fn files_of_other_trees_are_shared_when_they_are_alike() {
    let (from, fd) = directory();
    let source = DeltaWriter::new(fd, host());
    put(&source, &["d/f"]);
    let listing = source.finish().unwrap();
    let source = listing.get(b"d/f").unwrap();
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    let from_fd = std::fs::File::open(from.path()).unwrap();
    let target = Entry {
        path: b"x/y"[..].into(),
        ..source.clone()
    };
    assert!(writer.link_from(&target, from_fd.as_fd(), source).unwrap());
    let other = Entry {
        mode: 0o600,
        path: b"z"[..].into(),
        ..source.clone()
    };
    assert!(!writer.link_from(&other, from_fd.as_fd(), source).unwrap());
    assert_eq!(tree.path().join("x/y").metadata().unwrap().nlink(), 2);
    assert_eq!(shown(&writer.finish().unwrap()), ["x/", "x/y"]);
}

#[test]
fn parents_are_like_those_below() {
    let (_tree, fd) = directory();
    let mut tmp = written("tmp/");
    tmp.mode = 0o1777;
    let lower = Listing::from_entries(vec![tmp, written("tmp/a/b"), written("f")]).unwrap();
    let view = View::new(vec![lower.into(), listing(&["tmp//"])]);
    let writer = DeltaWriter::new(fd, host());
    writer.put_parents(b"tmp/a/c", &view).unwrap();
    writer.put_parents(b"f/c", &view).unwrap();
    let listing = writer.finish().unwrap();
    assert_eq!(shown(&listing), ["f/", "tmp/", "tmp/a/"]);
    assert_eq!(
        listing.get(b"tmp").unwrap().mode,
        0o755,
        "the upper layer's opaque directory decides"
    );
}

#[test]
fn deep_trees_can_be_written_and_removed() {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    let deep = vec!["dddd"; 900].join("/");
    writer.put(written(&format!("{deep}/f")), Content::None).unwrap_err();
    writer
        .put(entry(&format!("{deep}/g"), Kind::Fifo), Content::None)
        .unwrap();
    writer.put(entry("d2/x", Kind::Fifo), Content::None).unwrap();
    assert_eq!(writer.finish().unwrap().entries().len(), 903);
    let fd = std::fs::File::open(tree.path()).unwrap();
    crate::layer::remove_tree(fd.as_fd(), b"dddd").unwrap();
    crate::layer::remove_tree(fd.as_fd(), b"dddd").unwrap();
    assert_eq!(names(tree.path()), ["d2"]);
}

#[test]
fn threads_may_put_at_once() {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let writer = &writer;
            scope.spawn(move || {
                for number in 0..300 {
                    put(writer, &[&format!("a/{}/{thread}/{number}", number % 7)]);
                }
            });
        }
    });
    let listing = writer.finish().unwrap();
    let files = listing
        .entries()
        .iter()
        .filter(|it| matches!(it.kind, Kind::File { .. }))
        .count();
    assert_eq!((files, names(&tree.path().join("a")).len()), (1200, 7));
}

#[test]
fn threads_may_want_the_same_parents() {
    let (_tree, fd) = directory();
    let mut shared = written("p/");
    shared.mode = 0o2775;
    let view = View::new(vec![
        Listing::from_entries(vec![shared, written("p/q/")]).unwrap().into(),
    ]);
    let writer = DeltaWriter::new(fd, host());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (writer, view) = (&writer, &view);
            scope.spawn(move || {
                for number in 0..50 {
                    let path = format!("p/q/{number}/{thread}");
                    writer.put_parents(path.as_bytes(), view).unwrap();
                    put(writer, &[&path]);
                }
            });
        }
    });
    let listing = writer.finish().unwrap();
    assert_eq!(
        (listing.entries().len(), listing.get(b"p").unwrap().mode),
        (2 + 50 + 200, 0o2775)
    );
}
