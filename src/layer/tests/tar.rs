//! Tars written and read, with GNU tar and Python's tarfile as judges where they are installed.

use super::{directory, entry, host, written};
use crate::digest::Sha256;
use crate::layer::{
    Content, DeltaWriter, Entry, Kind, LayerError, Listing, TarOptions, Time, UNKNOWN_DIGEST, Unpack, Unpacked, View,
    scan, unpack, write_tar,
};
use proptest::prelude::*;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Writes entries to a new directory; files hold their own paths.
pub(super) fn on_disk(entries: &[Entry]) -> (tempfile::TempDir, Listing) {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    for entry in entries {
        let mut entry = entry.clone();
        if let Kind::File { digest, .. } = &mut entry.kind {
            *digest = UNKNOWN_DIGEST;
        }
        writer.put(entry.clone(), Content::Bytes(&entry.path)).unwrap();
    }
    (tree, writer.finish().unwrap())
}

fn packed(tree: &Path, listing: &Listing) -> Vec<u8> {
    let mut out = Vec::new();
    let open = |entry: &Entry| File::open(tree.join(String::from_utf8(entry.path.to_vec()).unwrap()));
    write_tar(listing, &open, &TarOptions::default(), &mut out).unwrap();
    out
}

pub(super) fn unpacked_with(
    tar: &[u8],
    options: &Unpack<'_>,
) -> (tempfile::TempDir, Result<(Listing, Unpacked), LayerError>) {
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    let result = unpack(tar, &writer, options).and_then(|unpacked| Ok((writer.finish()?, unpacked)));
    (tree, result)
}

pub(super) fn unpacked(tar: &[u8]) -> Listing {
    let result = unpacked_with(
        tar,
        &Unpack {
            whiteouts: true,
            ..Unpack::default()
        },
    )
    .1;
    result.unwrap().0
}

/// A listing as a tar keeps it: whole seconds.
fn whole_seconds(listing: Listing) -> Listing {
    let mut entries = listing.into_entries();
    entries.iter_mut().for_each(|entry| entry.mtime.nanoseconds = 0);
    Listing::from_entries(entries).unwrap()
}

#[test]
fn an_empty_listing_is_the_well_known_empty_layer() {
    assert_eq!(packed(Path::new("/"), &Listing::default()), [0; 1024]);
    let (_tree, result) = unpacked_with(&[0; 1024], &Unpack::default());
    let (listing, unpacked) = result.unwrap();
    assert!(listing.entries().is_empty());
    let known = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    assert_eq!((unpacked.diff_id.to_string(), unpacked.size), (known.to_owned(), 1024));
}

/// Entries that are hard to say in a tar.
fn hard_entries() -> Vec<Entry> {
    let long = "n".repeat(200);
    let mut entries: Vec<Entry> = [
        "a/",
        "a/f",
        "h = a/f",
        "o//",
        "o/x",
        "-o/gone",
        "-gone",
        "l -> ../a/f",
        "\u{e9}/\u{4e2d}",
    ]
    .iter()
    .map(|it| written(it))
    .collect();
    let split = format!("{}/{}", "p".repeat(120), "q".repeat(99));
    let edge = format!("{}/{}", "r".repeat(155), "s".repeat(100));
    let longer = format!("{long}/{long}/f");
    for path in [&split, &edge, &longer, &format!("{long}-dir/{}/", "t".repeat(90))] {
        entries.push(written(path));
    }
    entries.push(written(&format!("long-link -> {long}/{long}")));
    entries.push(written(&format!("z-hard = {longer}")));
    entries.push(Entry {
        path: b"not-\xff\xfe-utf8"[..].into(),
        ..entry("x", Kind::Fifo)
    });
    entries.push(entry("c", Kind::Character { major: 5, minor: 300 }));
    entries.push(entry(
        "b",
        Kind::Block {
            major: 4095,
            minor: 1_048_575,
        },
    ));
    let xattrs = vec![
        (
            b"security.capability"[..].into(),
            b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..].into(),
        ),
        (b"user.a=b%"[..].into(), b"line\n30 path=evil\n\0"[..].into()),
        (b"user.empty"[..].into(), b""[..].into()),
    ];
    entries.push(Entry {
        mode: 0o4755,
        uid: 4_000_000,
        gid: 3_000_000_000,
        xattrs: xattrs.clone(),
        ..written("special")
    });
    entries.push(Entry {
        mode: 0o1777,
        xattrs: xattrs[1..].to_vec(),
        ..written("xdir/")
    });
    entries.push(Entry {
        mtime: Time {
            seconds: -100,
            nanoseconds: 0,
        },
        ..written("before-1970")
    });
    entries.push(Entry {
        mtime: Time {
            seconds: 8_589_934_592,
            nanoseconds: 0,
        },
        ..written("after-2242")
    });
    entries.push(Entry {
        path: TreePathText(".wh..wh.x").into(),
        ..written("y -> x")
    });
    entries
}

/// A path from text.
struct TreePathText(&'static str);

impl From<TreePathText> for Box<[u8]> {
    fn from(text: TreePathText) -> Self {
        text.0.as_bytes().into()
    }
}

#[test]
fn what_is_hard_to_say_survives() {
    let mut entries = hard_entries();
    // Layers cannot say this name; see `write_tar`.
    entries.pop();
    let (tree, listing) = on_disk(&entries);
    let open = |entry: &Entry| {
        use std::os::unix::ffi::OsStrExt as _;
        File::open(tree.path().join(std::ffi::OsStr::from_bytes(&entry.path)))
    };
    let mut tar = Vec::new();
    write_tar(&listing, &open, &TarOptions::default(), &mut tar).unwrap();
    let back = unpacked(&tar);
    assert_eq!(back, whole_seconds(listing));
}

#[test]
fn gnu_tar_and_python_read_what_is_written() {
    let (tree, listing) = on_disk(&hard_entries());
    let open = |entry: &Entry| {
        use std::os::unix::ffi::OsStrExt as _;
        File::open(tree.path().join(std::ffi::OsStr::from_bytes(&entry.path)))
    };
    let mut tar = Vec::new();
    write_tar(&listing, &open, &TarOptions::default(), &mut tar).unwrap();
    let list = "import sys, tarfile\n\
        for m in tarfile.open(fileobj=sys.stdin.buffer, mode='r|'):\n\
        \x20   name = m.name.encode('utf-8', 'surrogateescape')\n\
        \x20   link = m.linkname.encode('utf-8', 'surrogateescape')\n\
        \x20   sys.stdout.buffer.write(b'%s|%s|%o|%d|%d|%d|%d|%s|%d,%d\\n' % (m.type, name, m.mode, m.uid, m.gid, m.size,\n\
        \x20       int(m.mtime), link, m.devmajor, m.devminor))\n";
    let mut expected = Vec::new();
    for it in listing.entries() {
        let (kind, size, link, device) = match &it.kind {
            Kind::File { size, .. } => (b'0', *size, &b""[..], (0, 0)),
            Kind::Directory { .. } => (b'5', 0, &b""[..], (0, 0)),
            Kind::Symlink { target } => (b'2', 0, &target[..], (0, 0)),
            Kind::HardLink { target } => (b'1', 0, &target[..], (0, 0)),
            Kind::Character { major, minor } => (b'3', 0, &b""[..], (*major, *minor)),
            Kind::Block { major, minor } => (b'4', 0, &b""[..], (*major, *minor)),
            Kind::Fifo => (b'6', 0, &b""[..], (0, 0)),
            Kind::Whiteout => (b'0', 0, &b""[..], (0, 0)),
        };
        let mut path = it.path.to_vec();
        if it.kind == Kind::Whiteout {
            let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            path.splice(name..name, *b".wh.");
        }
        let mut line = |path: &[u8], mode: u16, seconds: i64, kind: u8| {
            expected.extend_from_slice(&[kind, b'|']);
            expected.extend_from_slice(path);
            expected.extend_from_slice(format!("|{mode:o}|{}|{}|{size}|{seconds}|", it.uid, it.gid).as_bytes());
            expected.extend_from_slice(link);
            expected.extend_from_slice(format!("|{},{}\n", device.0, device.1).as_bytes());
        };
        line(&path, it.mode, it.mtime.seconds, kind);
        if it.kind == (Kind::Directory { opaque: true }) {
            line(&[&path[..], b"/.wh..wh..opq"].concat(), 0, 0, b'0');
        }
    }
    match judged("python3", &["-c", list], &tar) {
        Some(seen) => assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(&expected)),
        None => assert!(std::env::var_os("PEERS_MUST_WORK").is_none()),
    }
    if let Some(seen) = judged(
        "tar",
        &["-tf", "-", "--quoting-style=literal", "--show-transformed-names"],
        &tar,
    ) {
        assert_eq!(
            seen.split(|byte| *byte == b'\n').count(),
            expected.split(|byte| *byte == b'\n').count()
        );
    }
    // GNU tar compares names, modes, owners, times, links and contents with the disk, but knows no whiteouts.
    let plain = listing
        .into_entries()
        .into_iter()
        .filter(|it| it.kind != Kind::Whiteout);
    let plain = plain.map(|it| match it.kind {
        Kind::Directory { .. } => Entry {
            kind: Kind::Directory { opaque: false },
            ..it
        },
        _ => it,
    });
    let plain = Listing::from_entries(plain.collect()).unwrap();
    let mut tar = Vec::new();
    write_tar(&plain, &open, &TarOptions::default(), &mut tar).unwrap();
    let directory = tree.path().to_str().unwrap();
    if let Some(seen) = judged("tar", &["-d", "-f", "-", "-C", directory], &tar) {
        let odd = String::from_utf8_lossy(&seen);
        let odd: Vec<_> = odd.lines().filter(|line| !line.contains("Mod time differs")).collect();
        assert!(odd.is_empty(), "{odd:?}");
    }
}

/// Gives an archive to a program; `None` when it is not installed.
fn judged(program: &str, arguments: &[&str], tar: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut input = child.stdin.take().unwrap();
    let tar = tar.to_vec();
    let writer = std::thread::spawn(move || drop(input.write_all(&tar)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output.stdout)
}

#[test]
fn times_are_clamped_and_sizes_checked() {
    let (tree, listing) = on_disk(&[
        Entry {
            mtime: Time {
                seconds: 50,
                nanoseconds: 9,
            },
            ..written("old")
        },
        Entry {
            mtime: Time {
                seconds: 150,
                nanoseconds: 9,
            },
            ..written("new")
        },
    ]);
    let open = |entry: &Entry| File::open(tree.path().join(String::from_utf8_lossy(&entry.path).into_owned()));
    let mut tar = Vec::new();
    write_tar(&listing, &open, &TarOptions { clamp_mtime: Some(100) }, &mut tar).unwrap();
    let back = unpacked(&tar);
    let seconds = |path: &[u8]| back.get(path).unwrap().mtime.seconds;
    assert_eq!((seconds(b"old"), seconds(b"new")), (50, 100));
    for content in ["", "longer than before"] {
        std::fs::write(tree.path().join("new"), content).unwrap();
        let changed = write_tar(&listing, &open, &TarOptions::default(), &mut Vec::new());
        assert!(matches!(changed, Err(LayerError::Changed(_))));
    }
    let large = Entry {
        path: b"large"[..].into(),
        ..entry(
            "x",
            Kind::File {
                size: 100_000,
                digest: UNKNOWN_DIGEST,
            },
        )
    };
    let large = Listing::from_entries(vec![large]).unwrap();
    for size in [99_999, 100_001] {
        std::fs::write(tree.path().join("large"), vec![1; size]).unwrap();
        let changed = write_tar(&large, &open, &TarOptions::default(), &mut Vec::new());
        assert!(matches!(changed, Err(LayerError::Changed(_))));
    }
}

#[test]
fn the_bytes_are_pinned() {
    let (tree, listing) = on_disk(&["a/", "a/f", "b//", "-c", "h = a/f", "l -> a"].map(written));
    assert_eq!(
        Sha256::of(&packed(tree.path(), &listing)).to_string(),
        "sha256:818e4dbd4efcbb2ff2ec8d965fcf67ba2d92f7bb9a0ec7c3b0ad07ef4c6d79f7"
    );
    let again = listing.clone();
    assert_eq!(packed(tree.path(), &again), packed(tree.path(), &listing));
}

fn any_tree() -> impl Strategy<Value = Vec<Entry>> {
    let long = "long-".repeat(30);
    let name = prop::sample::select(vec![
        "a".to_owned(),
        "b c".into(),
        "\u{e9}".into(),
        ".wh".into(),
        "x\ny".into(),
        long,
    ]);
    let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let kind = prop_oneof![
        3 => Just(Kind::File { size: 0, digest: UNKNOWN_DIGEST }),
        2 => any::<bool>().prop_map(|opaque| Kind::Directory { opaque }),
        1 => "[a-z/.]{1,150}".prop_map(|it| Kind::Symlink { target: it.into_bytes().into() }),
        1 => Just(Kind::HardLink { target: Box::default() }),
        1 => (1..4000u32, 0..1000u32).prop_map(|(major, minor)| Kind::Character { major, minor }),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Whiteout),
    ];
    let value = prop::collection::vec(any::<u8>(), 0..20);
    let xattrs = prop::collection::btree_map("user\\.[a-z=%]{1,4}", value, 0..3);
    let one = (
        path,
        kind,
        0..0o10000u16,
        0..3u32,
        prop_oneof![0..9u32, 2_097_140..2_097_160u32],
        -9..9i64,
        xattrs,
    );
    let one = one.prop_map(|(path, kind, mode, uid, gid, seconds, xattrs)| {
        let xattrs = match kind {
            Kind::File { .. } | Kind::Directory { .. } => xattrs
                .into_iter()
                .map(|(name, value)| (name.into_bytes().into(), value.into()))
                .collect(),
            _ => Vec::new(),
        };
        Entry {
            mode,
            uid,
            gid,
            mtime: Time {
                seconds,
                nanoseconds: 0,
            },
            xattrs,
            ..entry(&path, kind)
        }
    });
    prop::collection::vec(one, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn trees_survive_the_disk_and_the_tar(entries in any_tree()) {
        let (tree, fd) = directory();
        let writer = DeltaWriter::new(fd, host());
        let mut files: Vec<Box<[u8]>> = Vec::new();
        for mut entry in entries {
            if let Kind::HardLink { target } = &mut entry.kind {
                let Some(file) = files.iter().find(|it| writer.get(it).is_some_and(|it| it.kind.can_be_linked())) else {
                    continue;
                };
                let above = |a: &[u8], b: &[u8]| b.starts_with(&[a, b"/"].concat());
                if above(&entry.path, file) || above(file, &entry.path) {
                    continue;
                }
                *target = file.clone();
            } else if entry.kind.can_be_linked() {
                files.push(entry.path.clone());
            }
            writer.put(entry.clone(), Content::Bytes(&entry.path)).unwrap();
        }
        let listing = writer.finish().unwrap();
        let decoded = Listing::decode(&listing.encode()).unwrap();
        prop_assert_eq!(&decoded, &listing);

        // A stack on which every removal and every opaque directory means something.
        let mut below = Vec::new();
        for it in listing.entries() {
            match it.kind {
                Kind::Whiteout => below.push(entry(std::str::from_utf8(&it.path).unwrap(), Kind::Fifo)),
                Kind::Directory { opaque: true } => {
                    below.push(Entry { mode: 0o1, ..entry(std::str::from_utf8(&it.path).unwrap(), Kind::Directory { opaque: false }) });
                }
                _ => (),
            }
        }
        let view = View::new(vec![Arc::new(Listing::from_entries(below).unwrap())]);
        let opened = File::open(tree.path()).unwrap();
        let scanned = scan(opened.as_fd(), &host(), &view, &|_| false, &|| false).unwrap();
        // In an opaque directory there is nothing left to remove or hide.
        let hidden = |path: &[u8]| listing.entries().iter().any(|it| {
            it.kind == (Kind::Directory { opaque: true }) && path.starts_with(&[&it.path[..], b"/"].concat())
        });
        let mut needed = listing.clone().into_entries();
        needed.retain(|it| it.kind != Kind::Whiteout || !hidden(&it.path));
        for it in needed.iter_mut().filter(|it| hidden(&it.path)) {
            if let Kind::Directory { opaque } = &mut it.kind {
                *opaque = false;
            }
        }
        prop_assert_eq!(scanned, Listing::from_entries(needed).unwrap());

        let tar = packed(tree.path(), &listing);
        let (_second, result) = unpacked_with(&tar, &Unpack { whiteouts: true, ..Unpack::default() });
        let (back, unpacked) = result.unwrap();
        prop_assert_eq!(&back, &listing);
        prop_assert_eq!(*unpacked.diff_id.as_bytes(), *Sha256::of(&tar).as_bytes());
        prop_assert_eq!(back.content_id(), listing.content_id());
    }
}
