//! Containers of busybox, and requests put together.

use super::*;
use crate::oci::RunConfig;
use crate::sandbox::{ExitStatus, Network};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn config(entrypoint: Option<&str>, cmd: Option<&str>) -> RunConfig {
    RunConfig {
        entrypoint: entrypoint.map(words),
        cmd: cmd.map(words),
        ..RunConfig::default()
    }
}

#[test]
fn entrypoint_and_command_are_put_together_as_docker_does() {
    for (image, entrypoint, command, expected) in [
        ((None, Some("sh")), None, None, "sh"),
        ((Some("entry"), Some("arg")), None, None, "entry arg"),
        ((Some("entry"), Some("arg")), None, Some("other x"), "entry other x"),
        ((Some("entry"), Some("arg")), Some("mine"), None, "mine"),
        ((Some("entry"), Some("arg")), Some("mine"), Some("x"), "mine x"),
        ((Some("entry"), None), None, Some("x"), "entry x"),
        ((Some("entry"), Some("arg")), Some(""), Some("x"), "x"),
        ((Some("entry"), Some("arg")), None, Some(""), "entry arg"),
    ] {
        let config = config(image.0, image.1);
        let mut request = RunRequest::new(Vec::new(), "/none", &config);
        request.entrypoint = entrypoint.map(words);
        request.command = command.map(words);
        assert_eq!(request.resolve().unwrap().argv, words(expected), "{request:?}");
    }
    for (image, entrypoint) in [((None, None), None), ((Some("entry"), Some("arg")), Some(""))] {
        let config = config(image.0, image.1);
        let mut request = RunRequest::new(Vec::new(), "/none", &config);
        request.entrypoint = entrypoint.map(words);
        assert!(matches!(request.resolve(), Err(RuntimeError::NoCommand)));
    }
}

#[test]
fn variables_are_layered() {
    let mut image = config(None, Some("sh"));
    image.env = words("A=1 B=2 PATH=/image C");
    image.working_dir = "app".to_owned();
    let mut request = RunRequest::new(Vec::new(), "/none", &image);
    request.hostname = "box".to_owned();
    request.env = words("B=3 A D=x=y NOTHING");
    request.tty = true;
    let resolved = request.resolve().unwrap();
    assert_eq!(
        resolved.env,
        words("PATH=/image HOSTNAME=box TERM=xterm B=3 D=x=y HOME=/")
    );
    assert_eq!(resolved.cwd, Path::new("/app"));
    request.workdir = Some("relative".to_owned());
    assert!(matches!(request.resolve(), Err(RuntimeError::WorkingDirectory(_))));
    request.workdir = None;
    request.user = Some("nobody".to_owned());
    assert!(matches!(request.resolve(), Err(RuntimeError::User { .. })));
}

/// An image of busybox, or the reason why there is none.
fn image(dir: &Path) -> Option<PathBuf> {
    if !rustix::process::geteuid().is_root() || !Path::new("/bin/busybox").exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "these tests need root and a static /bin/busybox"
        );
        eprintln!("skipped: this test needs root and a static /bin/busybox");
        return None;
    }
    let lower = dir.join("image");
    fs::create_dir_all(lower.join("bin")).unwrap();
    fs::create_dir_all(lower.join("etc")).unwrap();
    fs::copy("/bin/busybox", lower.join("bin/busybox")).unwrap();
    for applet in ["sh", "cat", "stty", "sleep", "id", "tty"] {
        symlink("busybox", lower.join("bin").join(applet)).unwrap();
    }
    Some(lower)
}

const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n";

fn piped(stdin: impl Into<OwnedFd>) -> (Streams, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let output: Arc<OwnedFd> = Arc::new(writer.into());
    let streams = Streams {
        stdin: Arc::new(stdin.into()),
        stdout: output.clone(),
        stderr: output,
    };
    (streams, reader)
}

fn null() -> fs::File {
    fs::File::open("/dev/null").unwrap()
}

fn text(mut reader: impl Read) -> String {
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_container_runs() {
    let dir = tempfile::tempdir().unwrap();
    let Some(image) = image(dir.path()) else { return };
    fs::write(dir.path().join("shared"), "from outside\n").unwrap();
    let config = RunConfig {
        user: "app".to_owned(),
        working_dir: "/srv".to_owned(),
        ..config(Some("/bin/sh -c"), None)
    };
    let mut request = RunRequest::new(vec![image], dir.path(), &config);
    request.passwd = Some(PASSWD);
    request.command = Some(vec![
        "pwd; id -u; echo $HOME $HOSTNAME; cat /etc/hostname /shared; cat; touch x; exit 7".to_owned(),
    ]);
    request.hostname = "box".to_owned();
    request.network = Network::None;
    request.interactive = true;
    request.mounts.push(BindMount {
        source: dir.path().join("shared"),
        target: "/shared".into(),
        read_only: true,
    });
    let (stdin, mut feed) = std::io::pipe().unwrap();
    feed.write_all(b"typed\n").unwrap();
    drop(feed);
    let (streams, reader) = piped(stdin);
    let status = run(&request, &streams).unwrap();
    drop(streams);
    assert_eq!(status, ExitStatus::Code(7));
    assert_eq!(text(reader), "/srv\n1000\n/home/app box\nbox\nfrom outside\ntyped\n");
    assert!(dir.path().join("upper/srv/x").exists());
    assert!(!dir.path().join("upper/etc").exists());
}

#[test]
fn a_terminal_is_relayed() {
    let dir = tempfile::tempdir().unwrap();
    let Some(image) = image(dir.path()) else { return };
    let config = config(None, Some("/bin/sh"));
    let mut request = RunRequest::new(vec![image], dir.path(), &config);
    request.tty = true;
    request.interactive = true;
    // The caller's terminal: we hold its other side.
    let outer = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::unlockpt(&outer).unwrap();
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let inner = Arc::new(rustix::pty::ioctl_tiocgptpeer(&outer, flags).unwrap());
    let size = rustix::termios::Winsize {
        ws_row: 41,
        ws_col: 131,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&outer, size).unwrap();
    let before = rustix::termios::tcgetattr(&inner).unwrap();
    let streams = Streams {
        stdin: inner.clone(),
        stdout: inner.clone(),
        stderr: inner.clone(),
    };
    let mut keyboard = fs::File::from(outer.try_clone().unwrap());
    keyboard.write_all(b"stty size; tty; echo $TERM; exit 9\r").unwrap();
    let screen = thread::spawn(move || {
        let mut seen = String::new();
        let mut buffer = [0; 1024];
        let mut outer = fs::File::from(outer);
        while !seen.contains("xterm\r\n") {
            let length = outer.read(&mut buffer).unwrap();
            seen += &String::from_utf8_lossy(&buffer[..length]);
        }
        seen
    });
    let status = run(&request, &streams).unwrap();
    assert_eq!(status, ExitStatus::Code(9));
    let seen = screen.join().unwrap();
    assert!(
        seen.contains("41 131\r\n") && seen.contains("/dev/pts/0\r\n"),
        "{seen:?}"
    );
    let after = rustix::termios::tcgetattr(&inner).unwrap();
    assert_eq!(after.local_modes, before.local_modes);
    drop(keyboard);
}

#[test]
fn input_that_ends_is_passed_on_to_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let Some(image) = image(dir.path()) else { return };
    let config = config(None, Some("/bin/cat"));
    let mut request = RunRequest::new(vec![image], dir.path(), &config);
    request.tty = true;
    request.interactive = true;
    let (stdin, mut feed) = std::io::pipe().unwrap();
    feed.write_all(b"line\n").unwrap();
    drop(feed);
    let (streams, reader) = piped(stdin);
    let status = run(&request, &streams).unwrap();
    drop(streams);
    assert_eq!(status, ExitStatus::Code(0));
    assert_eq!(text(reader), "line\r\nline\r\n");
}

#[test]
fn signals_go_to_process_one_and_killers_end_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(image) = image(dir.path()) else { return };
    let config = config(Some("/bin/sh -c"), None);
    let mut request = RunRequest::new(vec![image], dir.path(), &config);
    request.command = Some(vec![
        "trap 'exit 5' USR1; echo ready; while :; do sleep 0.01; done".to_owned(),
    ]);
    let (streams, mut reader) = piped(null());
    let container = start(&request, &streams).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let ended = done.clone();
    let waiter = thread::spawn(move || {
        let mut ready = [0; 6];
        reader.read_exact(&mut ready).unwrap();
        // To ourselves, as a user would send it, until somebody listens.
        let me = rustix::process::getpid();
        while !ended.load(Ordering::Relaxed) {
            rustix::process::kill_process(me, rustix::process::Signal::USR1).unwrap();
            thread::yield_now();
        }
    });
    // Listen before the signal can be sent: the default action would end this test.
    let guard = signal_hook::flag::register(libc::SIGUSR1, Arc::default()).unwrap();
    let status = container.attach(&streams);
    done.store(true, Ordering::Relaxed);
    waiter.join().unwrap();
    signal_hook::low_level::unregister(guard);
    assert_eq!(status.unwrap(), ExitStatus::Code(5));

    let second = dir.path().join("second");
    fs::create_dir(&second).unwrap();
    request.directory = second;
    request.command = Some(vec!["sleep 1000".to_owned()]);
    let container = start(&request, &streams).unwrap();
    let killer = container.killer();
    thread::spawn(move || killer.kill().unwrap());
    assert_eq!(container.attach(&streams).unwrap().code(), 137);
}

#[test]
fn bundles_are_what_runc_takes() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(None, Some("/bin/sh -c id"));
    let mut request = RunRequest::new(Vec::new(), dir.path(), &config);
    request.passwd = Some(PASSWD);
    request.user = Some("app".to_owned());
    request.network = Network::None;
    let spec = bundle(&request).unwrap();
    assert_eq!(spec.process().as_ref().unwrap().user().uid(), 1000);
    let Some(image) = image(dir.path()) else { return };
    if !Path::new("/usr/sbin/runc").exists() {
        eprintln!("skipped: this test needs runc");
        return;
    }
    fs::rename(image, dir.path().join("rootfs")).unwrap();
    spec.save(dir.path().join("config.json")).unwrap();
    let output = std::process::Command::new("/usr/sbin/runc")
        .arg("--root")
        .arg(dir.path().join("state"))
        .args(["run", "--bundle"])
        .arg(dir.path())
        .arg(format!("varve-test-{}", std::process::id()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "uid=1000 gid=1000 groups=1000\n", "{output:?}");
}
