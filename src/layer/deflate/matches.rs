//! Finds what was there before: bytes in, tokens out.

/// How far back a match may begin.
const REACH: usize = 1 << 15;
/// How many bytes one call takes at most.
pub(super) const SEGMENT: usize = 1 << 16;
/// The shortest match and the longest.
pub(super) const LENGTHS: std::ops::RangeInclusive<usize> = 3..=258;
const HASH_BITS: u32 = 14;
/// After so many bytes without a match, bytes are skipped: what did not repeat so far is not likely to begin now.
const PATIENCE: usize = 96;

/// A literal or a match, in 27 bits: the literal, or 256 and the match's length less 3; above these 9 bits the symbol of
/// the distance in 5, [`NO_DISTANCE`] for a literal; above them the distance's extra bits.
///
/// Both kinds have one form, so that whoever writes them needs no branch that the processor can't foresee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(u32);

/// In place of a distance's symbol.
pub(super) const NO_DISTANCE: usize = 31;

impl Token {
    fn literal(byte: u8) -> Self {
        Self(u32::from(byte) | (NO_DISTANCE as u32) << 9)
    }

    /// `length` is one of [`LENGTHS`], `distance` from 1 to [`REACH`].
    fn of_match(length: usize, distance: usize) -> Self {
        let (symbol, extra_bits) = distance_symbol(distance as u32);
        let extra = (distance as u32 - 1) & ((1 << extra_bits) - 1);
        Self((256 + length - LENGTHS.start()) as u32 | symbol << 9 | extra << 14)
    }

    /// The literal, or 256 and the length less 3: below 512.
    pub(super) fn what(self) -> usize {
        (self.0 & 0x1ff) as usize
    }

    /// The symbol of the distance: below 32.
    pub(super) fn distance_symbol(self) -> usize {
        (self.0 >> 9 & 31) as usize
    }

    /// What the distance has beyond its symbol.
    pub(super) fn distance_extra(self) -> u32 {
        self.0 >> 14
    }
}

/// The symbol of a distance, and how many extra bits it has (RFC 1951, section 3.2.5).
fn distance_symbol(distance: u32) -> (u32, u32) {
    let from_zero = distance - 1;
    if from_zero < 2 {
        return (from_zero, 0);
    }
    let high = from_zero.ilog2();
    (2 * high + (from_zero >> (high - 1) & 1), high - 1)
}

/// The last places of what was seen, by hash, and what is needed to look at them fast.
#[derive(Debug)]
pub(super) struct Matches {
    /// The lower 16 bits of the last place of each hash. It need not be right: what is found there is compared.
    table: Box<[u16; 1 << HASH_BITS]>,
    /// What lies within reach, and then the segment, which begins at [`REACH`].
    window: Box<Window>,
    tokens: Box<[Token; SEGMENT]>,
}

/// As large as its mask and a word more, so that no look into it has to be checked.
type Window = [u8; WINDOW_MASK + 9];
const WINDOW_MASK: usize = (1 << 17) - 1;

impl Matches {
    pub(super) fn new() -> Self {
        Self {
            table: boxed(0),
            window: boxed(0),
            tokens: boxed(Token(0)),
        }
    }

    /// Forgets what was seen: every place is that where the first segment begins, which is within the input for all that
    /// comes.
    pub(super) fn reset(&mut self) {
        self.table.fill(REACH as u16);
    }

    /// The segment `input[start..end]` as tokens; matches reach back into what lies before it.
    ///
    /// `start` is a multiple of [`SEGMENT`], which is no less than the segment's length.
    pub(super) fn tokens(&mut self, input: &[u8], start: usize, end: usize) -> &[Token] {
        let (table, window, tokens) = (&mut *self.table, &mut *self.window, &mut *self.tokens);
        let back = start.min(REACH);
        let (front, stop) = (REACH - back, REACH + (end - start));
        window[front..stop].copy_from_slice(&input[start - back..end]);
        let (mut at, mut number) = (REACH, 0);
        // Two words are looked at, and what is beyond the segment may not be.
        let end = stop.saturating_sub(16);
        let mut patient_until = end.min(at + PATIENCE);
        let mut impatience = 0;
        while at < end {
            while at < patient_until {
                let here = word(window, at);
                // Of five bytes, although four are enough for a match: such short ones cost more than they save.
                let hash = (here << 24).wrapping_mul(0x9e37_79b1_85eb_ca87) >> (64 - HASH_BITS);
                // Segments are as long as 16 bits count, so a place has the same number in each.
                let last = &mut table[hash as usize];
                let distance = (at as u16).wrapping_sub(*last);
                *last = at as u16;
                // Outside of the window for a distance that is too far; the look into it is masked.
                let earlier = at.wrapping_sub(distance as usize);
                let differs = word(window, earlier) ^ here;
                // Zero only for four equal bytes at a distance from 1 to `REACH`: one branch for both.
                if differs as u32 | u32::from(distance.wrapping_sub(1) >> 15) == 0 {
                    let length = match differs {
                        0 => common(window, earlier, at, (stop - at).min(*LENGTHS.end())),
                        _ => equal_bytes(differs),
                    };
                    tokens[number & (SEGMENT - 1)] = Token::of_match(length, distance as usize);
                    at += length;
                    patient_until = end.min(at + PATIENCE);
                    impatience = 0;
                } else {
                    tokens[number & (SEGMENT - 1)] = Token::literal(here as u8);
                    at += 1;
                }
                // Never more than bytes, which are no more than `SEGMENT`.
                number += 1;
            }
            if at < end {
                impatience += 1;
                let skipped = (impatience >> 4).min(64).min(end - at);
                number += literals(&mut tokens[number..], &window[at..at + skipped]);
                at += skipped;
                patient_until = end.min(at + 1);
            }
        }
        number += literals(&mut tokens[number..], &window[at..stop]);
        &self.tokens[..number]
    }
}

/// Bytes as tokens, without a look at what they are; returns how many.
fn literals(tokens: &mut [Token], bytes: &[u8]) -> usize {
    for (token, &byte) in tokens.iter_mut().zip(bytes) {
        *token = Token::literal(byte);
    }
    bytes.len()
}

fn word(window: &Window, at: usize) -> u64 {
    let at = at & WINDOW_MASK;
    window[at..at + 8]
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// How many bytes are equal, of two words that differ in this.
fn equal_bytes(differs: u64) -> usize {
    (differs.trailing_zeros() / 8) as usize
}

/// How many bytes are equal at both places, up to `most`; the first eight are.
fn common(window: &Window, earlier: usize, at: usize, most: usize) -> usize {
    let mut length = 8;
    while length < most {
        let differs = word(window, earlier + length) ^ word(window, at + length);
        if differs != 0 {
            return (length + equal_bytes(differs)).min(most);
        }
        length += 8;
    }
    most
}

fn boxed<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    match vec![value; N].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => Box::new([value; N]),
    }
}
