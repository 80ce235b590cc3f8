use super::pulls::{Place, reference};
use super::registry::Content;
use crate::digest::{BlobDigest, Sha256};
use crate::http::tests::{Answer, Asked, Server};
use crate::oci::{Descriptor, Index, Manifest, media};
use crate::registry::{Parcel, Part, PartBytes};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn subject() -> Descriptor {
    Descriptor::of(media::OCI_MANIFEST, b"an image")
}

/// A manifest that refers to the subject.
fn referrer(text: &str) -> Parcel {
    let part = |media_type: &str, bytes: &[u8]| Part {
        descriptor: Descriptor::of(media_type, bytes),
        bytes: PartBytes::Here(Arc::from(bytes)),
    };
    let parts = vec![
        part("application/vnd.oci.empty.v1+json", b"{}"),
        part("text/plain", text.as_bytes()),
    ];
    let layers = vec![parts[1].descriptor.clone()];
    let mut manifest = Manifest::new(media::OCI_MANIFEST, parts[0].descriptor.clone(), layers);
    manifest.artifact_type = Some("text/plain".to_owned());
    manifest.subject = Some(subject());
    manifest.annotations.insert("about".to_owned(), text.to_owned());
    Parcel {
        media_type: media::OCI_MANIFEST.to_owned(),
        manifest: manifest.to_bytes(),
        parts,
        below: Vec::new(),
    }
}

/// A registry that keeps the list itself, and tells it one entry a page.
fn with_list() -> Server {
    let content = Mutex::new(Content::empty());
    let lists: Mutex<BTreeMap<String, Vec<Descriptor>>> = Mutex::default();
    let handler = move |asked: &Asked| {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        if let Some((_, subject)) = path.split_once("/referrers/") {
            let lists = lists.lock().unwrap();
            let all = lists.get(subject).cloned().unwrap_or_default();
            let page: usize = query.strip_prefix("page=").map_or(0, |it| it.parse().unwrap());
            let index = Index::new(all.iter().skip(page).take(1).cloned().collect());
            let answer = Answer::new(200, String::from_utf8(index.to_bytes()).unwrap());
            return match page + 1 < all.len() {
                true => answer.header("Link", format!("<{path}?page={}>; rel=\"next\"", page + 1)),
                false => answer,
            };
        }
        let answer = content.lock().unwrap().take(asked, true);
        let manifest = Manifest::from_bytes(&asked.bytes).ok();
        match manifest.filter(|_| asked.method == "PUT").and_then(|it| it.subject) {
            None => answer,
            Some(subject) => {
                let entry = Descriptor::of(media::OCI_MANIFEST, &asked.bytes);
                let mut lists = lists.lock().unwrap();
                lists.entry(subject.digest.to_string()).or_default().push(entry);
                answer.header("OCI-Subject", subject.digest.to_string())
            }
        }
    };
    Server::breaking(handler, |_| None)
}

fn refer(place: &Place, server: &Server, parcel: &Parcel) -> BlobDigest {
    let repository = reference(server, "app");
    let digest = place.registries().refer(&repository, parcel, &place.store, &|_| {});
    digest.unwrap()
}

fn listed(place: &Place, server: &Server) -> Vec<BlobDigest> {
    let found = place
        .registries()
        .referrers(&reference(server, "app"), &subject().digest);
    found.unwrap().into_iter().map(|entry| entry.digest).collect()
}

#[test]
fn a_registry_with_a_list_is_believed_and_its_pages_are_read() {
    let server = with_list();
    let place = Place::new();
    assert_eq!(listed(&place, &server), []);
    let digests = ["one", "two", "three"].map(|text| refer(&place, &server, &referrer(text)));
    assert_eq!(listed(&place, &server), digests);
    let asked = server.take_targets();
    assert!(!asked.iter().any(|it| it.contains("sha256-")), "{asked:?}");
    refer(&place, &server, &referrer("two"));
    let asked = server.take_targets();
    assert!(!asked.iter().any(|it| it.starts_with("PUT")), "{asked:?}");
}

#[test]
fn a_registry_without_a_list_has_one_under_a_tag() {
    let content = Arc::new(Mutex::new(Content::empty()));
    let theirs = Arc::clone(&content);
    let server = Server::breaking(move |asked: &Asked| theirs.lock().unwrap().take(asked, true), |_| None);
    let place = Place::new();
    assert_eq!(listed(&place, &server), []);
    let digests = ["one", "two"].map(|text| refer(&place, &server, &referrer(text)));
    refer(&place, &server, &referrer("one"));
    assert_eq!(listed(&place, &server), digests);
    let tag = format!("sha256-{}", subject().digest.hex());
    let index = Index::from_bytes(content.lock().unwrap().get(&tag).unwrap()).unwrap();
    assert_eq!(index.manifests[1].artifact_type.as_deref(), Some("text/plain"));
    assert_eq!(index.manifests[1].annotations["about"], "two");

    let registries = place.registries();
    let name = reference(&server, "app").with_digest(digests[0]);
    let manifest = Manifest::from_bytes(&registries.look(&name).unwrap().bytes).unwrap();
    let layer = &manifest.layers[0];
    assert_eq!(registries.small_blob(&name, layer, 100).unwrap(), b"one");
    assert!(registries.small_blob(&name, layer, 2).is_err());
    let other = Descriptor::new("text/plain", Sha256::of(b"two"), 3);
    assert_eq!(registries.small_blob(&name, &other, 100).unwrap(), b"two");
}

#[test]
fn a_registry_that_fails_has_no_empty_list() {
    let server = Server::breaking(|_: &Asked| Answer::new(403, ""), |_| None);
    let place = Place::new();
    let found = place
        .registries()
        .referrers(&reference(&server, "app"), &subject().digest);
    assert!(found.is_err());
}
