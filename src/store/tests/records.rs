//! What the database remembers.

use super::*;
use crate::digest::{BlobDigest, DiffId, StepKey};
use std::time::Duration;

fn record(content: u8, place: &str, version: &str) -> StepRecord {
    StepRecord {
        content: ContentId::from_bytes([content; 32]),
        created: Time {
            seconds: -5,
            nanoseconds: 999_999_999,
        },
        duration: Duration::from_millis(1500),
        place: place.to_owned(),
        ingredients: vec![
            ("command".into(), "make".into()),
            ("ARG VERSION".into(), version.into()),
        ],
    }
}

#[test]
fn a_step_is_found_by_key_and_its_history_by_place() {
    let (_folder, store) = store();
    let key = |n: u8| StepKey::from_bytes([n; 32]);
    assert_eq!(store.step(&key(1)).unwrap(), None);
    for (n, version) in [(1, "one"), (2, "two"), (3, "three")] {
        store
            .put_step(&key(n), &record(n, "app 2/6 RUN make", version))
            .unwrap();
    }
    store.put_step(&key(9), &record(9, "elsewhere", "zero")).unwrap();
    assert_eq!(store.step(&key(2)).unwrap(), Some(record(2, "app 2/6 RUN make", "two")));
    let done = store.done(&key(2)).unwrap().unwrap();
    assert_eq!(
        (done.content, done.duration),
        (ContentId::from_bytes([2; 32]), Duration::from_millis(1500))
    );

    let latest = |limit| -> Vec<u8> {
        let found = store.latest_steps_at("app 2/6 RUN make", limit).unwrap();
        found.iter().map(|(key, _)| key.as_bytes()[0]).collect()
    };
    assert_eq!(latest(10), [3, 2, 1]);
    store.mark_used(&[key(1)], &[]).unwrap();
    assert_eq!(latest(2), [1, 3]);
    store.write(|records| records.forget_step(&key(1))).unwrap();
    assert_eq!(latest(10), [3, 2]);
}

#[test]
fn a_transaction_is_all_or_nothing_and_reads_one_moment() {
    let (_folder, store) = store();
    let failed: Result<(), StoreError> = store.write(|records| {
        records.put_memo("kind", &[1; 32], b"value")?;
        Err(StoreError::Cancelled)
    });
    assert!(failed.is_err());
    assert_eq!(store.memo("kind", &[1; 32]).unwrap(), None);
    store
        .read(|records| {
            assert_eq!(records.memo("kind", &[1; 32])?, None);
            store.put_memo("kind", &[1; 32], b"value")?;
            assert_eq!(
                records.memo("kind", &[1; 32])?,
                None,
                "still the moment when reading began"
            );
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(store.memo("kind", &[1; 32]).unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(store.memo("other", &[1; 32]).unwrap(), None);
}

#[test]
fn an_image_has_names_and_loses_them() {
    let (_folder, store) = store();
    let image = |n: u8| ImageRecord {
        id: BlobDigest::from_bytes([n; 32]),
        manifest: None,
        layers: vec![ImageLayer {
            diff_id: DiffId::from_bytes([n; 32]),
            content: Some(ContentId::from_bytes([n; 32])),
        }],
        created: Time {
            seconds: i64::from(n),
            nanoseconds: 1,
        },
        size: 7,
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    store
        .put_image(&image(0xab), &names(&["app:v1", "app:latest"]))
        .unwrap();
    store.put_image(&image(0xac), &names(&["app:latest"])).unwrap();
    assert_eq!(store.image_named("app:v1").unwrap(), Some(image(0xab)));
    assert_eq!(store.image_named("app:latest").unwrap(), Some(image(0xac)));
    assert_eq!(store.image(&image(0xab).id).unwrap(), Some(image(0xab)));
    assert_eq!(
        store.images().unwrap(),
        [(image(0xac), names(&["app:latest"])), (image(0xab), names(&["app:v1"]))]
    );
    let by_prefix = |digits: &str| store.read(|records| records.images_by_prefix(digits, 5)).unwrap().len();
    assert_eq!(
        (
            by_prefix("a"),
            by_prefix("aba"),
            by_prefix("abc"),
            by_prefix("%"),
            by_prefix("")
        ),
        (2, 1, 0, 0, 0)
    );

    let with_manifest = ImageRecord {
        manifest: Some(BlobDigest::from_bytes([1; 32])),
        ..image(0xab)
    };
    store.put_image(&with_manifest, &[]).unwrap();
    store.put_image(&image(0xab), &[]).unwrap();
    assert_eq!(
        store.image_named("app:v1").unwrap(),
        Some(with_manifest),
        "a manifest is not forgotten"
    );
    assert_eq!(store.remove_name("app:v1").unwrap(), Some(image(0xab).id));
    assert_eq!(store.remove_name("app:v1").unwrap(), None);
    store.remove_image(&image(0xac).id).unwrap();
    assert_eq!(store.image_named("app:latest").unwrap(), None);
}

#[test]
fn pruning_keeps_what_images_and_recent_steps_need() {
    let (_folder, store) = store();
    let (old, young, imaged) = (
        keep(&store, "a", b"old"),
        keep(&store, "b", b"young"),
        keep(&store, "c", b"imaged"),
    );
    let key = |n: u8| StepKey::from_bytes([n; 32]);
    for (n, content) in [(1, old), (2, young), (3, imaged)] {
        store
            .put_step(
                &key(n),
                &StepRecord {
                    content,
                    ..record(n, "place", "x")
                },
            )
            .unwrap();
    }
    let config = store.put_blob(b"config").unwrap();
    let stray = store.put_blob(b"stray").unwrap();
    let image = ImageRecord {
        id: config,
        manifest: None,
        layers: vec![ImageLayer {
            diff_id: DiffId::from_bytes([5; 32]),
            content: Some(imaged),
        }],
        created: Time::default(),
        size: 1,
    };
    store.put_image(&image, &["app".to_owned()]).unwrap();
    let far = Time {
        seconds: now().seconds + 1000,
        nanoseconds: 0,
    };
    let age = |n: u8, used: i64| {
        let database = rusqlite::Connection::open(store.path().join("varve.db")).unwrap();
        database
            .execute("UPDATE steps SET used = ?2 WHERE key = ?1", (key(n).as_bytes(), used))
            .unwrap();
    };
    age(1, 10);
    age(2, (far.seconds + 1) * 1_000_000_000);

    let other = Store::open(store.path()).unwrap();
    assert!(matches!(other.prune(&Retention::default()), Err(StoreError::InUse(_))));
    drop(other);
    let pruned = store
        .prune(&Retention {
            used_since: Some(far),
            most_bytes: None,
        })
        .unwrap();
    assert_eq!((pruned.steps, pruned.deltas.count, pruned.blobs.count), (2, 1, 1));
    assert!(store.has_delta(&young).unwrap() && store.has_delta(&imaged).unwrap() && !store.has_delta(&old).unwrap());
    assert!(store.has_blob(&config).unwrap() && !store.has_blob(&stray).unwrap());
    assert_eq!(store.done(&key(1)).unwrap(), None);

    let pruned = store
        .prune(&Retention {
            used_since: None,
            most_bytes: Some(0),
        })
        .unwrap();
    assert_eq!((pruned.steps, pruned.deltas.count), (1, 1));
    assert!(store.has_delta(&imaged).unwrap(), "an image is never emptied");
    Store::open(store.path()).unwrap();
}
