//! Archives of every dialect and every kind of damage, read and unpacked.

use super::tar::{on_disk, unpacked, unpacked_with};
use super::writer::shown;
use super::{directory, entry, host, written};
use crate::digest::{FileHasher, Sha256};
use crate::layer::{
    Content, DeltaWriter, Entry, Found, Kind, LayerError, Listing, TarOptions, Time, Unpack, View, read_tar, unpack,
    write_tar,
};
use proptest::prelude::*;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Headers by hand, for what no tool writes.
#[derive(Default)]
pub(super) struct Raw(pub(super) Vec<u8>);

impl Raw {
    pub(super) fn header(
        mut self,
        kind: u8,
        path: &[u8],
        link: &[u8],
        size: u64,
        change: impl Fn(&mut [u8; 512]),
    ) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(size);
        header.set_mtime(5);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(tar::EntryType::new(kind));
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link);
        change(header.as_mut_bytes());
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    pub(super) fn data(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn member(self, kind: u8, path: &str, data: &str) -> Self {
        self.header(kind, path.as_bytes(), b"", data.len() as u64, |_| ())
            .data(data.as_bytes())
    }

    pub(super) fn file(self, path: &str) -> Self {
        self.member(b'0', path, path)
    }

    pub(super) fn directory(self, path: &str) -> Self {
        self.member(b'5', path, "")
    }

    pub(super) fn link(self, kind: u8, path: &str, target: &str) -> Self {
        self.header(kind, path.as_bytes(), target.as_bytes(), 0, |_| ())
    }

    pub(super) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (key, value) in records {
            let mut length = key.len() + value.len() + 4;
            while length != key.len() + value.len() + 3 + length.to_string().len() {
                length += 1;
            }
            body.extend_from_slice(format!("{length} {key}=").as_bytes());
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        self.header(b'x', b"pax", b"", body.len() as u64, |_| ()).data(&body)
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

#[test]
fn archives_of_gnu_tar_are_read_in_every_format() {
    let (tree, listing) = on_disk(
        &[
            "d/",
            "d/f",
            "h = d/f",
            "l -> d/f",
            &"n".repeat(90),
            &format!("{}/{}", "p".repeat(90), "q".repeat(90)),
        ]
        .iter()
        .map(|it| written(it))
        .chain([
            Entry {
                mode: 0o4750,
                uid: 5,
                gid: 6,
                ..written("s")
            },
            entry("p", Kind::Fifo),
        ])
        .collect::<Vec<_>>(),
    );
    // Three islands of data in a sea of holes.
    let sparse = File::create(tree.path().join("sparse")).unwrap();
    sparse.set_len(40 << 20).unwrap();
    for number in 0..30u64 {
        std::os::unix::fs::FileExt::write_all_at(&sparse, format!("data {number}").as_bytes(), number << 20).unwrap();
    }
    let content = std::fs::read(tree.path().join("sparse")).unwrap();
    let formats: &[&[&str]] = &[
        &["--format=gnu"],
        &["--format=ustar"],
        &["--format=posix"],
        &["--format=oldgnu", "--sparse"],
        &["--format=gnu", "--sparse"],
        &["--format=posix", "--sparse", "--sparse-version=0.0"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
        &["--format=posix", "--sparse", "--sparse-version=1.0"],
    ];
    for format in formats {
        let mut command = Command::new("tar");
        command
            .args(*format)
            .args(["--numeric-owner", "-C"])
            .arg(tree.path())
            .args(["-cf", "-", "."]);
        let Ok(output) = command.output() else { return };
        assert!(output.status.success());
        let back = unpacked(&output.stdout);
        let file = back.get(b"sparse").unwrap();
        assert_eq!(
            file.kind,
            Kind::File {
                size: 40 << 20,
                digest: FileHasher::of(&content)
            },
            "{format:?}"
        );
        let posix = format[0] == "--format=posix";
        for it in listing.entries() {
            let mut found = back.get(&it.path).unwrap().clone();
            let mut wanted = it.clone();
            if !posix {
                wanted.mtime.nanoseconds = 0;
            }
            if matches!(found.kind, Kind::Directory { .. }) {
                found.mtime = wanted.mtime;
            }
            assert_eq!(found, wanted, "{format:?}");
        }
        assert_eq!(
            back.entries().len(),
            listing.entries().len() + 2,
            "the root and the sparse file"
        );
    }
}

#[test]
fn removals_apply_to_what_lies_below_only() {
    let tar = Raw::default()
        .directory("a/")
        .file("a/x")
        .file("a/.wh..wh..opq")
        .file(".wh.b")
        .file("b/y")
        .file("c")
        .file(".wh.c")
        .file("d/e/.wh.f")
        .file("only/.wh..wh..opq")
        .file(".wh..wh.plnk/1.2")
        .file(".wh..wh.orph")
        .end();
    let (_tree, result) = unpacked_with(
        &tar,
        &Unpack {
            whiteouts: true,
            ..Unpack::default()
        },
    );
    let (listing, unpacked) = result.unwrap();
    assert_eq!(
        shown(&listing),
        ["a//", "a/x", "b//", "b/y", "c", "d/", "d/e/", "-d/e/f", "only//"]
    );
    let undescribed: Vec<_> = unpacked
        .undescribed
        .iter()
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect();
    assert_eq!(undescribed, ["b", "d", "d/e", "only"]);
    for bad in [".wh.", ".wh..", ".wh...", "a/.wh..."] {
        let tar = Raw::default().file(bad).end();
        assert!(
            unpacked_with(
                &tar,
                &Unpack {
                    whiteouts: true,
                    ..Unpack::default()
                }
            )
            .1
            .is_err(),
            "{bad}"
        );
    }
    let (_tree, literal) = unpacked_with(&tar, &Unpack::default());
    let literal = literal.unwrap().0;
    assert!(literal.get(b".wh.b").is_some() && literal.get(b"a/.wh..wh..opq").is_some());
}

#[test]
fn no_name_leads_out() {
    let tar = Raw::default()
        .file("/abs")
        .file("../../up")
        .file("./a/./b//c/../d")
        .link(b'1', "hard", "../../../abs")
        .link(b'2', "out", "../../../../../../tmp")
        .file("out/inside")
        .link(b'2', "e", "/etc")
        .file("e/passwd")
        .link(b'2', "file", "/abs")
        .file("file/below")
        .directory("./")
        .end();
    let (tree, result) = unpacked_with(
        &tar,
        &Unpack {
            whiteouts: true,
            ..Unpack::default()
        },
    );
    let expected = [
        "/",
        "a/",
        "a/b/",
        "a/b/d",
        "abs/",
        "abs/below",
        "e -> /etc",
        "etc/",
        "etc/passwd",
        "file -> /abs",
        "hard",
        "out -> ../../../../../../tmp",
        "tmp/",
        "tmp/inside",
        "up",
    ];
    assert_eq!(shown(&result.unwrap().0), expected);
    assert!(tree.path().join("etc/passwd").exists() && std::fs::read("/etc/passwd").unwrap() != b"e/passwd");
    let looping = Raw::default().link(b'2', "l", "/l").file("l/x").end();
    assert!(unpacked_with(&looping, &Unpack::default()).1.is_err());
}

#[test]
fn second_names_of_links_and_pipes_are_exchanged_with_gnu_tar() {
    let (tree, listing) = on_disk(&[
        written("d/s -> nowhere"),
        written("t = d/s"),
        entry("p", Kind::Fifo),
        written("q = p"),
    ]);
    let tar = Command::new("tar")
        .arg("-C")
        .arg(tree.path())
        .args(["-c", "d", "t", "p", "q"])
        .output()
        .unwrap()
        .stdout;
    // It writes second names of files and links only.
    let expected = ["d/", "d/s -> nowhere", "p", "q", "t = d/s"];
    assert_eq!(shown(&unpacked(&tar)), expected);
    let mut ours = Vec::new();
    write_tar(
        &listing,
        &|_| Err(std::io::ErrorKind::NotFound.into()),
        &TarOptions::default(),
        &mut ours,
    )
    .unwrap();
    let (out, _) = directory();
    let mut extract = Command::new("tar")
        .arg("-C")
        .arg(out.path())
        .arg("-x")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    extract.stdin.take().unwrap().write_all(&ours).unwrap();
    assert!(extract.wait().unwrap().success());
    let inode = |name: &str| out.path().join(name).symlink_metadata().unwrap().ino();
    assert_eq!((inode("d/s"), inode("p")), (inode("t"), inode("q")));
}

#[test]
fn names_go_through_links_that_lie_below() {
    let mut lib = written("usr/lib/");
    lib.mode = 0o711;
    let lower = Listing::from_entries(vec![
        lib,
        written("lib -> usr/lib"),
        written("usr/lib/old"),
        written("bin -> /usr/bin"),
        written("dir/f"),
        written("second = dir/f"),
    ]);
    let view = View::new(vec![Arc::new(lower.unwrap())]);
    let (below, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    for text in ["usr/lib/old", "dir/f"] {
        writer.put(written(text), Content::Bytes(text.as_bytes())).unwrap();
    }
    let open = |found: &Found<'_>| {
        let file = view.file_of(found);
        File::open(below.path().join(String::from_utf8_lossy(&file.path).into_owned()))
    };
    let options = Unpack {
        whiteouts: true,
        lower: Some(&view),
        open_lower: Some(&open),
        ..Unpack::default()
    };
    let tar = Raw::default()
        .file("lib/x")
        .file("bin/tool")
        .file("lib/.wh.gone")
        .link(b'1', "kept", "lib/old")
        .link(b'1', "third", "second")
        .end();
    let (_tree, result) = unpacked_with(&tar, &options);
    let (listing, unpacked) = result.unwrap();
    let expected = [
        "kept",
        "second",
        "third = second",
        "usr/",
        "usr/bin/",
        "usr/bin/tool",
        "usr/lib/",
        "-usr/lib/gone",
        "usr/lib/old = kept",
        "usr/lib/x",
    ];
    assert_eq!(shown(&listing), expected);
    assert_eq!(listing.get(b"usr/lib").unwrap().mode, 0o711);
    assert_eq!(unpacked.undescribed, [b"usr/bin"[..].into()]);
    // A second name of a link that lies below; its first name here leads where that one does.
    let tar = Raw::default()
        .link(b'1', "more", "lib")
        .file("more/y")
        .file("bin/y")
        .link(b'1', "h", "no")
        .end();
    let (_tree, result) = unpacked_with(&tar, &options);
    assert!(matches!(result, Err(LayerError::Link { .. })), "{result:?}");
    let tar = Raw::default().link(b'1', "more", "lib").file("more/y").end();
    let (tree, result) = unpacked_with(&tar, &options);
    let expected = ["lib -> usr/lib", "more = lib", "usr/", "usr/lib/", "usr/lib/y"];
    assert_eq!(shown(&result.unwrap().0), expected);
    assert!(tree.path().join("more").is_symlink());
    // A directory in the archive replaces the link.
    let tar = Raw::default().directory("lib/").file("lib/x").end();
    let (_tree, result) = unpacked_with(&tar, &options);
    assert_eq!(shown(&result.unwrap().0), ["lib/", "lib/x"]);
    // What ADD unpacks stays in its directory, even by absolute links.
    let tar = Raw::default()
        .directory("./")
        .link(b'2', "l", "/etc")
        .file("l/x")
        .link(b'1', "h", "/l/x")
        .end();
    let owned = |entry: &mut Entry| entry.uid = 9;
    let options = Unpack {
        base: b"usr/lib",
        adjust: Some(&owned),
        whiteouts: false,
        ..options
    };
    let (_tree, result) = unpacked_with(&tar, &options);
    let listing = result.unwrap().0;
    let expected = [
        "usr/",
        "usr/lib/",
        "usr/lib/etc/",
        "usr/lib/etc/x",
        "usr/lib/h = usr/lib/etc/x",
        "usr/lib/l -> /etc",
    ];
    assert_eq!(shown(&listing), expected);
    assert_eq!(listing.get(b"usr/lib/etc/x").unwrap().uid, 9);
}

#[test]
fn odd_headers_are_understood() {
    let base256 = |bytes: &mut [u8; 512]| {
        bytes[108..116].copy_from_slice(&[0x80, 0, 0, 0, 0x12, 0x34, 0x56, 0x78]);
        bytes[116..124].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
        bytes[136..148].fill(0xff);
    };
    let tar = Raw::default()
        .header(b'g', b"global", b"", 21, |_| ())
        .data(b"21 path=elsewhere\n   ")
        .header(b'0', b"big", b"", 0, base256)
        .member(b'L', "././@LongLink", &format!("{0}/{0}\0", "l".repeat(150)))
        .member(b'K', "././@LongLink", &"k".repeat(300))
        .link(b'2', "short", "short")
        .member(0, "old-directory/", "")
        .member(b'7', "contiguous", "data")
        .header(b'5', b"sized", b"", 4096, |_| ())
        .member(b'V', "label", "volume")
        .pax(&[
            ("path", b"from-pax"),
            ("mtime", b"7.000000009"),
            ("size", b"4"),
            ("uid", b"70000000"),
        ])
        .header(b'0', b"ignored", b"", 0, |_| ())
        .data(b"four")
        .pax(&[("path", b"taken-back"), ("path", b"")])
        .file("header")
        .header(b'0', b"spaces", b"", 3, |bytes| {
            bytes[124..136].copy_from_slice(b"         3 \0")
        })
        .data(b"abc")
        .end();
    let listing = unpacked(&tar);
    let get = |path: &[u8]| listing.get(path).unwrap();
    assert_eq!(
        (get(b"big").uid, get(b"big").gid, get(b"big").mtime.seconds),
        (0x1234_5678, 0xffff_fffe, -1)
    );
    assert_eq!(
        get(format!("{0}/{0}", "l".repeat(150)).as_bytes()).kind,
        Kind::Symlink {
            target: "k".repeat(300).into_bytes().into()
        }
    );
    assert_eq!(get(b"old-directory").kind, Kind::Directory { opaque: false });
    assert_eq!(
        get(b"contiguous").kind,
        Kind::File {
            size: 4,
            digest: FileHasher::of(b"data")
        }
    );
    assert_eq!(get(b"sized").kind, Kind::Directory { opaque: false });
    let pax = get(b"from-pax");
    assert_eq!(
        pax.kind,
        Kind::File {
            size: 4,
            digest: FileHasher::of(b"four")
        }
    );
    assert_eq!(
        (pax.mtime, pax.uid),
        (
            Time {
                seconds: 7,
                nanoseconds: 9
            },
            70_000_000
        )
    );
    assert!(listing.get(b"header").is_some() && listing.get(b"label").is_none());
    assert_eq!(
        get(b"spaces").kind,
        Kind::File {
            size: 3,
            digest: FileHasher::of(b"abc")
        }
    );
}

#[test]
fn damaged_archives_are_refused() {
    let good = Raw::default()
        .directory("d/")
        .file("d/f")
        .pax(&[("path", b"p")])
        .file("x")
        .end();
    assert!(unpacked_with(&good, &Unpack::default()).1.is_ok());
    // Without its end an archive is whole all the same; within a member it is not.
    for cut in (1..good.len() - 1024)
        .step_by(61)
        .chain([1536, 512, 2560])
        .filter(|cut| cut % 512 != 0 || *cut == 1024 || *cut == 2048)
    {
        assert!(unpacked_with(&good[..cut], &Unpack::default()).1.is_err(), "{cut}");
    }
    let mut flipped = good.clone();
    flipped[3] ^= 1;
    assert!(matches!(
        unpacked_with(&flipped, &Unpack::default()).1,
        Err(LayerError::Archive { offset: 0, .. })
    ));
    let number = |range: std::ops::Range<usize>, text: &'static [u8]| {
        Raw::default()
            .header(b'0', b"f", b"", 0, move |bytes| {
                bytes[range.clone()].copy_from_slice(text)
            })
            .end()
    };
    let sparse = |records: &[(&str, &[u8])]| Raw::default().pax(records).member(b'0', "f", "12345678").end();
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("size", number(124..128, b"9999")),
        ("huge size", number(124..136, &[0xff; 12])),
        (
            "much too huge size",
            number(124..136, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ),
        ("type", Raw::default().member(b'Q', "f", "").end()),
        (
            "long description",
            Raw::default().header(b'x', b"x", b"", 2 << 20, |_| ()).end(),
        ),
        (
            "size that is not one",
            Raw::default().pax(&[("size", b"12x")]).file("f").end(),
        ),
        ("zero byte", Raw::default().pax(&[("path", b"a\0b")]).file("f").end()),
        ("lone zeros", [&[0; 512][..], &Raw::default().file("f").end()].concat()),
        ("hard link to nothing", Raw::default().link(b'1', "h", "nothing").end()),
        ("empty link", Raw::default().link(b'2', "s", "").end()),
        ("root as a file", Raw::default().file("/").file("..").end()),
        (
            "map out of order",
            sparse(&[("GNU.sparse.map", b"4,4,0,4"), ("GNU.sparse.size", b"10")]),
        ),
        (
            "map beyond data",
            sparse(&[("GNU.sparse.map", b"0,9"), ("GNU.sparse.size", b"10")]),
        ),
        (
            "map beyond size",
            sparse(&[("GNU.sparse.map", b"8,8"), ("GNU.sparse.size", b"10")]),
        ),
        (
            "map overflow",
            sparse(&[
                ("GNU.sparse.map", b"18446744073709551615,8"),
                ("GNU.sparse.size", b"10"),
            ]),
        ),
        ("map without size", sparse(&[("GNU.sparse.map", b"0,8")])),
        (
            "map of letters",
            sparse(&[("GNU.sparse.map", b"0,x"), ("GNU.sparse.size", b"10")]),
        ),
        (
            "map in short data",
            sparse(&[("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"10")]),
        ),
    ];
    for (what, tar) in bad {
        assert!(unpacked_with(&tar, &Unpack::default()).1.is_err(), "{what}");
    }
}

#[test]
fn the_diff_id_covers_every_byte() {
    let mut tar = Raw::default().file("f").end();
    tar.extend_from_slice(&vec![7; 700_000]);
    let mut files = 0;
    let (diff_id, size) = read_tar(&tar[..], &mut |_, _| {
        files += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(
        (diff_id.as_bytes(), size, files),
        (Sha256::of(&tar).as_bytes(), tar.len() as u64, 1)
    );
}

#[test]
fn a_reader_that_fails_fails_the_archive() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no network"))
        }
    }
    use std::io::Read as _;
    let tar = Raw::default().member(b'0', "f", &"x".repeat(100_000)).end();
    let (_tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    let error = unpack(tar[..5000].chain(Failing), &writer, &Unpack::default()).unwrap_err();
    assert!(format!("{error:?}").contains("no network"), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn nonsense_never_panics(blocks in prop::collection::vec((any::<u8>(), 0..3u64, prop::collection::vec(any::<u8>(), 0..600)), 0..6)) {
        let mut raw = Raw::default();
        for (kind, size, noise) in blocks {
            let kind = [b'0', b'x', b'S', b'1', b'2', b'5', b'L', kind][usize::from(kind % 8)];
            raw = raw.header(kind, b"f", b"l", size * 300, |bytes| {
                let length = noise.len().min(126);
                bytes[386..386 + length].copy_from_slice(&noise[..length]);
            }).data(&noise);
        }
        let (_tree, fd) = directory();
        let writer = DeltaWriter::new(fd, host());
        let _ = unpack(&raw.0[..], &writer, &Unpack { whiteouts: true, ..Unpack::default() });
    }
}
