//! One suite for all places where results lie, also for places that lie, break and go away.

mod faulty;
mod mounts;
mod requests;

use super::*;
use crate::digest::{ContentId, Fields, FileHasher};
use crate::http::Client;
use crate::http::tests::Server;
use crate::layer::{
    Compression, Entry, Host, Kind, LayerEncoder, Listing, OverlayXattrs, Ownership, TarOptions, Time, write_tar,
};
use crate::oci::Platform;
use crate::oci::media::OCI_LAYER_GZIP;
use crate::registry::tests::registry::Content;
use crate::registry::{Registries, Settings};
use crate::store::FarLayer;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A machine: a store of its own.
struct Machine {
    _folder: TempDir,
    store: Store,
    host: Host,
    registries: Registries,
    told: Mutex<Vec<String>>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let mut settings = crate::http::Settings::default();
        settings.patience.tries = 1;
        Self {
            _folder: folder,
            store,
            host: Host {
                ownership: Ownership::Recorded,
                devices: false,
                overlay_xattrs: OverlayXattrs::User,
            },
            registries: Registries::new(Client::new(settings), Settings::default()),
            told: Mutex::default(),
        }
    }

    /// Does something with what others have.
    fn importing<T>(&self, from: &[Arc<dyn Exchange>], work: impl FnOnce(&Imports<'_>) -> T) -> T {
        let from: Vec<_> = from.iter().map(|it| (Arc::clone(it), vec!["m".to_owned()])).collect();
        let tell = |text| self.told.lock().unwrap().push(text);
        let platforms = [Platform::host()];
        let registries = self.registries.clone();
        work(&Imports::new(
            from,
            &self.store,
            &self.host,
            registries,
            &platforms,
            &tell,
        ))
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// Makes a delta with one file, and its layer.
    fn work(&self, text: &str) -> Record {
        let draft = self.store.draft().unwrap();
        std::fs::write(draft.tree().join("f"), text).unwrap();
        let listing = Listing::from_entries(vec![Entry {
            path: b"f".as_slice().into(),
            kind: Kind::File {
                size: text.len() as u64,
                digest: FileHasher::of(text.as_bytes()),
            },
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Vec::new(),
        }])
        .unwrap();
        let content = self.store.keep(draft, &listing).unwrap();
        let delta = self.store.delta(&content).unwrap().unwrap();
        let mut encoder = LayerEncoder::new(Compression::GZIP, self.store.hashed_blob_writer().unwrap());
        let open = |entry: &Entry| delta.open_file(&entry.path);
        write_tar(&listing, &open, &TarOptions::default(), &mut encoder).unwrap();
        let (blob, encoded) = encoder.finish().unwrap();
        blob.finish_named(&encoded.digest, encoded.size).unwrap();
        Record {
            content,
            created: Time {
                seconds: 7,
                nanoseconds: 8,
            },
            layer: Some(FarLayer {
                diff_id: encoded.diff_id,
                tar_size: Some(encoded.uncompressed_size),
                compression: Compression::GZIP.name(),
                media_type: OCI_LAYER_GZIP.to_owned(),
                digest: encoded.digest,
                size: encoded.size,
            }),
        }
    }
}

fn key(number: u64) -> StepKey {
    Fields::new("test").number(number).step_key()
}

fn fact(number: u64) -> FileDigest {
    Fields::new("test").number(number).file_digest()
}

fn bundle(steps: &[(StepKey, &Record)]) -> Bundle {
    Bundle {
        steps: steps.iter().map(|(key, record)| (*key, (*record).clone())).collect(),
        ..Bundle::default()
    }
}

/// How a machine comes to a place.
type Open = dyn Fn(&Machine) -> Arc<dyn Exchange>;

/// A place, as one machine sees it that comes to it.
struct Scene {
    open: Box<Open>,
    /// What serves it, if something does.
    server: Option<Server>,
    _folder: Option<TempDir>,
}

fn local() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    Scene {
        open: Box::new(move |_| Arc::new(LocalExchange::new(&path, "main"))),
        server: None,
        _folder: Some(folder),
    }
}

fn registry() -> Scene {
    let content = Mutex::new(Content::empty());
    let server = Server::new(move |asked| content.lock().unwrap().take(asked, true));
    let name = format!("{}/team/cache:main", server.host()).parse().unwrap();
    Scene {
        open: Box::new(move |machine| Arc::new(RegistryExchange::new(&machine.registries, &name, &[Platform::host()]))),
        server: Some(server),
        _folder: None,
    }
}

fn scenes() -> [(&'static str, Scene); 2] {
    [("a directory", local()), ("a registry", registry())]
}

fn has(machine: &Machine, content: &ContentId) -> bool {
    machine.store.has_delta(content).unwrap()
}

#[test]
fn what_one_machine_did_another_finds_and_brings() {
    for (what, scene) in scenes() {
        let (here, there) = (Machine::new(), Machine::new());
        let (one, two) = (here.work("one"), here.work("two"));
        let mine = (scene.open)(&here);
        assert!(mine.bundle(&here.store).unwrap().is_none(), "{what}");
        assert!(mine.record(&key(1)).unwrap().is_none(), "{what}");
        for (number, record) in [(1, &one), (2, &two)] {
            mine.put_record(&key(number), record, &PartBytes::Stored, &here.store)
                .unwrap();
        }
        let mut all = bundle(&[(key(1), &one)]);
        all.selections.insert(fact(1), fact(2));
        mine.put_bundle(&all, &BTreeMap::new(), &here.store).unwrap();

        let theirs = (scene.open)(&there);
        assert_eq!(theirs.bundle(&there.store).unwrap().as_ref(), Some(&all), "{what}");
        there.importing(&[theirs], |imports| {
            assert_eq!(imports.selection(&fact(1)), Some(fact(2)));
            assert_eq!(imports.find(&key(3)), None);
            for (number, record) in [(1, &one), (2, &two)] {
                let (found, place) = imports.find(&key(number)).unwrap();
                assert_eq!(found, *record, "{what}");
                imports.note(&found, place).unwrap();
                assert_eq!(
                    there.store.knows_delta(&record.content).unwrap(),
                    crate::store::Known::Elsewhere
                );
            }
            imports.bring_blobs(&[one.content]).unwrap();
            assert!(!has(&there, &one.content), "the blob is enough");
            imports.bring(&[one.content, two.content]).unwrap();
        });
        assert!(has(&there, &one.content) && has(&there, &two.content), "{what}");
        let layer = there.store.layer_of(&two.content).unwrap().unwrap();
        assert_eq!(Some(layer.diff_id), two.layer.as_ref().map(|layer| layer.diff_id));
        assert_eq!(there.told(), [""; 0], "{what}");
    }
}

#[test]
fn builders_that_write_at_the_same_time_lose_nothing() {
    for (what, scene) in scenes() {
        let machines = [Machine::new(), Machine::new(), Machine::new()];
        std::thread::scope(|scope| {
            for (number, machine) in machines.iter().enumerate() {
                let place = (scene.open)(machine);
                scope.spawn(move || {
                    let records: Vec<_> = (0..4)
                        .map(|step| {
                            let step = number as u64 * 10 + step;
                            (key(step), machine.work(&format!("{step}")))
                        })
                        .collect();
                    for (key, record) in &records {
                        place
                            .put_record(key, record, &PartBytes::Stored, &machine.store)
                            .unwrap();
                    }
                    let listed: Vec<_> = records.iter().map(|(key, record)| (*key, record)).collect();
                    place
                        .put_bundle(&bundle(&listed), &BTreeMap::new(), &machine.store)
                        .unwrap();
                });
            }
        });
        let there = Machine::new();
        there.importing(&[(scene.open)(&there)], |imports| {
            for step in [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23] {
                let (record, place) = imports.find(&key(step)).unwrap_or_else(|| panic!("{what}: {step}"));
                imports.note(&record, place).unwrap();
                imports.bring(&[record.content]).unwrap();
            }
        });
    }
}

#[test]
fn places_are_asked_in_order_and_who_has_the_layer_counts() {
    let (first, second, there) = (local(), registry(), Machine::new());
    let one = there.work("one");
    let name_only = Record {
        layer: None,
        ..one.clone()
    };
    let places = [(first.open)(&there), (second.open)(&there)];
    places[0]
        .put_bundle(&bundle(&[(key(1), &name_only)]), &BTreeMap::new(), &there.store)
        .unwrap();
    places[1]
        .put_bundle(&bundle(&[(key(1), &one)]), &BTreeMap::new(), &there.store)
        .unwrap();
    let asking = Machine::new();
    asking.importing(&places, |imports| {
        let (found, place) = imports.find(&key(1)).unwrap();
        assert_eq!((found, place), (one.clone(), places[1].place()));
    });
    asking.importing(&places[..1], |imports| {
        let (found, place) = imports.find(&key(1)).unwrap();
        assert_eq!(found.layer, None, "the name is worth something too");
        imports.note(&found, place).unwrap();
        assert_eq!(imports.bring(&[found.content]), Err(Lost));
        assert!(imports.is_lost(&found.content));
        assert_eq!(imports.find(&key(1)), None);
    });
    assert_eq!(asking.told(), [""; 0], "a cache without the layer does not lie");
}

#[test]
fn a_large_list_of_records_is_a_blob_of_its_own() {
    for (what, scene) in scenes() {
        let machine = Machine::new();
        let record = Record {
            layer: None,
            ..machine.work("one")
        };
        let mut all = Bundle::default();
        for number in 0..5000 {
            all.steps.insert(key(number), record.clone());
        }
        let place = (scene.open)(&machine);
        place.put_bundle(&all, &BTreeMap::new(), &machine.store).unwrap();
        let there = Machine::new();
        assert_eq!((scene.open)(&there).bundle(&there.store).unwrap(), Some(all), "{what}");
    }
}
