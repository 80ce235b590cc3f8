//! Writes tokens as one block of deflate: stored, with the fixed codes, or with codes of its own (RFC 1951, section 3.2.3).

use super::bits::Bits;
use super::huffman::Codes;
use super::matches::{LENGTHS, NO_DISTANCE, Token};

/// Literals, the end of the block, and symbols of lengths.
const LITERALS: usize = 286;
const DISTANCES: usize = 30;
const END: usize = 256;
const LONGEST_CODE: usize = 15;
/// The most bytes that a stored block has.
const MOST_STORED: usize = 0xffff;

/// The shortest length of each symbol from 257 on, and how many extra bits tell the length (section 3.2.5).
const LENGTH_SYMBOLS: [(u16, u8); 29] = {
    let mut symbols = [(0, 0); 29];
    let (mut symbol, mut length) = (0, *LENGTHS.start() as u16);
    while symbol < 28 {
        let extra = if symbol < 8 { 0 } else { symbol / 4 - 1 };
        symbols[symbol] = (length, extra as u8);
        length += 1 << extra;
        symbol += 1;
    }
    // The longest has a symbol of its own.
    symbols[28] = (*LENGTHS.end() as u16, 0);
    symbols
};

/// Which of [`LENGTH_SYMBOLS`] a length has, by the length less 3.
const SYMBOL_OF_LENGTH: [u8; 256] = {
    let mut symbols = [0; 256];
    let (mut symbol, mut n) = (0, 0);
    while n < symbols.len() {
        if symbol + 1 < LENGTH_SYMBOLS.len() && n + *LENGTHS.start() >= LENGTH_SYMBOLS[symbol + 1].0 as usize {
            symbol += 1;
        }
        symbols[n] = symbol as u8;
        n += 1;
    }
    symbols
};

/// In which order a header tells how long the codes of its own alphabet are (section 3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Writes `tokens`, which say the same as `bytes`, in the way that takes the fewest bits.
pub(super) fn write_block(tokens: &[Token], bytes: &[u8], last: bool, out: &mut Bits<'_>) {
    let counts = Counts::of(tokens, bytes);
    let literals = Codes::of(&counts.literals, LONGEST_CODE);
    let distances = Codes::of(&counts.distances, LONGEST_CODE);
    let header = Header::of(&literals, &distances);
    let own = header.cost() + counts.cost(&literals, &distances);
    let fixed_literals = fixed_literals();
    let fixed = counts.cost(&fixed_literals, &FIXED_DISTANCES);
    // Of no bytes there is no stored block; the fixed codes say it in ten bits.
    let stored = 8 * (bytes.len() + 5 * bytes.len().div_ceil(MOST_STORED).max(1)) as u64;
    if stored <= own.min(fixed) {
        write_stored(bytes, last, out);
        return;
    }
    if fixed <= own {
        out.put(u64::from(last) | 1 << 1, 3);
        write_tokens(tokens, &fixed_literals, &FIXED_DISTANCES, out);
    } else {
        out.put(u64::from(last) | 2 << 1, 3);
        header.write(out);
        write_tokens(tokens, &literals, &distances, out);
    }
}

/// The fixed codes (section 3.2.6).
fn fixed_literals() -> Codes<LITERALS> {
    // Two symbols that never occur have codes as well.
    let all = Codes::<288>::with(std::array::from_fn(|symbol| match symbol {
        0..144 | 280.. => 8,
        144..256 => 9,
        256..280 => 7,
    }));
    Codes {
        lengths: std::array::from_fn(|symbol| all.lengths[symbol]),
        codes: std::array::from_fn(|symbol| all.codes[symbol]),
    }
}

/// Of five bits each: the symbol, from its highest bit on.
const FIXED_DISTANCES: Codes<DISTANCES> = {
    let mut codes = [0u16; DISTANCES];
    let mut symbol = 0;
    while symbol < DISTANCES {
        codes[symbol] = (symbol as u16).reverse_bits() >> 11;
        symbol += 1;
    }
    Codes {
        lengths: [5; DISTANCES],
        codes,
    }
};

/// How many extra bits a distance's symbol has.
fn distance_extra_bits(symbol: usize) -> u32 {
    (symbol as u32 / 2).saturating_sub(1)
}

/// How often each symbol occurs.
struct Counts {
    literals: [u32; LITERALS],
    distances: [u32; DISTANCES],
    extra_bits: u64,
}

impl Counts {
    /// `bytes` are what `tokens` say.
    fn of(tokens: &[Token], bytes: &[u8]) -> Self {
        // Four of each, because to count the same symbol again means to wait for the last time.
        let (mut whats, mut distance_symbols) = ([[0u32; 512]; 4], [[0u32; 32]; 4]);
        let mut count = |tokens: &[Token]| {
            for ((token, whats), distances) in tokens.iter().zip(&mut whats).zip(&mut distance_symbols) {
                whats[token.what()] += 1;
                distances[token.distance_symbol()] += 1;
            }
        };
        if tokens.len() == bytes.len() {
            // All are literals, and bytes are read faster.
            let (fours, rest) = bytes.as_chunks::<4>();
            for four in fours {
                for (byte, whats) in four.iter().zip(&mut whats) {
                    whats[*byte as usize] += 1;
                }
            }
            for &byte in rest {
                whats[0][byte as usize] += 1;
            }
        } else {
            let (fours, rest) = tokens.as_chunks::<4>();
            for four in fours {
                count(four);
            }
            count(rest);
        }
        let what = |n: usize| -> u32 { whats.iter().map(|counts| counts[n]).sum() };
        let mut literals: [u32; LITERALS] = std::array::from_fn(|symbol| if symbol < END { what(symbol) } else { 0 });
        literals[END] = 1;
        let distances = std::array::from_fn(|symbol| distance_symbols.iter().map(|counts| counts[symbol]).sum());
        let mut extra_bits = 0;
        for (n, &symbol) in SYMBOL_OF_LENGTH.iter().enumerate() {
            let count = what(256 + n);
            literals[END + 1 + symbol as usize] += count;
            extra_bits += u64::from(count) * u64::from(LENGTH_SYMBOLS[symbol as usize].1);
        }
        for (symbol, &count) in distances.iter().enumerate() {
            extra_bits += u64::from(count) * u64::from(distance_extra_bits(symbol));
        }
        Self {
            literals,
            distances,
            extra_bits,
        }
    }

    /// Bits of the block without its header.
    fn cost(&self, literals: &Codes<LITERALS>, distances: &Codes<DISTANCES>) -> u64 {
        3 + literals.cost(&self.literals) + distances.cost(&self.distances) + self.extra_bits
    }
}

fn write_stored(bytes: &[u8], last: bool, out: &mut Bits<'_>) {
    let mut pieces = bytes.chunks(MOST_STORED).peekable();
    while let Some(piece) = pieces.next() {
        out.put(u64::from(last && pieces.peek().is_none()), 3);
        out.align();
        let length = piece.len() as u64;
        out.put(length | (!length & 0xffff) << 16, 32);
        out.bytes(piece);
    }
}

fn write_tokens(tokens: &[Token], literals: &Codes<LITERALS>, distances: &Codes<DISTANCES>, out: &mut Bits<'_>) {
    // A code with all the bits that are known beforehand, and their number from bit 24 on.
    let whats: [u32; 512] = std::array::from_fn(|what| {
        if what < 256 {
            return u32::from(literals.codes[what]) | u32::from(literals.lengths[what]) << 24;
        }
        let symbol = SYMBOL_OF_LENGTH[what - 256] as usize;
        let (shortest, extra_bits) = LENGTH_SYMBOLS[symbol];
        let extra = (what - 256 + LENGTHS.start()) as u32 - u32::from(shortest);
        let (code, length) = (literals.codes[END + 1 + symbol], literals.lengths[END + 1 + symbol]);
        u32::from(code) | extra << length | u32::from(length + extra_bits) << 24
    });
    // A code, its length from bit 16 on, and that with the extra bits from bit 24 on. Nothing for `NO_DISTANCE`.
    let mut with_extra: [u32; NO_DISTANCE + 1] = [0; NO_DISTANCE + 1];
    for (symbol, entry) in with_extra.iter_mut().enumerate().take(DISTANCES) {
        let length = u32::from(distances.lengths[symbol]);
        *entry = u32::from(distances.codes[symbol]) | length << 16 | (length + distance_extra_bits(symbol)) << 24;
    }
    out.many(tokens, |token| {
        let what = whats[token.what()];
        let distance = with_extra[token.distance_symbol()];
        let length = what >> 24;
        let far = u64::from(distance & 0xffff) | u64::from(token.distance_extra()) << (distance >> 16 & 31);
        // At most 15 and 5, and 15 and 13 bits.
        (u64::from(what & 0xff_ffff) | far << length, length + (distance >> 24))
    });
    out.put(literals.codes[END].into(), literals.lengths[END].into());
}

/// What stands before a block with codes of its own: how long they are, in a code of their own (section 3.2.7).
struct Header {
    literals: usize,
    distances: usize,
    /// Symbols of the lengths' alphabet, with their extra bits and how many these are.
    items: Vec<(u8, u8, u8)>,
    codes: Codes<19>,
    counts: [u32; 19],
}

impl Header {
    fn of(literals: &Codes<LITERALS>, distances: &Codes<DISTANCES>) -> Self {
        let number = |lengths: &[u8], least| {
            lengths
                .iter()
                .rposition(|&length| length > 0)
                .map_or(0, |n| n + 1)
                .max(least)
        };
        let literals_sent = number(&literals.lengths, END + 1);
        let distances_sent = number(&distances.lengths, 1);
        let lengths = [&literals.lengths[..literals_sent], &distances.lengths[..distances_sent]].concat();
        let mut items = Vec::with_capacity(lengths.len());
        for run in lengths.chunk_by(|one, other| one == other) {
            let (length, mut left) = (run[0], run.len());
            if length > 0 {
                items.push((length, 0, 0));
                left -= 1;
            }
            // The symbol that repeats, its shortest and longest run, and its extra bits.
            let repeats: &[_] = match length {
                0 => &[(18, 11, 138, 7), (17, 3, 10, 3)],
                _ => &[(16, 3, 6, 2)],
            };
            for &(symbol, shortest, longest, bits) in repeats {
                while left >= shortest {
                    let taken = left.min(longest);
                    items.push((symbol, (taken - shortest) as u8, bits));
                    left -= taken;
                }
            }
            items.extend(std::iter::repeat_n((length, 0, 0), left));
        }
        let mut counts = [0; 19];
        for &(symbol, ..) in &items {
            counts[symbol as usize] += 1;
        }
        Self {
            literals: literals_sent,
            distances: distances_sent,
            items,
            codes: Codes::of(&counts, 7),
            counts,
        }
    }

    /// How many lengths of the lengths' alphabet are sent.
    fn order(&self) -> &'static [usize] {
        let last = ORDER.iter().rposition(|&symbol| self.codes.lengths[symbol] > 0);
        &ORDER[..last.map_or(0, |n| n + 1).max(4)]
    }

    /// In bits.
    fn cost(&self) -> u64 {
        let extra: u64 = self.items.iter().map(|item| u64::from(item.2)).sum();
        14 + 3 * self.order().len() as u64 + self.codes.cost(&self.counts) + extra
    }

    fn write(&self, out: &mut Bits<'_>) {
        out.put((self.literals - END - 1) as u64, 5);
        out.put(self.distances as u64 - 1, 5);
        out.put(self.order().len() as u64 - 4, 4);
        for &symbol in self.order() {
            out.put(self.codes.lengths[symbol].into(), 3);
        }
        for &(symbol, extra, bits) in &self.items {
            let symbol = symbol as usize;
            out.put(self.codes.codes[symbol].into(), self.codes.lengths[symbol].into());
            out.put(extra.into(), bits.into());
        }
    }
}
