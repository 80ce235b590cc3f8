//! The filter is run by a small interpreter of its instructions and compared with the table, call by call.

use super::*;

/// Runs a filter as `bpf_prog_run` would; `None` when it runs off its end or jumps outside.
fn run(program: &[sock_filter], arch: u32, number: u32, argument: u64) -> Option<u32> {
    let (mut at, mut a) = (0_usize, 0_u32);
    loop {
        let it = program.get(at)?;
        at += 1;
        let code = u32::from(it.code);
        match code {
            _ if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                a = match it.k {
                    0 => number,
                    4 => arch,
                    16 => argument as u32,
                    _ => return None,
                }
            }
            _ if code == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => a &= it.k,
            _ if code == libc::BPF_JMP | libc::BPF_JA => at += it.k as usize,
            _ if code == libc::BPF_RET | libc::BPF_K => return Some(it.k),
            _ => {
                let yes = match code {
                    JEQ => a == it.k,
                    JGE => a >= it.k,
                    JSET => a & it.k != 0,
                    _ => return None,
                };
                at += usize::from(if yes { it.jt } else { it.jf });
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;

fn number(name: &str, column: usize) -> u32 {
    TABLE.iter().find(|row| row.name == name).unwrap().numbers[column]
}

#[test]
fn names_are_sorted_and_numbers_unique() {
    let names: Vec<_> = TABLE.iter().map(|row| row.name.trim_start_matches('_')).collect();
    assert!(names.is_sorted() && names.windows(2).all(|two| two[0] != two[1]));
    for column in 0..5 {
        let mut numbers: Vec<_> = TABLE
            .iter()
            .map(|row| row.numbers[column])
            .filter(|it| *it != NO)
            .collect();
        let before = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        // arm_sync_file_range and sync_file_range2 are one call with two names.
        assert!(before - numbers.len() <= 1, "column {column}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_number_of_every_abi_gets_the_verdict_of_its_row() {
    for capabilities in [Capabilities::CONTAINER, Capabilities::NONE, Capabilities::ALL] {
        let program = compile(capabilities);
        assert!(program.len() < 4096);
        for (arch, column, mark) in [(NATIVE, 0, 0), (NATIVE, 1, X32_BIT), (0x4000_0003, 2, 0)] {
            let newest = TABLE
                .iter()
                .map(|row| row.numbers[column])
                .filter(|it| *it != NO)
                .max()
                .unwrap();
            for number in 0..700 {
                let mut rows = TABLE.iter().filter(|row| row.numbers[column] == number);
                let expected = match rows.next_back().map(|row| verdict(row.when, capabilities)) {
                    Some(Verdict::Return(value)) => value,
                    // Argument 0 is a plain fork, the plain personality, AF_UNSPEC.
                    Some(_) => ALLOW,
                    None if number > newest => errno(libc::ENOSYS),
                    None => errno(libc::EPERM),
                };
                let got = run(&program, arch, number | mark, 0);
                assert_eq!(got, Some(expected), "{arch:x} {number} {capabilities:?}");
            }
        }
        assert_eq!(
            run(&program, 0xc000_00b7, 0, 0),
            Some(errno(libc::EPERM)),
            "aarch64 on x86-64"
        );
        assert_eq!(run(&program, NATIVE, u32::MAX >> 2, 0), Some(errno(libc::ENOSYS)));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn arguments_are_looked_at() {
    let program = compile(Capabilities::CONTAINER);
    let check = |name: &str, argument: u64| run(&program, NATIVE, number(name, 0), argument).unwrap();
    let denied = errno(libc::EPERM);
    assert_eq!(check("clone", libc::CLONE_VM as u64 | libc::CLONE_VFORK as u64), ALLOW);
    for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWPID] {
        assert_eq!(check("clone", flag as u64), denied);
    }
    assert_eq!(check("clone3", 0), errno(libc::ENOSYS));
    assert_eq!(check("personality", 0x20008), ALLOW);
    assert_eq!(check("personality", 0x0004_0000), denied, "ADDR_NO_RANDOMIZE");
    for family in [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
        libc::AF_PACKET,
    ] {
        assert_eq!(check("socket", family as u64), ALLOW);
    }
    assert_eq!(check("socket", libc::AF_ALG as u64), denied);
    assert_eq!(check("socket", libc::AF_VSOCK as u64), denied);
    assert_eq!(check("mount", 0), denied);
    assert_eq!(check("unshare", 0), denied);
    assert_eq!(check("chroot", 0), ALLOW, "CAP_SYS_CHROOT is among the default ones");
    assert_eq!(check("ptrace", 0), ALLOW);
    // High bits of an argument are not the kernel's: `int` arguments are their low half.
    assert_eq!(check("socket", 1 << 32 | libc::AF_ALG as u64), denied);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn numbers_agree_with_the_c_library() {
    for (name, expected) in [
        ("openat2", libc::SYS_openat2),
        ("clone3", libc::SYS_clone3),
        ("socket", libc::SYS_socket),
        ("capset", libc::SYS_capset),
        ("mount_setattr", libc::SYS_mount_setattr),
        ("fchmodat2", libc::SYS_fchmodat2),
        ("mseal", libc::SYS_mseal),
    ] {
        assert_eq!(i64::from(number(name, 0)), expected, "{name}");
    }
}
