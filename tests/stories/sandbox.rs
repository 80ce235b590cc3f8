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
fn hosts_are_added_in_every_spelling() {
    let bench = Workbench::with("FROM busybox\nRUN tail -n 5 /etc/hosts | tr '\\t' ' '\n");
    let words =
        ["a:1.2.3.4", "b=1.2.3.5", "c:[::1]", "d=::2", "e:host-gateway"].map(|host| format!("--add-host={host}"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = bench.build(&words);
    assert_eq!(
        run.output(),
        ["1.2.3.4 a", "1.2.3.5 b", "::1 c", "::2 d", "127.0.0.1 e"]
    );
    // Addresses are the machine's affair, names are not.
    bench
        .build(&[
            "--add-host=a:9.9.9.9",
            "--add-host=b:9.9.9.9",
            "--add-host=c:9.9.9.9",
            "--add-host=d:9.9.9.9",
            "--add-host=e:9.9.9.9",
        ])
        .all_reused();
    for bad in ["a", "a:", ":1.2.3.4", "a:1.2.3", "a:host", "a:[[::1]]"] {
        bench.try_build(&["--add-host", bad]).fails(2).says(["NAME:ADDRESS"]);
    }
}

#[test]
fn limits_of_a_process() {
    let bench = Workbench::with("FROM busybox\nRUN cat /proc/self/limits\n");
    let run = bench.build(&[
        "--ulimit=core=0",
        "--ulimit=cpu=100:200",
        "--ulimit=fsize=1000000:-1",
        "--ulimit=stack=8388608",
    ]);
    let limit = |name: &str| -> Vec<String> {
        let line = run
            .output()
            .into_iter()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned();
        line[name.len()..]
            .split_whitespace()
            .take(2)
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max cpu time"), ["100", "200"]);
    assert_eq!(limit("Max file size"), ["1000000", "unlimited"]);
    assert_eq!(limit("Max stack size"), ["8388608", "8388608"]);
    bench.build(&["--ulimit=core=1"]).only_built(&["RUN"]);
}

#[test]
fn networks_are_chosen_by_the_step_or_the_build() {
    let lines = "RUN --network=none ls /sys/class/net\nRUN --network=default ls /sys/class/net | grep -v '^lo$' | head -1 | wc -l";
    let bench = Workbench::with(&format!("FROM busybox\n{lines}\n"));
    let machine = std::fs::read_dir("/sys/class/net")
        .unwrap()
        .count()
        .saturating_sub(1)
        .min(1)
        .to_string();
    assert_eq!(bench.build(&["--network=host"]).output(), ["lo", &machine]);
    // "default" is what the command line says, so that a step can't have back what was taken from it.
    // The first step, whose network is the same as before, is reused.
    assert_eq!(bench.build(&["--network=none"]).output(), ["0"]);
    let bench = Workbench::with("FROM busybox\nRUN --network=host true\n");
    bench.build(&["--network=host"]);
    bench.try_build(&["--network=bridge"]).fails(2);
}

#[test]
fn an_insecure_step_may_do_what_others_may_not() {
    let bench = Workbench::with(
        "FROM busybox\nRUN --security=insecure mount -t tmpfs none /mnt && umount /mnt && grep CapEff /proc/self/status | grep -vc 00000000a80425fb\n\
         RUN --security=sandbox ! mount -t tmpfs none /mnt 2>/dev/null && echo refused\n",
    );
    bench.file("x", "");
    bench.dockerfile(
        &std::fs::read_to_string(bench.context().join("Dockerfile"))
            .unwrap()
            .replace("RUN --security=insecure", "RUN mkdir -p /mnt\nRUN --security=insecure"),
    );
    let run = bench.build(&["--allow=security.insecure", "--allow=device=vendor.com/x=y"]);
    assert_eq!(run.output(), ["1", "refused"]);
    run.says(["`--allow device=vendor.com/x=y` grants nothing"]);
    bench
        .try_build(&["--allow=everything"])
        .fails(2)
        .says(["security.insecure"]);
}

#[test]
fn arguments_that_speak_to_the_builder() {
    let bench =
        Workbench::with("# syntax=example.com/other:1\nFROM busybox\nRUN hostname; env | grep -c BUILDKIT || true\n");
    let run = bench.build(&[
        "--build-arg=BUILDKIT_SANDBOX_HOSTNAME=mine",
        "--build-arg=BUILDKIT_BUILD_NAME=nightly",
    ]);
    assert_eq!(run.output(), ["mine", "0"]);
    let run = run.says(["example.com/other:1", "never loaded"]);
    assert!(!run.stderr.contains("BUILDKIT_BUILD_NAME"));
    bench
        .build(&["--build-arg=BUILDKIT_SYNTAX=docker/dockerfile:1"])
        .never_says(["never loaded"])
        .only_built(&["RUN"]);
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
