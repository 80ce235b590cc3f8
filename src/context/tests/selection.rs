//! What COPY takes, rule by rule.

use super::{copy_from, open, tree};
use crate::context::{Overrides, Patterns, SelectError, SelectRequest, Selection, SourcePattern, digest_of, select};
use crate::digest::{FileDigest, FileHasher};
use crate::layer::{Entry, Kind, Listing, Time, View};
use std::sync::Arc;

#[track_caller]
fn check(lines: &[&str], ignore: &str, sources: &[&str], excludes: &[&str], want: &[&str]) {
    let dir = tree(lines);
    assert_eq!(copy_from(&open(&dir, ignore), sources, false, excludes).unwrap(), want);
}

#[track_caller]
fn check_parents(lines: &[&str], sources: &[&str], excludes: &[&str], want: &[&str]) {
    let dir = tree(lines);
    assert_eq!(copy_from(&open(&dir, ""), sources, true, excludes).unwrap(), want);
}

#[test]
fn a_directory_gives_its_contents_and_a_file_its_name() {
    let lines = &["d/x", "d/e/y", "d/e/none/", "f"];
    check(lines, "", &["d"], &[], &["d/", "e", "e/none", "e/y", "x"]);
    check(lines, "", &["d/", "/f"], &[], &["d/", "e", "e/none", "e/y", "x", "[f]"]);
    check(lines, "", &["./d/../f", "f/"], &[], &["[f]", "[f]"]);
    for root in ["", ".", "/", "./", "..", "../../."] {
        check(
            lines,
            "",
            &[root],
            &[],
            &["/", "d", "d/e", "d/e/none", "d/e/y", "d/x", "f"],
        );
    }
    check(lines, "", &["../f"], &[], &["[f]"]);
}

#[test]
fn wildcards_stay_in_their_component() {
    let lines = &["a.txt", "b.txt", ".h.txt", "c.md", "one/x.txt", "one/two/y.txt", "[0]"];
    check(lines, "", &["*.txt"], &[], &["[.h.txt]", "[a.txt]", "[b.txt]"]);
    check(lines, "", &["[ab].*"], &[], &["[a.txt]", "[b.txt]"]);
    check(lines, "", &["**/*.txt"], &[], &["[x.txt]"]);
    check(lines, "", &["*/*"], &[], &["two/", "y.txt", "[x.txt]"]);
    check(lines, "", &["[[]0]"], &[], &["[[0]]"]);
    check(lines, "", &["none*", "no/such/*", "c.md/*"], &[], &[]);
}

#[test]
fn a_source_that_is_a_link_is_followed_and_others_are_not() {
    let lines = &[
        "d/x",
        "d/in -> x",
        "d/out -> /etc/passwd",
        "f",
        "dlink -> d",
        "flink -> ./f",
        "abs -> /d/x",
        "up -> ../../../f",
        "chain -> dlink/in",
    ];
    check(lines, "", &["dlink"], &[], &["dlink/", "in", "out", "x"]);
    check(
        lines,
        "",
        &["flink", "abs", "up", "chain"],
        &[],
        &["[flink]", "[abs]", "[up]", "[chain]"],
    );
    check(lines, "", &["dlink/x"], &[], &["[x]"]);
    check(lines, "", &["*link"], &[], &["dlink/", "in", "out", "x", "[flink]"]);
    check(
        &["d/x", "d/in -> x", "dlink -> d"],
        "",
        &["dlink/*"],
        &[],
        &["[in]", "[x]"],
    );
    check(&["d1/x", "d2 -> d1"], "", &["d*/x"], &[], &["[x]"]);
}

#[test]
fn excludes_are_relative_to_each_source_directory() {
    let lines = &[
        "e/a.txt",
        "e/c.md",
        "e/s/a.txt",
        "e/s/d.md",
        "e/t/k",
        "top.txt",
        "top.md",
    ];
    check(
        lines,
        "",
        &["e"],
        &["*.txt"],
        &["e/", "c.md", "s", "s/a.txt", "s/d.md", "t", "t/k"],
    );
    check(
        lines,
        "",
        &["e"],
        &["**/*.txt"],
        &["e/", "c.md", "s", "s/d.md", "t", "t/k"],
    );
    check(lines, "", &["e"], &["/s", "t/"], &["e/", "a.txt", "c.md"]);
    check(lines, "", &["e"], &["**", "!**/*.md"], &["e/", "c.md", "s", "s/d.md"]);
    check(
        lines,
        "",
        &["."],
        &["e/s", "top*"],
        &["/", "e", "e/a.txt", "e/c.md", "e/t", "e/t/k"],
    );
    check(
        lines,
        "",
        &["*"],
        &["a.txt"],
        &[
            "e/",
            "c.md",
            "s",
            "s/a.txt",
            "s/d.md",
            "t",
            "t/k",
            "[top.md]",
            "[top.txt]",
        ],
    );
    check(lines, "", &["top*"], &["*.txt"], &["[top.md]"]);
    check(lines, "", &["top.txt"], &["*.txt"], &["[top.txt]"]);
}

#[test]
fn parents_keep_the_path() {
    let lines = &[
        "p/one/x.txt",
        "p/one/y.md",
        "p/two/deep/x.txt",
        "p/two/x.txt",
        "q/x.txt",
        "top.txt",
        "empty/",
    ];
    for source in ["p/two/x.txt", "./p/two/x.txt", "/p/two/x.txt", "/p//two/x.txt/"] {
        check_parents(lines, &[source], &[], &["p", "p/two", "p/two/x.txt"]);
    }
    check_parents(
        lines,
        &["p/two/", "empty"],
        &[],
        &["p", "p/two", "p/two/deep", "p/two/deep/x.txt", "p/two/x.txt", "empty"],
    );
    check_parents(lines, &["p/./one/x.txt"], &[], &["one", "one/x.txt"]);
    check_parents(lines, &["p/one/./x.txt"], &[], &["x.txt"]);
    check_parents(
        lines,
        &["p/./**/x.txt"],
        &[],
        &["one", "one/x.txt", "two", "two/deep", "two/deep/x.txt", "two/x.txt"],
    );
    check_parents(lines, &["*/x.txt"], &[], &["q", "q/x.txt"]);
    check_parents(lines, &["p/*"], &["p/two", "**/*.md"], &["p", "p/one", "p/one/x.txt"]);
    check_parents(lines, &["p/tw?/./*.txt"], &[], &["x.txt"]);
    check_parents(lines, &["none/**", "**/none"], &[], &[]);
    check_parents(lines, &["p/one/x.txt"], &["p/one"], &[]);
    check_parents(
        &["d/x", "link -> d", "file -> d/x"],
        &["link/x", "file"],
        &[],
        &["link", "link/x", "file"],
    );
}

#[test]
fn ignored_files_do_not_exist() {
    let lines = &["a.log", "d/b.log", "d/x", "d/sub/y", "keep/z", "l -> a.log"];
    check(
        lines,
        "*.log\nd/sub",
        &["d", "k*"],
        &[],
        &["d/", "b.log", "x", "keep/", "z"],
    );
    check(lines, "*\n!d/sub", &["."], &[], &["/", "d", "d/sub", "d/sub/y"]);
    check(lines, "*\n!none", &["."], &[], &["/"]);
}

#[track_caller]
fn not_found(lines: &[&str], ignore: &str, parents: bool, source: &str) -> (String, Vec<String>) {
    let dir = tree(lines);
    let error = copy_from(&open(&dir, ignore), &[source], parents, &[]).unwrap_err();
    let SelectError::NotFound { help, .. } = &error;
    (error.to_string(), help.clone())
}

#[test]
fn what_is_not_there_is_explained() {
    let lines = &[
        "src/main.rs",
        "package.json",
        "secret.key",
        "gone -> no/where",
        "loop -> loop",
    ];
    let said = |ignore, source| not_found(lines, ignore, false, source);
    let words = |text: &str, help: &[&str]| {
        (
            text.to_owned(),
            help.iter().map(|help| (*help).to_owned()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        said("", "/pakage.json"),
        words("\"/pakage.json\": not found", &["did you mean `package.json`?"])
    );
    assert_eq!(
        said("", "src/Main.rs"),
        words("\"/src/Main.rs\": not found", &["did you mean `src/main.rs`?"])
    );
    assert_eq!(
        said("", "scr/main.rs"),
        words("\"/scr/main.rs\": not found", &["did you mean `src`?"])
    );
    assert_eq!(
        said("*.key", "secret.key"),
        words(
            "\"/secret.key\": not found",
            &["`secret.key` exists, but `.dockerignore` keeps it out of the build context"]
        )
    );
    assert_eq!(
        said("", "gone"),
        words(
            "\"/gone\": not found",
            &["`gone` is a symbolic link to `no/where`, which does not exist here"]
        )
    );
    assert_eq!(
        said("", "completely/else"),
        words("\"/completely/else\": not found", &[])
    );
    assert_eq!(said("", "loop").0, "\"/loop\": not found");
    assert_eq!(said("", "package.json/x").0, "\"/package.json/x\": not found");
    assert_eq!(
        not_found(lines, "", true, "src/./man.rs"),
        words("\"/src/man.rs\": not found", &["did you mean `src/main.rs`?"])
    );
    assert_eq!(not_found(lines, "", true, ".").0, "\"/\": not found");
}

#[test]
fn names_of_one_file_stay_one_file() {
    check(
        &["d/a", "d/b = d/a", "d/s/c = d/a", "e = d/a"],
        "",
        &["d"],
        &[],
        &["d/", "a", "b = a", "s", "s/c = a"],
    );
    check(&["a", "d/b = a", "d/c = a"], "", &["d"], &[], &["d/", "b", "c = b"]);
    check(
        &["a", "d/b = a", "d/c = a"],
        "",
        &["."],
        &["a"],
        &["/", "d", "d/b", "d/c = d/b"],
    );
    check(
        &["d/a -> x", "d/b = d/a", "d/x", "e = d/a"],
        "",
        &["d", "d/b", "d/*"],
        &[],
        &["d/", "a", "b = a", "x", "[b]", "[a]", "[b]", "[x]"],
    );
}

/// An entry with some metadata.
fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.as_bytes().into(),
        kind,
        mode: 0o644,
        uid: 7,
        gid: 8,
        mtime: Time::default(),
        xattrs: Vec::new(),
    }
}

fn file(path: &str, content: &str) -> Entry {
    let size = content.len() as u64;
    let digest = FileHasher::of(content.as_bytes());
    entry(path, Kind::File { size, digest })
}

fn view(layers: &[&[Entry]]) -> View {
    let listing = |entries: &&[Entry]| Arc::new(Listing::from_entries(entries.to_vec()).unwrap());
    View::new(layers.iter().map(listing).collect())
}

fn selected<T>(view: &View, source: &str, call: impl FnOnce(&Selection<'_>) -> T) -> T {
    let excludes = Patterns::default();
    let sources = [SourcePattern::new(source, false).unwrap()];
    let request = SelectRequest {
        sources: &sources,
        excludes: &excludes,
        hints: None,
    };
    call(&select(view, &request).unwrap())
}

fn digest(entries: &[Entry], source: &str, overrides: Overrides) -> FileDigest {
    selected(&view(&[entries]), source, |selection| selection.digest(&overrides))
}

#[test]
fn a_stage_is_seen_through_its_deltas() {
    let directory = |path: &str| entry(path, Kind::Directory { opaque: false });
    let lower = [
        directory("d"),
        file("d/gone", "1"),
        file("d/kept", "2"),
        file("d/new", "3"),
    ];
    let upper = [directory("d"), entry("d/gone", Kind::Whiteout), file("d/new", "4")];
    let stacked = view(&[&lower, &upper]);
    selected(&stacked, "d", |selection| {
        let entries = &selection.items[0].entries;
        let seen: Vec<_> = entries.iter().map(|entry| (&*entry.relative, entry.layer)).collect();
        assert_eq!(seen, [(b"".as_slice(), 1), (b"kept", 0), (b"new", 1)]);
    });
    let flat = [directory("d"), file("d/kept", "2"), file("d/new", "4")];
    let stacked = selected(&stacked, "d", |selection| selection.digest(&Overrides::default()));
    assert_eq!(
        stacked,
        digest(&flat, "d", Overrides::default()),
        "content counts, not the layers"
    );
}

type Change<'a> = &'a dyn Fn(&mut Vec<Entry>);

#[test]
fn the_digest_holds_what_the_table_says() {
    let base = || {
        vec![
            entry("d", Kind::Directory { opaque: false }),
            file("d/f", "x"),
            entry("d/l", Kind::Symlink { target: (*b"f").into() }),
            entry("d/n", Kind::Character { major: 1, minor: 3 }),
        ]
    };
    let changed = |change: Change<'_>| {
        let mut entries = base();
        change(&mut entries);
        entries
    };
    let plain = Overrides::default();
    let both = Overrides {
        mode: true,
        owner: true,
    };
    let differs: &[(&str, Change<'_>)] = &[
        ("content", &|entries| entries[1] = file("d/f", "y")),
        ("name", &|entries| entries[1] = file("d/g", "x")),
        ("link", &|entries| {
            entries[2].kind = Kind::Symlink { target: (*b"g").into() }
        }),
        ("device", &|entries| {
            entries[3].kind = Kind::Character { major: 1, minor: 5 }
        }),
        ("type", &|entries| entries[3].kind = Kind::Block { major: 1, minor: 3 }),
        ("xattr", &|entries| {
            entries[1].xattrs = vec![((*b"user.a").into(), (*b"b").into())]
        }),
        ("more", &|entries| entries.push(file("d/z", ""))),
    ];
    for (what, change) in differs {
        assert_ne!(
            digest(&changed(change), "d", plain),
            digest(&base(), "d", plain),
            "{what}"
        );
        assert_ne!(
            digest(&changed(change), "d", both),
            digest(&base(), "d", both),
            "{what}"
        );
    }
    let metadata: &[(&str, Change<'_>)] = &[
        ("mode", &|entries| entries[1].mode = 0o600),
        ("directory's mode", &|entries| entries[0].mode = 0o700),
        ("owner", &|entries| entries[1].uid = 9),
        ("group", &|entries| entries[2].gid = 9),
    ];
    for (what, change) in metadata {
        assert_ne!(
            digest(&changed(change), "d", plain),
            digest(&base(), "d", plain),
            "{what}"
        );
        assert_eq!(
            digest(&changed(change), "d", both),
            digest(&base(), "d", both),
            "{what}"
        );
    }
    let time = |entries: &mut Vec<Entry>| entries[1].mtime.seconds = 99;
    assert_eq!(digest(&changed(&time), "d", plain), digest(&base(), "d", plain));
    assert_ne!(digest(&base(), "d", plain), digest(&base(), "d", both));
}

#[test]
fn the_digest_of_one_name_of_several_is_that_of_a_lone_one() {
    let link = |path: &str| entry(path, Kind::Symlink { target: (*b"x").into() });
    let second = |path: &str, target: &[u8]| entry(path, Kind::HardLink { target: target.into() });
    let plain = Overrides::default();
    let linked = [link("a/l"), second("b/l", b"a/l"), second("b/m", b"a/l")];
    assert_eq!(digest(&linked, "a", plain), digest(&[link("a/l")], "a", plain));
    assert_eq!(digest(&linked[..2], "b", plain), digest(&[link("b/l")], "b", plain));
    let apart = digest(&[link("b/l"), link("b/m")], "b", plain);
    assert_ne!(digest(&linked, "b", plain), apart);
}

#[test]
fn the_digest_forgets_where_things_come_from() {
    let plain = Overrides::default();
    let one = [file("a/b/f", "x"), file("c/f", "x"), file("c/g", "x"), file("b/f", "x")];
    assert_eq!(digest(&one, "a/b/f", plain), digest(&one, "c/f", plain));
    assert_ne!(digest(&one, "c/f", plain), digest(&one, "c/g", plain));
    assert_eq!(digest(&one, "a/b", plain), digest(&one, "b", plain));
    assert_ne!(digest(&one, "a", plain), digest(&one, "b", plain));
    let stacked = view(&[&one]);
    let bound = |path| digest_of(&stacked, path).unwrap();
    assert_eq!(bound("c/f"), bound("/c/g"), "a mount has its own name");
    assert_eq!(bound("a/b"), bound("b/"));
    assert_ne!(bound("c"), bound("b"));
    assert!(digest_of(&stacked, "c/*").is_err(), "wildcards mean nothing in a mount");
}
