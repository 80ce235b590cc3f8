//! OCI documents that can be read are written and read again as the same; layouts and references never panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::fs;
use varve::oci::{ImageConfig, Index, Layout, Manifest, Platform, Reference, parse_time, validate};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(config) = ImageConfig::from_bytes(bytes) {
        let written = config.to_bytes();
        assert_eq!(
            ImageConfig::from_bytes(&written).expect("what was written").to_bytes(),
            written
        );
        let _ = config.platform().to_string();
        let _ = config.created.as_deref().map(parse_time);
    }
    if let Ok(manifest) = Manifest::from_bytes(bytes) {
        let written = manifest.to_bytes();
        assert_eq!(
            Manifest::from_bytes(&written).expect("what was written").to_bytes(),
            written
        );
    }
    let index = Index::from_bytes(bytes);
    if let Ok(index) = &index {
        let written = index.to_bytes();
        assert_eq!(
            Index::from_bytes(&written).expect("what was written").to_bytes(),
            written
        );
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(reference) = Reference::parse(text) {
            assert_eq!(
                Reference::parse(&reference.to_string()).expect("what was shown"),
                reference
            );
            assert_eq!(
                Reference::parse(&reference.familiar()).expect("what was shown"),
                reference
            );
        }
        let host = Platform::new("linux", "amd64", "");
        if let Ok(platform) = Platform::parse(text, &host) {
            assert_eq!(
                Platform::parse(&platform.to_string(), &host).expect("what was shown"),
                platform
            );
        }
        parse_time(text);
    }
    if index.is_ok() || bytes.starts_with(b"[") {
        layouts(bytes);
    }
});

/// The same bytes as the index of a layout and as the list of what `docker save` wrote.
fn layouts(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fs::write(path.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").expect("a file");
    fs::write(path.join("index.json"), bytes).expect("a file");
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("manifest.json", bytes),
        ("config.json", b"{}" as &[u8]),
        ("layer.tar", &[0; 1024]),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content).expect("memory");
    }
    let saved = path.join("saved.tar");
    fs::write(&saved, archive.into_inner().expect("memory")).expect("a file");
    for place in [path, &saved] {
        if let Ok(layout) = Layout::open(place) {
            let _ = layout.image(None, &Platform::new("linux", "amd64", ""));
            let _ = validate(&layout);
        }
    }
}
