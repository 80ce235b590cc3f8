//! `varve run`.

use crate::support::{Run, Running, Workbench, peer};
use std::fs;
use std::process::Stdio;

const TEXT: &str = "FROM busybox\nRUN mkdir -p /w && echo in > /w/f\nENV A=image B=image\nWORKDIR /w\nUSER app\n\
    ENTRYPOINT [\"/bin/sh\", \"-c\", \"echo entry; exec \\\"$@\\\"\", \"--\"]\nCMD [\"echo\", \"command\"]\n";

fn bench() -> Workbench {
    let bench = Workbench::with(TEXT);
    bench.build(&["-t", "app"]);
    bench.dockerfile("FROM busybox\n");
    bench.build(&["-t", "plain"]);
    bench
}

#[test]
fn what_runs() {
    let bench = bench();
    let table: &[(&[&str], &str)] = &[
        (&["app"], "entry\ncommand\n"),
        (&["app", "echo", "mine"], "entry\nmine\n"),
        (&["--entrypoint", "/bin/echo", "app"], "\n"),
        (&["--entrypoint", "/bin/echo", "app", "-n", "x"], "x"),
        (&["--entrypoint", "", "app", "echo", "bare"], "bare\n"),
        (&["app", "pwd"], "entry\n/w\n"),
        (&["-w", "/tmp", "app", "pwd"], "entry\n/tmp\n"),
        (&["app", "id", "-u"], "entry\n1000\n"),
        (&["-u", "0", "app", "id", "-u"], "entry\n0\n"),
        (&["-u", "7:8", "app", "id", "-g"], "entry\n8\n"),
        (&["-e", "A=mine", "app", "sh", "-c", "echo $A$B"], "entry\nmineimage\n"),
        (&["-e", "CALLER", "app", "sh", "-c", "echo $CALLER"], "entry\ncalled\n"),
        (&["--hostname", "lake", "plain", "hostname"], "lake\n"),
        (&["--network", "none", "plain", "ls", "/sys/class/net"], "lo\n"),
        (&["plain", "sh", "-c", "echo $$"], "1\n"),
        (&["plain", "sh", "-c", "echo $HOME"], "/root\n"),
        (&["plain", "sh", "-c", "touch /new && ls /new"], "/new\n"),
        (&["plain", "ls", "/new"], ""),
    ];
    for (words, expected) in table {
        let mut all = vec!["run"];
        all.extend(*words);
        let mut command = bench.varve_command(&all);
        command.env("CALLER", "called");
        let run = Running::start(command).end();
        assert_eq!(run.stdout, *expected, "{words:?}: {}", run.stderr);
    }
}

#[test]
fn exit_codes() {
    let bench = bench();
    let code = |words: &[&str], code: i32| -> Run {
        let mut all = vec!["run"];
        all.extend(words);
        bench.varve(all).fails(code)
    };
    code(&["plain", "true"], 0);
    code(&["plain", "sh", "-c", "exit 42"], 42);
    code(&["plain", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137);
    code(&["plain", "not-there"], 127).says(["not-there"]);
    code(&["plain", "/etc/passwd"], 126).says(["/etc/passwd"]);
    code(&["nobody-has-this"], 125).says(["nobody-has-this"]);
    code(&["-u", "ghost", "plain", "true"], 125).says(["ghost"]);
    code(&["--nonsense", "plain"], 2);
}

#[test]
fn signals_are_passed_on() {
    let bench = bench();
    for (signal, number) in [("TERM", 15), ("INT", 2), ("USR1", 10)] {
        let script =
            format!("trap 'echo got {signal}; exit {number}' {signal}; echo ready; while true; do sleep 0.1; done");
        let run = Running::start(bench.varve_command(["run", "plain", "sh", "-c", &script]));
        run.until("ready");
        run.signal(signal);
        let run = run.end().fails(number);
        assert!(run.stdout.contains(&format!("got {signal}")), "{}", run.stdout);
    }
}

#[test]
fn nothing_outlives_it() {
    let bench = bench();
    let run =
        Running::start(bench.varve_command(["run", "plain", "sh", "-c", "sleep 66666 & echo ready; sleep 66666"]));
    run.until("ready");
    run.signal("KILL");
    run.end().fails(-9);
    let sleeping = || {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x0066666\0"))
            .count()
    };
    let start = std::time::Instant::now();
    while sleeping() > 0 && start.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(sleeping(), 0);
    bench.varve(["run", "plain", "true"]).succeeds();
}

#[test]
fn standard_input() {
    let bench = bench();
    let feed = |words: &[&str]| {
        let mut command = bench.varve_command(words);
        command.stdin(Stdio::piped());
        Running::start(command)
            .feed(b"typed\n".to_vec())
            .end()
            .succeeds()
            .stdout
    };
    assert_eq!(feed(&["run", "-i", "plain", "cat"]), "typed\n");
}

#[test]
fn volumes() {
    let bench = bench();
    let shared = bench.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("f"), "host\n").unwrap();
    let volume = format!("{}:/v", shared.display());
    let run = bench
        .varve(["run", "-v", &volume, "plain", "sh", "-c", "cat /v/f; echo back > /v/g"])
        .succeeds();
    assert_eq!(run.stdout, "host\n");
    assert_eq!(fs::read_to_string(shared.join("g")).unwrap(), "back\n");
    bench
        .varve([
            "run",
            "-v",
            &format!("{volume}:ro"),
            "plain",
            "sh",
            "-c",
            "echo no > /v/h",
        ])
        .fails(1);
    assert!(!shared.join("h").exists());
    let file = format!("{}:/w/one:ro", shared.join("f").display());
    assert_eq!(
        bench
            .varve(["run", "-v", &file, "plain", "cat", "/w/one"])
            .succeeds()
            .stdout,
        "host\n"
    );
}

#[test]
fn the_image_is_not_changed() {
    let bench = bench();
    bench.varve(["run", "plain", "sh", "-c", "rm -r /bin /etc; echo x > /x"]);
    assert_eq!(
        bench
            .varve(["run", "plain", "ls", "/"])
            .succeeds()
            .stdout
            .matches("etc")
            .count(),
        1
    );
    bench.image(&[]);
}

#[test]
fn a_terminal() {
    if !peer("script") {
        return;
    }
    let bench = bench();
    let line = format!(
        "{} run -t plain sh -c 'tty; stty size; echo 1 | grep --color=auto 1'",
        crate::support::VARVE
    );
    let mut command = bench.command("script");
    command.args(["-q", "-e", "-c", &format!("stty rows 33 cols 77; {line}"), "/dev/null"]);
    let run = Running::start(command).end().succeeds();
    assert!(run.stdout.contains("/dev/"), "{}", run.stdout);
    assert!(run.stdout.contains("33 77"), "{}", run.stdout);
    let line = format!(
        "{} run -i -t plain sh -c 'read a; echo \"got $a\"; exit 5'",
        crate::support::VARVE
    );
    let mut command = bench.command("script");
    command
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .stdin(Stdio::piped());
    let run = Running::start(command).feed(b"word\n".to_vec()).end().fails(5);
    assert!(run.stdout.contains("got word"), "{}", run.stdout);
}

#[test]
fn the_default_is_no_terminal() {
    assert_eq!(
        bench()
            .varve(["run", "plain", "sh", "-c", "test -t 0 || test -t 1 || echo none"])
            .succeeds()
            .stdout,
        "none\n"
    );
}
