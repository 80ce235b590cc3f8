//! Whatever comes on the standard input becomes a context that stays in its directory, a Dockerfile, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use varve::context::{Context as _, SourcePattern, Stdin, read_stdin};
use varve::layer::Kind;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Stdin::Tar(stream)) = read_stdin(bytes) else {
        return;
    };
    let outer = tempfile::tempdir().expect("a directory");
    let outside = outer.path().join("outside");
    fs::write(&outside, "untouched").expect("a file");
    let directory = outer.path().join("context");
    fs::create_dir(&directory).expect("a directory");
    if let Ok(context) = stream.unpack(&directory, None) {
        let _ = context.find_dockerfile(None);
        let everything = SourcePattern::new(".", false).expect("a pattern");
        let listing = context.list(&[everything]).expect("a listing");
        for entry in listing.entries() {
            assert_eq!((entry.uid, entry.gid), (0, 0));
            if let Kind::File { size, .. } = entry.kind {
                let file = context.open_file(&entry.path).expect("a file that is listed");
                assert_eq!(file.metadata().expect("a file").len(), size, "{entry:?}");
                file.take(16).read_to_end(&mut Vec::new()).expect("its bytes");
            }
        }
    }
    assert_eq!(fs::read(&outside).expect("still there"), b"untouched");
    assert_eq!(names(outer.path()), ["context", "outside"]);
});

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
