use super::super::rpm::header_blob;
use super::*;

const STATUS: &str = "\
Package: libc6
Status: install ok installed
Maintainer: Some Body <some@body.example>
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u4
Description: a library
 with a long text
 .
 Package: not this one

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: g++
Status: install ok installed
Architecture: all
Source: gcc-defaults (1.203)
Version: 4:12.2.0-3
";

#[test]
fn dpkg_tells_of_what_is_installed() {
    let root = Memory::default()
        .debian()
        .with("var/lib/dpkg/status", STATUS)
        .with("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n")
        .with("var/lib/dpkg/status.d/tzdata.md5sums", "d41d8cd98f00b204e9800998ecf8427e  usr/share/x\n")
        .with(
            "usr/share/doc/libc6/copyright",
            "Format: https://example.org/copyright-format/1.0/\n\nFiles: *\nLicense: LGPL-2.1+\n text\n\nLicense: odd-one\n",
        );
    let inventory = take(&root);
    let purls: Vec<_> = inventory.packages.iter().map(|it| it.purl.as_str()).collect();
    assert_eq!(
        purls,
        [
            "pkg:deb/debian/g%2B%2B@4:12.2.0-3?arch=all&distro=debian-12",
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12",
            "pkg:deb/debian/tzdata@2024a-0%2Bdeb12u1?arch=all&distro=debian-12",
        ]
    );
    let [gpp, libc, _] = &inventory.packages[..] else {
        panic!("three packages")
    };
    assert_eq!(gpp.source, Some(("gcc-defaults".to_owned(), "1.203".to_owned())));
    assert_eq!(libc.source, Some(("glibc".to_owned(), "2.36-9+deb12u4".to_owned())));
    assert_eq!(
        libc.licenses,
        [
            License::Expression("LGPL-2.1-or-later".to_owned()),
            License::Named("odd-one".to_owned())
        ]
    );
    assert_eq!(libc.evidence[0].path, "var/lib/dpkg/status");
    assert_eq!(libc.evidence[0].layer, 1);
}

#[test]
fn apk_tells_of_what_is_installed() {
    let installed = "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nm:A <a@b.example>\nF:lib\nR:ld.so\n\n\
        P:libcrypto3\nV:3.3.1-r1\nA:x86_64\nL:Apache-2.0\no:openssl\n\n";
    let root = Memory::default()
        .with("etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n")
        .with("lib/apk/db/installed", installed);
    let inventory = take(&root);
    let [crypto, musl] = &inventory.packages[..] else {
        panic!("two packages")
    };
    assert_eq!(
        musl.purl,
        "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1"
    );
    assert_eq!(musl.source, None);
    assert_eq!(musl.licenses, [License::Expression("MIT".to_owned())]);
    assert_eq!(crypto.source, Some(("openssl".to_owned(), "3.3.1-r1".to_owned())));
}

/// A header of a package such as rpm keeps.
fn bash() -> Vec<u8> {
    let texts = [
        (1000, "bash"),
        (1001, "5.2.26"),
        (1002, "3.fc40"),
        (1011, "A Vendor"),
        (1014, "GPL-3.0-or-later"),
        (1022, "x86_64"),
        (1044, "bash-5.2.26-3.fc40.src.rpm"),
    ];
    header_blob(&texts, Some(1))
}

const BASH: &str = "pkg:rpm/fedora/bash@5.2.26-3.fc40?arch=x86_64&distro=fedora-40&epoch=1";

fn fedora() -> Memory {
    Memory::default().with("etc/os-release", "ID=fedora\nVERSION_ID=40\n")
}

#[test]
fn rpm_keeps_headers_in_ndb() {
    let key = header_blob(&[(1000, "gpg-pubkey"), (1001, "1"), (1002, "1")], None);
    let inventory = take(&fedora().with("usr/lib/sysimage/rpm/Packages.db", ndb(&[bash(), key])));
    let [package] = &inventory.packages[..] else {
        panic!("one package")
    };
    assert_eq!(package.purl, BASH);
    assert_eq!(package.version, "1:5.2.26-3.fc40");
    assert_eq!(package.source, Some(("bash".to_owned(), "5.2.26-3.fc40".to_owned())));
    assert_eq!(package.licenses, [License::Expression("GPL-3.0-or-later".to_owned())]);
}

#[test]
fn rpm_keeps_headers_in_sqlite() {
    // Large enough for pages of their own, and many enough for a tree of several levels.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rpmdb.sqlite");
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE Other (a); \
             CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL); \
             CREATE INDEX by_other ON Other (a);",
        )
        .unwrap();
    let long = "x".repeat(20_000);
    let header = |number: usize| {
        let name = format!("p{number:04}");
        let texts = [(1000, name.as_str()), (1001, "1"), (1002, "2"), (1004, long.as_str())];
        header_blob(&texts[..if number.is_multiple_of(7) { 4 } else { 3 }], None)
    };
    for number in 0..600 {
        database
            .execute("INSERT INTO Packages (blob) VALUES (?1)", [header(number)])
            .unwrap();
    }
    database.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
    drop(database);
    let purls = fedora()
        .with("var/lib/rpm/rpmdb.sqlite", std::fs::read(&path).unwrap())
        .purls();
    assert_eq!(purls.len(), 600);
    assert_eq!(purls[0], "pkg:rpm/fedora/p0000@1-2?distro=fedora-40");
    assert_eq!(purls[599], "pkg:rpm/fedora/p0599@1-2?distro=fedora-40");
}

#[test]
fn a_damaged_database_is_a_note() {
    for (name, content) in [
        ("rpmdb.sqlite", b"SQLite format 3\0".to_vec()),
        ("Packages.db", ndb(&[bash()])[..4100].to_vec()),
        ("Packages", vec![0; 4096]),
    ] {
        let inventory = take(&fedora().with(&format!("var/lib/rpm/{name}"), content));
        assert_eq!(
            inventory.notes,
            [format!("`var/lib/rpm/{name}` can't be read as what its name says")]
        );
    }
}

/// A database in rpm's own format: one page of slots, then blobs.
fn ndb(blobs: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"RpmP".to_vec();
    let number = |file: &mut Vec<u8>, number: usize| file.extend((number as u32).to_le_bytes());
    for value in [0, 1, 1, 3, 0, 0, 0] {
        number(&mut file, value);
    }
    let mut at = 4096 / 16;
    for (index, blob) in blobs.iter().enumerate() {
        file.extend(b"Slot");
        let blocks = (16 + blob.len()).div_ceil(16);
        for value in [index + 1, at, blocks] {
            number(&mut file, value);
        }
        at += blocks;
    }
    while file.len() < 4096 {
        file.extend(b"Slot");
        file.extend([0; 12]);
    }
    for (index, blob) in blobs.iter().enumerate() {
        file.extend(b"BlbS");
        for value in [index + 1, 1, blob.len()] {
            number(&mut file, value);
        }
        file.extend(blob);
        file.resize(file.len().next_multiple_of(16), 0);
    }
    file
}
