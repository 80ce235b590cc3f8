//! Several builds at once.

use super::*;
use crate::digest::StepKey;
use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const NEVER: &dyn Fn() -> bool = &|| false;

#[test]
fn many_may_open_a_new_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for n in 0..8u8 {
            let (folder, start) = (&folder, &start);
            scope.spawn(move || {
                start.wait();
                let store = Store::open(folder.path()).unwrap();
                for m in 0..20 {
                    store.put_memo("kind", &[n * 20 + m; 32], &[n]).unwrap();
                }
            });
        }
    });
    let store = Store::open(folder.path()).unwrap();
    for n in 0..160u8 {
        assert_eq!(store.memo("kind", &[n; 32]).unwrap(), Some(vec![n / 20]));
    }
}

#[test]
fn the_same_step_runs_once() {
    let (_folder, store) = store();
    let (start, runs) = (Barrier::new(6), AtomicU32::new(0));
    let key = StepKey::from_bytes([1; 32]);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let store = Store::open(store.path()).unwrap();
                start.wait();
                let _guard = store.lock_step(&key, NEVER).unwrap();
                if store.done(&key).unwrap().is_none() {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let record = StepRecord {
                        content: keep(&store, "a", b"result"),
                        created: now(),
                        duration: std::time::Duration::ZERO,
                        place: "place".to_owned(),
                        ingredients: Vec::new(),
                    };
                    store.put_step(&key, &record).unwrap();
                }
            });
        }
    });
    assert_eq!(runs.into_inner(), 1);
    assert_eq!(leftovers(&store), [""; 0]);
}

#[test]
fn waiting_can_be_given_up() {
    let (_folder, store) = store();
    let key = StepKey::from_bytes([1; 32]);
    let held = store.try_lock_step(&key).unwrap().unwrap();
    assert!(store.try_lock_step(&key).unwrap().is_none());
    let asked = AtomicU32::new(0);
    let cancelled = || asked.fetch_add(1, Ordering::Relaxed) == 2;
    assert!(matches!(store.lock_step(&key, &cancelled), Err(StoreError::Cancelled)));
    drop(held);
    assert!(store.try_lock_step(&key).unwrap().is_some());
}

#[test]
fn the_same_content_from_many_threads_is_one_delta() {
    let (_folder, store) = store();
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let (draft, listing) = draft(&store, "a", b"same");
                start.wait();
                let content = store.keep(draft, &listing).unwrap();
                let digest = store.put_blob(b"same").unwrap();
                assert!(store.delta(&content).unwrap().unwrap().tree().join("a").exists());
                assert_eq!(store.read_blob(&digest, 4).unwrap(), b"same");
            });
        }
    });
    assert_eq!(store.usage().unwrap().deltas.count, 1);
    assert_eq!(leftovers(&store), [""; 0]);
}

#[test]
fn a_sweep_never_takes_what_another_thread_just_made() {
    let (_folder, store) = store();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                store.sweep().unwrap();
            }
        });
        for n in 0..300u32 {
            keep(&store, "a", &n.to_le_bytes());
            store.put_blob(&n.to_le_bytes()).unwrap();
            drop(store.lock_step(&StepKey::from_bytes([1; 32]), NEVER).unwrap());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(store.usage().unwrap().deltas.count, 300);
}

fn seed(path: &Path) -> std::io::Result<()> {
    std::fs::write(path.join("seeded"), b"")
}

#[test]
fn cache_mounts_are_shared_locked_or_kept_apart() {
    let (_folder, store) = store();
    let take = |identity: u8, sharing, cancelled: &dyn Fn() -> bool| {
        store.cache_mount(&[identity; 32], sharing, cancelled, seed)
    };
    let one = take(1, MountSharing::Shared, NEVER).unwrap();
    let two = take(1, MountSharing::Shared, NEVER).unwrap();
    assert_eq!(one.path(), two.path());
    assert!(one.path().join("seeded").exists());
    assert!(matches!(
        take(1, MountSharing::Locked, &|| true),
        Err(StoreError::Cancelled)
    ));
    let apart = take(1, MountSharing::Private, NEVER).unwrap();
    assert_ne!(apart.path(), one.path());
    drop((one, two));
    let alone = take(1, MountSharing::Locked, NEVER).unwrap();
    assert!(matches!(
        take(1, MountSharing::Shared, &|| true),
        Err(StoreError::Cancelled)
    ));
    std::fs::remove_file(alone.path().join("seeded")).unwrap();
    drop(alone);
    let again = take(1, MountSharing::Private, NEVER).unwrap();
    assert!(!again.path().join("seeded").exists(), "only a new folder is seeded");
    assert_ne!(take(2, MountSharing::Private, NEVER).unwrap().path(), again.path());
}

#[test]
fn a_cache_mount_is_seeded_once_and_completely() {
    let (_folder, store) = store();
    let failed = store.cache_mount(&[1; 32], MountSharing::Shared, NEVER, |path| {
        std::fs::write(path.join("half"), b"").unwrap();
        Err("no seed today")
    });
    assert!(matches!(failed, Err(StoreError::Seed { .. })));
    let (start, seeds) = (Barrier::new(6), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                start.wait();
                let mount = store
                    .cache_mount(&[1; 32], MountSharing::Shared, NEVER, |path| {
                        seeds.fetch_add(1, Ordering::Relaxed);
                        std::fs::write(path.join("whole"), b"").unwrap();
                        Ok::<_, Infallible>(())
                    })
                    .unwrap();
                assert!(mount.path().join("whole").exists() && !mount.path().join("half").exists());
            });
        }
    });
    assert_eq!(seeds.into_inner(), 1);
}

/// Two commands that wait for each other, both the first to use a folder.
#[test]
fn those_who_share_a_new_cache_mount_have_it_at_once() {
    let (_folder, store) = store();
    for round in 0..200u32 {
        let identity: [u8; 32] = std::array::from_fn(|n| round.to_le_bytes()[n % 4]);
        let (start, inside, asked) = (Barrier::new(2), AtomicU32::new(0), AtomicU32::new(0));
        // Asked every 10 ms or less often: some seconds of waiting.
        let given_up = || asked.fetch_add(1, Ordering::Relaxed) > 400;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    let _mount = store
                        .cache_mount(&identity, MountSharing::Shared, &given_up, seed)
                        .expect("a folder that somebody else uses can be shared");
                    inside.fetch_add(1, Ordering::Relaxed);
                    while inside.load(Ordering::Relaxed) < 2 && !given_up() {
                        std::thread::sleep(std::time::Duration::from_millis(10));
                    }
                });
            }
        });
        assert!(asked.into_inner() <= 400, "one had to wait until the other was done");
    }
}
