//! What a RUN step sees, and what it can't reach.

use crate::support::Workbench;

#[track_caller]
fn output(lines: &str) -> Vec<String> {
    let bench = Workbench::with(&format!("FROM busybox\n{lines}\n"));
    bench.build(&[]).output().into_iter().map(str::to_owned).collect()
}

#[test]
fn the_usual_world() {
    let table = [
        ("RUN echo $$", "1"),
        ("RUN id -u; true", "0"),
        ("USER app\nRUN id", "uid=1000 gid=1000 groups=1000"),
        ("USER 1234:5\nRUN id -u; id -g | tr '\\n' ' '", "1234"),
        ("RUN echo $HOME", "/root"),
        ("USER app\nRUN echo $HOME", "/srv"),
        ("RUN pwd", "/"),
        ("WORKDIR /a/b\nRUN pwd", "/a/b"),
        ("RUN hostname", "buildkitsandbox"),
        (
            "RUN echo $PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("ARG a=1\nENV b=2\nRUN echo $a$b", "12"),
        ("RUN [\"echo\", \"$HOME\"]", "$HOME"),
        (
            "SHELL [\"/bin/sh\", \"-ec\"]\nRUN false || true; echo $- | grep -c e",
            "1",
        ),
        ("RUN wc -c < /dev/stdin", "0"),
        ("RUN df -k /dev/shm | awk 'NR==2 {print $2}'", "65536"),
        ("RUN grep -c localhost /etc/hosts | sed 's/[1-9]/some/'", "some"),
        (
            "RUN test -w /proc/sys && touch /proc/sys/kernel/hostname 2>/dev/null; cat /proc/sys/kernel/ostype",
            "Linux",
        ),
        (
            "RUN ls /proc/1/root/work 2>/dev/null; ls /proc | grep -c '^[0-9]' | sed 's/^[1-6]$/few/'",
            "few",
        ),
        (
            "RUN ls -d /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty | wc -l",
            "6",
        ),
        ("RUN umask", "0022"),
        ("RUN tty || true", "not a tty"),
    ];
    for (lines, first) in table {
        let said = output(lines);
        let line = said.first().map(String::as_str).unwrap_or_default();
        assert_eq!(line, first, "{lines}: {said:?}");
    }
}

#[test]
fn the_machine_is_out_of_reach() {
    // Each of these commands ends with 0 only when something is reachable that should not be.
    let attempts = [
        "test -e /proc/kcore && head -c1 /proc/kcore | grep -q .",
        "echo 1 > /proc/sysrq-trigger",
        "mount -t tmpfs none /mnt",
        "mount -t proc proc /proc",
        "umount /proc",
        "mknod /tmp/disk b 254 0 && head -c1 /tmp/disk",
        "echo x > /sys/kernel/mm/transparent_hugepage/enabled",
        "chroot /proc/1/root test -e /usr/share/doc",
        "test -e /usr/share/doc",
        "ls /dev/vda /dev/sda /dev/mem /dev/kmsg",
        "dmesg | grep -q .",
        "unshare --mount true",
        "hostname other",
        "date -s 2001-01-01; date | grep 2001",
        "test -d /sys/firmware && ls /sys/firmware | grep -q .",
        "grep -q '^CapEff:.*[1-9a-f]........$' /proc/self/status && grep -q 'CapEff:.0000003fffffffff' /proc/self/status",
        "nsenter -t 1 -m true; nsenter -t 2 -m true",
        "pivot_root / /mnt",
        "swapoff -a && swapon /dev/null",
    ];
    let all: Vec<String> = attempts
        .iter()
        .map(|attempt| {
            format!(
                "( {attempt} ) 2>/dev/null && echo 'REACHED: {}'",
                attempt.replace('\'', "")
            )
        })
        .collect();
    let text = format!(
        "FROM busybox\nRUN <<'EOF'\nmkdir -p /mnt\n{}\ntrue\nEOF\n",
        all.join("\n")
    );
    let bench = Workbench::with(&text);
    let run = bench.build(&[]);
    let reached: Vec<&str> = run
        .output()
        .into_iter()
        .filter(|line| line.contains("REACHED"))
        .collect();
    assert!(reached.is_empty(), "{reached:#?}");
}

#[test]
fn privileges_are_the_usual_ones() {
    let said = output("RUN grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'");
    assert!(said.contains(&"CapEff:00000000a80425fb".to_owned()), "{said:?}");
    assert!(said.contains(&"CapBnd:00000000a80425fb".to_owned()), "{said:?}");
    assert!(said.contains(&"Seccomp:2".to_owned()), "{said:?}");
    let said = output("USER app\nRUN grep CapEff /proc/self/status | tr -d '\\t'");
    assert_eq!(said, ["CapEff:0000000000000000"]);
}

#[test]
fn no_network_is_no_network() {
    let said = output("RUN --network=none ls /sys/class/net; ip route");
    assert_eq!(said, ["lo"]);
    let bench =
        Workbench::with("FROM busybox\nRUN --network=none ls /sys/class/net; ip addr show lo | grep -c 127.0.0.1\n");
    assert_eq!(bench.build(&[]).output(), ["lo", "1"]);
    let bench = Workbench::with("FROM busybox\nRUN ls /sys/class/net\n");
    assert_eq!(bench.build(&["--network=none"]).output(), ["lo"]);
}

#[test]
fn rights_have_to_be_granted() {
    let bench = Workbench::with("FROM busybox\nRUN --security=insecure true\n");
    bench.try_build(&[]).fails(1).says(["security.insecure"]);
    let bench = Workbench::with("FROM busybox\nRUN --network=host true\n");
    bench.try_build(&[]).fails(1).says(["network.host"]);
    bench.build(&["--allow", "network.host"]);
}

#[test]
fn hosts_and_limits_are_as_asked() {
    let bench = Workbench::with(
        "FROM busybox\nRUN grep store /etc/hosts; ulimit -n; df -k /dev/shm | awk 'NR==2 {print $2}'\n",
    );
    let run = bench.build(&["--add-host=store:10.9.8.7", "--ulimit=nofile=77:88", "--shm-size=2m"]);
    let said = run.output();
    assert!(
        said[0].starts_with("10.9.8.7") && said[0].ends_with("store"),
        "{said:?}"
    );
    assert_eq!(said[1..], ["77", "2048"]);
}

#[test]
fn nothing_of_the_sandbox_is_in_the_layer() {
    let bench = Workbench::with("FROM busybox\nRUN true\nRUN echo x > /x\n");
    let image = bench.image(&[]);
    let last = &image.layers[image.layers.len() - 2..];
    assert_eq!(last[0], Vec::<String>::new());
    assert_eq!(last[1], ["x"]);
    for path in ["etc/resolv.conf", "etc/hosts", "dev/null", "proc/1"] {
        assert!(!image.has(path), "{path}");
    }
}

#[test]
fn background_processes_end_with_their_step() {
    let bench = Workbench::with("FROM busybox\nRUN sleep 98765 & echo started\nRUN ps | grep -c '[9]8765' || true\n");
    let run = bench.build(&[]);
    assert_eq!(run.output(), ["started", "0"]);
}

#[test]
fn a_step_may_write_a_lot() {
    let bench = Workbench::with("FROM busybox\nRUN seq 1 200000\nRUN head -c 3000000 /dev/zero | tr '\\0' x\n");
    let run = bench.build(&[]);
    assert!(run.stderr.contains("| 200000\n"));
    assert!(run.stderr.matches('x').count() >= 3_000_000);
}
