use super::pulls::{Place, reference};
use super::registry::{Content, diff_id};
use crate::digest::Sha256;
use crate::http::tests::{Answer, Asked, Server};
use crate::oci::{Descriptor, ImageConfig, Manifest, RootFs, media};
use crate::registry::{Arrival, Parcel, Part, PartBytes, Pushed, RegistryError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// An image whose layers are these bytes, the first of which is in a file.
fn parcel(layers: &[&[u8]]) -> Parcel {
    let config = ImageConfig {
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        rootfs: RootFs {
            diff_ids: layers.iter().map(|bytes| diff_id(bytes)).collect(),
            ..RootFs::default()
        },
        ..ImageConfig::default()
    }
    .to_bytes();
    let mut parts = vec![Part {
        descriptor: Descriptor::of(media::OCI_CONFIG, &config),
        bytes: PartBytes::Here(Arc::from(&config[..])),
    }];
    for (number, bytes) in layers.iter().enumerate() {
        let place = match number {
            0 => {
                let mut file = tempfile::tempfile().unwrap();
                std::io::Write::write_all(&mut file, b"not this").unwrap();
                std::io::Write::write_all(&mut file, bytes).unwrap();
                PartBytes::File(Arc::new(file), 8)
            }
            _ => PartBytes::Here(Arc::from(*bytes)),
        };
        parts.push(Part {
            descriptor: Descriptor::of(media::OCI_LAYER, bytes),
            bytes: place,
        });
    }
    let descriptors: Vec<Descriptor> = parts.iter().map(|part| part.descriptor.clone()).collect();
    let manifest = Manifest::new(media::OCI_MANIFEST, descriptors[0].clone(), descriptors[1..].to_vec());
    Parcel {
        media_type: media::OCI_MANIFEST.to_owned(),
        manifest: manifest.to_bytes(),
        parts,
        below: Vec::new(),
    }
}

/// Pushes, and tells how blobs arrived.
fn push(place: &Place, server: &Server, parcel: &Parcel, names: &[&str]) -> Result<Vec<Arrival>, RegistryError> {
    let arrivals = Mutex::new(Vec::new());
    let tell = |pushed| {
        if let Pushed::Blob { arrival, .. } = pushed {
            arrivals.lock().unwrap().push(arrival);
        }
    };
    let names: Vec<_> = names.iter().map(|name| reference(server, name)).collect();
    place.registries().push(parcel, &names, false, &place.store, &tell)?;
    Ok(arrivals.into_inner().unwrap())
}

/// A registry that has nothing and sometimes does what `odd` says; what broke off it keeps or not.
fn registry(
    keeps: bool,
    odd: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    fault: impl Fn(&Asked) -> Option<usize> + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Content>>) {
    let content = Arc::new(Mutex::new(Content::empty()));
    let theirs = Arc::clone(&content);
    let handler = move |asked: &Asked| odd(asked).unwrap_or_else(|| theirs.lock().unwrap().take(asked, keeps));
    (Server::breaking(handler, fault), content)
}

fn good() -> (Server, Arc<Mutex<Content>>) {
    registry(true, |_| None, |_| None)
}

fn large() -> Vec<u8> {
    (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn what_is_pushed_can_be_pulled_and_is_sent_once() {
    let (server, _) = good();
    let place = Place::new();
    let image = parcel(&[b"one", b"two", b"two"]);
    assert_eq!(
        push(&place, &server, &image, &["app:v1"]).unwrap(),
        vec![Arrival::Sent; 3]
    );
    let there = Place::new();
    let pulled = there.pull(&server, "app:v1").unwrap();
    pulled.fetch(0, &there.store).unwrap();
    let digest = Sha256::of(&image.manifest);
    assert_eq!(pulled.source().digest(), Some(&digest));

    server.take_targets();
    assert_eq!(push(&place, &server, &image, &["app:v1"]).unwrap(), []);
    assert_eq!(server.take_targets(), ["HEAD /v2/app/manifests/v1"]);
    push(&place, &server, &image, &["app:v1", "app:v2", "app"]).unwrap();
    let asked = server.take_targets();
    let put = asked
        .iter()
        .filter(|it| it.starts_with("PUT") || it.starts_with("POST"));
    assert_eq!(put.count(), 2, "{asked:?}");

    // Another repository of the same registry takes all from the first.
    let mounted = vec![Arrival::Mounted("app".to_owned()); 3];
    assert_eq!(push(&place, &server, &image, &["other:m"]).unwrap(), mounted);
    // Somebody who does not know of the first sends it again.
    assert_eq!(push(&there, &server, &image, &["third:t"]).unwrap().len(), 3);
}

#[test]
fn a_layer_of_an_image_elsewhere_goes_straight_there() {
    let (source, content) = good();
    let place = Place::new();
    push(&place, &source, &parcel(&[b"one"]), &["base"]).unwrap();
    let place = Place::new();
    let pulled = place.pull(&source, "base").unwrap();
    let mut image = parcel(&[b"one"]);
    image.parts[1].bytes = PartBytes::Far(Box::new(pulled.clone()), 0);
    source.take_targets();
    push(&place, &source, &image, &["app"]).unwrap();
    let layer = image.parts[1].descriptor.digest;
    assert!(!place.store.has_blob(&layer).unwrap(), "a mounted layer is not fetched");

    let (target, there) = good();
    assert_eq!(push(&place, &target, &image, &["app"]).unwrap(), vec![Arrival::Sent; 2]);
    assert_eq!(there.lock().unwrap().get(&layer.to_string()), Some(&b"one"[..]));
    assert!(content.lock().unwrap().get(&layer.to_string()).is_some());
}

#[test]
fn an_upload_goes_on_where_it_broke() {
    let bytes = large();
    for keeps in [true, false] {
        let breaks = AtomicUsize::new(0);
        let (server, content) = registry(
            keeps,
            |_| None,
            move |asked| {
                let large = matches!(&asked.method[..], "PUT" | "PATCH") && !asked.target.contains("manifests");
                let length = asked.header("content-length").and_then(|it| it.parse::<usize>().ok());
                (large && length > Some(1 << 20) && breaks.fetch_add(1, Ordering::SeqCst) < 2).then_some(1 << 20)
            },
        );
        let place = Place::new();
        let image = parcel(&[&bytes]);
        push(&place, &server, &image, &["app"]).unwrap();
        let layer = image.parts[1].descriptor.digest.to_string();
        assert!(
            content.lock().unwrap().get(&layer) == Some(&bytes[..]),
            "keeps: {keeps}"
        );
        let sent: usize = server.log().iter().map(|it| it.bytes.len()).sum();
        let most = bytes.len() + if keeps { 1 << 20 } else { 4 << 20 };
        assert!(sent < most, "{sent} bytes, keeps: {keeps}");
    }
}

#[test]
fn trouble_on_the_way_is_survived() {
    for status in [429, 500, 503, 404, 416] {
        let count = AtomicUsize::new(0);
        let odd = move |asked: &Asked| {
            let upload = asked.method == "PUT" && asked.target.contains("uploads");
            (upload && count.fetch_add(1, Ordering::SeqCst) < 2)
                .then(|| Answer::new(status, "").header("Retry-After", "0"))
        };
        let (server, _) = registry(true, odd, |_| None);
        push(&Place::new(), &server, &parcel(&[b"one"]), &["app"]).unwrap_or_else(|error| panic!("{status}: {error}"));
    }
    // More than it takes at once.
    let odd = |asked: &Asked| (asked.bytes.len() > 18_000_000).then(|| Answer::new(413, ""));
    let (server, content) = registry(true, odd, |_| None);
    let bytes = large();
    let image = parcel(&[&bytes]);
    push(&Place::new(), &server, &image, &["app"]).unwrap();
    assert!(
        content
            .lock()
            .unwrap()
            .get(&image.parts[1].descriptor.digest.to_string())
            == Some(&bytes[..])
    );
}

#[test]
fn refusals_and_lies_are_told() {
    let failed = |odd: fn(&Asked) -> Option<Answer>| {
        let (server, content) = registry(true, odd, |_| None);
        let error = push(&Place::new(), &server, &parcel(&[b"one"]), &["app"]).unwrap_err();
        assert_eq!(
            content.lock().unwrap().get("latest"),
            None,
            "no name for what is not there"
        );
        error
    };
    let error = failed(|asked| (asked.method == "POST").then(|| Answer::new(403, r#"{"errors":[{"code":"DENIED"}]}"#)));
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    let error =
        failed(|asked| (asked.method == "PUT").then(|| Answer::new(400, r#"{"errors":[{"message":"not\nthis"}]}"#)));
    assert!(error.to_string().contains("notthis"), "{error}");
    let error = failed(|asked| asked.target.contains("uploads").then(|| Answer::new(500, "")));
    assert!(error.to_string().contains("status 500"), "{error}");
    let error = failed(|asked| (asked.method == "POST").then(|| Answer::new(202, "")));
    assert!(error.to_string().contains("where to send"), "{error}");
    let error = failed(|asked| (asked.method == "PUT").then(|| Answer::new(429, "").header("Retry-After", "4000")));
    assert!(error.to_string().contains("429"), "{error}");
    // It says that it has the layer, and does not.
    let image = parcel(&[b"one"]);
    let layer = image.parts[1].descriptor.digest.to_string();
    let lies = move |asked: &Asked| {
        (asked.method == "HEAD" && asked.target.ends_with(&layer)).then(|| Answer::new(200, "one"))
    };
    let (server, _) = registry(true, lies, |_| None);
    let error = push(&Place::new(), &server, &image, &["app"]).unwrap_err();
    assert!(error.to_string().contains("manifest blob unknown"), "{error}");
    let (server, _) = registry(
        true,
        |asked| {
            let manifest = asked.method == "PUT" && asked.target.contains("manifests");
            manifest.then(|| Answer::new(201, "").header("Docker-Content-Digest", Content::digest(b"another")))
        },
        |_| None,
    );
    let error = push(&Place::new(), &server, &parcel(&[b"one"]), &["app"]).unwrap_err();
    assert!(error.to_string().contains("is kept as"), "{error}");
}

#[test]
fn tokens_are_for_pushing_and_stay_with_their_server() {
    let content = Arc::new(Mutex::new(Content::empty()));
    let host = Arc::new(std::sync::OnceLock::<String>::new());
    let (theirs, their_host) = (Arc::clone(&content), Arc::clone(&host));
    // Uploads go to another server, which takes them for the registry.
    let storage_content = Arc::clone(&content);
    let storage = Arc::new(Server::new(move |asked| {
        storage_content.lock().unwrap().take(asked, true)
    }));
    let there = storage.host().to_owned();
    let uses = AtomicUsize::new(0);
    let server = Server::new(move |asked| {
        let authorization = asked.header("authorization").unwrap_or_default();
        if asked.target.starts_with("/token") {
            let right = authorization == "Basic YTpi" && asked.target.contains("scope=repository:app:pull,push");
            // The first is for a few requests only, so that it ends on the way.
            return match right {
                true => Answer::ok(format!(
                    r#"{{"token": "t{}"}}"#,
                    (uses.load(Ordering::SeqCst) / 3).min(1)
                )),
                false => Answer::new(401, ""),
            };
        }
        let valid = format!("Bearer t{}", (uses.load(Ordering::SeqCst) / 3).min(1));
        if authorization != valid {
            let challenge = format!(
                "Bearer realm=\"http://{}/token\",service=\"s\"",
                their_host.get().unwrap()
            );
            return Answer::new(401, "").header("WWW-Authenticate", challenge);
        }
        uses.fetch_add(1, Ordering::SeqCst);
        let answer = theirs.lock().unwrap().take(asked, true);
        match asked.method == "POST" {
            true => {
                let number = theirs.lock().unwrap().last_upload();
                Answer::new(202, "").header("Location", format!("http://{there}/v2/app/blobs/uploads/{number}"))
            }
            false => answer,
        }
    });
    host.set(server.host().to_owned()).unwrap();
    let place = Place::new();
    let error = push(&place, &server, &parcel(&[b"one", b"two"]), &["app"]).unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    place.login(&server, r#"{"auth": "YTpi"}"#);
    push(&place, &server, &parcel(&[b"one", b"two"]), &["app"]).unwrap();
    assert!(content.lock().unwrap().get("latest").is_some());
    let seen = storage.log();
    assert!(!seen.is_empty() && seen.iter().all(|asked| asked.header("authorization").is_none()));
}
