use super::{entry, listing, written};
use crate::layer::{Entry, Kind, Listing, ListingError, Time};
use proptest::prelude::*;

fn paths(listing: &Listing) -> Vec<String> {
    listing
        .entries()
        .iter()
        .map(|entry| String::from_utf8_lossy(&entry.path).into_owned())
        .collect()
}

#[test]
fn entries_are_sorted_and_get_their_parents() {
    let listing = listing(&["b", "a-b", "a/c/d", "a/b", "a!/x"]);
    assert_eq!(paths(&listing), ["a", "a/b", "a/c", "a/c/d", "a!", "a!/x", "a-b", "b"]);
    let below = |path: &[u8]| {
        listing
            .below(path)
            .iter()
            .map(|it| it.path.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(below(b"a"), [&b"a/b"[..], b"a/c", b"a/c/d"]);
    assert_eq!(below(b"").len(), 8);
    assert!(below(b"b").is_empty() && below(b"missing").is_empty());
    assert!(listing.get(b"a/c").is_some() && listing.get(b"a/").is_none());
}

#[test]
fn what_is_no_listing_is_refused() {
    let refused = |entries: &[&str]| Listing::from_entries(entries.iter().map(|it| written(it)).collect()).unwrap_err();
    for path in ["/a", "a//b", "a/../b", "..", ".", "a/.", "a\0b"] {
        assert!(matches!(refused(&[path]), ListingError::Path(_)), "{path}");
    }
    assert!(matches!(refused(&["a", "a"]), ListingError::Duplicate(_)));
    assert!(matches!(refused(&["a", "a/b"]), ListingError::Parent(_)));
    assert!(matches!(refused(&["-a", "a/b/c"]), ListingError::Parent(_)));
    assert!(matches!(refused(&["a -> b", "a/b"]), ListingError::Parent(_)));
    for entries in [["a = b", "b"], ["b = a", "a/"], ["b = a", "c"], ["b = a", "-a"]] {
        assert!(
            matches!(refused(&entries), ListingError::HardLink { .. }),
            "{entries:?}"
        );
    }
}

#[test]
fn times_are_no_part_of_the_identity_and_everything_else_is() {
    let id = |change: &dyn Fn(&mut Entry)| {
        let mut it = written("a");
        change(&mut it);
        Listing::from_entries(vec![it]).unwrap().content_id()
    };
    let plain = id(&|_| ());
    assert_eq!(
        plain,
        id(&|it| it.mtime = Time {
            seconds: -4,
            nanoseconds: 1
        })
    );
    assert_ne!(plain, id(&|it| it.mode = 0o4644));
    assert_ne!(plain, id(&|it| it.uid = 1));
    assert_ne!(plain, id(&|it| it.gid = 1));
    assert_ne!(plain, id(&|it| it.path = b"b"[..].into()));
    assert_ne!(plain, id(&|it| it.kind = written("b").kind));
    assert_ne!(plain, id(&|it| it.kind = Kind::Fifo));
    assert_ne!(
        plain,
        id(&|it| it.xattrs = vec![(b"user.a"[..].into(), b""[..].into())])
    );
    assert_ne!(listing(&["a/"]).content_id(), listing(&["a//"]).content_id());
}

#[test]
fn the_identity_is_pinned() {
    let id = listing(&["a/", "a/b", "c -> a", "d = a/b", "-e", "f//"]).content_id();
    assert_eq!(
        id.to_string(),
        "3eb3af2b8c0c6f46b83d594b0c03f5dee99d42284c5a5970dc83b4759775ccde"
    );
}

#[test]
fn damage_is_noticed() {
    let good = listing(&["a/b", "a/c -> d", "e = a/b"]).encode();
    assert!(Listing::decode(&good).is_ok());
    for cut in 0..good.len() {
        assert!(Listing::decode(&good[..cut]).is_err());
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 4;
        assert!(Listing::decode(&bad).is_err(), "byte {at}");
    }
    let mut future = good;
    future[8] = 3;
    assert_eq!(Listing::decode(&future), Err(ListingError::Version(3)));
}

#[test]
fn everything_but_a_directory_can_have_several_names() {
    let mut entries = vec![
        entry("c", Kind::Character { major: 1, minor: 3 }),
        written("d = c"),
        Entry {
            mode: 0o600,
            uid: 7,
            ..entry("p", Kind::Fifo)
        },
        written("q = p"),
        written("s -> x"),
        written("t = s"),
    ];
    let links = Listing::from_entries(entries.clone()).unwrap();
    let get = |path: &[u8]| links.get(path).unwrap();
    assert_eq!((get(b"q").mode, get(b"q").uid, get(b"t").mode), (0o600, 7, 0o777));
    assert_eq!(links.file_of(get(b"t")).kind, written("s -> x").kind);
    assert_eq!(Listing::decode(&links.encode()), Ok(links.clone()));
    // Releases that only know hard links to files must see a newer format, and all others the old one.
    assert_eq!(links.encode()[8], 2);
    assert_eq!(listing(&["a", "b = a", "s -> x"]).encode()[8], 1);
    entries.push(written("u = t"));
    let refused = Listing::from_entries(entries).unwrap_err();
    assert!(
        matches!(refused, ListingError::HardLink { .. }),
        "a link is not the first name"
    );
}

/// Gives a body the right checksum, as an attacker would.
fn signed(body: &[u8]) -> Vec<u8> {
    signed_as(1, body)
}

fn signed_as(version: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = [&b"varvelst"[..], &[version], body].concat();
    let check = crate::digest::FileHasher::of(&bytes);
    bytes.extend_from_slice(&check.as_bytes()[..16]);
    bytes
}

#[test]
fn forged_encodings_are_refused() {
    let refused = |body: &[u8]| Listing::decode(&signed(body)).unwrap_err();
    assert!(Listing::decode(&signed(&[1, 7 | 1 << 5, 0, 1, b'a', 0, 0, 0])).is_ok());
    refused(&[1, 7 | 1 << 5, 0, 2, b'.', b'.', 0, 0, 0]);
    refused(&[1, 7 | 1 << 5, 1, 1, b'a', 0, 0, 0]);
    refused(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    refused(&[2, 8, 0, 1, b'b', 8, 0, 1, b'a']);
    refused(&[2, 8, 0, 1, b'b', 8, 0, 1, b'b']);
    refused(&[2, 8, 0, 1, b'b', 8, 1, 2, b'/', b'a']);
    refused(&[1, 8, 0, 3, b'b', b'/', b'a']);
    refused(&[1, 4, 0, 1, b'b', 0]);
    // A second name of a pipe needs the second format, one of a directory or of a removal none has.
    let linked = |kind: u8| [2, kind | 1 << 5, 0, 1, b'a', 0, 0, 0, 4, 0, 1, b'b', 0];
    assert!(Listing::decode(&signed_as(2, &linked(7))).is_ok());
    refused(&linked(7));
    assert!(Listing::decode(&signed_as(2, &linked(1))).is_err());
    assert!(Listing::decode(&signed_as(2, &[2, 8, 0, 1, b'a', 4, 0, 1, b'b', 0])).is_err());
    assert!(Listing::decode(&signed_as(2, &[1, 8, 0, 1, b'a'])).is_err());
    refused(&[1, 8, 0, 0]);
    refused(&[0, 0]);
    // A prefix that ends in a slash must not be continued by dots or another slash.
    let third = |rest: &[u8]| [&[3, 1 | 1 << 5, 0, 1, b'a', 0, 0, 0, 8, 1, 2, b'/', b'+', 8][..], rest].concat();
    assert!(Listing::decode(&signed(&third(&[2, 2, b'.', b'x']))).is_ok());
    refused(&third(&[2, 2, b'.', b'.']));
    refused(&third(&[2, 2, b'/', b'x']));
    refused(&third(&[2, 1, b'.']));
}

fn any_entries() -> impl Strategy<Value = Vec<Entry>> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "a-b",
        "a b",
        "\u{e9}",
        "z!",
        ".wh.x",
        "long-name-long-name",
    ]);
    let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let kind = prop_oneof![
        any::<(u64, [u8; 32])>().prop_map(|(size, it)| Kind::File {
            size,
            digest: crate::digest::FileDigest::from_bytes(it)
        }),
        any::<bool>().prop_map(|opaque| Kind::Directory { opaque }),
        "[a-z/.]{1,9}".prop_map(|it| Kind::Symlink {
            target: it.into_bytes().into()
        }),
        any::<(u32, u32)>().prop_map(|(major, minor)| Kind::Character { major, minor }),
        any::<(u32, u32)>().prop_map(|(major, minor)| Kind::Block { major, minor }),
        Just(Kind::Fifo),
        Just(Kind::Whiteout),
    ];
    let time = (any::<i64>(), 0..1_000_000_000u32);
    let xattrs = prop::collection::btree_map("[a-z.]{1,4}", prop::collection::vec(any::<u8>(), 0..4), 0..3);
    let one = (path, kind, 0..0o10000u16, 0..3u32, any::<u32>(), time, xattrs);
    let one = one.prop_map(|(path, kind, mode, uid, gid, (seconds, nanoseconds), xattrs)| {
        let xattrs = xattrs
            .into_iter()
            .map(|(name, value)| (name.into_bytes().into(), value.into()))
            .collect();
        Entry {
            mode,
            uid,
            gid,
            mtime: Time { seconds, nanoseconds },
            xattrs,
            ..entry(&path, kind)
        }
    });
    prop::collection::vec(one, 0..30).prop_map(|mut entries| {
        // Keeps what can stand together: one entry a path, and only directories above others.
        let mut kept: Vec<Entry> = Vec::new();
        entries.sort_by_key(|it| it.path.len());
        for it in entries {
            let clash = |other: &Entry| {
                other.path == it.path
                    || it.path.starts_with(&[&other.path[..], b"/"].concat())
                        && !matches!(other.kind, Kind::Directory { .. })
            };
            if !kept.iter().any(clash) {
                kept.push(it);
            }
        }
        // The device 0/0 is a removal, and has one name only.
        let linkable = |it: &&Entry| it.kind.can_be_linked() && it.kind != Kind::Character { major: 0, minor: 0 };
        let firsts: Vec<_> = kept.iter().filter(linkable).cloned().collect();
        for (number, first) in firsts.into_iter().enumerate().filter(|(number, _)| number % 3 == 0) {
            kept.push(Entry {
                path: format!("\u{ffff}/{number}").into_bytes().into(),
                kind: Kind::HardLink { target: first.path },
                ..first
            });
        }
        kept
    })
}

proptest! {
    #[test]
    fn encoding_and_back_gives_the_same(entries in any_entries()) {
        let listing = Listing::from_entries(entries).unwrap();
        let bytes = listing.encode();
        let back = Listing::decode(&bytes).unwrap();
        prop_assert_eq!(back.encode(), bytes);
        prop_assert_eq!(back, listing);
    }

    #[test]
    fn order_puts_slashes_first(a in "[a/!\u{e9}]{0,20}", b in "[a/!\u{e9}]{0,20}", shared in "[a/]{0,20}") {
        let (a, b) = (format!("{shared}{a}"), format!("{shared}{b}"));
        let ranks = |path: &str| path.bytes().map(|it| if it == b'/' { 0 } else { it }).collect::<Vec<_>>();
        prop_assert_eq!(crate::layer::tree_order(a.as_bytes(), b.as_bytes()), ranks(&a).cmp(&ranks(&b)));
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(entries in any_entries(), seed in any::<u64>()) {
        let sorted = Listing::from_entries(entries.clone()).unwrap();
        let mut shuffled = entries;
        shuffled.sort_by_key(|it| crate::digest::FileHasher::of(&[&seed.to_le_bytes()[..], &it.path].concat()));
        prop_assert_eq!(&Listing::from_entries(shuffled).unwrap(), &sorted);
        prop_assert_eq!(&Listing::from_entries(sorted.clone().into_entries()).unwrap(), &sorted);
    }

    #[test]
    fn nonsense_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Listing::decode(&signed(&body));
    }
}
