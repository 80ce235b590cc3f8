//! Whether this machine runs programs of other processors, by way of binfmt_misc.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the kernel does with programs of a processor that is not the machine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emulation {
    /// It starts an emulator, wherever the program is.
    Anywhere,
    /// It starts an emulator that has to be in the program's own root file system: the flag `F` is missing.
    Inside(String),
    /// It can't run them.
    None,
}

/// Where the kernel tells of its emulators.
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";

/// Asks for a processor, in Go's name.
///
/// The kernel's list says all, where it is mounted. Where it is not, as in most containers, a program that does nothing
/// but end is started.
pub fn emulation(architecture: &str) -> Emulation {
    let Some(machine) = MACHINES.iter().find(|machine| machine.name == architecture) else {
        return Emulation::None;
    };
    match registered(Path::new(REGISTERED), &machine.program()) {
        Some(found) => found,
        None if runs(&machine.program()) => Emulation::Anywhere,
        None => Emulation::None,
    }
}

/// What a list of emulators says; `None` when there is no list.
fn registered(list: &Path, program: &[u8]) -> Option<Emulation> {
    // Whoever is not told whether the mechanism is on is not told what there is.
    let status = std::fs::read_to_string(list.join("status")).ok()?;
    if status.trim() != "enabled" {
        return Some(Emulation::None);
    }
    let mut best = Emulation::None;
    for entry in std::fs::read_dir(list).ok()?.flatten() {
        let Ok(text) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        match handles(&text, program) {
            Some(Emulation::Anywhere) => return Some(Emulation::Anywhere),
            Some(found) => best = found,
            None => {}
        }
    }
    Some(best)
}

/// Whether an entry of the list, as the kernel prints it, is for a program.
fn handles(entry: &str, program: &[u8]) -> Option<Emulation> {
    let mut lines = entry.lines();
    if lines.next()?.trim() != "enabled" {
        return None;
    }
    let (mut interpreter, mut flags, mut offset, mut magic, mut mask) = ("", "", 0, None, None);
    for line in lines {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "interpreter" => interpreter = value,
            "flags:" => flags = value,
            "offset" => offset = value.parse::<usize>().ok()?,
            "magic" => magic = bytes(value),
            "mask" => mask = bytes(value),
            _ => {}
        }
    }
    let magic = magic?;
    let mask = mask.unwrap_or_else(|| vec![0xff; magic.len()]);
    let start = program.get(offset..)?.get(..magic.len())?;
    let fits = start
        .iter()
        .zip(&magic)
        .zip(&mask)
        .all(|((have, want), mask)| have & mask == want & mask);
    if !fits || magic.is_empty() {
        return None;
    }
    Some(match flags.contains('F') {
        true => Emulation::Anywhere,
        false => Emulation::Inside(interpreter.to_owned()),
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let hex = hex.trim().as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    hex.chunks(2).map(byte).collect()
}

/// Starts a program that ends at once.
fn runs(program: &[u8]) -> bool {
    let start = || -> std::io::Result<bool> {
        let file = rustix::fs::memfd_create("probe", rustix::fs::MemfdFlags::CLOEXEC)?;
        let mut file = File::from(file);
        file.write_all(program)?;
        // By way of this process: an emulator opens the program by its path, after its own descriptors were closed.
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let ended = Command::new(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        Ok(ended.success())
    };
    start().unwrap_or(false)
}

/// A kind of processor, and how a program for it ends.
struct Machine {
    /// Go's name.
    name: &'static str,
    /// Its number in ELF.
    number: u16,
    is_wide: bool,
    is_little: bool,
    /// ELF's flags of its programs.
    flags: u32,
    /// Calls `exit(0)`.
    code: &'static [u8],
}

const MACHINES: [Machine; 9] = [
    // mov x8, 93; mov x0, 0; svc 0
    wide("arm64", 183, 0, b"\xa8\x0b\x80\xd2\x00\x00\x80\xd2\x01\x00\x00\xd4"),
    // mov eax, 60; xor edi, edi; syscall
    wide("amd64", 62, 0, b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"),
    // li a7, 93; li a0, 0; ecall
    wide("riscv64", 243, 0, b"\x93\x08\xd0\x05\x13\x05\x00\x00\x73\x00\x00\x00"),
    // li r0, 1; li r3, 0; sc
    wide("ppc64le", 21, 2, b"\x01\x00\x00\x38\x00\x00\x60\x38\x02\x00\x00\x44"),
    // li v0, 5058; move a0, zero; syscall
    wide(
        "mips64le",
        8,
        0x6000_0000,
        b"\xc2\x13\x02\x24\x25\x20\x00\x00\x0c\x00\x00\x00",
    ),
    // ori a7, zero, 93; ori a0, zero, 0; syscall 0
    wide("loong64", 258, 3, b"\x0b\x74\x81\x03\x04\x00\x80\x03\x00\x00\x2b\x00"),
    // mov r7, 1; mov r0, 0; svc 0
    Machine {
        is_wide: false,
        ..wide(
            "arm",
            40,
            0x0500_0000,
            b"\x01\x70\xa0\xe3\x00\x00\xa0\xe3\x00\x00\x00\xef",
        )
    },
    // mov eax, 1; xor ebx, ebx; int 0x80
    Machine {
        is_wide: false,
        ..wide("386", 3, 0, b"\xb8\x01\x00\x00\x00\x31\xdb\xcd\x80")
    },
    // lghi r2, 0; svc 1
    Machine {
        is_little: false,
        ..wide("s390x", 22, 0, b"\xa7\x29\x00\x00\x0a\x01")
    },
];

const fn wide(name: &'static str, number: u16, flags: u32, code: &'static [u8]) -> Machine {
    Machine {
        name,
        number,
        is_wide: true,
        is_little: true,
        flags,
        code,
    }
}

impl Machine {
    /// A static ELF program with one segment, which holds the whole file (elf(5)).
    fn program(&self) -> Vec<u8> {
        const BASE: u64 = 0x40_0000;
        let (header, segment) = if self.is_wide { (64, 56) } else { (52, 32) };
        let entry = BASE + header + segment;
        let length = header + segment + self.code.len() as u64;
        let class = if self.is_wide { 2 } else { 1 };
        let order = if self.is_little { 1 } else { 2 };
        let mut out = vec![0x7f, b'E', b'L', b'F', class, order, 1];
        out.resize(16, 0);
        let mut number = |value: u64, size: usize| match self.is_little {
            true => out.extend_from_slice(&value.to_le_bytes()[..size]),
            false => out.extend_from_slice(&value.to_be_bytes()[8 - size..]),
        };
        let word = if self.is_wide { 8 } else { 4 };
        // ET_EXEC; then the machine, the version, the entry, the tables of segments and sections.
        for (value, size) in [(2, 2), (self.number.into(), 2), (1, 4)] {
            number(value, size);
        }
        for value in [entry, header, 0] {
            number(value, word);
        }
        number(self.flags.into(), 4);
        for value in [header, segment, 1, 0, 0, 0] {
            number(value, 2);
        }
        // PT_LOAD, readable and executable; its flags stand elsewhere in the two classes.
        number(1, 4);
        if self.is_wide {
            number(5, 4);
        }
        for value in [0, BASE, BASE, length, length] {
            number(value, word);
        }
        if !self.is_wide {
            number(5, 4);
        }
        number(0x1000, word);
        out.extend_from_slice(self.code);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str) -> Vec<u8> {
        MACHINES.iter().find(|it| it.name == name).unwrap().program()
    }

    /// As Debian's `qemu-user-static` registers it.
    fn entry(flags: &str) -> String {
        format!(
            "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: {flags}\noffset 0\n\
             magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n"
        )
    }

    #[test]
    fn entries_are_for_their_processor() {
        let inside = Emulation::Inside("/usr/bin/qemu-aarch64-static".to_owned());
        assert_eq!(handles(&entry("OCF"), &machine("arm64")), Some(Emulation::Anywhere));
        assert_eq!(handles(&entry("OC"), &machine("arm64")), Some(inside));
        for other in ["amd64", "riscv64", "ppc64le", "arm", "s390x"] {
            assert_eq!(handles(&entry("F"), &machine(other)), None, "{other}");
        }
        for odd in [
            "disabled\ninterpreter /x\nflags: F\noffset 0\nmagic 7f\n",
            "enabled\ninterpreter /x\nflags: F\nextension .py\n",
            "enabled\ninterpreter /x\nflags: F\noffset 0\nmagic \n",
            "enabled\ninterpreter /x\nflags: F\noffset 99999\nmagic 7f\n",
            "enabled\ninterpreter /x\nflags: F\noffset 0\nmagic zz\n",
            "",
        ] {
            assert_eq!(handles(odd, &machine("arm64")), None, "{odd:?}");
        }
    }

    #[test]
    fn a_list_counts_when_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path();
        assert_eq!(registered(list, &machine("arm64")), None, "not mounted");
        std::fs::write(list.join("status"), "enabled\n").unwrap();
        assert_eq!(registered(list, &machine("arm64")), Some(Emulation::None));
        std::fs::write(list.join("old"), entry("")).unwrap();
        let found = registered(list, &machine("arm64")).unwrap();
        assert!(matches!(found, Emulation::Inside(_)));
        std::fs::write(list.join("qemu-aarch64"), entry("OCF")).unwrap();
        assert_eq!(registered(list, &machine("arm64")), Some(Emulation::Anywhere));
        std::fs::write(list.join("status"), "disabled\n").unwrap();
        assert_eq!(registered(list, &machine("arm64")), Some(Emulation::None));
    }

    #[test]
    fn the_machines_own_program_runs() {
        let own = crate_architecture();
        assert!(runs(&machine(own)));
        assert!(!runs(b"\x7fELF, but no program"));
    }

    fn crate_architecture() -> &'static str {
        match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }
}
