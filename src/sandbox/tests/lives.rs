//! Beginnings and ends: killing, dying parents, failures.

use super::*;
use std::process;
use std::thread;

#[test]
pub(super) fn killing_ends_everything() {
    let Some(world) = World::new() else { return };
    let setup = world.setup("a");
    let (reader, writer) = std::io::pipe().unwrap();
    let command = shell("sleep 1000 & (sleep 1000 & sleep 1000) & echo up; wait").output(writer);
    let mut child = setup.spawn(&command).unwrap();
    drop(command);
    let mut reader = std::io::BufReader::new(reader);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    let killer = child.killer();
    thread::spawn(move || killer.kill().unwrap()).join().unwrap();
    assert_eq!(child.wait().unwrap(), ExitStatus::Signal(9));
    assert_eq!(child.wait().unwrap().code(), 137);
    // Nobody holds the pipe any more.
    reader.read_to_string(&mut line).unwrap();
    assert_eq!(line, "up\n");
    child.kill().unwrap();
}

#[test]
pub(super) fn a_dropped_child_is_dead() {
    let Some(world) = World::new() else { return };
    let child = world.setup("a").spawn(&shell("exec sleep 1000")).unwrap();
    let pid = child.pid();
    drop(child);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
pub(super) fn signals_reach_handlers() {
    let Some(world) = World::new() else { return };
    let (mut reader, writer) = std::io::pipe().unwrap();
    let command = shell("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.01; done").output(writer);
    let mut child = world.setup("a").spawn(&command).unwrap();
    drop(command);
    let mut ready = [0; 6];
    reader.read_exact(&mut ready).unwrap();
    child.killer().signal(libc::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap(), ExitStatus::Code(5));
}

/// Runs this test program again as a process that spawns a sandbox and is then killed.
#[test]
pub(super) fn a_killed_parent_takes_the_child_along() {
    let Some(world) = World::new() else { return };
    let me = std::env::current_exe().unwrap();
    let mut parent = process::Command::new(me)
        .args([
            "--exact",
            "sandbox::tests::lives::parent_to_be_killed",
            "--nocapture",
            "--ignored",
        ])
        .env("VARVE_TEST_DIR", world.dir.path())
        .stdout(process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(parent.stdout.take().unwrap()));
    let pid = lines
        .find_map(|line| line.ok()?.strip_prefix("child ").map(str::to_owned))
        .unwrap();
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let mut poll = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    let limit = rustix::event::Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(
        rustix::event::poll(&mut poll, Some(&limit)),
        Ok(1),
        "the command lives on"
    );
}

#[test]
#[ignore = "a part of `a_killed_parent_takes_the_child_along`"]
pub(super) fn parent_to_be_killed() {
    let Some(dir) = std::env::var_os("VARVE_TEST_DIR").map(PathBuf::from) else {
        return;
    };
    for name in ["u", "w", "s"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    let overlay = Overlay {
        lowers: vec![dir.join("lower")],
        upper: Some(Upper {
            directory: dir.join("u"),
            work: dir.join("w"),
        }),
        userxattr: !may_trust(&dir),
        devices: false,
    };
    let setup = Setup::new(Root::Overlay(overlay), dir.join("s")).container(SHM_SIZE, false);
    let mut child = setup.spawn(&shell("sleep 1000").user(3, 3, &[])).unwrap();
    println!("child {}", child.pid());
    child.wait().unwrap();
}

#[test]
pub(super) fn many_at_once() {
    let Some(world) = World::new() else { return };
    thread::scope(|scope| {
        for thread in 0..8 {
            let world = &world;
            scope.spawn(move || {
                for index in 0..10 {
                    let name = format!("{thread}-{index}");
                    let outcome = run(&world.setup(&name), shell("echo $$; id -u").user(thread, 0, &[]));
                    assert_eq!(outcome.output, format!("1\n{thread}\n"));
                }
            });
        }
    });
}

#[test]
pub(super) fn failures_name_the_operation() {
    let Some(world) = World::new() else { return };
    let fail = |setup: Setup, command: Command| {
        let error = try_run(&setup, command).unwrap_err();
        let source = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        (
            error.to_string().replace(world.dir.path().to_str().unwrap(), "DIR"),
            source,
        )
    };
    let (message, source) = fail(world.setup("a").tmpfs("/etc/passwd", None), shell("true"));
    assert_eq!(message, "cannot mount memory on `/etc/passwd`");
    assert!(source.contains("Not a directory"), "{source}");

    let (message, _) = fail(world.setup("b").bind(world.path("nothing"), "/x"), shell("true"));
    assert_eq!(message, "cannot find the source of a mount `DIR/nothing`");

    let (message, _) = fail(world.setup("c"), shell("true").cwd("/etc/passwd"));
    assert_eq!(message, "cannot enter the working directory `/etc/passwd`");

    let (message, _) = fail(world.setup("d"), shell("true").cwd("relative"));
    assert_eq!(message, "not an absolute path: `relative`");

    let mut overlay = world.overlay("e");
    overlay.upper.as_mut().unwrap().work = PathBuf::from("/dev/shm");
    let (message, source) = fail(world.setup_on("e", overlay), shell("true"));
    assert_eq!(message, "cannot mount an overlay of 1 directories on `DIR/e-upper`");
    assert!(source.contains("os error"), "{source}");

    let (message, source) = fail(world.setup("f"), Command::new(["/bin/nothing"]));
    assert_eq!(message, "cannot execute `/bin/nothing`: not found");
    assert!(source.contains("No such file"), "{source}");

    let (message, _) = fail(world.setup("g"), Command::new([""; 0]));
    assert_eq!(message, "the command has no program: ``");
}
