//! Builds that are stopped: nothing outlives them, and the store is good.

use crate::support::{Running, Workbench};
use std::fs;
use std::path::Path;

/// Processes whose command line holds a text, and which are not ours.
fn alive(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(marker) && line.contains("sleep") {
                found.push(format!("{name}: {line}"));
            }
        }
    }
    found
}

fn mounts_below(path: &Path) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts
        .lines()
        .filter(|line| line.contains(path.to_str().unwrap()))
        .map(str::to_owned)
        .collect()
}

/// Starts a build with two long commands, interrupts it, and looks at what is left.
fn interrupted(signals: &[&str], code: i32, number: u32) {
    let marker = format!("{}{number}", std::process::id());
    let text = format!(
        "FROM busybox AS a\nRUN echo began a; trap '' INT TERM; sleep 7{marker} & sleep 7{marker}; sleep 7{marker}\n\
         FROM busybox AS b\nRUN --mount=type=cache,target=/c touch /c/x && echo began b; sleep 7{marker}\n\
         FROM busybox\nCOPY --from=a / /a\nCOPY --from=b / /b\n"
    );
    let bench = Workbench::with(&text);
    let tar = bench.path("work/never.tar");
    let build =
        Running::start(bench.build_command(&["-t", "never", "-o", &format!("type=oci,dest={}", tar.display())]));
    build.until("| began a");
    build.until("| began b");
    build.wait_for("the commands sleep", || alive(&marker).len() >= 2);
    for signal in signals {
        build.signal(signal);
    }
    let run = build.end().fails(code);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    // The kernel needs a moment to end a namespace whose first process is gone.
    let start = std::time::Instant::now();
    while !alive(&marker).is_empty() && start.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(alive(&marker), Vec::<String>::new(), "{signals:?}");
    assert_eq!(mounts_below(&bench.store()), Vec::<String>::new());
    assert!(!tar.exists());
    assert_eq!(fs::read_dir(bench.path("work")).unwrap().count(), 0);
    bench.still_builds();
    assert!(!bench.varve(["images"]).succeeds().stdout.contains("never"));
    // What a killed build left behind is swept by the next one.
    let temporary = bench.store().join("tmp");
    let left = fs::read_dir(&temporary).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{signals:?} left something in {}", temporary.display());
}

#[test]
fn control_c() {
    interrupted(&["INT"], 130, 1);
}

#[test]
fn termination() {
    interrupted(&["TERM"], 130, 2);
}

#[test]
fn kill() {
    interrupted(&["KILL"], -9, 3);
}

#[test]
fn a_build_that_is_killed_at_any_moment() {
    let bench = Workbench::with("FROM busybox\nCOPY a /a\nRUN cp /a /b\nRUN rm /a && echo done > /c\n");
    bench.file("a", vec![7; 3_000_000]);
    for milliseconds in (0..12).map(|number| number * 15) {
        let build = Running::start(bench.build_command(&["-t", "app", "-o", "type=oci,dest=x.tar", "--no-cache"]));
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        build.signal("KILL");
        build.end();
        let tar = bench.path("work/x.tar");
        if tar.exists() {
            crate::support::Image::of_tar(&fs::read(&tar).unwrap());
        }
    }
    assert_eq!(bench.image(&["-t", "app"]).read("c"), "done\n");
    assert_eq!(bench.varve(["run", "app", "cat", "/c"]).succeeds().stdout, "done\n");
}

#[test]
fn interrupted_while_the_output_is_written() {
    let bench = Workbench::with("FROM busybox\nRUN head -c 60000000 /dev/urandom > /large\n");
    bench.build(&[]);
    let tar = bench.path("work/x.tar");
    let build =
        Running::start(bench.build_command(&["-o", "type=oci,dest=x.tar,compression=zstd,compression-level=19"]));
    build.until("writing");
    build.signal("INT");
    let run = build.end();
    assert!(
        run.code == 130 && !tar.exists() || run.code == 0 && tar.exists(),
        "{} {}",
        run.code,
        run.stderr
    );
    let left = fs::read_dir(bench.path("work")).unwrap().count();
    assert_eq!(left, usize::from(run.code == 0));
    bench.still_builds();
}

#[test]
fn control_c_typed_at_a_terminal() {
    use std::io::Write as _;
    use std::process::Stdio;
    if !crate::support::peer("script") {
        return;
    }
    let bench = Workbench::with("FROM busybox\nRUN echo began; sleep 44444; true\n");
    let base = crate::support::base().display();
    // The shell hears the key as well, and is to tell the end.
    let line = format!(
        "trap : INT; {} build --build-context=busybox=oci-layout://{base} {}; echo \"code $?\"; stty -a | grep -o ' echo '",
        crate::support::VARVE,
        bench.context().display()
    );
    let mut command = bench.command("script");
    command
        .args(["-q", "-c", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .env("TERM", "xterm");
    let mut child = Running::start(command);
    let mut keyboard = child.keyboard();
    child.until("| began");
    keyboard.write_all(b"\x03").unwrap();
    child.until("code ");
    drop(keyboard);
    let run = child.end();
    assert!(run.stdout.contains("code 130"), "{}", run.stdout);
    assert!(
        run.stdout.contains(" echo "),
        "the terminal is as it was: {}",
        run.stdout
    );
    assert!(!run.stdout.contains("panicked"), "{}", run.stdout);
}

#[test]
fn a_live_view_ends_with_the_facts() {
    if !crate::support::peer("script") {
        return;
    }
    let bench = Workbench::with("FROM busybox\nRUN echo one; sleep 1; echo two\nRUN echo three > /f\n");
    let base = crate::support::base().display();
    let line = format!(
        "{} build -t app --build-context=busybox=oci-layout://{base} {}",
        crate::support::VARVE,
        bench.context().display()
    );
    for text in ["built in", "reused"] {
        let mut command = bench.command("script");
        command
            .args(["-q", "-e", "-c", &line, "/dev/null"])
            .env("TERM", "xterm");
        let run = Running::start(command).end().succeeds();
        assert!(
            run.stdout.contains(text) && run.stdout.contains("app:latest"),
            "{}",
            run.stdout
        );
        assert!(!run.stdout.contains("panicked"), "{}", run.stdout);
    }
}
