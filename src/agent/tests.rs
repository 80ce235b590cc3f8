//! Agents as OpenSSH's own programs see them, and as somebody hostile does.

use super::wire::{FAILURE, IDENTITIES_ANSWER, REQUEST_IDENTITIES, Values, read_message, write_message};
use super::{Access, AgentError, Agents, Serving, Source};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// OpenSSH's programs, or nothing; on CI they have to be there.
fn openssh() -> bool {
    let there = ["ssh-keygen", "ssh-add", "ssh-agent"].iter().all(|program| {
        Command::new("which")
            .arg(program)
            .output()
            .is_ok_and(|it| it.status.success())
    });
    assert!(
        there || std::env::var("CI").as_deref() != Ok("true"),
        "openssh-client is not installed"
    );
    there
}

fn run(program: &str, words: &[&str], agent: Option<&Path>, input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(words).env_remove("SSH_AUTH_SOCK");
    if let Some(agent) = agent {
        command.env("SSH_AUTH_SOCK", agent);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn good(program: &str, words: &[&str], agent: Option<&Path>, input: &[u8]) -> String {
    let output = run(program, words, agent, input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a key; returns its path.
fn key(folder: &TempDir, name: &str, words: &[&str]) -> PathBuf {
    let path = folder.path().join(name);
    let mut all = vec!["-q", "-C", name, "-f", path.to_str().unwrap()];
    all.extend_from_slice(words);
    if !words.contains(&"-N") {
        all.extend(["-N", ""]);
    }
    good("ssh-keygen", &all, None, b"");
    path
}

fn own() -> Access {
    Access {
        mode: 0o600,
        uid: 0,
        gid: 0,
    }
}

fn serve(source: &Source, folder: &TempDir) -> Serving {
    source.serve(folder.path(), own()).unwrap()
}

/// OpenSSH signs by way of the agent with the public key's private one, and believes the signature.
#[track_caller]
fn signs(agent: &Path, key: &Path) {
    let public = key.with_extension("pub");
    let public = public.to_str().unwrap();
    let sign = ["-q", "-Y", "sign", "-n", "test", "-f", public];
    let signature = good("ssh-keygen", &sign, Some(agent), b"text");
    let place = key.with_extension("sig");
    fs::write(&place, signature).unwrap();
    let check = [
        "-q",
        "-Y",
        "check-novalidate",
        "-n",
        "test",
        "-s",
        place.to_str().unwrap(),
    ];
    good("ssh-keygen", &check, None, b"text");
    let changed = run("ssh-keygen", &check, None, b"other");
    assert!(!changed.status.success());
}

#[test]
fn keys_of_every_kind_sign() {
    if !openssh() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let table: [(&str, &[&str]); 10] = [
        ("ed25519", &["-t", "ed25519"]),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("rsa2048", &["-t", "rsa", "-b", "2048"]),
        ("rsa3072", &["-t", "rsa", "-b", "3072"]),
        ("p256-old", &["-t", "ecdsa", "-b", "256", "-m", "PEM"]),
        ("p384-old", &["-t", "ecdsa", "-b", "384", "-m", "PEM"]),
        ("p256-pkcs8", &["-t", "ecdsa", "-b", "256", "-m", "PKCS8"]),
        ("rsa-old", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa-pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
    ];
    let paths: Vec<PathBuf> = table.iter().map(|(name, words)| key(&folder, name, words)).collect();
    let serving = serve(&Source::open(&paths).unwrap(), &folder);
    let listed = good("ssh-add", &["-L"], Some(serving.path()), b"");
    assert_eq!(listed.lines().count(), table.len());
    for path in &paths {
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        let blob = public.split(' ').nth(1).unwrap();
        assert!(listed.contains(blob), "{public}");
        signs(serving.path(), path);
    }
    // The comment is that of the key, or the file's name.
    assert!(
        listed.contains(" ed25519\n") && listed.contains("/rsa-old\n"),
        "{listed}"
    );
}

#[test]
fn keys_that_are_refused_say_why() {
    if !openssh() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let plain = key(&folder, "plain", &["-t", "ed25519"]);
    let whole = fs::read(&plain).unwrap();
    let table = [
        (key(&folder, "locked", &["-t", "ed25519", "-N", "secret"]), "passphrase"),
        (
            key(&folder, "locked-old", &["-t", "rsa", "-m", "PEM", "-N", "secret"]),
            "passphrase",
        ),
        (
            key(&folder, "locked-8", &["-t", "rsa", "-m", "PKCS8", "-N", "secret"]),
            "passphrase",
        ),
        (plain.with_extension("pub"), "public key"),
        (key(&folder, "p521", &["-t", "ecdsa", "-b", "521"]), "nistp521"),
        (key(&folder, "small", &["-t", "rsa", "-b", "1024"]), "2048"),
        (write("text", b"hello"), "neither a socket nor a private key"),
        (write("empty", b""), "neither a socket nor a private key"),
        (write("cut", &whole[..whole.len() / 2]), "last line"),
        (
            write(
                "rubbish",
                b"-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n",
            ),
            "damaged",
        ),
        (write("putty", b"PuTTY-User-Key-File-3: ssh-ed25519\n"), "puttygen"),
        (write("large", &[b'x'; 200 << 10]), "100 KiB"),
        (folder.path().join("missing"), "cannot read"),
        (folder.path().to_path_buf(), "cannot read"),
    ];
    for (path, text) in table {
        let error = Source::open(std::slice::from_ref(&path)).expect_err(text);
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn an_agent_of_the_machine_is_asked_and_never_changed() {
    if !openssh() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let make = key;
    let key = make(&folder, "mine", &["-t", "ed25519"]);
    let other = make(&folder, "other", &["-t", "ed25519"]);
    let socket = folder.path().join("machine");
    let mut machine = Command::new("ssh-agent")
        .args(["-D", "-a", socket.to_str().unwrap()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let result = std::panic::catch_unwind(|| {
        good("ssh-add", &["-q", key.to_str().unwrap()], Some(&socket), b"");
        let source = Source::open(std::slice::from_ref(&socket)).unwrap();
        source.check().unwrap();
        let serving = serve(&source, &folder);
        let listed = good("ssh-add", &["-l"], Some(serving.path()), b"");
        assert!(listed.contains("mine (ED25519)"), "{listed}");
        signs(serving.path(), &key);
        // Nothing that would change the agent gets through.
        for words in [
            &["-D"][..],
            &["-d", key.to_str().unwrap()],
            &["-q", other.to_str().unwrap()],
        ] {
            assert!(
                !run("ssh-add", words, Some(serving.path()), b"").status.success(),
                "{words:?}"
            );
        }
        assert_eq!(good("ssh-add", &["-l"], Some(&socket), b"").lines().count(), 1);
        for message in [17_u8, 18, 19, 22, 23, 27, 200] {
            assert_eq!(ask(serving.path(), &[message]), Some(vec![FAILURE]));
        }
    });
    machine.kill().unwrap();
    machine.wait().unwrap();
    result.unwrap();
    let gone = Source::Agent(socket).check();
    assert!(matches!(gone, Err(AgentError::Unreachable { .. })), "{gone:?}");
}

fn ask(agent: &Path, message: &[u8]) -> Option<Vec<u8>> {
    let mut stream = UnixStream::connect(agent).unwrap();
    write_message(&mut stream, message).unwrap();
    read_message(&mut stream).unwrap()
}

/// An agent without keys; requests for signatures find none.
fn empty() -> Source {
    Source::Keys(std::sync::Arc::default())
}

#[test]
fn hostile_clients_end_only_their_own_connection() {
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&empty(), &folder);
    for bytes in [&[0, 0, 0, 0][..], &[255, 255, 255, 255, 1], &[0, 4, 0, 1, 11]] {
        let mut stream = UnixStream::connect(serving.path()).unwrap();
        stream.write_all(bytes).unwrap();
        let mut rest = Vec::new();
        // The kernel may say "reset" where the end comes before all was read.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{bytes:?}");
    }
    for message in [&[13][..], &[13, 0, 0, 0, 9, 1], &[13, 255, 255, 255, 255], &[99], &[5]] {
        assert_eq!(ask(serving.path(), message), Some(vec![FAILURE]), "{message:?}");
    }
    let answer = ask(serving.path(), &[REQUEST_IDENTITIES]).unwrap();
    assert_eq!(answer, [IDENTITIES_ANSWER, 0, 0, 0, 0]);
    assert_eq!(Values(&answer[1..]).number(), Some(0));
}

#[test]
fn more_clients_than_are_served_at_once_wait() {
    let folder = tempfile::tempdir().unwrap();
    let serving = serve(&empty(), &folder);
    let idle: Vec<UnixStream> = (0..80).map(|_| UnixStream::connect(serving.path()).unwrap()).collect();
    let mut late = UnixStream::connect(serving.path()).unwrap();
    write_message(&mut late, &[REQUEST_IDENTITIES]).unwrap();
    drop(idle);
    assert!(read_message(&mut late).unwrap().is_some());
}

#[test]
fn dropping_ends_everything() {
    let folder = tempfile::tempdir().unwrap();
    // An agent that takes connections and never answers.
    let silent = folder.path().join("silent");
    let _listener = UnixListener::bind(&silent).unwrap();
    let serving = serve(&Source::open(&[silent]).unwrap(), &folder);
    let path = serving.path().to_path_buf();
    let mut waiting = UnixStream::connect(&path).unwrap();
    write_message(&mut waiting, &[REQUEST_IDENTITIES]).unwrap();
    let mut idle = UnixStream::connect(&path).unwrap();
    drop(serving);
    assert!(matches!(read_message(&mut waiting), Ok(None) | Err(_)));
    assert!(matches!(read_message(&mut idle), Ok(None) | Err(_)));
    assert!(!path.exists());
}

#[test]
fn sockets_are_made_as_asked_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(120));
    fs::create_dir(&deep).unwrap();
    let access = Access { mode: 0o640, ..own() };
    let serving = empty().serve(&deep, access).unwrap();
    assert_eq!(fs::metadata(serving.path()).unwrap().mode() & 0o7777, 0o640);
    drop(serving);
    let near = empty().serve_on_machine(&deep).unwrap();
    assert_eq!(ask(near.path(), &[REQUEST_IDENTITIES]).unwrap().len(), 5);
    let made = near.path().parent().unwrap().to_path_buf();
    assert_eq!(fs::metadata(&made).unwrap().mode() & 0o7777, 0o700);
    drop(near);
    assert!(!made.exists());
    let here = empty().serve_on_machine(folder.path()).unwrap();
    assert_eq!(here.path(), folder.path().join("agent"));
}

#[test]
fn ids_are_given_once_and_sockets_stand_alone() {
    let mut agents = Agents::default();
    agents.add("default", empty()).unwrap();
    assert!(matches!(agents.add("default", empty()), Err(AgentError::Twice(_))));
    assert!(agents.get("default").is_some() && agents.get("other").is_none());
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let both = Source::open(&[socket.clone(), socket]);
    assert!(matches!(both, Err(AgentError::NotAlone(_))));
    assert!(matches!(Source::open(&[]), Err(AgentError::NoPath)));
}
