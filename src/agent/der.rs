//! PEM, and the forms of keys below it that are written in DER.

use super::error::KeyError;
use super::key::{Curve, Pair, refused};
use super::openssh::{elliptic as elliptic_pair, padded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

/// What stands between `BEGIN` and `END`: a private key, which is never shown.
pub(super) struct Armored<'a> {
    pub(super) label: &'a str,
    pub(super) bytes: Vec<u8>,
}

/// Finds the first private key in a PEM file; `None` when there is none.
pub(super) fn armored(text: &str) -> Result<Option<Armored<'_>>, KeyError> {
    let mut lines = text.lines().map(str::trim);
    let Some(label) = lines.by_ref().find_map(|line| {
        let label = line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
        label.ends_with("PRIVATE KEY").then_some(label)
    }) else {
        return Ok(None);
    };
    let mut encoded = String::new();
    for line in lines {
        if line.starts_with("-----END ") {
            let bytes = STANDARD
                .decode(&encoded)
                .map_err(|_| KeyError::Damaged("it is not base64"))?;
            return Ok(Some(Armored { label, bytes }));
        }
        match line.split_once(':') {
            // Older files say so in a header instead of the label.
            Some(("Proc-Type", value)) if value.contains("ENCRYPTED") => return Err(KeyError::Passphrase),
            Some(_) => (),
            None => encoded.push_str(line),
        }
    }
    Err(KeyError::Damaged("its last line is missing"))
}

/// What a file without a private key seems to be.
pub(super) fn what_else(text: &str) -> KeyError {
    let text = text.trim_start();
    let is_public = [
        "ssh-",
        "ecdsa-sha2-",
        "sk-",
        "-----BEGIN PUBLIC KEY",
        "---- BEGIN SSH2 PUBLIC",
    ]
    .iter()
    .any(|start| text.starts_with(start));
    if text.starts_with("PuTTY-User-Key-File") {
        KeyError::Putty
    } else if is_public {
        KeyError::Public
    } else {
        KeyError::Unknown
    }
}

/// PKCS#8, in which any kind of key may be.
pub(super) fn pkcs8(bytes: &[u8]) -> Result<Pair, KeyError> {
    let mut outer = Der(bytes);
    let mut info = Der(outer.expect(SEQUENCE)?);
    info.expect(INTEGER)?;
    let mut algorithm = Der(info.expect(SEQUENCE)?);
    match algorithm.expect(OBJECT)? {
        RSA => RsaKeyPair::from_pkcs8(bytes).map(Pair::Rsa).map_err(refused),
        ED25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
            .map(Pair::Ed25519)
            .map_err(refused),
        ELLIPTIC => {
            let curve = curve(algorithm.expect(OBJECT)?)?;
            EcdsaKeyPair::from_pkcs8(curve.signing(), bytes, &SystemRandom::new())
                .map(|pair| Pair::Ecdsa(curve, pair))
                .map_err(refused)
        }
        _ => Err(KeyError::Kind("unknown to varve".to_owned())),
    }
}

/// The older form of a key on a curve (RFC 5915).
pub(super) fn elliptic(bytes: &[u8]) -> Result<Pair, KeyError> {
    const INCOMPLETE: KeyError = KeyError::Damaged("its curve or its point is missing");
    let mut outer = Der(bytes);
    let mut key = Der(outer.expect(SEQUENCE)?);
    key.expect(INTEGER)?;
    let number = key.expect(OCTETS)?;
    let (mut found, mut point) = (None, None);
    while !key.0.is_empty() {
        match key.next()? {
            (PARAMETERS, inner) => found = Some(curve(Der(inner).expect(OBJECT)?)?),
            // A bit string's first byte tells how many bits of the last are unused.
            (PUBLIC, inner) => point = Der(inner).expect(BITS)?.strip_prefix(&[0]),
            _ => (),
        }
    }
    let (curve, point) = found.zip(point).ok_or(INCOMPLETE)?;
    let number = padded(number, curve.size()).ok_or(KeyError::Damaged("its number is too large"))?;
    elliptic_pair(curve, &number, point)
}

fn curve(object: &[u8]) -> Result<Curve, KeyError> {
    match object {
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        P521 => Err(KeyError::Kind("ecdsa-sha2-nistp521".to_owned())),
        _ => Err(KeyError::Kind("ecdsa on a curve that ssh does not know".to_owned())),
    }
}

const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `[0]` of RFC 5915.
const PARAMETERS: u8 = 0xa0;
/// `[1]` of RFC 5915.
const PUBLIC: u8 = 0xa1;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// Reads one value after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value: its tag and what it holds.
    fn next(&mut self) -> Result<(u8, &'a [u8]), KeyError> {
        const SHORT: KeyError = KeyError::Damaged("it breaks off");
        let (head, rest) = self.0.split_at_checked(2).ok_or(SHORT)?;
        let (length, rest) = match head[1] {
            length @ ..=0x7f => (usize::from(length), rest),
            // Up to two bytes of length; keys are no larger.
            marker @ 0x81..=0x82 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(marker & 0x7f)).ok_or(SHORT)?;
                (
                    bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
                    rest,
                )
            }
            _ => return Err(KeyError::Damaged("a length in it makes no sense")),
        };
        let (value, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok((head[0], value))
    }

    fn expect(&mut self, tag: u8) -> Result<&'a [u8], KeyError> {
        match self.next()? {
            (found, value) if found == tag => Ok(value),
            _ => Err(KeyError::Damaged("it has another structure than keys have")),
        }
    }
}
