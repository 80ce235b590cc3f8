//! One test per row of the table: only that value changes, and the column is asserted.

use super::*;
use crate::digest::FileHasher;
use crate::plan::{Mount, Sharing};

fn run() -> Run {
    Run {
        argv: vec!["/bin/sh".into(), "-c".into(), "make".into()],
        env: vec![("A".into(), "1".into())],
        proxy_env: vec![],
        user: String::new(),
        workdir: "/".into(),
        network: Network::Default,
        insecure: false,
        mounts: vec![],
        scripts: vec![],
        hostname: "build".into(),
        extra_hosts: vec![("db".into(), "10.0.0.1".into())],
        shm_size: None,
        ulimits: vec![],
        cgroup_parent: None,
    }
}

fn copy() -> Copy {
    Copy {
        from: From::Context,
        sources: vec![Source::Path("a".into())],
        destination: "/a".into(),
        chown: None,
        chmod: None,
        link: false,
        parents: false,
        excludes: vec![],
        add: false,
        unpack: None,
        checksum: None,
    }
}

fn tree(name: &str) -> TreeId {
    Fields::new("test").bytes(name).tree_id()
}

fn run_key(change: impl FnOnce(&mut Run)) -> StepKey {
    let mut run = run();
    change(&mut run);
    Ingredients::of_run(&tree("root"), &run, &[]).key()
}

fn copy_key(change: impl FnOnce(&mut Copy)) -> StepKey {
    let mut copy = copy();
    change(&mut copy);
    Ingredients::of_copy(&tree("root"), &copy, Some(SourceContent(FileHasher::of(b"a"))), &[]).key()
}

fn mounted(kind: MountKind, content: MountContent) -> StepKey {
    let mut run = run();
    run.mounts.push(Mount {
        target: "/m".into(),
        kind,
        read_only: true,
    });
    Ingredients::of_run(&tree("root"), &run, &[content]).key()
}

fn secret(id: &str) -> MountKind {
    MountKind::Secret {
        id: id.into(),
        env: None,
        required: false,
        mode: 0o400,
        uid: 0,
        gid: 0,
    }
}

#[test]
fn golden_keys() {
    assert_eq!(
        run_key(|_| ()).to_string(),
        "f69548f90279459a688ef83490bc45e628334e1dd4158a8e7f03cab957125ddc"
    );
    assert_eq!(
        copy_key(|_| ()).to_string(),
        "9f5267eea88c7c98f5df82e5165eaf2818a0930673bcc516559e9c9677cac4fa"
    );
    let workdir = Workdir {
        path: "/srv".into(),
        passes: vec![],
        user: String::new(),
    };
    assert_eq!(
        Ingredients::of_workdir(&tree("root"), &workdir, None).key().to_string(),
        "4851dac12b30b170b86eb96c6f41883cb45aa499e17987b884a8c6d7cf2227a9"
    );
    assert_eq!(
        empty_tree().to_string(),
        "d17882eb14941dc63a7256c0ad7f530ca3ac17caf0307685a2f77aafef6fa4b0"
    );
}

#[test]
fn the_root_file_system_is_in() {
    let key = |root| Ingredients::of_run(&tree(root), &run(), &[]).key();
    assert_ne!(key("one"), key("two"));
    let key = |root| Ingredients::of_copy(&tree(root), &copy(), None, &[]).key();
    assert_ne!(key("one"), key("two"));
    let workdir = Workdir {
        path: "/srv".into(),
        passes: vec![],
        user: String::new(),
    };
    let key = |root| Ingredients::of_workdir(&tree(root), &workdir, None).key();
    assert_ne!(key("one"), key("two"));
}

#[test]
fn the_root_file_system_of_a_linked_copy_is_out_unless_it_names_an_owner() {
    let key = |root, chown: Option<&str>| {
        let copy = Copy {
            link: true,
            chown: chown.map(Into::into),
            ..copy()
        };
        Ingredients::of_copy(&tree(root), &copy, None, &[]).key()
    };
    assert_eq!(key("one", None), key("two", None));
    assert_eq!(key("one", Some("5:6")), key("two", Some("5:6")));
    assert_ne!(key("one", Some("app")), key("two", Some("app")));
}

#[test]
fn what_the_command_sees_is_in() {
    let plain = run_key(|_| ());
    let changes: [fn(&mut Run); 10] = [
        |run| run.argv[2] = "make all".into(),
        |run| run.argv[0] = "/bin/bash".into(),
        |run| run.user = "app".into(),
        |run| run.workdir = "/srv".into(),
        |run| run.network = Network::None,
        |run| run.insecure = true,
        |run| run.hostname = "other".into(),
        |run| run.shm_size = Some(1),
        |run| run.cgroup_parent = Some("/a".into()),
        |run| run.ulimits.push(("nofile".into(), 1, 2)),
    ];
    for change in changes {
        assert_ne!(run_key(change), plain);
    }
    assert_ne!(run_key(|run| run.extra_hosts[0].0 = "cache".into()), plain);
    assert_ne!(
        run_key(|run| run.scripts.push(("EOF".into(), "#!/bin/sh".into()))),
        plain
    );
}

#[test]
fn addresses_of_extra_hosts_are_out() {
    assert_eq!(run_key(|run| run.extra_hosts[0].1 = "10.0.0.2".into()), run_key(|_| ()));
}

#[test]
fn the_environment_is_in() {
    assert_ne!(run_key(|run| run.env[0].1 = "2".into()), run_key(|_| ()));
    assert_ne!(
        run_key(|run| run.env.push(("B".into(), String::new()))),
        run_key(|_| ())
    );
}

#[test]
fn undeclared_proxies_are_out() {
    assert_eq!(
        run_key(|run| run.proxy_env.push(("http_proxy".into(), "x".into()))),
        run_key(|_| ())
    );
}

#[test]
fn contents_of_binds_are_in_and_their_directory_is_out() {
    let bind = |source: &str| MountKind::Bind {
        from: From::Context,
        source: source.into(),
    };
    let content = |text: &[u8]| Some(FileHasher::of(text));
    assert_ne!(mounted(bind("a"), content(b"1")), mounted(bind("a"), content(b"2")));
    assert_ne!(mounted(bind("a"), content(b"1")), mounted(bind("b"), content(b"1")));
    assert_eq!(mounted(bind("x/a"), content(b"1")), mounted(bind("y/a"), content(b"1")));
}

#[test]
fn ids_of_secrets_and_caches_are_in() {
    assert_ne!(mounted(secret("one"), None), mounted(secret("two"), None));
    let cache = |id: &str| MountKind::Cache {
        id: id.into(),
        sharing: Sharing::Shared,
        seed: None,
        mode: 0o755,
        uid: 0,
        gid: 0,
    };
    assert_ne!(mounted(cache("one"), None), mounted(cache("two"), None));
}

#[test]
fn copied_contents_are_in() {
    let key = |content: &[u8]| {
        Ingredients::of_copy(
            &tree("root"),
            &copy(),
            Some(SourceContent(FileHasher::of(content))),
            &[],
        )
        .key()
    };
    assert_ne!(key(b"1"), key(b"2"));
}

#[test]
fn where_copied_files_come_from_is_out() {
    assert_eq!(
        copy_key(|copy| copy.from = From::Named("other".into())),
        copy_key(|_| ())
    );
    assert_eq!(
        copy_key(|copy| copy.sources = vec![Source::Path("b".into())]),
        copy_key(|_| ())
    );
}

#[test]
fn destination_owner_and_mode_are_in() {
    let plain = copy_key(|_| ());
    assert_ne!(copy_key(|copy| copy.destination = "/b".into()), plain);
    assert_ne!(copy_key(|copy| copy.chown = Some("5".into())), plain);
    assert_ne!(copy_key(|copy| copy.chmod = Some("600".into())), plain);
    assert_ne!(copy_key(|copy| copy.link = true), plain);
    assert_ne!(copy_key(|copy| copy.add = true), plain);
}

#[test]
fn root_by_name_or_number_is_the_same_owner() {
    let owned = |owner: &str| copy_key(|copy| copy.chown = Some(owner.into()));
    assert_eq!(owned("0:0"), owned("root:root"));
}

#[test]
fn heredocs_are_in() {
    let heredoc = |name: &str, body: &str| {
        copy_key(|copy| {
            copy.sources = vec![Source::Inline {
                name: name.into(),
                body: body.into(),
            }]
        })
    };
    assert_ne!(heredoc("a", "1"), heredoc("a", "2"));
    assert_ne!(heredoc("a", "1"), heredoc("b", "1"));
}

#[test]
fn workdir_path_and_owner_are_in() {
    let key = |path: &str, user: &str| {
        Ingredients::of_workdir(
            &tree("root"),
            &Workdir {
                path: path.into(),
                passes: vec![],
                user: user.into(),
            },
            None,
        )
        .key()
    };
    assert_ne!(key("/a", ""), key("/b", ""));
    assert_ne!(key("/a", ""), key("/a", "app"));
    assert_eq!(key("/a", ""), key("/a", "root"));
}

#[test]
fn trees_are_chains() {
    let delta = |name: &str| Fields::new("test").bytes(name).content_id();
    let one = next_tree(&empty_tree(), &delta("a"));
    assert_ne!(one, empty_tree());
    assert_ne!(next_tree(&one, &delta("b")), next_tree(&empty_tree(), &delta("b")));
    assert_eq!(base_tree(&[]), empty_tree(), "an image without layers is scratch");
}
