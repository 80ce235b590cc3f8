//! How long the small things take that every build does: `cargo bench --bench micro`.
//!
//! Each line is the median of many rounds; compare lines of one run only. With `-- --short` there is one round of each,
//! which only proves that all of them run.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and one that unwraps tells why"
)]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use varve::context::Ignore;
use varve::digest::FileHasher;
use varve::layer::{Entry, Kind, Listing, Time};

const FILES: usize = 50_000;

fn main() {
    // What else cargo gives to every benchmark is no business of this one.
    let short = std::env::args().any(|argument| argument == "--short");
    let clock = Clock { short };
    let texts = dockerfiles();
    let bytes: usize = texts.iter().map(String::len).sum();
    let name = format!("parse {} Dockerfiles, {bytes} bytes", texts.len());
    clock.measure(&name, || {
        texts
            .iter()
            .map(|text| varve::dockerfile::parse(text).diagnostics.len())
            .sum::<usize>()
    });

    let listing = Listing::from_entries(entries()).unwrap();
    let encoded = listing.encode();
    clock.measure(&format!("encode a listing of {FILES} files"), || listing.encode().len());
    clock.measure(&format!("decode it, {} bytes", encoded.len()), || {
        Listing::decode(&encoded).unwrap().entries().len()
    });
    clock.measure("its content id", || listing.content_id());

    let paths: Vec<&[u8]> = listing.entries().iter().map(|entry| &*entry.path).collect();
    let (usual, _) = Ignore::parse(".git\nnode_modules\n*.log\ntarget/\n");
    clock.measure(&format!("{FILES} paths, 4 plain patterns"), || {
        paths.iter().filter(|path| usual.excludes(path)).count()
    });
    let (hard, _) = Ignore::parse("**/*.tmp\n**/f1?.*\n!**/d00[1-5]/**\nsrc/**/gen-*/*.rs\n*\n!src\n!files\n");
    clock.measure(&format!("{FILES} paths, 7 hard patterns"), || {
        paths.iter().filter(|path| hard.excludes(path)).count()
    });

    let block = vec![7_u8; 64 << 20];
    clock.measure("hash 64 MiB", || FileHasher::of(&block));
}

fn dockerfiles() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dockerfiles");
    let mut paths: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let is_dockerfile = |path: &&std::path::PathBuf| path.extension().is_some_and(|it| it == "Dockerfile");
    paths
        .iter()
        .filter(is_dockerfile)
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect()
}

fn entries() -> Vec<Entry> {
    let entry = |path: String, kind: Kind| Entry {
        path: path.into_bytes().into(),
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: Vec::new(),
    };
    let mut all = vec![entry("files".to_owned(), Kind::Directory { opaque: false })];
    for directory in 0..FILES / 500 {
        all.push(entry(
            format!("files/d{directory:03}"),
            Kind::Directory { opaque: false },
        ));
        for number in 0..500 {
            let path = format!("files/d{directory:03}/f{number:03}.txt");
            let digest = FileHasher::of(path.as_bytes());
            all.push(entry(path, Kind::File { size: 99, digest }));
        }
    }
    all
}

struct Clock {
    short: bool,
}

impl Clock {
    /// Prints the median of as many rounds as fit into half a second, five at least; of one alone when it is short.
    fn measure<T>(&self, what: &str, mut work: impl FnMut() -> T) {
        let (least, time) = match self.short {
            true => (1, Duration::ZERO),
            false => (5, Duration::from_millis(500)),
        };
        let mut rounds = Vec::new();
        let start = Instant::now();
        while rounds.len() < least || start.elapsed() < time {
            let round = Instant::now();
            black_box(work());
            rounds.push(round.elapsed());
        }
        rounds.sort();
        println!(
            "{what:45} {:>12.3?}  of {} rounds",
            rounds[rounds.len() / 2],
            rounds.len()
        );
    }
}
