use super::registry::Content;
use crate::http::tests::{Answer, Server};
use crate::http::{Client, Patience, Settings as HttpSettings};
use crate::oci::{Platform, Reference, media};
use crate::registry::{Credentials, Pulled, Registries, RegistryError, Settings};
use crate::store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

pub(super) struct Place {
    pub(super) folder: TempDir,
    pub(super) store: Store,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    pub(super) fn registries(&self) -> Registries {
        let patience = Patience {
            pause: Duration::from_millis(1),
            ..Patience::default()
        };
        let client = Client::new(HttpSettings {
            patience,
            ..HttpSettings::default()
        });
        let files = vec![self.folder.path().join("config.json")];
        Registries::new(
            client,
            Settings {
                credentials: Credentials { files },
                ..Settings::default()
            },
        )
    }

    pub(super) fn login(&self, server: &Server, entry: &str) {
        let text = format!(r#"{{"auths": {{"{}": {entry}}}}}"#, server.host());
        std::fs::write(self.folder.path().join("config.json"), text).unwrap();
    }

    pub(super) fn pull(&self, server: &Server, name: &str) -> Result<Pulled, RegistryError> {
        self.registries()
            .pull(&reference(server, name), &platform(), &self.store)
    }

    /// Files in the store's folder of blobs, and unfinished ones.
    fn blobs(&self) -> (usize, usize) {
        let count = |name: &str| {
            std::fs::read_dir(self.folder.path().join("store").join(name))
                .unwrap()
                .count()
        };
        (count("blobs/sha256"), count("tmp"))
    }
}

pub(super) fn reference(server: &Server, name: &str) -> Reference {
    format!("{}/{name}", server.host()).parse().unwrap()
}

fn platform() -> Platform {
    "linux/amd64".parse().unwrap()
}

fn said(result: Result<Pulled, RegistryError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn an_index_leads_to_the_image_for_the_platform() {
    let mut content = Content::default();
    let (arm, amd) = (
        content.image("linux/arm64", &[b"arm"]),
        content.image("linux/amd64", &[b"one", b"two"]),
    );
    let inner = content.index(vec![amd]);
    let outer = content.index(vec![arm, inner]);
    content.tag("v1", &outer);
    let server = content.serve();
    let place = Place::new();
    let pulled = place.pull(&server, "team/app:v1").unwrap();
    assert_eq!(pulled.config().architecture, "amd64");
    assert_eq!(place.blobs(), (2, 0), "manifest and config, and no layer");
    let layer = pulled.fetch(1, &place.store).unwrap();
    assert_eq!(place.store.read_blob(&layer.digest, 10).unwrap(), b"two");
    let asked = server.take_targets();
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert_eq!(asked[0], "GET /v2/team/app/manifests/v1");
    pulled.fetch(1, &place.store).unwrap();
    assert!(pulled.fetch(2, &place.store).is_err());
    assert_eq!(server.take_targets().len(), 0);
}

#[test]
fn refusals_say_what_and_why() {
    let mut content = Content::default();
    let arm = content.image("linux/arm64", &[]);
    let index = content.index(vec![arm]);
    content.tag("arm", &index);
    let config = content.put("application/vnd.oci.empty.v1+json", b"{}");
    let artifact = crate::oci::Manifest::new(media::OCI_MANIFEST, config, Vec::new());
    let artifact = content.put(media::OCI_MANIFEST, &artifact.to_bytes());
    content.tag("artifact", &artifact);
    let text = content.put("text/plain", b"hello");
    content.tag("text", &text);
    let server = content.serve();
    let place = Place::new();
    let unknown = said(place.pull(&server, "app:none"));
    assert!(
        unknown.contains("app:none") && unknown.contains("manifest unknown"),
        "{unknown}"
    );
    for tag in ["arm", "artifact", "text"] {
        let error = place.pull(&server, &format!("app:{tag}")).unwrap_err();
        assert!(matches!(error, RegistryError::Image { .. }), "{tag}: {error:?}");
    }
    let broken = Server::new(|_| Answer::new(500, "<html>"));
    assert!(said(place.pull(&broken, "app")).ends_with("status 500"));
    assert_eq!(place.blobs(), (0, 0));
}

#[test]
fn lies_get_no_name() {
    let mut content = Content::default();
    let image = content.image("linux/amd64", &[b"0123456789"]);
    content.tag("latest", &image);
    let good = content.clone().serve();
    let place = Place::new();
    let layer = place.pull(&good, "app").unwrap().manifest().layers[0].digest;
    for lie in ["9876543210", "012345678", "01234567890"] {
        let content = content.clone();
        let server = Server::new(move |asked| match asked.target.contains(&layer.to_string()) {
            true => Answer::ok(lie),
            false => content.answer(asked),
        });
        let place = Place::new();
        let pulled = place.pull(&server, "app").unwrap();
        let error = pulled.fetch(0, &place.store).unwrap_err().to_string();
        assert!(error.contains(&layer.hex()[..12]), "{error}");
        assert_eq!(place.blobs(), (2, 0), "{lie}");
    }
    // A manifest that is not what its digest says, and one that is not what the server says.
    let manifest = image.digest.to_string();
    let other = Server::new(|_| Answer::ok("{}"));
    let error = said(place.pull(&other, &format!("app@{manifest}")));
    assert!(error.contains("something else"), "{error}");
    let other = Server::new(move |_| Answer::ok("{}").header("Docker-Content-Digest", manifest.clone()));
    assert!(matches!(place.pull(&other, "app"), Err(RegistryError::Damaged { .. })));
}

#[test]
fn a_broken_layer_goes_on_where_it_broke() {
    let bytes: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    let mut content = Content::default();
    let image = content.image("linux/amd64", &[&bytes]);
    content.tag("latest", &image);
    let server = Server::new(move |asked| content.answer(asked).cut(1_500_000));
    let place = Place::new();
    let pulled = place.pull(&server, "app").unwrap();
    server.take_targets();
    pulled.fetch(0, &place.store).unwrap();
    let ranges: Vec<_> = server
        .log()
        .iter()
        .map(|it| it.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert_eq!(ranges[0], None);
    assert!(ranges[2].is_some());
}

#[test]
fn several_threads_fetch_a_layer_once() {
    let mut content = Content::default();
    let image = content.image("linux/amd64", &[&[7; 1 << 20]]);
    content.tag("latest", &image);
    let server = content.serve();
    let place = Place::new();
    let pulled = place.pull(&server, "app").unwrap();
    server.take_targets();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| pulled.fetch(0, &place.store).unwrap());
        }
    });
    assert_eq!(server.take_targets().len(), 1);
}

/// A registry behind a token server, which gives its token to whoever `may`.
fn guarded(content: Content, may: &'static str) -> Server {
    let host = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let theirs = std::sync::Arc::clone(&host);
    let server = Server::new(move |asked| {
        let authorization = asked.header("authorization").unwrap_or_default();
        let host = theirs.get().unwrap();
        if asked.target.starts_with("/token") {
            let refresh = asked.body.contains("refresh_token=secret") && asked.method == "POST";
            return match authorization == may || (may == "refresh" && refresh) {
                true => Answer::ok(r#"{"access_token": "open", "expires_in": 60}"#),
                false => Answer::new(401, ""),
            };
        }
        if authorization == "Bearer open" {
            return content.answer(asked);
        }
        let challenge = format!("Bearer realm=\"http://{host}/token?a=b\",service=\"the service\"");
        Answer::new(401, r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#).header("WWW-Authenticate", challenge)
    });
    host.set(server.host().to_owned()).unwrap();
    server
}

#[test]
fn a_token_is_asked_for_once() {
    let mut content = Content::default();
    let image = content.image("linux/amd64", &[b"x"]);
    content.tag("latest", &image);
    let server = guarded(content.clone(), "");
    let place = Place::new();
    place.pull(&server, "team/app").unwrap().fetch(0, &place.store).unwrap();
    let targets = server.take_targets();
    let tokens: Vec<_> = targets.iter().filter(|it| it.contains("/token")).collect();
    assert_eq!(
        tokens,
        ["GET /token?a=b&service=the%20service&scope=repository:team/app:pull"]
    );
    assert_eq!(targets.len(), 5);

    let server = guarded(content.clone(), "Basic YTpi");
    let place = Place::new();
    let error = said(place.pull(&server, "app"));
    assert!(error.contains("denied") && error.contains("401"), "{error}");
    place.login(&server, r#"{"auth": "YTpi"}"#);
    place.pull(&server, "app").unwrap();

    let server = guarded(content, "refresh");
    place.login(&server, r#"{"identitytoken": "secret"}"#);
    place.pull(&server, "app").unwrap();
    let text = format!("{:?}", place.registries());
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn a_password_is_shown_only_to_who_asks() {
    let mut content = Content::default();
    let image = content.image("linux/amd64", &[b"x"]);
    content.tag("latest", &image);
    let elsewhere = Server::new(|_| Answer::ok("x"));
    let there = elsewhere.url("/blob");
    let count = AtomicUsize::new(0);
    let server = Server::new(move |asked| {
        count.fetch_add(1, Ordering::SeqCst);
        match asked.header("authorization") {
            Some("Basic YTpi") if asked.target.ends_with(&Content::digest(b"x")) => {
                Answer::new(307, "").header("Location", there.clone())
            }
            Some("Basic YTpi") => content.answer(asked),
            _ => Answer::new(401, "").header("WWW-Authenticate", "Basic realm=\"r\""),
        }
    });
    let place = Place::new();
    assert!(matches!(place.pull(&server, "app"), Err(RegistryError::Denied { .. })));
    place.login(&server, r#"{"username": "a", "password": "b"}"#);
    server.take_targets();
    let pulled = place.pull(&server, "app").unwrap();
    pulled.fetch(0, &place.store).unwrap();
    assert_eq!(server.log()[0].header("authorization"), None);
    assert_eq!(elsewhere.log()[0].header("authorization"), None);
}

#[test]
fn a_token_server_without_tls_gets_nothing() {
    let server =
        Server::new(|_| Answer::new(401, "").header("WWW-Authenticate", "Bearer realm=\"http://tokens.invalid/\""));
    let place = Place::new();
    place.login(&server, r#"{"auth": "YTpi"}"#);
    assert!(said(place.pull(&server, "app")).contains("does not use TLS"));
}

#[test]
fn the_store_remembers_what_a_name_means() {
    let mut content = Content::default();
    let first = content.image("linux/amd64", &[b"one"]);
    let second = content.image("linux/amd64", &[b"two"]);
    content.tag("latest", &first);
    let (server, content) = content.serve_shared();
    let place = Place::new();
    let (registries, name) = (place.registries(), reference(&server, "app"));
    let pulled = registries.pull(&name, &platform(), &place.store).unwrap();
    let record = registries.keep(&name, &platform(), &pulled, &place.store).unwrap();
    assert_eq!(
        place.store.images().unwrap()[0].1,
        [name.clone().or_latest().to_string()]
    );
    server.take_targets();

    // Another build, which asks nobody until it wants a layer.
    let registries = place.registries();
    assert_eq!(
        registries.meant(&name, &platform(), &place.store).unwrap().as_ref(),
        Some(&record)
    );
    let again = registries
        .source_of(&record.id, pulled.config(), &place.store)
        .unwrap()
        .unwrap();
    assert_eq!(server.take_targets().len(), 0);
    again.fetch(0, &place.store).unwrap();
    assert_eq!(server.take_targets().len(), 1);

    let still = registries.still_means(&name, &platform(), &place.store).unwrap();
    assert_eq!(still, Some(record));
    assert_eq!(server.take_targets(), ["HEAD /v2/app/manifests/latest"]);
    content.lock().unwrap().tag("latest", &second);
    let next_build = place.registries();
    assert_eq!(next_build.still_means(&name, &platform(), &place.store).unwrap(), None);
}

#[test]
fn a_layer_is_read_while_it_arrives() {
    let bytes: Vec<u8> = (0..400_000_u32).map(|number| (number % 251) as u8).collect();
    let mut content = Content::default();
    let image = content.image("linux/amd64", &[&bytes]);
    content.tag("v1", &image);
    let (good, layer) = (content.clone(), Content::digest(&bytes));
    let (begun, goes_on) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (their_begun, their_going) = (Arc::clone(&begun), Arc::clone(&goes_on));
    let server = Server::new(move |asked| {
        let answer = good.answer(asked);
        if !asked.target.ends_with(&layer) {
            return answer;
        }
        // Half of it; the rest comes when the reader has seen that.
        if their_begun.fetch_add(1, Ordering::SeqCst) == 0 {
            return answer.cut(200_000);
        }
        while their_going.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        answer
    });
    let place = Place::new();
    let pulled = place.pull(&server, "app:v1").unwrap();
    let (read, layer) = pulled
        .fetch_while(0, &place.store, |reader| {
            let mut read = vec![0; 150_000];
            reader.read_exact(&mut read).unwrap();
            assert_eq!(place.blobs().0, 2, "it has no name yet");
            goes_on.store(1, Ordering::SeqCst);
            reader.read_to_end(&mut read).unwrap();
            read
        })
        .unwrap();
    assert!(read == bytes && place.store.has_blob(&layer.digest).unwrap());
    // The second time it is in the store.
    let (again, _) = pulled
        .fetch_while(0, &place.store, |reader| {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).map(|_| read)
        })
        .unwrap();
    assert!(again.unwrap() == bytes);
    assert_eq!(begun.load(Ordering::SeqCst), 2);
}

#[test]
fn who_reads_along_is_told_of_lies() {
    let mut content = Content::default();
    let image = content.image("linux/amd64", &[b"honest layer"]);
    content.tag("v1", &image);
    let server = Server::new(
        move |asked| match asked.target.ends_with(&Content::digest(b"honest layer")) {
            true => Answer::new(200, "liar's layer"),
            false => content.answer(asked),
        },
    );
    let place = Place::new();
    let pulled = place.pull(&server, "app:v1").unwrap();
    let mut told = None;
    let result = pulled.fetch_while(0, &place.store, |reader| {
        told = Some(reader.read_to_end(&mut Vec::new()).unwrap_err().to_string());
    });
    assert!(matches!(result, Err(RegistryError::Damaged { .. })), "{result:?}");
    assert!(told.unwrap().contains("download failed"));
    assert_eq!(place.blobs(), (2, 0));
}

#[test]
fn a_login_may_be_given_a_token() {
    let host = Arc::new(std::sync::OnceLock::<String>::new());
    let known = Arc::clone(&host);
    let server = Server::new(move |asked| {
        let basic = asked.header("authorization");
        if asked.target.starts_with("/token?") && asked.method == "GET" {
            return match basic {
                Some("Basic bWU6cHc=") => Answer::ok(r#"{"token": "t", "refresh_token": "identity"}"#),
                _ => Answer::new(401, ""),
            };
        }
        if asked.target == "/token" && asked.method == "POST" {
            let form = String::from_utf8_lossy(&asked.bytes).into_owned();
            let good = form.contains("grant_type=refresh_token") && form.contains("refresh_token=identity");
            return match good {
                true => Answer::ok(r#"{"access_token": "t"}"#),
                false => Answer::new(401, ""),
            };
        }
        match basic {
            Some("Bearer t") => Answer::ok("{}"),
            _ => {
                let challenge = format!("Bearer realm=\"http://{}/token\",service=\"s\"", known.get().unwrap());
                Answer::new(401, "").header("WWW-Authenticate", challenge)
            }
        }
    });
    host.set(server.host().to_owned()).unwrap();
    let place = Place::new();
    assert!(place.registries().login(server.host(), "me", "wrong").is_err());
    server.take_targets();
    let secret = place.registries().login(server.host(), "me", "pw").unwrap();
    assert_eq!(
        server.take_targets()[1],
        "GET /token?service=s&offline_token=true&client_id=varve&account=me"
    );
    assert!(!format!("{secret:?}").contains("identity"));
    let file = place.folder.path().join("config.json");
    Credentials::keep(&file, server.host(), "me", &secret).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    // `me:`
    assert!(
        text.contains("bWU6\"") && text.contains("\"identitytoken\": \"identity\""),
        "{text}"
    );
    assert!(place.registries().digest_of(&reference(&server, "app")).is_ok());
    assert!(server.take_targets().iter().any(|it| it == "POST /token"));
}

#[test]
fn a_name_means_one_thing_for_all_platforms() {
    let mut content = Content::default();
    let index = |content: &mut Content, layer: &[u8]| {
        let images = ["linux/amd64", "linux/arm64"].map(|platform| content.image(platform, &[layer]));
        content.index(images.to_vec())
    };
    let (old, new) = (index(&mut content, b"old"), index(&mut content, b"new"));
    content.tag("v1", &old);
    let (server, content) = content.serve_shared();
    let place = Place::new();
    let (registries, name) = (place.registries(), reference(&server, "app:v1"));
    let top = |registries: &Registries, platform: &str| {
        let pulled = registries
            .pull(&name, &platform.parse().unwrap(), &place.store)
            .unwrap();
        assert_eq!(pulled.config().platform().to_string(), platform);
        pulled.top
    };
    assert_eq!(top(&registries, "linux/amd64"), old.digest);
    content.lock().unwrap().tag("v1", &new);
    assert_eq!(top(&registries, "linux/arm64"), old.digest);
    assert_eq!(registries.digest_of(&name).unwrap(), Some(old.digest));
    let asked = server.take_targets();
    assert_eq!(
        asked.iter().filter(|it| it.ends_with("/manifests/v1")).count(),
        1,
        "{asked:?}"
    );
    assert_eq!(top(&place.registries(), "linux/arm64"), new.digest);
}
