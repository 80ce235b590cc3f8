//! A disk that is full. Needs a mount, and so root.

use super::*;
use std::path::PathBuf;

/// A tmpfs of 2 MiB, unmounted in the end.
struct Tiny(
    PathBuf,
    #[expect(dead_code, reason = "removes the folder when dropped")] tempfile::TempDir,
);

impl Tiny {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny");
        std::fs::create_dir(&path).unwrap();
        let flags = rustix::mount::MountFlags::empty();
        match rustix::mount::mount("tiny", &path, "tmpfs", flags, c"size=2m") {
            Ok(()) => Some(Self(path, folder)),
            Err(errno) if std::env::var_os("CI").is_none_or(|it| it != "true") => {
                eprintln!("skipped: cannot mount a tmpfs: {errno}");
                None
            }
            Err(errno) => panic!("cannot mount a tmpfs: {errno}"),
        }
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    let Some(tiny) = Tiny::mount() else { return };
    let store = Store::open(&tiny.0).unwrap();
    let kept = keep(&store, "a", b"small");

    let mut writer = store.blob_writer().unwrap();
    let error = writer.write_all(&vec![1; 4 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let inner = error.get_ref().unwrap().to_string();
    assert!(
        inner.starts_with("no space left in the store `") && inner.contains("tiny"),
        "{inner}"
    );
    assert!(writer.finish().is_err(), "a failed writer stays failed");

    let error = store.put_blob(&vec![1; 4 << 20]).unwrap_err();
    assert!(error.to_string().starts_with("no space left in the store"), "{error}");
    assert_eq!(leftovers(&store), [""; 0]);

    // Fill it to the brim, and no record or delta gets in; then there is room again, and both do.
    let ballast = tiny.0.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let draft = store.draft();
    let error = match draft {
        Err(error) => error,
        Ok(draft) => {
            let listing = Listing::from_entries((0..20_000).map(file_named).collect()).unwrap();
            store.keep(draft, &listing).unwrap_err()
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    let error = (0..10_000u32)
        .find_map(|n| {
            store
                .put_memo(
                    "fill",
                    crate::digest::FileHasher::of(&n.to_le_bytes()).as_bytes(),
                    &[0; 500],
                )
                .err()
        })
        .unwrap();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert_eq!(leftovers(&store), [""; 0]);
    drop(file);
    std::fs::remove_file(ballast).unwrap();
    assert!(store.has_delta(&kept).unwrap());
    store.put_memo("after", &[0; 32], b"value").unwrap();
    keep(&store, "b", b"more");
    drop(store);
}

fn file_named(number: u32) -> Entry {
    file(
        &format!("a-rather-long-name-for-a-file-{number}"),
        &number.to_le_bytes(),
    )
}
