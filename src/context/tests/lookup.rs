//! Which Dockerfile and which ignore file count.

use super::tree;
use crate::context::{ContextError, find_dockerfile, find_ignore};
use std::fs;
use std::path::Path;

#[test]
fn the_usual_name_or_its_small_sister() {
    let dir = tree(&["dockerfile"]);
    let found = find_dockerfile(dir.path(), None).unwrap();
    assert_eq!((found.source.name(), found.source.text()), ("dockerfile", "dockerfile"));
    fs::write(dir.path().join("Dockerfile"), "FROM scratch").unwrap();
    let found = find_dockerfile(dir.path(), None).unwrap();
    assert_eq!(
        (found.source.name(), found.source.text()),
        ("Dockerfile", "FROM scratch")
    );
}

#[test]
fn an_option_may_name_a_file_of_the_context_or_any_other() {
    let dir = tree(&["docker/app.Dockerfile"]);
    let other = tree(&["elsewhere"]);
    let relative = find_dockerfile(dir.path(), Some(Path::new("docker/app.Dockerfile"))).unwrap();
    assert_eq!(relative.source.text(), "docker/app.Dockerfile");
    let absolute = other.path().join("elsewhere");
    assert_eq!(find_dockerfile(dir.path(), Some(&absolute)).unwrap().path, absolute);
}

#[test]
fn a_missing_one_is_named_with_what_may_have_been_meant() {
    let said = |lines: &[&str], option: Option<&str>| {
        let dir = tree(lines);
        match find_dockerfile(dir.path(), option.map(Path::new)).unwrap_err() {
            ContextError::NoDockerfile { near, .. } => near.map(|near| near.display().to_string()),
            other => panic!("{other}"),
        }
    };
    assert_eq!(said(&["Dokcerfile"], None).as_deref(), Some("Dokcerfile"));
    assert_eq!(said(&["Containerfile"], None).as_deref(), Some("Containerfile"));
    assert_eq!(said(&["x", "web.Dockerfile"], None).as_deref(), Some("web.Dockerfile"));
    assert_eq!(
        said(&["d/App.Dockerfile"], Some("d/Ap.Dockerfile")).as_deref(),
        Some("d/App.Dockerfile")
    );
    assert_eq!(said(&["x"], None), None);
    assert_eq!(said(&["x"], Some("none/Dockerfile")), None);
    let dir = tree(&["Dockerfile/"]);
    assert!(matches!(
        find_dockerfile(dir.path(), None),
        Err(ContextError::File { .. })
    ));
}

#[test]
fn a_dockerfiles_own_ignore_file_replaces_the_contexts() {
    let dir = tree(&["build/app.Dockerfile", "x"]);
    fs::write(dir.path().join(".dockerignore"), "general").unwrap();
    let dockerfile = dir.path().join("build/app.Dockerfile");
    let found = find_ignore(dir.path(), Some(&dockerfile)).unwrap();
    assert!(found.ignore.excludes(b"general"));
    assert_eq!(found.source.unwrap().name(), ".dockerignore");
    fs::write(dir.path().join("build/app.Dockerfile.dockerignore"), "special").unwrap();
    let found = find_ignore(dir.path(), Some(&dockerfile)).unwrap();
    assert!(found.ignore.excludes(b"special") && !found.ignore.excludes(b"general"));
    assert_eq!(found.source.unwrap().name(), "build/app.Dockerfile.dockerignore");
    assert!(find_ignore(dir.path(), None).unwrap().ignore.excludes(b"general"));
    let none = tree(&["x"]);
    assert!(find_ignore(none.path(), None).unwrap().ignore.is_empty());
}

#[test]
fn bytes_that_are_no_text_are_reported_once() {
    let dir = tree(&[]);
    fs::write(dir.path().join("Dockerfile"), b"FROM scratch\nLABEL a=\xe9\xe9\n").unwrap();
    let found = find_dockerfile(dir.path(), None).unwrap();
    let [diagnostic] = &found.diagnostics[..] else { panic!() };
    assert_eq!(found.source.position(diagnostic.span.unwrap().start).line, 2);
    assert_eq!(found.source.text(), "FROM scratch\nLABEL a=\u{fffd}\u{fffd}\n");
}

#[test]
fn size_is_bounded() {
    let dir = tree(&[]);
    let file = fs::File::create(dir.path().join("Dockerfile")).unwrap();
    file.set_len(17 << 20).unwrap();
    assert!(matches!(
        find_dockerfile(dir.path(), None),
        Err(ContextError::TooLarge { .. })
    ));
}
