//! Stories of a store: what survives, what is refused, and who waits for whom.

mod crashes;
mod full;
mod records;
mod sharing;

use super::*;
use crate::digest::{ContentId, FileHasher};
use crate::layer::{Entry, Kind, Listing, Time};
use std::io::{Read, Write};
use std::path::Path;

/// A store in a folder of its own.
fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    (folder, store)
}

fn file(path: &str, content: &[u8]) -> Entry {
    Entry {
        path: path.as_bytes().into(),
        kind: Kind::File {
            size: content.len() as u64,
            digest: FileHasher::of(content),
        },
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: Vec::new(),
    }
}

/// A draft with one file, and its listing.
fn draft(store: &Store, name: &str, content: &[u8]) -> (Draft, Listing) {
    let draft = store.draft().unwrap();
    std::fs::write(draft.tree().join(name), content).unwrap();
    (draft, Listing::from_entries(vec![file(name, content)]).unwrap())
}

fn keep(store: &Store, name: &str, content: &[u8]) -> ContentId {
    let (draft, listing) = draft(store, name, content);
    store.keep(draft, &listing).unwrap()
}

fn leftovers(store: &Store) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(store.path().join("tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_blob_comes_out_as_it_went_in() {
    let (_folder, store) = store();
    let mut writer = store.blob_writer().unwrap();
    writer.write_all(b"strata ").unwrap();
    writer.write_all(b"and sediment").unwrap();
    let (digest, size) = writer.finish().unwrap();
    assert_eq!(size, 19);
    assert_eq!(store.put_blob(b"strata and sediment").unwrap(), digest);
    let mut read = Vec::new();
    store
        .open_blob(&digest)
        .unwrap()
        .unwrap()
        .read_to_end(&mut read)
        .unwrap();
    assert_eq!(read, b"strata and sediment");
    assert_eq!(store.read_blob(&digest, 19).unwrap(), read);
    assert!(matches!(store.read_blob(&digest, 18), Err(StoreError::Damaged { .. })));
    assert_eq!(leftovers(&store), [""; 0]);
}

#[test]
fn an_unexpected_blob_is_refused_and_leaves_nothing() {
    let (_folder, store) = store();
    let wanted = crate::digest::Sha256::of(b"varve");
    for (bytes, size) in [(&b"verve"[..], 5), (b"varve", 6), (b"varv", 5)] {
        let mut writer = store.blob_writer().unwrap();
        writer.write_all(bytes).unwrap();
        assert!(matches!(
            writer.finish_expecting(&wanted, size),
            Err(StoreError::Blob(_))
        ));
    }
    assert!(!store.has_blob(&wanted).unwrap());
    assert_eq!(leftovers(&store), [""; 0]);
}

#[test]
fn a_damaged_blob_is_noticed_and_made_again() {
    let (_folder, store) = store();
    let digest = store.put_blob(b"varve").unwrap();
    std::fs::remove_file(store.blob_path(&digest)).unwrap();
    std::fs::write(store.blob_path(&digest), b"verve").unwrap();
    let mut reader = store.open_blob(&digest).unwrap().unwrap();
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(!store.has_blob(&digest).unwrap(), "what is proven bad is gone");
    store.put_blob(b"varve").unwrap();
    store.open_blob(&digest).unwrap().unwrap().check().unwrap();
}

#[test]
fn a_cut_blob_is_replaced_by_a_whole_one() {
    let (_folder, store) = store();
    let digest = store.put_blob(b"varve").unwrap();
    std::fs::remove_file(store.blob_path(&digest)).unwrap();
    std::fs::write(store.blob_path(&digest), b"var").unwrap();
    assert_eq!(store.put_blob(b"varve").unwrap(), digest);
    assert_eq!(store.read_blob(&digest, 100).unwrap(), b"varve");
}

#[test]
fn the_first_delta_of_a_content_stays() {
    let (_folder, store) = store();
    let first = keep(&store, "a", b"one");
    let delta = store.delta(&first).unwrap().unwrap();
    std::fs::write(delta.tree().join("a"), b"ONE").unwrap();
    assert_eq!(keep(&store, "a", b"one"), first);
    assert_eq!(
        std::fs::read(delta.tree().join("a")).unwrap(),
        b"ONE",
        "nobody has touched it"
    );
    assert_eq!(delta.listing().unwrap().entries().len(), 1);
    assert!(std::ptr::eq(
        &*delta.listing().unwrap(),
        &*store.listing(&first).unwrap()
    ));
    assert_eq!(leftovers(&store), [""; 0]);
    assert_eq!(store.delta(&ContentId::from_bytes([7; 32])).unwrap().map(drop), None);
}

#[test]
fn odd_trees_can_be_removed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (_folder, store) = store();
    let draft = store.draft().unwrap();
    // Deeper than a path can name and than a program may have files open.
    let deep = rustix::fs::openat(draft.tree_fd(), ".", rustix::fs::OFlags::RDONLY, 0.into()).unwrap();
    let mut at = deep;
    for _ in 0..3000 {
        rustix::fs::mkdirat(&at, "d", 0o755.into()).unwrap();
        at = rustix::fs::openat(&at, "d", rustix::fs::OFlags::RDONLY, 0.into()).unwrap();
    }
    symlink("/", draft.tree().join("root")).unwrap();
    std::fs::create_dir(draft.tree().join("closed")).unwrap();
    std::fs::write(draft.tree().join("closed/file"), b"").unwrap();
    std::fs::set_permissions(draft.tree().join("closed"), PermissionsExt::from_mode(0o000)).unwrap();
    drop(draft);
    assert_eq!(leftovers(&store), [""; 0]);
}

#[test]
fn usage_counts_what_is_there() {
    let (_folder, store) = store();
    store.put_blob(&[1; 5000]).unwrap();
    keep(&store, "a", &[2; 9000]);
    let _draft = store.draft().unwrap();
    let usage = store.usage().unwrap();
    assert_eq!((usage.blobs.count, usage.deltas.count, usage.drafts.count), (1, 1, 1));
    assert!(usage.blobs.bytes >= 5000 && usage.deltas.bytes >= 9000);
    assert!(usage.total() >= 14_000);
}

#[test]
fn context_indexes_have_names_of_their_own() {
    let (_folder, store) = store();
    let one = store.context_index(Path::new("/src/one"));
    assert_ne!(one, store.context_index(Path::new("/src/two")));
    std::fs::write(one, b"index").unwrap();
}
