//! The user's directory: what shows, what is read, and what is remembered.

use super::{open, paths, patterns, put, tree};
use crate::context::{ContextError, Ignore, LocalContext, SourcePattern};
use crate::digest::FileHasher;
use crate::layer::{Kind, Time};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn listed(lines: &[&str], ignore: &str, sources: &[&str], parents: bool) -> Vec<String> {
    let dir = tree(lines);
    let context = open(&dir, ignore);
    paths(&context.list(&patterns(sources, parents)).unwrap())
}

#[test]
fn only_what_a_source_can_reach_is_listed() {
    let lines = &["a/x", "a/b/y", "c/z", "top", "link -> a/b", "deep -> link/y", "a-b"];
    assert_eq!(listed(lines, "", &["a"], false), ["a", "a/b", "a/b/y", "a/x"]);
    assert_eq!(listed(lines, "", &["a/x", "top"], false), ["a", "a/x", "top"]);
    assert_eq!(
        listed(lines, "", &["deep"], false),
        ["a", "a/b", "a/b/y", "deep", "link"]
    );
    assert_eq!(listed(lines, "", &["link/"], false), ["a", "a/b", "a/b/y", "link"]);
    assert_eq!(
        listed(lines, "", &["*/?"], false),
        ["a", "a/b", "a/b/y", "a/x", "c", "c/z"]
    );
    assert_eq!(listed(lines, "", &["**/y"], true), ["a", "a/b", "a/b/y"]);
    assert_eq!(listed(lines, "", &["a/./b"], true), ["a", "a/b", "a/b/y"]);
    assert_eq!(listed(lines, "", &["none", "a/none", "no*"], false), ["a"]);
    assert_eq!(listed(lines, "", &[], false), [""; 0]);
    assert_eq!(
        listed(lines, "", &["."], false),
        ["a", "a/b", "a/b/y", "a/x", "a-b", "c", "c/z", "deep", "link", "top"]
    );
}

#[test]
fn the_rest_is_not_even_looked_at() {
    let dir = tree(&["a/x", "b/c/y", "b/z"]);
    let context = open(&dir, "");
    context.list(&patterns(&["a/x"], false)).unwrap();
    let work = context.work();
    assert_eq!(
        (work.entries, work.hashed_files),
        (3, 1),
        "the root's two and one below"
    );
    context.list(&patterns(&["*/x"], false)).unwrap();
    context.list(&patterns(&["."], false)).unwrap();
    context.list(&patterns(&["."], false)).unwrap();
    let work = context.work();
    assert_eq!((work.entries, work.hashed_files), (6, 3), "everything once");
}

#[test]
fn ignored_directories_are_not_entered() {
    let dir = tree(&["node_modules/x/y", "src/a", "target/keep/k", "target/other/o"]);
    let context = open(&dir, "node_modules\ntarget\n!target/keep");
    let listing = context.list(&patterns(&["."], false)).unwrap();
    assert_eq!(
        paths(&listing),
        ["src", "src/a", "target", "target/keep", "target/keep/k"]
    );
    assert_eq!(context.work().entries, 5);
}

#[test]
fn entries_say_what_the_files_are() {
    let dir = tree(&["d/file", "d/hard = d/file", "d/link -> file"]);
    let at = |name: &str| dir.path().join(name);
    fs::set_permissions(at("d/file"), PermissionsExt::from_mode(0o4751)).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(at("d/fifo")).status().unwrap();
    assert!(fifo.success());
    fs::hard_link(at("d/fifo"), at("d/fifo2")).unwrap();
    fs::hard_link(at("d/link"), at("d/link2")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("d/socket")).unwrap();
    let attribute = rustix::fs::setxattr(at("d/file"), "user.kept", b"v", rustix::fs::XattrFlags::CREATE);
    let context = open(&dir, "");
    let listing = context.list(&patterns(&["."], false)).unwrap();
    assert_eq!(
        paths(&listing),
        ["d", "d/fifo", "d/fifo2", "d/file", "d/hard", "d/link", "d/link2"]
    );
    let get = |name: &str| listing.get(name.as_bytes()).unwrap();
    let file = get("d/file");
    let digest = FileHasher::of(b"d/file");
    assert_eq!(file.kind, Kind::File { size: 6, digest });
    let real = fs::metadata(at("d/file")).unwrap();
    assert_eq!((file.mode, file.uid, file.gid), (0o4751, 0, 0));
    assert_eq!(
        (file.mtime.seconds, i64::from(file.mtime.nanoseconds)),
        (real.mtime(), real.mtime_nsec())
    );
    if attribute.is_ok() {
        assert_eq!(file.xattrs, [(Box::from(*b"user.kept"), Box::from(*b"v"))]);
    }
    assert_eq!(
        get("d/hard").kind,
        Kind::HardLink {
            target: (*b"d/file").into()
        }
    );
    assert_eq!(
        get("d/link").kind,
        Kind::Symlink {
            target: (*b"file").into()
        }
    );
    assert_eq!(get("d/fifo").kind, Kind::Fifo);
    for (name, first) in [("d/fifo2", "d/fifo"), ("d/link2", "d/link")] {
        let target = first.as_bytes().into();
        assert_eq!(get(name).kind, Kind::HardLink { target });
    }
    assert!(context.open_file(b"d/file").is_ok());
    assert!(context.open_file(b"d/link").is_err());
}

/// A context that is opened at a made-up time, so that files made just now count as old, or as new.
fn open_at(dir: &Path, index: &Path, ignore: &str, seconds: i64) -> LocalContext {
    let stamp = Time {
        seconds,
        nanoseconds: 0,
    };
    LocalContext::open_at(dir, Ignore::parse(ignore).0, Some(index), stamp).unwrap()
}

const LATER: i64 = 1 << 40;

/// Lists and saves; gives how many files were read and whether the index was written.
fn run(context: &LocalContext, sources: &[&str]) -> (u64, bool) {
    let before = fs::read(context.index_path().unwrap()).ok();
    context.list(&patterns(sources, false)).unwrap();
    context.save().unwrap();
    let after = fs::read(context.index_path().unwrap()).ok();
    (context.work().hashed_files, before != after)
}

#[test]
fn what_the_index_knows_is_not_read_again() {
    let dir = tree(&["a/x", "a/y", "b/z", "l -> a"]);
    let store = tempfile::tempdir().unwrap();
    let index = store.path().join("index");
    let first = open_at(dir.path(), &index, "", LATER);
    assert_eq!(run(&first, &["."]), (4 - 1, true));
    let again = open_at(dir.path(), &index, "", LATER + 1);
    assert_eq!(run(&again, &["."]), (0, false));
    let all = patterns(&["."], false);
    assert_eq!(again.list(&all).unwrap(), first.list(&all).unwrap());

    put(dir.path(), "a/new");
    fs::write(dir.path().join("b/z"), "changed").unwrap();
    let changed = open_at(dir.path(), &index, "", LATER + 2);
    assert_eq!(run(&changed, &["."]), (2, true));
    let listing = changed.list(&all).unwrap();
    let digest = FileHasher::of(b"changed");
    assert_eq!(listing.get(b"b/z").unwrap().kind, Kind::File { size: 7, digest });

    fs::remove_dir_all(dir.path().join("a")).unwrap();
    assert_eq!(run(&open_at(dir.path(), &index, "", LATER + 3), &["."]), (0, true));
    assert_eq!(run(&open_at(dir.path(), &index, "", LATER + 4), &["."]), (0, false));
    assert_eq!(
        fs::read_dir(store.path()).unwrap().count(),
        1,
        "no temporary file stays"
    );
}

#[test]
fn a_part_does_not_make_the_index_forget_the_rest() {
    let dir = tree(&["a/x", "b/y", "b/c/z", "ignored/i"]);
    let store = tempfile::tempdir().unwrap();
    let index = store.path().join("index");
    assert_eq!(run(&open_at(dir.path(), &index, "", LATER), &["."]), (4, true));
    fs::write(dir.path().join("a/x"), "changed").unwrap();
    let part = open_at(dir.path(), &index, "ignored", LATER + 1);
    assert_eq!(run(&part, &["a"]), (1, true));
    assert_eq!(run(&open_at(dir.path(), &index, "", LATER + 2), &["."]), (0, false));
}

#[test]
fn files_as_young_as_the_index_are_read_again() {
    let dir = tree(&["a", "b"]);
    let store = tempfile::tempdir().unwrap();
    let index = store.path().join("index");
    let early = open_at(dir.path(), &index, "", 1000);
    assert_eq!(run(&early, &["."]), (2, true));
    // Same size, and the same times for all that the index can tell.
    fs::write(dir.path().join("a"), "B").unwrap();
    let next = open_at(dir.path(), &index, "", LATER);
    assert_eq!(run(&next, &["."]), (2, true));
    assert_eq!(run(&open_at(dir.path(), &index, "", LATER + 1), &["."]), (0, false));
}

#[test]
fn young_records_do_not_become_trusted_by_being_carried() {
    let dir = tree(&["a/x", "b/y"]);
    let store = tempfile::tempdir().unwrap();
    let index = store.path().join("index");
    assert_eq!(run(&open_at(dir.path(), &index, "", 1000), &["."]), (2, true));
    assert_eq!(run(&open_at(dir.path(), &index, "", LATER), &["a"]), (1, true));
    assert_eq!(
        run(&open_at(dir.path(), &index, "", LATER + 1), &["."]),
        (1, true),
        "b was never read under a later stamp"
    );
}

#[test]
fn a_damaged_index_is_no_index() {
    let dir = tree(&["a"]);
    let store = tempfile::tempdir().unwrap();
    let index = store.path().join("index");
    for junk in [&b""[..], b"junk", &[0; 100]] {
        fs::write(&index, junk).unwrap();
        assert_eq!(run(&open_at(dir.path(), &index, "", LATER), &["."]), (1, true));
    }
    let unwritable = store.path().join("none/index");
    let context = open_at(dir.path(), &unwritable, "", LATER);
    assert!(context.list(&patterns(&["."], false)).is_ok());
}

#[test]
fn several_threads_share_one_walk() {
    let lines: Vec<String> = (0..300).map(|n| format!("d{}/e{}/f{n}", n % 7, n % 3)).collect();
    let dir = tree(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let context = open(&dir, "");
    let sources: Vec<SourcePattern> = patterns(&["."], false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(context.list(&sources).unwrap().entries().len(), 300 + 7 + 21));
            scope.spawn(|| drop(context.list(&patterns(&["d1/*/*"], false)).unwrap()));
        }
    });
    assert_eq!(context.work().hashed_files, 300);
    assert_eq!(context.work().entries, 300 + 7 + 21);
}

#[test]
fn a_deep_tree_is_refused_with_a_sentence() {
    let dir = tree(&[]);
    let name = "n".repeat(250);
    let mut at = fs::File::open(dir.path()).unwrap();
    for _ in 0..20 {
        rustix::fs::mkdirat(&at, name.as_str(), rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
        at = fs::File::from(
            rustix::fs::openat(
                &at,
                name.as_str(),
                rustix::fs::OFlags::RDONLY,
                rustix::fs::Mode::empty(),
            )
            .unwrap(),
        );
    }
    let error = open(&dir, "").list(&patterns(&["."], false)).unwrap_err();
    assert!(matches!(error, ContextError::TooLong { .. }), "{error}");
    let listing = open(&dir, "n*").list(&patterns(&["."], false)).unwrap();
    assert_eq!(paths(&listing), [""; 0]);
}

#[test]
fn a_cancelled_build_stops() {
    let dir = tree(&["a"]);
    let cancelled = Arc::new(AtomicBool::new(true));
    let context = open(&dir, "").with_cancel(cancelled);
    assert!(matches!(
        context.list(&patterns(&["."], false)),
        Err(ContextError::Cancelled)
    ));
}

#[test]
fn a_directory_that_cannot_be_opened_is_named() {
    let error = LocalContext::open(Path::new("no/such/directory"), Ignore::none(), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot open the context directory `no/such/directory`"
    );
}

#[test]
fn a_state_is_named_only_while_the_index_tells_all_of_it() {
    let dir = tree(&["a/x", "a/y", "b/z", "l -> a"]);
    let store = tempfile::tempdir().unwrap();
    let index = store.path().join("index");
    let state = |context: &LocalContext, sources: &[&str]| context.state(&patterns(sources, false)).unwrap();
    let mut seconds = LATER;
    let mut fresh = |ignore: &str| {
        seconds += 1;
        open_at(dir.path(), &index, ignore, seconds)
    };

    let first = fresh("");
    assert_eq!(state(&first, &["."]), None, "there is no index");
    run(&first, &["."]);
    assert_eq!(state(&first, &["."]), None, "none was loaded");
    let same = state(&fresh(""), &["."]).unwrap();
    assert_eq!(
        state(&fresh(""), &["a"]),
        Some(same),
        "all of it is known, and so each part"
    );
    assert_ne!(state(&fresh("y"), &["."]), Some(same), "other files show");

    put(dir.path(), "a/new");
    let added = fresh("");
    assert_eq!(state(&added, &["b"]), Some(same), "nothing was changed there");
    assert_eq!(state(&added, &["."]), None);
    run(&added, &["."]);
    assert_eq!(
        state(&added, &["."]),
        None,
        "the index on disk is not the one that was loaded"
    );
    let more = state(&fresh(""), &["."]);
    assert!(more.is_some() && more != Some(same));

    let change = |what: &dyn Fn()| {
        what();
        let context = open_at(dir.path(), &index, "", LATER + 1000);
        assert_eq!(state(&context, &["."]), None);
        run(&context, &["."]);
    };
    change(&|| fs::remove_file(dir.path().join("a/new")).unwrap());
    change(&|| fs::write(dir.path().join("b/z"), "other").unwrap());
    change(&|| fs::set_permissions(dir.path().join("a/x"), PermissionsExt::from_mode(0o755)).unwrap());
    change(&|| fs::remove_file(dir.path().join("l")).unwrap());
    change(&|| std::os::unix::fs::symlink("b", dir.path().join("l")).unwrap());
    change(&|| fs::create_dir(dir.path().join("empty")).unwrap());
    change(&|| fs::hard_link(dir.path().join("b/z"), dir.path().join("b/second")).unwrap());
}
