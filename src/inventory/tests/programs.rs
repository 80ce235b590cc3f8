use super::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use std::io::Write as _;

/// A 64-bit little-endian ELF file with these sections, and one segment that shows the file at this address.
fn elf(sections: &[(&str, &[u8])], address: u64) -> Vec<u8> {
    let mut file = vec![0; 64 + 56];
    let mut names = vec![0];
    let mut places = vec![(0, 0, 0)];
    for (name, content) in sections {
        places.push((names.len(), file.len(), content.len()));
        names.extend(name.bytes());
        names.push(0);
        file.extend(*content);
        file.resize(file.len().next_multiple_of(16), 0);
    }
    places.push((0, file.len(), names.len()));
    file.extend(&names);
    let table = file.len();
    for (name, offset, size) in &places {
        let mut entry = vec![0; 64];
        entry[..4].copy_from_slice(&(*name as u32).to_le_bytes());
        entry[24..32].copy_from_slice(&(*offset as u64).to_le_bytes());
        entry[32..40].copy_from_slice(&(*size as u64).to_le_bytes());
        file.extend(entry);
    }
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[40..48].copy_from_slice(&(table as u64).to_le_bytes());
    for (at, value) in [(54, 56), (56, 1), (58, 64), (60, places.len()), (62, places.len() - 1)] {
        file[at..at + 2].copy_from_slice(&(value as u16).to_le_bytes());
    }
    let size = file.len() as u64;
    file[64 + 16..64 + 24].copy_from_slice(&address.to_le_bytes());
    file[64 + 32..64 + 40].copy_from_slice(&size.to_le_bytes());
    file
}

const MODULES: &str = "path\texample.org/app\nmod\texample.org/app\t(devel)\t\ndep\texample.org/a\tv1.0.0\th1:x=\n\
    dep\texample.org/b\tv1.0.0\n=>\texample.org/c\tv2.0.0\th1:x=\nbuild\t-compiler=gc\n";
const OF_GO: [&str; 3] = [
    "pkg:golang/example.org/a@v1.0.0",
    "pkg:golang/example.org/c@v2.0.0",
    "pkg:golang/stdlib@1.22.1",
];

fn framed() -> Vec<u8> {
    [&[7; 16], MODULES.as_bytes(), &[7; 16]].concat()
}

#[test]
fn programs_of_go_name_their_modules() {
    let mut section = b"\xff Go buildinf:\x08\x02".to_vec();
    section.resize(32, 0);
    for text in [b"go1.22.1".as_slice(), &framed()] {
        let mut length = text.len();
        while length >= 0x80 {
            section.push(length as u8 | 0x80);
            length >>= 7;
        }
        section.push(length as u8);
        section.extend(text);
    }
    let program = elf(&[(".text", b"code"), (".go.buildinfo", &section)], 0);
    assert_eq!(Memory::default().put("usr/bin/app", program, true).purls(), OF_GO);
}

#[test]
fn older_programs_of_go_point_to_their_modules() {
    // The sections lie one after another from byte 120 on.
    let base = 0x40_0000_u64;
    let info = base + 120;
    let (version, modules) = (info + 64, info + 80);
    let mut section = b"\xff Go buildinf:\x08\x00".to_vec();
    for number in [info + 32, info + 48, version, 8, modules, framed().len() as u64] {
        section.extend(number.to_le_bytes());
    }
    section.extend(b"go1.22.1");
    section.extend([0; 8]);
    section.extend(framed());
    let program = elf(&[(".go.buildinfo", &section)], base);
    assert_eq!(Memory::default().put("usr/bin/app", program, true).purls(), OF_GO);
}

#[test]
fn programs_of_rust_may_name_their_crates() {
    let list = r#"{"packages": [{"name": "app", "version": "0.1.0", "source": "local", "root": true},
        {"name": "serde", "version": "1.0.200", "source": "crates.io"},
        {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"}]}"#;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(list.as_bytes()).unwrap();
    let program = elf(&[(".dep-v0", &packed.finish().unwrap())], 0);
    assert_eq!(
        Memory::default().put("usr/bin/app", program.clone(), true).purls(),
        ["pkg:cargo/app@0.1.0", "pkg:cargo/serde@1.0.200"]
    );
    assert_eq!(
        Memory::default().with("usr/bin/app", program).purls(),
        [""; 0],
        "not executable"
    );
}

/// A zip archive of packed members.
pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(content).unwrap();
        let packed = packed.finish().unwrap();
        let offset = file.len() as u32;
        let mut head = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        head.extend((packed.len() as u32).to_le_bytes());
        head.extend((content.len() as u32).to_le_bytes());
        head.extend((name.len() as u16).to_le_bytes());
        head.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&head);
        file.extend(name.bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(head);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.bytes());
    }
    let offset = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06");
    file.extend([0; 8]);
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(offset.to_le_bytes());
    file.extend([0, 0]);
    file
}

#[test]
fn archives_of_java_have_properties_or_a_manifest() {
    let properties = b"#made\ngroupId=org.example\nartifactId=lib\nversion=1.2.3\n";
    let inner = zip(&[("META-INF/maven/org.example/lib/pom.properties", properties)]);
    let outer = zip(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nImplementation-Vendor-Id: com.exa\r\n mple\r\nImplementation-Version: 4.0\r\n\r\n"),
        ("BOOT-INF/lib/lib-1.2.3.jar", &inner),
    ]);
    let plain = zip(&[("Main.class", b"")]);
    assert_eq!(
        Memory::default()
            .with("opt/app.jar", outer)
            .with("opt/plain-lib-2.0-beta.jar", plain.clone())
            .with("opt/nameless.jar", plain)
            .purls(),
        [
            "pkg:maven/com.example/app@4.0",
            "pkg:maven/org.example/lib@1.2.3",
            "pkg:maven/plain-lib/plain-lib@2.0-beta"
        ]
    );
}
