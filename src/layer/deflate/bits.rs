//! Bits, the first of them lowest, into bytes.

/// What has been written, and up to seven bits that are no whole byte yet.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    out: &'a mut Vec<u8>,
    bits: u64,
    number: u32,
}

/// How many bytes [`Bits::many`] gathers before it hands them on.
const GATHERED: usize = 1 << 12;

impl<'a> Bits<'a> {
    /// Appends to `out`.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            bits: 0,
            number: 0,
        }
    }

    /// The `number` lowest bits of `value`, which has no others; at most 56.
    pub(super) fn put(&mut self, value: u64, number: u32) {
        self.bits |= value << self.number;
        self.number += number;
        while self.number >= 8 {
            self.out.push(self.bits as u8);
            self.bits >>= 8;
            self.number -= 8;
        }
    }

    /// As [`Bits::put`] for what `bits` makes of each of `tokens`, faster.
    pub(super) fn many<T: Copy>(&mut self, tokens: &[T], of: impl Fn(T) -> (u64, u32)) {
        let mut gathered = [0u8; GATHERED + 8];
        let (mut bits, mut number) = (self.bits, self.number);
        // A token has seven bytes at most.
        for tokens in tokens.chunks(GATHERED / 7) {
            let mut at = 0;
            let mut put = |value: u64, more: u32| {
                bits |= value << number;
                number += more;
                // The mask changes nothing, and shows that this is inside.
                let here = at & (GATHERED - 1);
                gathered[here..here + 8].copy_from_slice(&bits.to_le_bytes());
                at += (number >> 3) as usize;
                bits >>= number & !7;
                number &= 7;
            };
            let (pairs, rest) = tokens.as_chunks::<2>();
            for &[one, other] in pairs {
                let ((one, length), (other, more)) = (of(one), of(other));
                // Two together, where there is room for both.
                if length + more <= 56 {
                    put(one | other << length, length + more);
                } else {
                    put(one, length);
                    put(other, more);
                }
            }
            for &token in rest {
                let (value, more) = of(token);
                put(value, more);
            }
            self.out.extend_from_slice(&gathered[..at]);
        }
        (self.bits, self.number) = (bits, number);
    }

    /// Zeros up to the next byte.
    pub(super) fn align(&mut self) {
        if self.number > 0 {
            self.put(0, 8 - self.number);
        }
    }

    /// Bytes as they are; what was put before fills whole bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}
