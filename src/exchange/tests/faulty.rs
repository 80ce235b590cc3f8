//! Places that lie, break and go away.

use super::*;
use crate::digest::DiffId;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is wrong with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It answers nothing but errors.
    Fails,
    /// It has records and no layers any more.
    LostLayers,
    /// Its layers are cut off.
    CutsOff,
    /// Its layers are other bytes.
    OtherBytes,
    /// Its records tell of another delta.
    OtherContent,
    /// Its records tell of another tar.
    OtherTar,
    /// Its records tell of a smaller tar.
    Bomb,
}

/// A place with something wrong.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Exchange>,
    fault: Fault,
    asked: Arc<AtomicUsize>,
}

impl Faulty {
    fn lie(&self, mut record: Record) -> Record {
        let layer = record.layer.as_mut().unwrap();
        match self.fault {
            Fault::OtherContent => record.content = Fields::new("test").bytes(record.content.as_bytes()).content_id(),
            Fault::OtherTar => layer.diff_id = DiffId::from_bytes([1; 32]),
            Fault::Bomb => layer.tar_size = Some(100),
            Fault::CutsOff => layer.size -= 10,
            _ => {}
        }
        record
    }

    fn fail<T>(&self) -> Result<T, ExchangeError> {
        Err(ExchangeError::Document {
            what: "it".to_owned(),
            why: "on fire".to_owned(),
        })
    }
}

impl Exchange for Faulty {
    fn place(&self) -> &Place {
        self.inner.place()
    }

    fn bundle(&self, _: &Store) -> Result<Option<Bundle>, ExchangeError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::Fails => self.fail(),
            _ => Ok(None),
        }
    }

    fn record(&self, key: &StepKey) -> Result<Option<Record>, ExchangeError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::Fails => self.fail(),
            _ => Ok(self.inner.record(key)?.map(|record| self.lie(record))),
        }
    }

    fn mount(&self, identity: &FileDigest, store: &Store) -> Result<Option<MountSet>, ExchangeError> {
        match self.fault {
            Fault::Fails => self.fail(),
            _ => self.inner.mount(identity, store),
        }
    }

    fn fetch(&self, layer: &Descriptor, store: &Store) -> Result<(), ExchangeError> {
        match self.fault {
            Fault::Fails | Fault::LostLayers => self.fail(),
            Fault::OtherBytes => {
                let mut blob = store.blob_writer()?;
                std::io::Write::write_all(&mut blob, b"something else").unwrap();
                Ok(blob.finish_expecting(&layer.digest, layer.size)?)
            }
            _ => self.inner.fetch(layer, store),
        }
    }

    fn put_mount(&self, _: &FileDigest, _: &MountSet, _: Option<&MountSet>, _: &Store) -> Result<(), ExchangeError> {
        self.fail()
    }

    fn put_record(&self, _: &StepKey, _: &Record, _: &PartBytes, _: &Store) -> Result<(), ExchangeError> {
        self.fail()
    }

    fn put_bundle(&self, _: &Bundle, _: &BTreeMap<BlobDigest, PartBytes>, _: &Store) -> Result<(), ExchangeError> {
        self.fail()
    }
}

fn faulty(scene: &Scene, fault: Fault, machine: &Machine) -> (Arc<dyn Exchange>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let place = Faulty {
        inner: (scene.open)(machine),
        fault,
        asked: Arc::clone(&asked),
    };
    (Arc::new(place), asked)
}

#[test]
fn whatever_is_wrong_is_told_once_and_believed_never() {
    const FAULTS: [Fault; 6] = [
        Fault::LostLayers,
        Fault::CutsOff,
        Fault::OtherBytes,
        Fault::OtherContent,
        Fault::OtherTar,
        Fault::Bomb,
    ];
    for (what, scene) in scenes() {
        let here = Machine::new();
        let records = [here.work("one"), here.work("two")];
        for (number, record) in (0..).zip(&records) {
            let place = (scene.open)(&here);
            place
                .put_record(&key(number), record, &PartBytes::Stored, &here.store)
                .unwrap();
        }
        for fault in FAULTS {
            let there = Machine::new();
            let (place, _) = faulty(&scene, fault, &there);
            there.importing(&[place], |imports| {
                for number in 0..2 {
                    let (found, place) = imports.find(&key(number)).unwrap();
                    imports.note(&found, place).unwrap();
                    assert_eq!(imports.bring(&[found.content]), Err(Lost), "{what}, {fault:?}");
                    assert!(!has(&there, &found.content), "{what}, {fault:?}");
                    assert_eq!(there.store.elsewhere(&found.content).unwrap(), None);
                    assert!(imports.find(&key(number)).is_none(), "it is not believed again");
                }
            });
            assert_eq!(there.told().len(), 1, "{what}, {fault:?}");
            for record in &records {
                let digest = &record.layer.as_ref().unwrap().digest;
                assert!(!there.store.has_blob(digest).unwrap(), "{what}, {fault:?}");
            }
        }
    }
}

#[test]
fn a_blob_is_looked_at_before_it_is_handed_on() {
    for (what, scene) in scenes() {
        let here = Machine::new();
        let one = here.work("one");
        (scene.open)(&here)
            .put_record(&key(1), &one, &PartBytes::Stored, &here.store)
            .unwrap();
        for fault in [Fault::OtherTar, Fault::Bomb] {
            let there = Machine::new();
            let (place, _) = faulty(&scene, fault, &there);
            there.importing(&[place], |imports| {
                let (found, place) = imports.find(&key(1)).unwrap();
                imports.note(&found, place).unwrap();
                assert_eq!(imports.bring_blobs(&[found.content]), Err(Lost), "{what}, {fault:?}");
            });
        }
    }
}

#[test]
fn who_only_fails_is_asked_once() {
    let (scene, there) = (local(), Machine::new());
    let (place, asked) = faulty(&scene, Fault::Fails, &there);
    there.importing(&[place], |imports| {
        for number in 0..10 {
            assert!(imports.find(&key(number)).is_none());
        }
    });
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let told = there.told();
    assert!(told.len() == 1 && told[0].contains("on fire"), "{told:?}");
}

#[test]
fn documents_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new();
    let place = LocalExchange::new(folder.path(), "latest");
    std::fs::create_dir(folder.path().join("steps")).unwrap();
    let step = folder.path().join("steps").join(key(1).hex());
    for text in [
        "",
        "{}",
        r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:00","size":1}}"#,
    ] {
        std::fs::write(&step, text).unwrap();
        assert!(
            matches!(place.record(&key(1)), Err(ExchangeError::Document { .. })),
            "{text}"
        );
    }
    // A list whose layer is not there, and one that is not what its digest says.
    let mut all = bundle(&[(key(1), &machine.work("one"))]);
    let (mut manifest, records) = super::super::document::pack(&all);
    manifest.layers.clear();
    std::fs::write(&step, manifest.to_bytes()).unwrap();
    assert!(matches!(place.record(&key(1)), Err(ExchangeError::Document { .. })));
    all.steps.clear();
    let (mut other, _) = super::super::document::pack(&all);
    other.config.data = None;
    std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
    let blob = folder.path().join("blobs/sha256").join(other.config.digest.hex());
    std::fs::write(blob, records).unwrap();
    std::fs::write(&step, other.to_bytes()).unwrap();
    assert!(matches!(place.record(&key(1)), Err(ExchangeError::Document { .. })));
    // No file is waited for, and no link is followed.
    std::fs::remove_file(&step).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &step, 0o600.into()).unwrap();
    assert!(matches!(place.record(&key(1)), Err(ExchangeError::File { .. })));
    std::fs::remove_file(&step).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &step).unwrap();
    assert!(matches!(place.record(&key(1)), Err(ExchangeError::File { .. })));
}
