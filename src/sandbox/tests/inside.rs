//! What a command sees, and what it must not reach.

use super::*;

#[test]
pub(super) fn a_command_runs_and_tells() {
    let Some(world) = World::new() else { return };
    let outcome = run(
        &world.setup("a"),
        shell("echo hello $$; hostname; pwd; id -u; umask; exit 3"),
    );
    assert_eq!(outcome.output, "hello 1\nbox\n/\n0\n0022\n");
    assert_eq!(outcome.status, ExitStatus::Code(3));
    assert_eq!(world.upper("a"), [""; 0]);
}

#[test]
pub(super) fn the_machine_is_out_of_reach() {
    let Some(world) = World::new() else { return };
    let secret = world.path("machine-file");
    fs::write(&secret, "outside").unwrap();
    let script = format!(
        "cat {0}; cat /../../..{0}; cat /proc/1/root{0}; cat /proc/1/cwd/..{0}; ls -d /proc/[0-9]*; cat /proc/mounts | grep -c {1}",
        secret.display(),
        world.dir.path().join("a-scratch").display(),
    );
    let outcome = run(&world.setup("a"), shell(&format!("({script}) 2>/dev/null")));
    // One shell for the script, one for the pipeline at most; nothing of the machine's processes.
    let processes: Vec<&str> = outcome.output.lines().filter(|it| it.starts_with("/proc/")).collect();
    assert!(!outcome.output.contains("outside"), "{outcome:?}");
    assert!(processes.len() <= 3, "{outcome:?}");
    assert!(outcome.output.ends_with("0\n"), "{outcome:?}");
}

#[test]
pub(super) fn only_the_standard_descriptors_are_open() {
    let Some(world) = World::new() else { return };
    // One without close-on-exec, as a careless library would leave it.
    let leak = fs::File::open(world.path("lower")).unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    // `ls` itself has the directory open.
    let outcome = run(&world.setup("a"), shell("ls /proc/self/fd"));
    assert_eq!(
        outcome.output.split_whitespace().collect::<Vec<_>>(),
        ["0", "1", "2", "3"]
    );
}

#[test]
pub(super) fn signals_are_as_new() {
    let Some(world) = World::new() else { return };
    let outcome = run(
        &world.setup("a"),
        Command::new([
            "/bin/busybox",
            "grep",
            "-E",
            "SigIgn|SigBlk|SigCgt",
            "/proc/self/status",
        ]),
    );
    assert_eq!(outcome.output.matches("0000000000000000").count(), 3, "{outcome:?}");
}

#[test]
pub(super) fn root_has_dockers_capabilities() {
    let Some(world) = World::new() else { return };
    let outcome = run(&world.setup("a"), shell("grep Cap /proc/self/status"));
    let expected = "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n\
        CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n";
    assert_eq!(outcome.output, expected);
}

#[test]
pub(super) fn users_have_none_and_root_is_bounded() {
    let Some(world) = World::new() else { return };
    let command = shell("id; grep -E 'CapPrm|CapEff|CapBnd|Seccomp:|NoNew' /proc/self/status").user(12, 34, &[34, 56]);
    let outcome = run(&world.setup("a"), command);
    assert_eq!(
        outcome.output,
        "uid=12 gid=34 groups=34,56\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
        CapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n"
    );
}

#[test]
pub(super) fn mounts_and_namespaces_are_refused() {
    let Some(world) = World::new() else { return };
    let outcome = run(
        &world.setup("a"),
        shell("mount -t tmpfs x /tmp; unshare -r true; mount -o remount,rw /proc/sys; hostname other; dmesg; true"),
    );
    assert_eq!(
        outcome.output.matches("Operation not permitted").count(),
        3,
        "{outcome:?}"
    );
    assert!(
        outcome.output.contains("permission denied (are you root?)"),
        "{outcome:?}"
    );
}

#[test]
pub(super) fn insecure_commands_may_mount() {
    let Some(world) = World::new() else { return };
    let mut setup = world.setup("a");
    setup.operations.clear();
    let mut command = shell("mount -t tmpfs x /tmp && echo mounted; grep CapEff /proc/self/status");
    command.capabilities = Capabilities::ALL;
    command.seccomp = Seccomp::Off;
    let outcome = run(&setup.insecure_container(SHM_SIZE, false), command);
    assert!(outcome.output.starts_with("mounted\n"), "{outcome:?}");
    assert!(!outcome.output.contains("a80425fb"), "{outcome:?}");
}

#[test]
pub(super) fn masked_paths_are_empty_and_guarded_ones_read_only() {
    let Some(world) = World::new() else { return };
    let masked = MASKED.join(" ");
    let outcome = run(
        &world.setup("a"),
        shell(&format!(
            "for it in {masked}; do if test -d $it; then ls -A $it; elif test -e $it; then cat $it; fi; done; \
            (echo 1 > /proc/sys/kernel/panic || echo guarded; echo b > /proc/sysrq-trigger || echo guarded; \
            mkdir /sys/fs/x || echo guarded; touch /sys/kernel/x || echo guarded) 2>/dev/null",
        )),
    );
    assert_eq!(outcome.output, "guarded\nguarded\nguarded\nguarded\n");
}

#[test]
pub(super) fn devices_are_the_harmless_ones() {
    let Some(world) = World::new() else { return };
    let outcome = run(
        &world.setup("a"),
        shell(
            "ls /dev | tr '\\n' ' '; echo; echo x > /dev/null && head -c 3 /dev/zero | wc -c; \
            for it in fd stdin stdout stderr; do readlink /dev/$it; done; stat -c %a /dev/shm /dev/pts /dev/null; df -m /dev/shm | tail -1 | awk '{print $2}'",
        ),
    );
    assert_eq!(
        outcome.output,
        "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero \n3\n\
        /proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n1777\n755\n666\n64\n"
    );
}

#[test]
pub(super) fn new_device_nodes_can_be_made_but_not_opened() {
    let Some(world) = World::new() else { return };
    let script = "mknod /n c 1 3 && mknod /dev/m c 1 3 && mknod /tmp/o c 1 3; \
        for it in /n /dev/m /tmp/o; do cat $it 2>&1 || true; done; rm /n /tmp/o";
    let outcome = run(&world.setup("a"), shell(script));
    // In a user namespace they cannot even be made.
    assert!(
        outcome.output.contains("ermission denied") || outcome.output.contains("not permitted"),
        "{outcome:?}"
    );
    let opened = outcome
        .output
        .lines()
        .filter(|line| line.contains("ermission denied"))
        .count();
    assert!(opened == 3 || outcome.output.contains("not permitted"), "{outcome:?}");
}

#[test]
pub(super) fn without_a_network_there_is_only_loopback() {
    let Some(world) = World::new() else { return };
    let setup = world.setup("a").network(Network::None);
    let outcome = run(
        &setup,
        shell("ls /sys/class/net; cat /proc/net/route | wc -l; ping -c1 -W1 127.0.0.1 | grep -c '1 packets received'"),
    );
    assert_eq!(outcome.output, "lo\n1\n1\n");
}

#[test]
pub(super) fn the_network_of_the_machine_is_shared_when_asked() {
    let Some(world) = World::new() else { return };
    let outcome = run(&world.setup("a"), shell("readlink /proc/self/ns/net"));
    let ours = fs::read_link("/proc/self/ns/net").unwrap();
    assert_eq!(outcome.output.trim(), ours.to_str().unwrap());
}

#[test]
pub(super) fn limits_hold() {
    let Some(world) = World::new() else { return };
    let mut command = shell("ulimit -n; ulimit -Hn; ulimit -c");
    for (resource, soft, hard) in [(Resource::Nofile, 100, 200), (Resource::Core, 0, 0)] {
        command.limits.push(Limit { resource, soft, hard });
    }
    assert_eq!(run(&world.setup("a"), command).output, "100\n200\n0\n");
}

#[test]
pub(super) fn links_in_the_image_lead_nowhere_outside() {
    let Some(world) = World::new() else { return };
    let outside = world.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "machine").unwrap();
    let absolute = outside.display().to_string();
    symlink(&absolute, world.path("lower/absolute")).unwrap();
    symlink(
        "../../../../../../../../../../..".to_owned() + &absolute,
        world.path("lower/relative"),
    )
    .unwrap();
    symlink("/proc/self/fd/3", world.path("lower/magic")).unwrap();
    let setup = world
        .setup("a")
        .file("/absolute/file", "inside")
        .file("/relative/other", "inside");
    let outcome = run(&setup, shell("cat /absolute/file /relative/other"));
    assert_eq!(outcome.output, "insideinside");
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "machine");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);

    // The old trick with a working directory that is a descriptor of the runtime.
    for cwd in ["/magic", "/proc/self/fd/3"] {
        let name = format!("w{}", cwd.len());
        let error = try_run(&world.setup(&name), shell("pwd").cwd(cwd));
        assert!(error.is_err() || error.unwrap().output.starts_with("/\n"), "{cwd}");
    }
}

#[test]
pub(super) fn pipes_can_be_opened_again_by_other_users() {
    let Some(world) = World::new() else { return };
    let outcome = run(
        &world.setup("a"),
        shell("echo again > /dev/stdout").user(1000, 1000, &[]),
    );
    assert_eq!(outcome.output, "again\n");
}

#[test]
pub(super) fn programs_are_found_as_a_shell_finds_them() {
    let Some(world) = World::new() else { return };
    let script = world.path("lower/bin/script");
    fs::write(&script, "#!/bin/none\n").unwrap();
    fs::write(world.path("lower/bin/plain"), "echo hi\n").unwrap();
    fs::write(world.path("lower/bin/text"), "").unwrap();
    use std::os::unix::fs::PermissionsExt;
    for name in ["script", "plain"] {
        fs::set_permissions(world.path("lower/bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let cases = [
        ("busybox", Ok(())),
        ("/bin/true", Ok(())),
        ("nothing", Err(ExecFailure::NotFound)),
        ("/no/such", Err(ExecFailure::NotFound)),
        ("/bin/true/x", Err(ExecFailure::NotFound)),
        ("", Err(ExecFailure::NotFound)),
        ("text", Err(ExecFailure::PermissionDenied)),
        ("/bin", Err(ExecFailure::PermissionDenied)),
        ("script", Err(ExecFailure::MissingInterpreter)),
        ("/bin/script", Err(ExecFailure::MissingInterpreter)),
        ("plain", Err(ExecFailure::Format)),
    ];
    for (index, (program, expected)) in cases.into_iter().enumerate() {
        let setup = world.setup(&index.to_string());
        let command = Command::new([program]).env("PATH", "/nowhere:/bin");
        match (try_run(&setup, command), expected) {
            (Ok(_), Ok(())) => (),
            (Err(SandboxError::Exec { failure, .. }), Err(expected)) => assert_eq!(failure, expected, "{program}"),
            (other, _) => panic!("{program}: {other:?}"),
        }
    }
    let relative = Command::new(["./bin/true"]);
    assert!(try_run(&world.setup("r"), relative).is_ok());
}

#[test]
pub(super) fn a_terminal_is_a_terminal() {
    let Some(world) = World::new() else { return };
    let scratch = world.path("t-scratch");
    fs::create_dir(&scratch).unwrap();
    let setup = Setup::new(Root::Overlay(world.overlay("t")), scratch).container(SHM_SIZE, true);
    let mut command =
        shell("tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo yes; echo c > /dev/console").user(7, 7, &[]);
    command.terminal = Some(WindowSize { rows: 33, columns: 77 });
    let mut child = setup.spawn(&command).unwrap();
    let terminal = child.terminal().unwrap();
    let mut output = Vec::new();
    // At the end a terminal says EIO.
    let _ = fs::File::from(terminal).read_to_end(&mut output);
    assert_eq!(child.wait().unwrap(), ExitStatus::Code(0));
    assert_eq!(
        String::from_utf8(output).unwrap(),
        "/dev/pts/0\r\n33 77\r\nyes\r\nc\r\n"
    );
}
