use super::*;
use crate::digest::Sha256;
use crate::inventory::{Ecosystem, Evidence, Inventory, License, OsRelease, Package};
use crate::layer::{Entry, Kind, Listing, Time, View};
use crate::oci::Descriptor;
use crate::oci::media::OCI_MANIFEST;
use crate::store::Store;
use std::sync::Arc;

fn package(name: &str, licenses: Vec<License>) -> Package {
    Package {
        ecosystem: Ecosystem::Deb,
        name: name.to_owned(),
        version: "1.0".to_owned(),
        purl: format!("pkg:deb/debian/{name}@1.0"),
        architecture: Some("amd64".to_owned()),
        source: Some(("src".to_owned(), "1.0".to_owned())),
        supplier: Some("Some Body".to_owned()),
        licenses,
        evidence: vec![Evidence {
            path: "var/lib/dpkg/status".to_owned(),
            layer: 1,
        }],
    }
}

fn inventory() -> Inventory {
    Inventory {
        os: Some(OsRelease {
            id: "debian".to_owned(),
            version_id: Some("12".to_owned()),
            ..OsRelease::default()
        }),
        packages: vec![
            package(
                "a",
                vec![
                    License::Expression("MIT OR Apache-2.0".to_owned()),
                    License::Named("my own".to_owned()),
                ],
            ),
            package("b", vec![License::Expression("MIT".to_owned())]),
        ],
        notes: vec!["`x` can't be read".to_owned()],
    }
}

fn written(form: BillForm) -> serde_json::Value {
    let digest = Sha256::of(b"config");
    let of = Described {
        name: "app:v1",
        url: Some("pkg:docker/app@v1"),
        digest: &digest,
        created: "2024-05-01T10:00:00.123Z",
    };
    bill(form, &of, &inventory()).body
}

#[test]
fn spdx_has_each_package_once_and_a_reference_for_odd_licences() {
    let document = written(BillForm::Spdx);
    assert_eq!(document["creationInfo"]["created"], "2024-05-01T10:00:00Z");
    let packages = document["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 4, "the image, the system and two packages");
    let odd = &document["hasExtractedLicensingInfos"][0];
    assert_eq!(odd["name"], "my own");
    assert_eq!(
        packages[2]["licenseDeclared"],
        format!("(MIT OR Apache-2.0) AND {}", odd["licenseId"].as_str().unwrap())
    );
    assert_eq!(packages[3]["licenseDeclared"], "MIT");
    let told = packages[3]["sourceInfo"].as_str().unwrap();
    assert_eq!(told, "built from src 1.0; found by /var/lib/dpkg/status in layer 1");
    assert_eq!(document["relationships"].as_array().unwrap().len(), 4);
}

#[test]
fn cyclonedx_has_one_expression_or_several_names() {
    let document = written(BillForm::CycloneDx);
    let components = document["components"].as_array().unwrap();
    assert_eq!(components.len(), 3);
    assert_eq!(components[1]["licenses"][0]["license"]["name"], "MIT OR Apache-2.0");
    assert_eq!(components[2]["licenses"][0]["license"]["id"], "MIT");
    assert_eq!(
        components[2]["evidence"]["occurrences"][0]["location"],
        "/var/lib/dpkg/status"
    );
    assert_eq!(document["serialNumber"].as_str().unwrap().len(), "urn:uuid:".len() + 36);
}

#[test]
fn a_statement_is_read_back_and_others_are_not() {
    let predicate = Predicate {
        about: About::Bill,
        kind: "https://spdx.dev/Document".to_owned(),
        body: serde_json::json!({"a": 1}),
    };
    let subject = Subject {
        name: "_".to_owned(),
        digest: Sha256::of(b""),
    };
    for form in [StatementForm::V1, StatementForm::V01] {
        let statement = predicate.statement(form, std::slice::from_ref(&subject));
        assert_eq!(Predicate::read(&statement).as_ref(), Some(&predicate));
    }
    assert_eq!(
        Predicate::read(b"{\"_type\": \"https://in-toto.io/Statement/v1\"}"),
        None
    );
    assert_eq!(
        Predicate::read(b"{\"predicateType\": \"https://spdx.dev/Document\"}"),
        None
    );
}

#[test]
fn the_name_of_an_image_is_a_package_url() {
    for (name, url) in [
        ("debian", "pkg:docker/debian@latest?platform=linux%2Famd64"),
        (
            "localhost:5000/team/app:v1",
            "pkg:docker/localhost:5000/team/app@v1?platform=linux%2Famd64",
        ),
    ] {
        let platform = crate::oci::Platform::new("linux", "amd64", "");
        assert_eq!(image_url(&name.parse().unwrap(), Some(&platform)), url);
    }
    let digest = Sha256::of(b"").to_string();
    let name = format!("app@{digest}").parse().unwrap();
    assert_eq!(image_url(&name, None), format!("pkg:docker/app?digest={}", digest));
}

#[test]
fn what_refers_to_an_image_names_it_and_its_predicate() {
    let image = Descriptor::of(OCI_MANIFEST, b"manifest");
    let predicate = bill(
        BillForm::Spdx,
        &Described {
            name: "_",
            url: None,
            digest: &image.digest,
            created: "2024-05-01T10:00:00Z",
        },
        &Inventory::default(),
    );
    let artifact = referrer(&image, &predicate, b"statement".to_vec());
    assert_eq!(
        artifact.manifest.subject.as_ref().map(|it| it.digest),
        Some(image.digest)
    );
    assert_eq!(
        artifact.manifest.annotations[PREDICATE_TYPE],
        "https://spdx.dev/Document"
    );
    let beside = beside(vec![(&predicate, b"one".to_vec()), (&predicate, b"two".to_vec())]);
    assert_eq!(beside.manifest.layers.len(), 2);
    assert_eq!(beside.blobs.len(), 3);
    for artifact in [artifact, beside] {
        for (descriptor, bytes) in &artifact.blobs {
            assert_eq!(descriptor.digest, Sha256::of(bytes));
        }
    }
}

#[test]
fn passwords_in_addresses_are_left_out() {
    assert_eq!(
        without_password("https://me:pw@example.org/a@b"),
        "https://example.org/a@b"
    );
    assert_eq!(without_password("http://proxy.example:80"), "http://proxy.example:80");
    assert_eq!(without_password("a@b"), "a@b");
}

#[test]
fn a_tree_is_scanned_through_its_listing_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let content = folder.path().join("content");
    std::fs::write(&content, "six==1.16.0\n").unwrap();
    let file = |path: &str, kind| Entry {
        path: path.as_bytes().into(),
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: Vec::new(),
    };
    let there = Kind::File {
        size: 12,
        digest: crate::digest::FileHasher::of(b"six==1.16.0\n"),
    };
    let lower = Listing::from_entries(vec![
        file("a/first", there),
        file(
            "a/requirements.txt",
            Kind::HardLink {
                target: b"a/first".as_slice().into(),
            },
        ),
        file(
            "gone/requirements.txt",
            Kind::File {
                size: 12,
                digest: crate::digest::FileHasher::of(b""),
            },
        ),
    ]);
    let upper = Listing::from_entries(vec![file("gone", Kind::Whiteout)]);
    let view = View::new(vec![Arc::new(lower.unwrap()), Arc::new(upper.unwrap())]);
    let tree = crate::digest::Fields::new("test").tree_id();
    let open = |layer: usize, path: &[u8]| {
        assert_eq!((layer, path), (0, b"a/first".as_slice()), "opened by its first name");
        std::fs::File::open(&content)
    };
    assert_eq!(scanned(&store, &tree).unwrap(), None);
    let found = super::scan::scan_view(&store, &tree, &view, &open).unwrap();
    let purls: Vec<_> = found.packages.iter().map(|it| it.purl.as_str()).collect();
    assert_eq!(purls, ["pkg:pypi/six@1.16.0"]);
    assert_eq!(scanned(&store, &tree).unwrap(), Some(found));
}
