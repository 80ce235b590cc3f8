//! Measurements, run by hand: `cargo test --release --lib layer::tests::bench -- --ignored --nocapture`.

use super::written;
use crate::layer::{Entry, Listing};
use std::time::{Duration, Instant};

/// Shaped like a source tree: 20 packages of 25 directories of 100 files each.
fn source_tree() -> Vec<Entry> {
    let mut texts = Vec::new();
    for package in 0..20 {
        texts.push(format!("packages/package-{package}/"));
        for directory in 0..25 {
            texts.push(format!("packages/package-{package}/source/module-{directory}/"));
            texts.extend(
                (0..100).map(|file| {
                    format!("packages/package-{package}/source/module-{directory}/component-{file}.test.ts")
                }),
            );
        }
    }
    let entries = texts.iter().map(|text| written(text)).collect();
    Listing::from_entries(entries).unwrap().into_entries()
}

/// The best of several runs, without the time to make the input.
fn best<I, O>(mut input: impl FnMut() -> I, run: impl Fn(I) -> O) -> Duration {
    let one = |input| {
        let start = Instant::now();
        let output = run(input);
        let took = start.elapsed();
        drop(output);
        took
    };
    (0..20).map(|_| one(input())).min().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn listings() {
    let sorted = source_tree();
    let mut reversed = sorted.clone();
    reversed.reverse();
    let mut orphans = sorted.clone();
    orphans.retain(|entry| !matches!(entry.kind, crate::layer::Kind::Directory { .. }));
    let bytes = Listing::from_entries(sorted.clone()).unwrap().encode();
    let list = |entries| Listing::from_entries(entries).unwrap();
    eprintln!("{} entries", sorted.len());
    eprintln!("sorted          {:?}", best(|| sorted.clone(), list));
    eprintln!("reversed        {:?}", best(|| reversed.clone(), list));
    eprintln!("without parents {:?}", best(|| orphans.clone(), list));
    eprintln!(
        "decoded         {:?}",
        best(|| (), |()| Listing::decode(&bytes).unwrap())
    );
}
