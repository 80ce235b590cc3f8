use super::{directory, host, listing, written};
use crate::layer::{Content, DeltaWriter, View, flatten, flatten_to};
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

const STACK: [&[&str]; 3] = [
    &[
        "a/x", "b = a/x", "c = a/x", "d/old", "e", "f = e", "s -> e", "t = s", "u = s",
    ],
    &["-s", "-a/x", "d//", "d/new", "d/link -> new", "e"],
    &["-b", "g = d2", "d2", "h/i/j"],
];

#[test]
fn a_stack_becomes_one_delta() {
    let mut trees = Vec::new();
    let mut listings = Vec::new();
    for layer in STACK {
        let (tree, fd) = directory();
        let writer = DeltaWriter::new(fd, host());
        // Files before links to them.
        for link in [false, true] {
            for text in layer.iter().filter(|text| text.contains(" = ") == link) {
                writer.put(written(text), Content::Bytes(text.as_bytes())).unwrap();
            }
        }
        listings.push(Arc::new(writer.finish().unwrap()));
        trees.push(tree);
    }
    let view = View::new(listings);
    let flat = flatten(&view).unwrap();
    let expected = [
        "a/",
        "c",
        "d/",
        "d/link -> new",
        "d/new",
        "d2",
        "e",
        "f",
        "g = d2",
        "h/",
        "h/i/",
        "h/i/j",
        "t -> e",
        "u = t",
    ];
    assert_eq!(super::writer::shown(&flat), expected);

    let opened: Vec<File> = trees.iter().map(|tree| File::open(tree.path()).unwrap()).collect();
    let opened: Vec<_> = opened.iter().map(|it| it.as_fd()).collect();
    let (tree, fd) = directory();
    let writer = DeltaWriter::new(fd, host());
    flatten_to(&view, &opened, &writer).unwrap();
    assert_eq!(writer.finish().unwrap(), flat);
    let read = |path: &str| std::fs::read_to_string(tree.path().join(path)).unwrap();
    assert_eq!(
        (read("c"), read("f"), read("e"), read("d/link")),
        ("a/x".into(), "e".into(), "e".into(), "d/new".into())
    );
    let inode = |path: std::path::PathBuf| path.metadata().unwrap().ino();
    assert_eq!(
        inode(tree.path().join("c")),
        inode(trees[0].path().join("a/x")),
        "shared, not copied"
    );
}

#[test]
fn a_flat_listing_shows_what_the_stack_shows() {
    let view = View::new(STACK.map(listing).into());
    let flat = View::new(vec![Arc::new(flatten(&view).unwrap())]);
    let paths = |view: &View| view.walk(b"").map(|it| it.entry.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&view), paths(&flat));
    assert!(flatten(&View::new(Vec::new())).unwrap().entries().is_empty());
}
