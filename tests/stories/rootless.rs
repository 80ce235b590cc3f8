//! The main stories as a user who is not root: with subordinate ids, and without.

use crate::support::{Agent, Image, Running, Workbench, openssh, peer, root, user_namespaces};
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A user of this machine for the length of a test.
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl User {
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !root() || !peer("useradd") || !peer("newuidmap") || !user_namespaces() {
            return None;
        }
        let name = format!("vs{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let start = 3_000_000 + (std::process::id() % 10_000) * 65_536;
        let run = |program: &str, words: &[&str]| {
            let status = Command::new(program).args(words).status().unwrap();
            assert!(status.success(), "{program} {words:?}");
        };
        run(
            "useradd",
            &[
                "--no-create-home",
                "--no-user-group",
                "--gid",
                "nogroup",
                "--shell",
                "/bin/sh",
                &name,
            ],
        );
        // From here on the user is removed again, whatever fails.
        let mut user = Self { name, uid: 0, gid: 0 };
        let range = format!("{start}-{}", start + 65_535);
        run(
            "usermod",
            &["--add-subuids", &range, "--add-subgids", &range, &user.name],
        );
        let id = |flag: &str| {
            let out = Command::new("id").args([flag, &user.name]).output().unwrap();
            String::from_utf8(out.stdout).unwrap().trim().parse().unwrap()
        };
        (user.uid, user.gid) = (id("-u"), id("-g"));
        Some(user)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.name).output();
    }
}

/// A user without a line in `/etc/passwd` or `/etc/subuid`.
const STRANGER: u32 = 1_234_567;

const TEXT: &str = "FROM busybox AS made\nWORKDIR /w\nCOPY --chown=app:app a.txt ./\nRUN id -u > id && stat -c '%u:%g' a.txt >> id\n\
    USER app\nRUN id -u > /tmp/app\nUSER root\nRUN --mount=type=cache,target=/c touch /c/x && rm /bin/vi && mkdir -m 700 /closed\n\
    FROM made\nCOPY --from=made /tmp/app /app\nRUN --network=none ls /sys/class/net > /net\nRUN mkdir /d && rmdir /d\nCMD [\"cat\", \"/w/id\"]\n";

fn story(bench: &Workbench, owners: bool) -> Image {
    bench.file("a.txt", "a");
    let image = bench.image(&["-t", "app:v1"]);
    assert_eq!(image.read("net"), "lo\n");
    assert!(!image.has("bin/vi"));
    assert_eq!(image.node("closed").mode, 0o700);
    if owners {
        assert_eq!(image.read("w/id"), "0\n1000:1000\n");
        assert_eq!(image.read("app"), "1000\n");
        assert_eq!((image.node("app").uid, image.node("tmp/app").uid), (1000, 1000));
    }
    assert_eq!(
        image.node("w/a.txt").uid,
        1000,
        "who owns a file is kept, whatever the user may do"
    );
    bench.image_and_run(&["-t", "app:v1"]).1.all_reused();
    let run = bench.varve(["run", "app:v1"]).succeeds();
    assert_eq!(run.stdout, image.read("w/id"));
    bench.varve(["run", "app:v1", "sh", "-c", "exit 7"]).fails(7);
    image
}

#[test]
fn with_subordinate_ids() {
    let Some(user) = User::new() else { return };
    let bench = Workbench::with(TEXT).owned_by(user.uid, user.gid);
    let image = story(&bench, true);
    // What root builds is the same image.
    let root = Workbench::with(TEXT);
    root.file("a.txt", "a");
    let of_root = root.image(&[]);
    let facts = |image: &Image| -> Vec<_> {
        image
            .tree
            .iter()
            .map(|(path, node)| (path.clone(), node.mode, node.uid, node.gid, node.target.clone()))
            .collect()
    };
    assert_eq!(facts(&image), facts(&of_root));
    bench.varve(["run", "-u", "app", "app:v1", "id", "-u"]).succeeds();
    // With an epoch, down to the last bit; from a store without a trace of the first build.
    let exact = |bench: &Workbench| {
        let output = "type=oci,dest=exact.tar,rewrite-timestamp=true";
        let words = [
            "--root",
            "another",
            "--build-arg",
            "SOURCE_DATE_EPOCH=1000000000",
            "-o",
            output,
        ];
        bench.build(&words);
        Image::of_tar(&fs::read(bench.path("work/exact.tar")).unwrap()).digest
    };
    assert_eq!(exact(&bench), exact(&root));
}

#[test]
fn without_subordinate_ids() {
    if !root() || !user_namespaces() {
        return;
    }
    let text = TEXT.replace("USER app\nRUN id -u > /tmp/app\nUSER root", "RUN echo 1000 > /tmp/app");
    let bench = Workbench::with(&text).owned_by(STRANGER, STRANGER);
    let run = bench.try_build(&[]);
    assert!(run.code == 1, "a.txt is missing yet");
    story(&bench, false);
    if openssh() {
        // `ssh-keygen` does not work for users without a name.
        let named = Workbench::bare();
        let key = bench.text("work/mine");
        fs::write(
            &key,
            fs::read(named.ssh_key("mine", &["-t", "ed25519", "-N", ""])).unwrap(),
        )
        .unwrap();
        bench.dockerfile("FROM busybox\nRUN --mount=type=ssh,uid=1000 true\n");
        let words = ["--ssh", &format!("default={key}")];
        bench.try_build(&words).fails(1).says(["/etc/subuid", "Dockerfile:2"]);
    }
    bench.dockerfile("FROM busybox\nUSER app\nRUN true\n");
    let run = bench.try_build(&[]);
    assert!(
        run.code == 0 || run.code == 1 && run.stderr.contains("subordinate"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_ssh_agent_of_the_user() {
    if !openssh() {
        return;
    }
    let Some(user) = User::new() else { return };
    let text = "FROM busybox AS ssh\nCOPY --from=tools . /\nFROM ssh\nRUN --mount=type=ssh,required ssh-add -l > /1\n\
        USER app\nRUN --mount=type=ssh,uid=1000 ssh-add -l > /tmp/2\nRUN --mount=type=ssh,id=file,uid=1000 ssh-add -l > /tmp/3\n";
    let bench = Workbench::with(text).owned_by(user.uid, user.gid);
    let tools = bench.ssh_tools();
    let key = bench.ssh_key("mine", &["-t", "ed25519", "-N", ""]);
    let agent = Agent::with(&bench, &key);
    let (socket, file) = (format!("default={}", agent.path()), format!("file={key}"));
    let image = bench.image(&["--build-context", &tools, "--ssh", &socket, "--ssh", &file]);
    for path in ["1", "tmp/2", "tmp/3"] {
        assert!(image.read(path).contains("mine (ED25519)"), "{path}");
    }
}

#[test]
fn a_store_of_somebody_else() {
    if !root() || !user_namespaces() {
        return;
    }
    let bench = Workbench::with("FROM busybox\nRUN true\n");
    bench.build(&[]);
    let bench = bench.owned_by(STRANGER, STRANGER);
    let run = bench.try_build(&[]).fails(1);
    assert!(
        run.stderr.contains("error") && !run.stderr.contains("panicked"),
        "{}",
        run.stderr
    );
    fs::remove_dir_all(bench.store()).unwrap();
}

#[test]
fn nothing_outlives_a_rootless_build() {
    let Some(user) = User::new() else { return };
    let bench = Workbench::with("FROM busybox\nRUN echo began; sleep 55555; true\n").owned_by(user.uid, user.gid);
    for (signal, code) in [("INT", 130), ("KILL", -9)] {
        let build = Running::start(bench.build_command(&[]));
        build.until("| began");
        build.signal(signal);
        build.end().fails(code);
        let mine = || {
            let out = Command::new("ps").args(["-eo", "args"]).output().unwrap();
            String::from_utf8_lossy(&out.stdout)
                .lines()
                .filter(|line| line.contains("sleep 55555") && !line.contains("varve"))
                .count()
        };
        let start = std::time::Instant::now();
        while mine() > 0 && start.elapsed().as_secs() < 10 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(mine(), 0, "{signal}");
    }
    bench.still_builds();
}
