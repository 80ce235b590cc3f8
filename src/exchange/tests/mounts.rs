//! Cache mounts: only what is new travels.

use super::*;
use std::fs;
use std::path::Path;

const CANCELLED: &(dyn Fn() -> bool + Sync) = &|| false;

/// Bytes that can't be compressed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn fill(folder: &Path) {
    fs::create_dir_all(folder.join("deep/er")).unwrap();
    for number in 0..50 {
        fs::write(folder.join(format!("deep/{number}")), noise(number, 20_000)).unwrap();
    }
    fs::write(folder.join("large"), noise(99, 10_000_000)).unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::hard_link(folder.join("empty"), folder.join("deep/er/other")).unwrap();
    std::os::unix::fs::symlink("../large", folder.join("deep/link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe"), 0o600.into()).unwrap();
}

#[test]
fn a_folder_travels_whole_once_and_then_what_changed() {
    for (what, scene) in scenes() {
        let (here, there) = (Machine::new(), Machine::new());
        let mine = tempfile::tempdir().unwrap();
        fill(mine.path());
        let send = |folder: &Path| {
            let place = (scene.open)(&here);
            send_mount(&*place, &fact(1), folder, &here.store, &here.host, CANCELLED).unwrap()
        };
        let all = send(mine.path());
        assert!(all > 11_000_000, "{what}: {all}");
        assert_eq!(send(mine.path()), 0, "{what}: nothing changed");
        fs::write(mine.path().join("deep/7"), noise(1000, 20_000)).unwrap();
        let one = send(mine.path());
        assert!((20_000..40_000).contains(&one), "{what}: one file and a listing: {one}");
        // Of a large file the piece that changed.
        let mut bytes = noise(99, 10_000_000);
        bytes[9_000_000] ^= 1;
        fs::write(mine.path().join("large"), &bytes).unwrap();
        let piece = send(mine.path());
        assert!((1_000_000..4_500_000).contains(&piece), "{what}: {piece}");

        let theirs = tempfile::tempdir().unwrap();
        there.importing(&[(scene.open)(&there)], |imports| {
            assert!(!imports.mount("m", &fact(2), theirs.path()), "another one");
            assert!(!imports.mount("n", &fact(1), theirs.path()), "nobody asked for it");
            assert!(imports.mount("m", &fact(1), theirs.path()));
        });
        assert_eq!(there.told(), [""; 0]);
        assert_eq!(fs::read(theirs.path().join("large")).unwrap(), bytes);
        assert_eq!(fs::read(theirs.path().join("deep/7")).unwrap(), noise(1000, 20_000));
        assert_eq!(fs::read(theirs.path().join("deep/8")).unwrap(), noise(8, 20_000));
        assert_eq!(fs::read(theirs.path().join("deep/er/other")).unwrap(), b"");
        assert_eq!(
            fs::read_link(theirs.path().join("deep/link")).unwrap(),
            Path::new("../large")
        );
        assert!(!theirs.path().join("pipe").exists());
        let time = |folder: &Path| fs::metadata(folder.join("deep/8")).unwrap().modified().unwrap();
        assert_eq!(time(mine.path()), time(theirs.path()), "tools look at times");
    }
}

#[test]
fn packs_of_which_little_is_left_are_packed_anew() {
    let (scene, here) = (local(), Machine::new());
    let folder = tempfile::tempdir().unwrap();
    let place = (scene.open)(&here);
    let send = || send_mount(&*place, &fact(1), folder.path(), &here.store, &here.host, CANCELLED).unwrap();
    for number in 0..10 {
        fs::write(folder.path().join(number.to_string()), noise(number, 100_000)).unwrap();
    }
    send();
    for number in 0..8 {
        fs::remove_file(folder.path().join(number.to_string())).unwrap();
    }
    let again = send();
    assert!((200_000..210_000).contains(&again), "{again}");
}

#[test]
fn a_damaged_set_leaves_the_folder_empty() {
    let (scene, here, there) = (local(), Machine::new(), Machine::new());
    let mine = tempfile::tempdir().unwrap();
    fs::write(mine.path().join("f"), noise(1, 100_000)).unwrap();
    fs::write(mine.path().join("a"), "small").unwrap();
    let place = (scene.open)(&here);
    send_mount(&*place, &fact(1), mine.path(), &here.store, &here.host, CANCELLED).unwrap();
    let set = place.mount(&fact(1), &here.store).unwrap().unwrap();
    let Place::Directory { path, .. } = place.place() else {
        unreachable!()
    };
    for blob in set.blobs() {
        let file = path.join("blobs/sha256").join(blob.digest.hex());
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    }
    let theirs = tempfile::tempdir().unwrap();
    there.importing(&[(scene.open)(&there)], |imports| {
        assert!(!imports.mount("m", &fact(1), theirs.path()));
    });
    assert_eq!(there.told().len(), 1);
    assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
}
