//! git that is slow, stopped, or talks too much. What it fetches is told in the stories.

use super::program::{in_one_line, scope, user_of};
use super::{Credentials, Git, GitError, Patience, Settings};
use crate::plan::GitSource;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn source(text: &str) -> GitSource {
    GitSource::parse(text).unwrap().unwrap()
}

fn settings() -> Settings {
    let patience = Patience {
        refs: Duration::from_millis(50),
        fetch: Duration::from_millis(50),
    };
    Settings {
        path: std::env::var_os("PATH").unwrap_or_default(),
        patience,
        ..Settings::default()
    }
}

#[test]
fn silence_has_an_end() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = source(&format!("git://{}/r", silent.local_addr().unwrap()));
    let scratch = tempfile::tempdir().unwrap();
    let git = Git::new(settings(), Arc::default());
    let result = git.session(&source, Credentials::default(), scratch.path()).look_up();
    // Where there is no git, that comes first.
    assert!(
        matches!(result, Err(GitError::Silent { .. } | GitError::NotInstalled { .. })),
        "{result:?}"
    );
    let git = Git::new(settings(), Arc::new(AtomicBool::new(true)));
    let result = git.session(&source, Credentials::default(), scratch.path()).look_up();
    assert!(matches!(result, Err(GitError::Stopped)), "{result:?}");
}

#[test]
fn whole_commit_ids_need_no_program() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    let git = Git::new(Settings::default(), Arc::default());
    let look_up = |text: &str| {
        let source = source(text);
        git.session(&source, Credentials::default(), std::path::Path::new("/nowhere"))
            .look_up()
    };
    let commit = look_up(&format!("git://h/r#{id}")).unwrap();
    assert_eq!(
        (commit.id.as_str(), commit.object.as_str(), commit.name),
        (id, id, None)
    );
    let commit = look_up(&format!("git://h/r?branch=b&fetch-by-commit=1&checksum={id}")).unwrap();
    assert_eq!((commit.id.as_str(), commit.name.as_deref()), (id, Some("refs/heads/b")));
    assert!(look_up(&format!("git://h/r?checksum=0123#{id}")).is_ok());
    let other = look_up(&format!("git://h/r?checksum=123#{id}"));
    assert!(matches!(other, Err(GitError::Checksum { .. })), "{other:?}");
}

#[test]
fn the_last_words_of_git_become_one_line() {
    for (said, line) in [
        ("", "git failed and said nothing"),
        ("fatal: bad\n", "bad"),
        (
            "warning: x\nremote: Counting objects: 10% (1/10)\rfatal: a\nb: errno=1\n",
            "a; b: errno=1",
        ),
        (
            "git@h: Permission denied (publickey).\nfatal: no\n",
            "git@h: Permission denied (publickey).; no",
        ),
        ("Cloning\nsomething\n", "Cloning; something"),
        (
            "ssh: no\u{1b}[31m route\nfatal: Could not read.\n\nPlease make sure\n",
            "ssh: no[31m route; Could not read.",
        ),
        ("error: 1\nerror: 2\nerror: 3\nerror: 4\n", "1; 2; 3"),
    ] {
        assert_eq!(in_one_line(said.as_bytes()), line, "{said:?}");
    }
}

#[test]
fn headers_go_to_the_remote_alone() {
    assert_eq!(scope("https://h/a.git"), "https://h/a.git");
    assert_eq!(scope("https://github.com/a/b.git"), "https://github.com/");
    assert_eq!(scope("https://github.com.test/a.git"), "https://github.com.test/a.git");
    assert_eq!(user_of("https://u:p@h/a@b"), Some(("u:p", "h/a@b")));
    assert_eq!(user_of("https://h/a@b"), None);
    assert_eq!(user_of("git@h:a"), None);
}
