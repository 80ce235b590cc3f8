//! Which system calls a command may make: Docker's default profile, compiled to a seccomp filter.
//!
//! A filter reads the architecture and the number of a call, finds the number's range by binary
//! search, and where the profile says so looks at one argument. Calls outside of the profile fail
//! with `EPERM`; calls younger than the profile fail with `ENOSYS`, so that programs try the older
//! way instead of giving up (runc does the same).

mod table;

use super::capability::{Capabilities, Capability};
use libc::sock_filter;
use table::{NO, TABLE, When};

/// Which filter a command gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seccomp {
    /// Docker's default profile, as its capabilities shape it.
    #[default]
    Default,
    /// None: every system call is allowed.
    Off,
}

/// Compiles the default profile for a command with `capabilities` on the architecture we run on.
pub(super) fn compile(capabilities: Capabilities) -> Vec<sock_filter> {
    let mut program = vec![load(ARCH)];
    for abi in ABIS {
        let block = abi.block(capabilities);
        // Conditional jumps reach 255 instructions, a plain one reaches all.
        program.push(jump(JEQ, abi.audit, 1, 0));
        program.push(skip(block.len()));
        program.extend(block);
    }
    // A call through an architecture that the profile does not name.
    program.push(ret(errno(libc::EPERM)));
    program
}

/// A rule of the default profile, for other runtimes; what no rule names fails with `EPERM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeccompRule {
    /// Calls that are allowed.
    Allow(Vec<&'static str>),
    /// A call that is allowed if its first argument is one of these, or below a bound.
    AllowValues {
        /// Its name.
        name: &'static str,
        /// The values.
        values: Vec<u32>,
        /// The bound; 0 is none.
        below: u32,
    },
    /// A call that is allowed if its first argument has none of these bits.
    AllowWithout {
        /// Its name.
        name: &'static str,
        /// The bits.
        bits: u32,
    },
    /// A call that fails with `ENOSYS`.
    Missing(&'static str),
}

/// The default profile for a command with `capabilities`, as rules.
#[must_use]
pub fn seccomp_rules(capabilities: Capabilities) -> Vec<SeccompRule> {
    let mut plain = Vec::new();
    let mut rules = Vec::new();
    for row in TABLE {
        let name = row.name;
        match (verdict(row.when, capabilities), row.when) {
            (Verdict::Return(ALLOW), _) => plain.push(name),
            (Verdict::Return(_), When::Clone3Call) => rules.push(SeccompRule::Missing(name)),
            (Verdict::Return(_), _) => (),
            (Verdict::Socket, _) => rules.push(SeccompRule::AllowValues {
                name,
                values: FAMILIES.to_vec(),
                below: FAMILIES_BELOW,
            }),
            (Verdict::Personality, _) => rules.push(SeccompRule::AllowValues {
                name,
                values: PERSONALITIES.to_vec(),
                below: 0,
            }),
            (Verdict::Clone, _) => rules.push(SeccompRule::AllowWithout { name, bits: NAMESPACES }),
        }
    }
    rules.insert(0, SeccompRule::Allow(plain));
    rules
}

/// Offsets of the fields of `struct seccomp_data`, and the low half of its first argument.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
#[cfg(target_endian = "little")]
const ARGUMENT_0: u32 = 16;
#[cfg(target_endian = "big")]
const ARGUMENT_0: u32 = 20;

const JEQ: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const JGE: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const JSET: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// The bit that marks a call of the x32 ABI, which shares x86-64's architecture.
const X32_BIT: u32 = 0x4000_0000;

/// `CLONE_NEW*` of every namespace that Docker's profile guards.
const NAMESPACES: u32 = 0x7e02_0000;

/// Personalities: Linux, `UNAME26`, 32-bit, both, and "only ask".
const PERSONALITIES: [u32; 5] = [0, 0x8, 0x20000, 0x20008, u32::MAX];

/// Address families below this one are all allowed.
const FAMILIES_BELOW: u32 = 12;

/// Further address families; AF_ALG and AF_VSOCK are left out on purpose, others no longer exist.
const FAMILIES: [u32; 25] = [
    13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
];

/// A way of calling this kernel.
struct Abi {
    /// `AUDIT_ARCH_*`.
    audit: u32,
    /// Column of [`table::Row::numbers`].
    column: usize,
    /// Column of calls marked with [`X32_BIT`].
    marked: Option<usize>,
}

#[cfg(target_arch = "x86_64")]
const ABIS: &[Abi] = &[
    Abi {
        audit: 0xc000_003e,
        column: 0,
        marked: Some(1),
    },
    Abi {
        audit: 0x4000_0003,
        column: 2,
        marked: None,
    },
];
#[cfg(target_arch = "aarch64")]
const ABIS: &[Abi] = &[
    Abi {
        audit: 0xc000_00b7,
        column: 3,
        marked: None,
    },
    Abi {
        audit: 0x4000_0028,
        column: 4,
        marked: None,
    },
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the seccomp profile has no numbers for this architecture");

impl Abi {
    fn block(&self, capabilities: Capabilities) -> Vec<sock_filter> {
        let mut block = vec![load(NUMBER)];
        if let Some(column) = self.marked {
            let mut marked = vec![alu_and(!X32_BIT)];
            marked.extend(search(&ranges(column, capabilities)));
            block.push(jump(JSET, X32_BIT, 0, 1));
            block.push(skip(1));
            block.push(skip(marked.len()));
            block.extend(marked);
        }
        block.extend(search(&ranges(self.column, capabilities)));
        block
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Return(u32),
    Socket,
    Personality,
    Clone,
}

/// The verdicts of one column as a step function: each holds from its number up to the next one's.
fn ranges(column: usize, capabilities: Capabilities) -> Vec<(u32, Verdict)> {
    let mut calls: Vec<(u32, Verdict)> = Vec::with_capacity(TABLE.len());
    for row in TABLE {
        let number = row.numbers[column];
        if number != NO {
            calls.push((number, verdict(row.when, capabilities)));
        }
    }
    calls.sort_unstable_by_key(|(number, _)| *number);
    let denied = Verdict::Return(errno(libc::EPERM));
    let unknown = Verdict::Return(errno(libc::ENOSYS));
    // Arm has a few private calls far above the common ones.
    let newest = calls.iter().map(|(number, _)| *number).filter(|it| *it < 0xf0000).max();
    let newest = newest.unwrap_or(0);

    let mut steps: Vec<(u32, Verdict)> = Vec::new();
    let mut step = |at: u32, verdict: Verdict| match steps.last_mut() {
        Some((_, last)) if *last == verdict => (),
        Some((start, last)) if *start == at => *last = verdict,
        _ => steps.push((at, verdict)),
    };
    let mut next = 0;
    for (number, verdict) in calls {
        if number > next {
            step(next, if next > newest { unknown } else { denied });
        }
        step(number, verdict);
        next = number + 1;
    }
    step(next, unknown);
    steps
}

fn verdict(when: When, capabilities: Capabilities) -> Verdict {
    let admin = capabilities.has(Capability::SYS_ADMIN);
    match when {
        When::Always => Verdict::Return(ALLOW),
        When::With(any) if any.iter().any(|one| capabilities.has(*one)) => Verdict::Return(ALLOW),
        When::With(_) => Verdict::Return(errno(libc::EPERM)),
        When::Socket => Verdict::Socket,
        When::Personality => Verdict::Personality,
        When::CloneCall | When::Clone3Call if admin => Verdict::Return(ALLOW),
        When::CloneCall => Verdict::Clone,
        When::Clone3Call => Verdict::Return(errno(libc::ENOSYS)),
    }
}

/// A tree of comparisons over the steps; every path ends in a return.
fn search(steps: &[(u32, Verdict)]) -> Vec<sock_filter> {
    match steps {
        [] => vec![ret(errno(libc::EPERM))],
        [(_, verdict)] => leaf(*verdict),
        _ => {
            let (below, above) = steps.split_at(steps.len() / 2);
            let (start, below, above) = (above[0].0, search(below), search(above));
            let mut code = match u8::try_from(below.len()) {
                Ok(distance) => vec![jump(JGE, start, distance, 0)],
                Err(_) => vec![jump(JGE, start, 0, 1), skip(below.len())],
            };
            code.extend(below);
            code.extend(above);
            code
        }
    }
}

fn leaf(verdict: Verdict) -> Vec<sock_filter> {
    match verdict {
        Verdict::Return(value) => vec![ret(value)],
        Verdict::Clone => vec![
            load(ARGUMENT_0),
            jump(JSET, NAMESPACES, 1, 0),
            ret(ALLOW),
            ret(errno(libc::EPERM)),
        ],
        Verdict::Personality => any_of(&PERSONALITIES, None),
        Verdict::Socket => any_of(&FAMILIES, Some(FAMILIES_BELOW)),
    }
}

/// Allows a call whose first argument is one of `values`, or lies below `bound`.
fn any_of(values: &[u32], bound: Option<u32>) -> Vec<sock_filter> {
    let mut code = vec![load(ARGUMENT_0)];
    if let Some(bound) = bound {
        code.extend([jump(JGE, bound, 1, 0), ret(ALLOW)]);
    }
    for value in values {
        code.extend([jump(JEQ, *value, 0, 1), ret(ALLOW)]);
    }
    code.push(ret(errno(libc::EPERM)));
    code
}

const fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number as u32
}

const fn op(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

const fn load(offset: u32) -> sock_filter {
    op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

const fn alu_and(mask: u32) -> sock_filter {
    op(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask)
}

const fn jump(code: u32, value: u32, yes: u8, no: u8) -> sock_filter {
    op(code, yes, no, value)
}

const fn skip(instructions: usize) -> sock_filter {
    op(libc::BPF_JMP | libc::BPF_JA, 0, 0, instructions as u32)
}

const fn ret(value: u32) -> sock_filter {
    op(libc::BPF_RET | libc::BPF_K, 0, 0, value)
}

#[cfg(test)]
mod tests;
