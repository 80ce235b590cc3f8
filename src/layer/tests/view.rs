use super::{listing, written};
use crate::layer::{Entry, Found, Kind, Listing, ResolveError, View};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn view(layers: &[&[&str]]) -> View {
    View::new(layers.iter().map(|entries| listing(entries)).collect())
}

fn shown<'a>(found: impl IntoIterator<Item = Found<'a>>) -> Vec<String> {
    found
        .into_iter()
        .map(|it| format!("{}:{}", it.layer, String::from_utf8_lossy(&it.entry.path)))
        .collect()
}

#[test]
fn upper_layers_win_remove_and_hide() {
    let view = view(&[
        &["a/x", "a/y", "b/x", "c/x", "d/e/f"],
        &["a/y", "-b", "c//", "c/z", "d"],
        &["a/-", "b/n", "d/g"],
        &["-a/x"],
    ]);
    assert_eq!(
        shown(view.walk(b"")),
        [
            "0:", "3:a", "2:a/-", "1:a/y", "2:b", "2:b/n", "1:c", "1:c/z", "2:d", "2:d/g"
        ]
    );
    assert_eq!(shown(view.read_dir(b"a")), ["2:a/-", "1:a/y"]);
    assert_eq!(shown(view.read_dir(b"a/y")), Vec::<String>::new());
    assert!(view.get(b"d/e/f").is_none() && view.get(b"c/x").is_none() && view.get(b"a/x").is_none());
    assert_eq!(shown(view.walk(b"d")), ["2:d", "2:d/g"]);
    assert!(view.walk(b"nowhere").next().is_none());
}

#[test]
fn hard_links_lead_to_their_file() {
    let view = view(&[&["a"], &["-a", "d/f", "l = d/f"], &["-d"]]);
    let link = view.get(b"l").unwrap();
    assert_eq!(&*view.file_of(&link).path, b"d/f");
}

#[test]
fn a_second_name_of_a_link_leads_where_the_first_does() {
    let view = view(&[&["d/x", "a -> d", "l = a"], &["-a"]]);
    assert_eq!(&*view.resolve(b"l/x", true).unwrap().path, b"d/x");
    assert_eq!(&*view.resolve(b"l", false).unwrap().path, b"l");
}

#[test]
fn a_root_nobody_described_is_plain() {
    let view = view(&[]);
    assert_eq!(view.get(b"").unwrap().entry.mode, 0o755);
    assert_eq!(shown(view.walk(b"")), ["0:"]);
    assert!(view.get(b"a").is_none());
}

#[test]
fn links_are_resolved_inside_the_root() {
    let view = view(&[
        &[
            "usr/lib/x",
            "lib -> usr/lib",
            "etc/alt -> /lib/x",
            "var/run -> ../../../run",
            "loop -> loop",
        ],
        &[
            "dangling -> /srv/data/file",
            "up -> ..",
            "file",
            "here -> ./usr//lib/",
            "into -> file/x",
        ],
    ]);
    #[rustfmt::skip]
    let cases: &[(&str, bool, &str, bool, usize)] = &[
        ("/", true, "", true, 0),
        ("lib/x", false, "usr/lib/x", true, 3),
        ("lib", false, "lib", true, 1),
        ("lib/", false, "usr/lib", true, 2),
        ("lib", true, "usr/lib", true, 2),
        ("here/x", true, "usr/lib/x", true, 3),
        ("/etc/alt", true, "usr/lib/x", true, 3),
        ("/etc/../../..//./lib/x/", true, "usr/lib/x", true, 3),
        ("/var/run/lock/a", true, "run/lock/a", false, 0),
        ("dangling", true, "srv/data/file", false, 0),
        ("dangling", false, "dangling", true, 1),
        ("usr/new/../lib/x", true, "usr/lib/x", true, 3),
        ("usr/new/../../file", true, "file", true, 1),
        ("usr/new/deep", true, "usr/new/deep", false, 1),
        ("up/up/file", true, "file", true, 1),
        ("loop", false, "loop", true, 1),
    ];
    for (path, follow, real, exists, missing_from) in cases {
        let resolved = view.resolve(path.as_bytes(), *follow).unwrap();
        let got = (
            String::from_utf8_lossy(&resolved.path).into_owned(),
            resolved.found.is_some(),
            resolved.missing_from,
        );
        assert_eq!(got, (real.to_string(), *exists, *missing_from), "{path}");
    }
    let error = |path: &str| view.resolve(path.as_bytes(), true).unwrap_err();
    assert!(matches!(error("loop"), ResolveError::TooManyLinks(_)));
    assert!(matches!(error("file/x"), ResolveError::NotADirectory(_)));
    assert!(matches!(error("into"), ResolveError::NotADirectory(_)));
    assert!(matches!(error("a\0"), ResolveError::Invalid(_)));
    let deep = view.resolve(b"usr/new/a/b", true).unwrap();
    assert_eq!(
        deep.missing_parents().collect::<Vec<_>>(),
        [&b"usr/new"[..], b"usr/new/a"]
    );
    let found = view.resolve(b"usr/lib/x", true).unwrap();
    assert_eq!(found.missing_parents().count(), 0);
}

/// Applies layers one by one to a map, in the plainest way.
fn model(layers: &[Arc<Listing>]) -> BTreeMap<Vec<u8>, (usize, Entry)> {
    let mut tree: BTreeMap<Vec<u8>, (usize, Entry)> = BTreeMap::new();
    for (number, layer) in layers.iter().enumerate() {
        // Hiding first, as a tree below must not take away what this layer brings.
        for entry in layer.entries() {
            let below = [&entry.path[..], b"/"].concat();
            let merges = matches!(entry.kind, Kind::Directory { opaque: false })
                && tree
                    .get(&entry.path[..])
                    .is_some_and(|(_, old)| matches!(old.kind, Kind::Directory { .. }));
            if !merges {
                tree.retain(|path, _| !path.starts_with(&below));
            }
            tree.remove(&entry.path[..]);
        }
        for entry in layer.entries().iter().filter(|entry| entry.kind != Kind::Whiteout) {
            tree.insert(entry.path.to_vec(), (number, entry.clone()));
        }
    }
    tree
}

fn any_layer() -> impl Strategy<Value = Arc<Listing>> {
    let path = prop::collection::vec(prop::sample::select(vec!["a", "b", "a-"]), 1..4).prop_map(|it| it.join("/"));
    let one = (path, 0..8u8).prop_map(|(path, kind)| match kind {
        0 | 1 => format!("-{path}"),
        2 => format!("{path}//"),
        3 | 4 => format!("{path}/"),
        _ => path,
    });
    prop::collection::vec(one, 0..8).prop_map(|texts| {
        let mut kept: Vec<Entry> = Vec::new();
        for text in texts {
            kept.push(written(&text));
            if Listing::from_entries(kept.clone()).is_err() {
                kept.pop();
            }
        }
        Arc::new(Listing::from_entries(kept).unwrap())
    })
}

proptest! {
    #[test]
    fn a_view_is_what_applying_layers_gives(layers in prop::collection::vec(any_layer(), 0..5)) {
        let expected = model(&layers);
        let view = View::new(layers);
        let walked: Vec<_> = view.walk(b"").skip(1).map(|it| (it.layer, it.entry.path.to_vec())).collect();
        let mut wanted: Vec<_> = expected.iter().map(|(path, (layer, _))| (*layer, path.clone())).collect();
        wanted.sort_by(|a, b| crate::layer::tree_order(&a.1, &b.1));
        prop_assert_eq!(walked, wanted);
        for first in ["a", "b", "a-"] {
            for rest in ["", "/a", "/b", "/a/b", "/a-/a"] {
                let path = format!("{first}{rest}").into_bytes();
                let found = view.get(&path).map(|it| (it.layer, it.entry.clone()));
                prop_assert_eq!(found.as_ref(), expected.get(&path));
                let children = view.read_dir(&path).len();
                let below = [&path[..], b"/"].concat();
                let wanted = expected.keys().filter(|it| it.starts_with(&below) && !it[below.len()..].contains(&b'/'));
                prop_assert_eq!(children, wanted.count());
            }
        }
    }
}
