//! Repositories behind doors: tokens, headers, passwords, and ssh.

use crate::network::server::{Answer, Server};
use crate::support::{Repositories, Workbench, openssh, peer};
use std::os::unix::fs::PermissionsExt as _;

/// A repository as plain files of a web server, which knows nothing of git, behind a door.
fn web(served: &Repositories, name: &str, wanted: &'static str) -> Server {
    let root = served.path().join(name).join(".git");
    Server::new(move |asked| {
        if !wanted.is_empty() && asked.header("authorization") != Some(wanted) {
            return Answer::new(401, "").header("WWW-Authenticate", "Basic realm=\"x\"");
        }
        let path = asked.target.split('?').next().unwrap().trim_start_matches("/r.git/");
        match std::fs::read(root.join(path)) {
            Ok(content) => Answer::ok(content),
            Err(_) => Answer::new(404, ""),
        }
    })
}

#[test]
fn a_web_server_that_knows_nothing_of_git_will_do() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (repository, first, _) = served.two_commits();
    repository.git(&["update-server-info"]);
    let server = web(&served, "r.git", "");
    let url = server.url("/r.git");
    let bench = Workbench::new();
    let image = bench.image_of(&format!(
        "FROM scratch\nADD {url} /x/\nADD {url}#v1 /y/\nADD {url}?keep-git-dir=1#side /z/\nADD {url}#{first} /w/\n"
    ));
    assert_eq!(
        ["x/a", "y/a", "z/a", "w/a"].map(|path| image.read(path)),
        ["two", "one", "one", "one"]
    );
}

#[test]
fn tokens_open_doors_and_leave_no_trace() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (repository, ..) = served.two_commits();
    repository.git(&["update-server-info"]);
    // `printf x-access-token:q7-token-q7 | base64`
    let server = web(&served, "r.git", "basic eC1hY2Nlc3MtdG9rZW46cTctdG9rZW4tcTc=");
    let url = server.url("/r.git");
    let bench = Workbench::with(&format!("FROM scratch\nADD --keep-git-dir=true {url} /x/\n"));
    let bench = bench
        .variable("TOKEN", "q7-token-q7\n")
        .variable("WRONG", "q7-wrong-q7");
    bench
        .try_build(&[])
        .fails(1)
        .says(["cannot look into", "GIT_AUTH_TOKEN"]);
    let wrong = "id=GIT_AUTH_TOKEN,env=WRONG";
    bench
        .try_build(&["--secret", wrong])
        .fails(1)
        .never_says(["q7-wrong-q7"]);
    // That for the host counts before that for all.
    let right = format!("id=GIT_AUTH_TOKEN.{},env=TOKEN", server.host());
    bench
        .build(&["--secret", &right, "--secret", wrong])
        .never_says(["q7-token-q7"]);
    bench.build(&["--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", "--no-cache"]);
    for trace in ["q7-token-q7", "eC1hY2Nlc3MtdG9rZW46cTctdG9rZW4tcTc="] {
        assert_eq!(bench.holds("store", trace.as_bytes()), None);
    }
    let bench = bench.variable("HEADER", "Bearer q7-header-q7");
    let server = web(&served, "r.git", "Bearer q7-header-q7");
    bench.dockerfile(&format!("FROM scratch\nADD {} /x/\n", server.url("/r.git")));
    bench.build(&["--secret", "id=GIT_AUTH_HEADER,env=HEADER"]);

    // Who is sent on does not take the header along.
    let thief = Server::new(|_| Answer::new(404, ""));
    let there = thief.url("/r.git");
    let sends = Server::new(move |asked| {
        let rest = asked.target.trim_start_matches("/r.git");
        Answer::new(301, "").header("Location", format!("{there}{rest}"))
    });
    bench.dockerfile(&format!("FROM scratch\nADD {} /x/\n", sends.url("/r.git")));
    bench.try_build(&["--secret", "id=GIT_AUTH_HEADER,env=HEADER"]).fails(1);
    assert!(thief.log().iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn passwords_in_addresses_stay_there() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (repository, ..) = served.two_commits();
    repository.git(&["update-server-info"]);
    // `printf user:q7-pass-q7 | base64`
    let server = web(&served, "r.git", "Basic dXNlcjpxNy1wYXNzLXE3");
    let url = format!("http://user:q7-pass-q7@{}/r.git", server.host());
    let bench = Workbench::new();
    bench.dockerfile(&format!(
        "FROM busybox AS a\nADD {url}?keep-git-dir=1 /x/\nFROM scratch\nCOPY --from=a /x /x\n"
    ));
    let image = bench.image(&[]);
    let config = image.read("x/.git/config");
    assert!(
        config.contains(&server.url("/r.git")) && !config.contains("q7-pass-q7"),
        "{config}"
    );
    bench.dockerfile(&format!("FROM scratch\nADD {url}#nope /x/\n"));
    bench.try_build(&[]).fails(1).says(["has no branch"]);
    let wrong = url.replace("q7-pass-q7", "q7-wrong-q7");
    bench.dockerfile(&format!("FROM scratch\nADD {wrong} /x/\n"));
    let run = bench.try_build(&[]).fails(1);
    let told = run
        .stderr
        .lines()
        .find(|line| line.contains("cannot look into"))
        .unwrap_or_default();
    assert!(
        told.contains("/r.git") && !told.contains("cannot look into `http://user"),
        "{told}"
    );
}

/// ssh itself is not here; what it is told is, and a server that speaks the oldest protocol behind it.
#[test]
fn repositories_over_ssh() {
    if !peer("git") {
        return;
    }
    let served = Repositories::new();
    let (_, first, _) = served.two_commits();
    let bench = Workbench::new();
    let programs = bench.path("work/programs");
    std::fs::create_dir(&programs).unwrap();
    let log = bench.path("work/log");
    let script = format!(
        "#!/bin/sh\necho \"$@\" agent=$SSH_AUTH_SOCK home=$HOME >> {}\nunset GIT_PROTOCOL\n\
         export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'\n\
         exec git upload-pack {}/r.git\n",
        log.display(),
        served.path().display(),
    );
    std::fs::write(programs.join("ssh"), script).unwrap();
    std::fs::set_permissions(programs.join("ssh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let keys = bench.path("home/.ssh/known_hosts");
    std::fs::create_dir(keys.parent().unwrap()).unwrap();
    std::fs::write(&keys, "").unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let bench = bench
        .variable("PATH", &path)
        .variable("SSH_AUTH_SOCK", "/nowhere/agent");
    for (source, asked, content) in [
        (
            "git@h.test:some/r.git".to_owned(),
            "git@h.test git-upload-pack 'some/r.git'",
            "two",
        ),
        (
            "ssh://me@h.test:2222/r#v1".to_owned(),
            "-p 2222 me@h.test git-upload-pack '/r'",
            "one",
        ),
        // An id that this server does not give away by itself.
        (format!("git@h.test:r#{first}~"), "", ""),
        (
            format!("git@h.test:r?keep-git-dir=1#{first}"),
            "git@h.test git-upload-pack 'r'",
            "one",
        ),
    ] {
        bench.dockerfile(&format!("FROM scratch\nADD {source} /x/\n"));
        if content.is_empty() {
            bench.try_build(&[]).fails(1).says(["can't be a git ref"]);
            continue;
        }
        assert_eq!(bench.image(&[]).read("x/a"), content, "{source}");
        let told = std::fs::read_to_string(&log).unwrap();
        assert!(told.contains(asked), "{told}");
        for option in [
            "-F /dev/null",
            "BatchMode=yes",
            "IdentityFile=none",
            "accept-new",
            "agent= home=/dev/null",
        ] {
            assert!(told.contains(option), "{told}");
        }
        assert!(
            told.contains(&format!("GlobalKnownHostsFile=\"{}\"", keys.display())),
            "{told}"
        );
        std::fs::remove_file(&log).unwrap();
    }
    // An agent is offered when the build has one, through a socket of the build's own.
    if openssh() {
        let key = bench.ssh_key("key", &["-t", "ed25519", "-N", ""]);
        let script = format!("#!/bin/sh\nssh-add -l > {}\nexit 255\n", log.display());
        std::fs::write(programs.join("ssh"), script).unwrap();
        bench.dockerfile("FROM scratch\nADD git@h.test:keyed /x/\n");
        bench.try_build(&["--ssh", &format!("default={key}")]).fails(1);
        let told = std::fs::read_to_string(&log).unwrap();
        assert!(told.contains("ED25519"), "{told}");
    }
    std::fs::write(
        programs.join("ssh"),
        "#!/bin/sh\necho 'git@h: Permission denied (publickey).' >&2\nexit 255\n",
    )
    .unwrap();
    bench.dockerfile("FROM scratch\nADD git@h.test:other /x/\n");
    bench
        .try_build(&[])
        .fails(1)
        .says(["Permission denied (publickey)", "--ssh default"]);
}
