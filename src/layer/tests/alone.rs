//! Layers that are unpacked before what lies below them is known.

use super::listing;
use super::tar::unpacked_with;
use super::unpack::Raw;
use super::writer::shown;
use crate::layer::{LayerError, Unpack, View};
use proptest::prelude::*;

fn archive(members: &[(u8, &str, &str)]) -> Vec<u8> {
    let raw = members
        .iter()
        .fold(Raw::default(), |raw, (kind, path, target)| match kind {
            b'5' => raw.directory(path),
            b'0' => raw.file(path),
            kind => raw.link(*kind, path, target),
        });
    raw.end()
}

const ALONE: Unpack<'static> = Unpack {
    whiteouts: true,
    base: b"",
    lower: None,
    open_lower: None,
    alone: true,
    adjust: None,
};

#[test]
fn a_layer_that_describes_its_directories_needs_nothing_below() {
    let tar = archive(&[
        (b'5', "usr/", ""),
        (b'5', "usr/lib/", ""),
        (b'0', "usr/lib/x", ""),
        (b'2', "lib", "usr/lib"),
        (b'0', "lib/y", ""),
        (b'0', "lib/.wh.z", ""),
        (b'1', "h", "lib/x"),
    ]);
    let (_tree, result) = unpacked_with(&tar, &ALONE);
    let expected = [
        "h",
        "lib -> usr/lib",
        "usr/",
        "usr/lib/",
        "usr/lib/x = h",
        "usr/lib/y",
        "-usr/lib/z",
    ];
    assert_eq!(shown(&result.unwrap().0), expected);
    for needy in [
        (b'0', "lib/x", ""),
        (b'0', "lib/.wh.x", ""),
        (b'1', "h", "passwd"),
        (b'5', "a/b/", ""),
    ] {
        // Whatever comes later.
        let tar = archive(&[needy, (b'5', "lib/", ""), (b'5', "a/", ""), (b'0', "passwd", "")]);
        let (_tree, result) = unpacked_with(&tar, &ALONE);
        assert!(matches!(result, Err(LayerError::NeedsLower)), "{needy:?}: {result:?}");
    }
}

proptest! {
    #[test]
    fn what_is_unpacked_alone_is_the_same_above_anything(
        members in prop::collection::vec((
            prop::sample::select(vec![b'0', b'1', b'2', b'5']),
            prop::sample::select(vec![
                "a", "b", "a/b", "a/c", "b/c", "a/b/c", "b/a", ".wh.a", ".wh.b", "a/.wh.b", "a/.wh..wh..opq", "b/.wh.c",
            ]),
            prop::sample::select(vec!["a", "b", "a/b", "/b/c", "../a"]),
        ), 0..9),
        below in prop::sample::select(vec![
            &["a -> b", "b/", "b/c"][..], &["a/", "a/b -> ../b", "b/", "b/c"], &["a", "b -> a"], &["a/", "a/b/", "a/b/c", "b"],
        ]),
    ) {
        let tar = archive(&members);
        if let (_tree, Ok((alone, unpacked))) = unpacked_with(&tar, &ALONE) {
            let view = View::new(vec![listing(below)]);
            let open = |_: &crate::layer::Found<'_>| -> std::io::Result<std::fs::File> {
                panic!("nothing of what lies below is needed")
            };
            let options = Unpack { lower: Some(&view), open_lower: Some(&open), alone: false, ..ALONE };
            let (_tree, above) = unpacked_with(&tar, &options);
            let (above, again) = above.unwrap();
            prop_assert_eq!(shown(&alone), shown(&above));
            prop_assert_eq!(alone.content_id(), above.content_id());
            prop_assert_eq!(unpacked, again);
        }
    }
}
