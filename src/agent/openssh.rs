//! OpenSSH's own form of private keys (`PROTOCOL.key` in its source describes it).

use super::error::KeyError;
use super::key::{Curve, Pair, refused};
use super::wire::{Values, without_zeros};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};

/// Reads a key and its comment.
pub(super) fn parse(bytes: &[u8]) -> Result<(Pair, String), KeyError> {
    const SHORT: KeyError = KeyError::Damaged("it breaks off");
    let body = bytes
        .strip_prefix(b"openssh-key-v1\0")
        .ok_or(KeyError::Damaged("it does not begin with `openssh-key-v1`"))?;
    let mut outer = Values(body);
    let cipher = outer.string().ok_or(SHORT)?;
    let _derivation = outer.string().ok_or(SHORT)?;
    let _options = outer.string().ok_or(SHORT)?;
    if cipher != b"none" {
        return Err(KeyError::Passphrase);
    }
    if outer.number().ok_or(SHORT)? != 1 {
        return Err(KeyError::Damaged("it does not hold exactly one key"));
    }
    let _public = outer.string().ok_or(SHORT)?;
    let mut inner = Values(outer.string().ok_or(SHORT)?);
    if inner.number().ok_or(SHORT)? != inner.number().ok_or(SHORT)? {
        return Err(KeyError::Damaged("its check numbers differ"));
    }
    let kind = inner.string().ok_or(SHORT)?;
    let pair = match kind {
        b"ssh-ed25519" => ed25519(&mut inner).ok_or(SHORT)??,
        b"ecdsa-sha2-nistp256" => ecdsa(Curve::P256, &mut inner).ok_or(SHORT)??,
        b"ecdsa-sha2-nistp384" => ecdsa(Curve::P384, &mut inner).ok_or(SHORT)??,
        b"ssh-rsa" => rsa(&mut inner).ok_or(SHORT)??,
        other => return Err(KeyError::Kind(String::from_utf8_lossy(other).into_owned())),
    };
    let comment = String::from_utf8_lossy(inner.string().ok_or(SHORT)?).into_owned();
    Ok((pair, comment))
}

fn ed25519(values: &mut Values<'_>) -> Option<Result<Pair, KeyError>> {
    let public = values.string()?;
    // The seed, and the public key once more.
    let seed = values.string()?.get(..32)?;
    let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public);
    Some(pair.map(Pair::Ed25519).map_err(refused))
}

fn ecdsa(curve: Curve, values: &mut Values<'_>) -> Option<Result<Pair, KeyError>> {
    let _name = values.string()?;
    let point = values.string()?;
    let number = padded(values.string()?, curve.size())?;
    Some(elliptic(curve, &number, point))
}

/// A key on a curve, from its number and its point.
pub(super) fn elliptic(curve: Curve, number: &[u8], point: &[u8]) -> Result<Pair, KeyError> {
    EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), number, point, &SystemRandom::new())
        .map(|pair| Pair::Ecdsa(curve, pair))
        .map_err(refused)
}

/// A number in exactly `size` bytes.
pub(super) fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let number = without_zeros(number);
    let mut padded = vec![0; size.checked_sub(number.len())?];
    padded.extend_from_slice(number);
    Some(padded)
}

fn rsa(values: &mut Values<'_>) -> Option<Result<Pair, KeyError>> {
    let mut next = || values.string().map(without_zeros);
    let (n, e, d, inverse, p, q) = (next()?, next()?, next()?, next()?, next()?, next()?);
    if d.len() > MOST_BYTES || p.len() > MOST_BYTES || q.len() > MOST_BYTES || p.is_empty() || q.is_empty() {
        return Some(Err(KeyError::Damaged("its numbers have no size that RSA's can have")));
    }
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d,
        p,
        q,
        dP: &remainder(d, &minus_one(p)),
        dQ: &remainder(d, &minus_one(q)),
        qInv: inverse,
    };
    Some(RsaKeyPair::from_components(&components).map(Pair::Rsa).map_err(refused))
}

/// Bytes of the largest number of an RSA key that is looked at; twice of what can be used.
const MOST_BYTES: usize = 1024;

/// An odd number less one, which needs no borrowing. An even one is no prime, and is refused later.
fn minus_one(number: &[u8]) -> Vec<u8> {
    let mut less = number.to_vec();
    if let Some(last) = less.last_mut() {
        *last &= 0xfe;
    }
    less
}

/// What is left of `number` when it is divided by `divisor`, highest bytes first, without zeros in front.
///
/// OpenSSH leaves these two numbers of an RSA key out, because they follow from the others. Bit by bit, as by hand:
/// it happens once per key.
fn remainder(number: &[u8], divisor: &[u8]) -> Vec<u8> {
    let divisor = without_zeros(divisor);
    if divisor.is_empty() {
        return Vec::new();
    }
    // One byte more than the divisor, for the bit that is shifted out.
    let mut rest = vec![0_u8; divisor.len() + 1];
    let mut wide = vec![0_u8];
    wide.extend_from_slice(divisor);
    for bit in number
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
    {
        let mut carry = bit;
        for byte in rest.iter_mut().rev() {
            let shifted = *byte << 1 | carry;
            carry = *byte >> 7;
            *byte = shifted;
        }
        if rest >= wide {
            let mut borrow = 0_i16;
            for (byte, less) in rest.iter_mut().zip(&wide).rev() {
                let difference = i16::from(*byte) - i16::from(*less) - borrow;
                borrow = i16::from(difference < 0);
                *byte = difference.rem_euclid(256) as u8;
            }
        }
    }
    without_zeros(&rest).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn remainders_are_those_of_arithmetic(number: u128, divisor in 1_u128..) {
            let rest = (number % divisor).to_be_bytes();
            let got = remainder(&number.to_be_bytes(), &divisor.to_be_bytes());
            prop_assert_eq!(&got[..], without_zeros(&rest));
        }

        #[test]
        fn rubbish_is_an_error(bytes: Vec<u8>) {
            let mut key = b"openssh-key-v1\0\0\0\0\x04none\0\0\0\0\0\0\0\0\0\0\0\x01".to_vec();
            key.extend(bytes);
            prop_assert!(parse(&key).is_err());
        }
    }
}
