//! What a killed program or a power cut leaves, and what the next one makes of it.

use super::*;
use crate::digest::StepKey;

/// Lets a value vanish without its destructor, as a killed program does; its locks are released.
fn kill<T>(value: T, locks: impl FnOnce(&T) -> std::os::fd::RawFd) {
    let lock = locks(&value);
    std::mem::forget(value);
    // The kernel does this for a dead process.
    #[expect(unsafe_code, reason = "only the kernel closes files of something that was forgotten")]
    // SAFETY: the value that owned the descriptor was forgotten, so nobody else closes it.
    drop(unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(lock) });
}

#[test]
fn a_sweep_takes_what_the_dead_left_and_nothing_else() {
    use std::os::fd::AsRawFd;
    let (_folder, store) = store();
    let (dead, _) = draft(&store, "a", b"half");
    kill(dead, |draft| draft.lock.as_raw_fd());
    std::fs::write(store.path().join("tmp/step-without-owner"), b"").unwrap();
    let (alive, listing) = draft(&store, "b", b"whole");
    let mut writer = store.blob_writer().unwrap();
    writer.write_all(b"blob").unwrap();
    let guard = store.try_lock_step(&StepKey::from_bytes([1; 32])).unwrap().unwrap();
    assert_eq!(leftovers(&store).len(), 5);

    let other = Store::open(store.path()).unwrap();
    other.sweep().unwrap();
    assert_eq!(leftovers(&store).len(), 3);
    other.sweep().unwrap();
    drop(guard);
    let content = store.keep(alive, &listing).unwrap();
    writer.finish().unwrap();
    assert!(other.has_delta(&content).unwrap());
    drop(store);
    assert_eq!(leftovers(&other), [""; 0]);
}

#[test]
fn a_draft_that_died_before_its_rename_is_no_delta() {
    let (_folder, store) = store();
    let (draft, listing) = draft(&store, "a", b"one");
    store.write_listing(&draft, &listing).unwrap();
    std::mem::forget(draft);
    assert!(!store.has_delta(&listing.content_id()).unwrap());
    assert_eq!(keep(&store, "a", b"one"), listing.content_id());
}

#[test]
fn a_row_without_its_files_is_a_miss() {
    let (_folder, store) = store();
    let content = keep(&store, "a", b"one");
    let diff_id = crate::digest::DiffId::from_bytes([3; 32]);
    let digest = store.put_blob(b"layer").unwrap();
    store.put_blob_of(&diff_id, "gzip", &digest, 5).unwrap();
    assert_eq!(store.blob_of(&diff_id, "gzip").unwrap(), Some((digest, 5)));
    assert_eq!(store.blob_of(&diff_id, "zstd").unwrap(), None);
    std::fs::remove_file(store.blob_path(&digest)).unwrap();
    assert_eq!(store.blob_of(&diff_id, "gzip").unwrap(), None);

    let layer = LayerRecord { diff_id, size: 5 };
    store.put_layer(&content, &layer).unwrap();
    store.discard_delta(&content).unwrap();
    assert!(!store.has_delta(&content).unwrap());
    assert!(store.delta(&content).unwrap().is_none());
    assert!(matches!(store.listing(&content), Err(StoreError::NoDelta(_))));
    // The new tree may have other times, so the old layer's digest does not speak of it.
    assert_eq!(keep(&store, "a", b"one"), content);
    assert_eq!(store.layer_of(&content).unwrap(), None);
}

#[test]
fn after_a_power_cut_incomplete_deltas_are_not_trusted() {
    let (folder, store) = store();
    let (whole, cut) = (keep(&store, "a", b"whole"), keep(&store, "b", b"cut"));
    let settled = keep(&store, "c", b"settled");
    let path = |content: &ContentId, name: &str| {
        let delta = folder.path().join("store/deltas/v1").join(content.hex());
        delta.join(name)
    };
    store.settle().unwrap();
    assert!(!path(&settled, "boot").is_symlink());
    for content in [&whole, &cut] {
        std::os::unix::fs::symlink("an-earlier-boot", path(content, "boot")).unwrap();
    }
    std::fs::File::create(path(&cut, "tree/b")).unwrap();

    assert!(store.has_delta(&whole).unwrap());
    assert!(!path(&whole, "boot").is_symlink(), "looked at once");
    assert!(!store.has_delta(&cut).unwrap());
    assert_eq!(keep(&store, "b", b"cut"), cut);
    let delta = store.delta(&cut).unwrap().unwrap();
    assert_eq!(std::fs::read(delta.tree().join("b")).unwrap(), b"cut");
    assert_eq!(leftovers(&store), [""; 0]);
}

#[test]
fn a_cut_listing_is_a_miss_and_a_damaged_one_an_error() {
    let (_folder, store) = store();
    let content = keep(&store, "a", b"one");
    let path = store.path().join(format!("deltas/v1/{}/listing", content.hex()));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"nonsense").unwrap();
    assert!(matches!(store.listing(&content), Err(StoreError::Listing { .. })));
    std::fs::write(&path, b"").unwrap();
    assert!(!store.has_delta(&content).unwrap());
}

#[test]
fn synced_stores_keep_what_they_report() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        durability: Durability::Synced,
    };
    let store = Store::open_with(folder.path(), options).unwrap();
    let content = keep(&store, "a", b"one");
    assert!(
        !store
            .path()
            .join(format!("deltas/v1/{}/boot", content.hex()))
            .is_symlink()
    );
    let digest = store.put_blob(b"varve").unwrap();
    assert_eq!(store.read_blob(&digest, 5).unwrap(), b"varve");
}

#[test]
fn a_store_from_the_future_is_refused() {
    let (_folder, store) = store();
    let path = store.path().to_owned();
    drop(store);
    let database = rusqlite::Connection::open(path.join("varve.db")).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(database);
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(
        error,
        StoreError::Future {
            found: 99,
            known: 3,
            ..
        }
    ));
    assert!(error.to_string().contains("has format 99"));
}

#[test]
fn a_database_that_is_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("varve.db"), [b'x'; 4096]).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Database { .. })));
}
