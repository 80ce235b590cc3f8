//! `--chmod`: octal digits, or clauses as the `chmod` command takes them.

use crate::plan::Copy;

/// What `--chmod` does to a mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ModeChange {
    /// All bits are these.
    Absolute(u16),
    /// Clauses, applied in order (POSIX `chmod`, without a umask).
    Symbolic(Vec<Clause>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// Bits of the classes that it is about: 0o700, 0o070, 0o007.
    who: u16,
    op: u8,
    what: Vec<What>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Bits for each class, such as 0o444 for `r`; with `s` and `t` as they are in a mode.
    Bits(u16),
    /// `X`: execute for directories and for what somebody may execute.
    ExecuteIfAny,
    /// `u`, `g` or `o`: the bits of this class, given by its shift.
    Class(u32),
}

impl ModeChange {
    /// The change that an instruction asks for; `Err` names the text that is no mode.
    pub(super) fn of(copy: &Copy) -> Result<Option<Self>, String> {
        copy.chmod
            .as_deref()
            .map(|text| Self::parse(text).ok_or_else(|| text.to_owned()))
            .transpose()
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return u16::from_str_radix(text, 8)
                .ok()
                .filter(|mode| *mode <= 0o7777)
                .map(Self::Absolute);
        }
        let clauses: Option<Vec<Vec<Clause>>> = text.split(',').map(clauses).collect();
        Some(Self::Symbolic(clauses?.concat()))
    }

    /// The mode that directories get which the instruction has to make, if it says so.
    pub(super) fn of_made_directories(&self) -> u16 {
        match self {
            Self::Absolute(mode) => *mode,
            Self::Symbolic(_) => 0o755,
        }
    }

    pub(super) fn apply(&self, mode: u16, is_directory: bool) -> u16 {
        match self {
            Self::Absolute(mode) => *mode,
            Self::Symbolic(clauses) => clauses
                .iter()
                .fold(mode, |mode, clause| clause.apply(mode, is_directory)),
        }
    }
}

/// One comma-separated part: classes, then one or more operators with permissions.
fn clauses(text: &str) -> Option<Vec<Clause>> {
    let bytes = text.as_bytes();
    let end = bytes.iter().position(|byte| !b"ugoa".contains(byte))?;
    let who = bytes[..end].iter().fold(0, |who, class| {
        who | match class {
            b'u' => 0o700,
            b'g' => 0o070,
            b'o' => 0o007,
            _ => 0o777,
        }
    });
    let who = if who == 0 { 0o777 } else { who };
    let mut clauses: Vec<Clause> = Vec::new();
    for byte in &bytes[end..] {
        let what = match byte {
            b'+' | b'-' | b'=' => {
                clauses.push(Clause {
                    who,
                    op: *byte,
                    what: Vec::new(),
                });
                continue;
            }
            b'r' => What::Bits(0o444),
            b'w' => What::Bits(0o222),
            b'x' => What::Bits(0o111),
            b'X' => What::ExecuteIfAny,
            b's' => What::Bits(0o6000),
            b't' => What::Bits(0o1000),
            b'u' => What::Class(6),
            b'g' => What::Class(3),
            b'o' => What::Class(0),
            _ => return None,
        };
        clauses.last_mut()?.what.push(what);
    }
    if clauses.is_empty() { None } else { Some(clauses) }
}

impl Clause {
    fn apply(&self, mode: u16, is_directory: bool) -> u16 {
        // Which special bits the classes reach: setuid with `u`, setgid with `g`, sticky with `o` (or all).
        let special = (if self.who & 0o700 != 0 { 0o4000 } else { 0 })
            | (if self.who & 0o070 != 0 { 0o2000 } else { 0 })
            | (if self.who & 0o007 != 0 { 0o1000 } else { 0 });
        let mut bits = 0;
        for what in &self.what {
            bits |= match what {
                What::Bits(bits) if *bits & 0o7000 != 0 => bits & special,
                What::Bits(bits) => bits & self.who,
                What::ExecuteIfAny if is_directory || mode & 0o111 != 0 => 0o111 & self.who,
                What::ExecuteIfAny => 0,
                What::Class(shift) => {
                    let class = (mode >> shift) & 7;
                    (class | class << 3 | class << 6) & self.who
                }
            };
        }
        match self.op {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            // `=` clears the classes' bits; the setuid and setgid bits of directories stay unless named.
            _ => (mode & !(self.who | if is_directory { 0 } else { special })) | bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_change_as_chmod_does_it() {
        let table = [
            ("644", 0o755, false, 0o644),
            ("0", 0o755, false, 0),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("+x", 0o644, false, 0o755),
            ("a-w", 0o666, false, 0o444),
            ("go=", 0o777, false, 0o700),
            ("g=u", 0o640, false, 0o660),
            ("u+s,+t", 0o755, false, 0o5755),
            ("u+x-w", 0o600, false, 0o500),
            ("u=r", 0o4755, false, 0o455),
        ];
        for (text, before, is_directory, after) in table {
            let change = ModeChange::parse(text).unwrap();
            assert_eq!(change.apply(before, is_directory), after, "{text} on {before:o}");
        }
    }

    #[test]
    fn nonsense_is_no_mode() {
        for text in ["", "8", "10000", "u", "rwx", "u=z", "u+x,", "z+x"] {
            assert_eq!(ModeChange::parse(text), None, "{text}");
        }
    }
}
