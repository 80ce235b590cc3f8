//! A private key that signs.

use super::error::KeyError;
use super::wire::{large_number, string};
use super::{der, openssh};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RsaKeyPair,
};
use std::fmt;

/// A private key, read from a file.
pub(super) struct PrivateKey {
    pair: Pair,
    public: Vec<u8>,
}

/// The key pairs that there are.
pub(super) enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(Curve, EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A curve for ECDSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// The name in ssh.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
        }
    }

    /// Bytes of a coordinate, and of a private key.
    pub(super) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// How ring signs with it.
    pub(super) fn signing(self) -> &'static signature::EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        }
    }
}

/// Bit of a sign request's flags: RSA with SHA-256.
const RSA_SHA2_256: u32 = 2;
/// Bit of a sign request's flags: RSA with SHA-512.
const RSA_SHA2_512: u32 = 4;

impl PrivateKey {
    /// Reads a key file: OpenSSH's form, PKCS#8, or the older forms for RSA and elliptic curves. The text is the key's
    /// comment, if it has one.
    pub(super) fn parse(file: &[u8]) -> Result<(Self, String), KeyError> {
        let text = String::from_utf8_lossy(file);
        let Some(armored) = der::armored(&text)? else {
            return Err(der::what_else(&text));
        };
        let mut comment = String::new();
        let pair = match armored.label {
            "OPENSSH PRIVATE KEY" => {
                let (pair, found) = openssh::parse(&armored.bytes)?;
                comment = found;
                pair
            }
            "PRIVATE KEY" => der::pkcs8(&armored.bytes)?,
            "RSA PRIVATE KEY" => Pair::Rsa(RsaKeyPair::from_der(&armored.bytes).map_err(refused)?),
            "EC PRIVATE KEY" => der::elliptic(&armored.bytes)?,
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Passphrase),
            "DSA PRIVATE KEY" => return Err(KeyError::Kind("dsa".to_owned())),
            _ => return Err(KeyError::Unknown),
        };
        let public = public(&pair);
        Ok((Self { pair, public }, comment))
    }

    /// The public key as the protocol writes it.
    pub(super) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Signs; `None` for what is not offered: signatures of RSA with SHA-1.
    pub(super) fn sign(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let mut written = Vec::new();
        match &self.pair {
            Pair::Ed25519(pair) => {
                string(&mut written, b"ssh-ed25519");
                string(&mut written, pair.sign(data).as_ref());
            }
            Pair::Ecdsa(curve, pair) => {
                let signature = pair.sign(&SystemRandom::new(), data).ok()?;
                let (r, s) = signature.as_ref().split_at_checked(curve.size())?;
                let mut numbers = Vec::new();
                large_number(&mut numbers, r);
                large_number(&mut numbers, s);
                string(&mut written, format!("ecdsa-sha2-{}", curve.name()).as_bytes());
                string(&mut written, &numbers);
            }
            Pair::Rsa(pair) => {
                // As OpenSSH's agent: the stronger one when both are wished.
                let (name, encoding): (_, &dyn signature::RsaEncoding) = if flags & RSA_SHA2_512 != 0 {
                    ("rsa-sha2-512", &signature::RSA_PKCS1_SHA512)
                } else if flags & RSA_SHA2_256 != 0 {
                    ("rsa-sha2-256", &signature::RSA_PKCS1_SHA256)
                } else {
                    return None;
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), data, &mut signature).ok()?;
                string(&mut written, name.as_bytes());
                string(&mut written, &signature);
            }
        }
        Some(written)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// What ring says of a key that it does not take.
pub(super) fn refused(error: ring::error::KeyRejected) -> KeyError {
    KeyError::Refused(match error.to_string().as_str() {
        "TooSmall" => "RSA keys have at least 2048 bits here".to_owned(),
        "TooLarge" => {
            "RSA keys have at most 4096 bits here; add it to an agent with `ssh-add`, and give that agent".to_owned()
        }
        other => other.to_owned(),
    })
}

fn public(pair: &Pair) -> Vec<u8> {
    let mut written = Vec::new();
    match pair {
        Pair::Ed25519(pair) => {
            string(&mut written, b"ssh-ed25519");
            string(&mut written, pair.public_key().as_ref());
        }
        Pair::Ecdsa(curve, pair) => {
            string(&mut written, format!("ecdsa-sha2-{}", curve.name()).as_bytes());
            string(&mut written, curve.name().as_bytes());
            string(&mut written, pair.public_key().as_ref());
        }
        Pair::Rsa(pair) => {
            let parts: PublicKeyComponents<Vec<u8>> = pair.public().into();
            string(&mut written, b"ssh-rsa");
            large_number(&mut written, &parts.e);
            large_number(&mut written, &parts.n);
        }
    }
    written
}
