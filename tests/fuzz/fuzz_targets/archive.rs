//! Any archive becomes a listing that survives being written and read, or an error; as does any listing on disk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{self, Read as _};
use varve::layer::{Content, Kind, Listing, ListingError, UNKNOWN_DIGEST, decoder, detect, read_tar};

/// More than this of a stream or of a file is not looked at: a hole may claim to be exabytes.
const ENOUGH: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(listing) = Listing::decode(bytes) {
        assert_eq!(
            Listing::decode(&listing.encode()).expect("what was encoded").entries(),
            listing.entries()
        );
    }
    let Ok(stream) = decoder(detect(bytes), bytes) else {
        return;
    };
    let mut entries = Vec::new();
    let read = read_tar(stream.take(ENOUGH), &mut |entry, content| {
        assert!(!entry.path.starts_with(b"/"), "{entry:?}");
        assert!(
            entry
                .path
                .split(|byte| *byte == b'/')
                .all(|name| name != b".." && name != b"."),
            "{entry:?}"
        );
        match (&entry.kind, content) {
            (Kind::File { size, digest }, Content::Reader(reader)) => {
                assert_eq!(*digest, UNKNOWN_DIGEST);
                let mut left = (*size).min(ENOUGH);
                let mut buffer = [0; 4096];
                while left > 0 {
                    let wanted = left.min(buffer.len() as u64) as usize;
                    match reader.read(&mut buffer[..wanted]) {
                        Ok(0) => break,
                        Ok(count) => left -= count as u64,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(_) => break,
                    }
                }
            }
            (kind, Content::None) => assert!(!matches!(kind, Kind::File { .. })),
            (kind, _) => panic!("{kind:?} came with another content"),
        }
        entries.push(entry);
        Ok(())
    });
    if read.is_err() {
        return;
    }
    match Listing::from_entries(entries) {
        Ok(listing) => {
            let again = Listing::decode(&listing.encode()).expect("what was encoded");
            assert_eq!(again.entries(), listing.entries());
            assert_eq!(again.content_id(), listing.content_id());
        }
        Err(error) => {
            let _: ListingError = error;
        }
    }
});
