//! The agent protocol's bytes: messages with their length in front, strings and numbers in them.
//!
//! The IETF's `draft-ietf-sshm-ssh-agent` describes them; the forms of values are those of RFC 4251.

use std::io::{self, Read, Write};

/// The longest message, in bytes; OpenSSH's agent has the same limit.
pub(super) const LONGEST: usize = 256 << 10;

/// "No", whatever was asked.
pub(super) const FAILURE: u8 = 5;
/// "Which keys are there?"
pub(super) const REQUEST_IDENTITIES: u8 = 11;
/// The keys.
pub(super) const IDENTITIES_ANSWER: u8 = 12;
/// "Sign this."
pub(super) const SIGN_REQUEST: u8 = 13;
/// The signature.
pub(super) const SIGN_RESPONSE: u8 = 14;

/// Reads one message; `None` at the end of the stream.
///
/// # Errors
/// The stream's, a message that is empty or longer than [`LONGEST`], or one that breaks off.
pub(super) fn read_message(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if let Err(error) = from.read_exact(&mut length) {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(error),
        };
    }
    let length = u32::from_be_bytes(length) as usize;
    if length == 0 || length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = Vec::new();
    // Memory grows with what arrives, not with what is announced.
    if from.take(length as u64).read_to_end(&mut message)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message))
}

/// Writes one message.
pub(super) fn write_message(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(4 + message.len());
    string(&mut bytes, message);
    to.write_all(&bytes)
}

/// Appends a string: its length and its bytes.
pub(super) fn string(to: &mut Vec<u8>, bytes: &[u8]) {
    number(to, bytes.len());
    to.extend_from_slice(bytes);
}

/// Appends a number of 32 bits.
pub(super) fn number(to: &mut Vec<u8>, number: usize) {
    to.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

/// Appends a number of any size that is not negative, given with the highest byte first.
pub(super) fn large_number(to: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = without_zeros(bytes);
    let mut positive = Vec::with_capacity(bytes.len() + 1);
    // A first bit that is set would make it negative.
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        positive.push(0);
    }
    positive.extend_from_slice(bytes);
    string(to, &positive);
}

/// A number without the zeros in front of it.
pub(super) fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// Reads values one after the other; each reading is `None` where too few bytes are left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(pub(super) &'a [u8]);

impl<'a> Values<'a> {
    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A number of 32 bits.
    pub(super) fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A string.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_bounded() {
        let read = |bytes: &[u8]| read_message(&mut &bytes[..]);
        assert_eq!(read(&[0, 0, 0, 2, 7, 8, 9]).unwrap(), Some(vec![7, 8]));
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[0, 0]).unwrap(), None);
        for bad in [
            &[0, 0, 0, 0][..],
            &[0, 0, 0, 2, 7],
            &[0, 4, 0, 1, 7],
            &[255, 255, 255, 255],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_never_negative() {
        let written = |bytes: &[u8]| {
            let mut to = Vec::new();
            large_number(&mut to, bytes);
            to
        };
        assert_eq!(written(&[0, 0, 5]), [0, 0, 0, 1, 5]);
        assert_eq!(written(&[0x80]), [0, 0, 0, 2, 0, 0x80]);
        assert_eq!(written(&[0]), [0, 0, 0, 0]);
    }
}
