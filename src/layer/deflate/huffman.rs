//! Huffman codes as deflate wants them: canonical, and no longer than a limit (RFC 1951, section 3.2.2).

/// A code for each of the `N` symbols of an alphabet.
#[derive(Debug, Clone)]
pub(super) struct Codes<const N: usize> {
    /// Bits of each symbol's code; 0 for one without a code.
    pub(super) lengths: [u8; N],
    /// The codes, as they are sent: their first bit is the lowest.
    pub(super) codes: [u16; N],
}

impl<const N: usize> Codes<N> {
    /// Codes for symbols that occur that often, less than 2^32 times in all; none is longer than `limit` bits.
    ///
    /// Equal counts give equal codes. A single symbol gets a code of one bit, which the format allows.
    pub(super) fn of(counts: &[u32; N], limit: usize) -> Self {
        let mut lengths = [0; N];
        // Rarest first. The symbol in the lower half gives symbols that occur equally often one order.
        let mut used = [0u64; N];
        let mut number = 0;
        for (symbol, &count) in counts.iter().enumerate() {
            if count > 0 {
                used[number] = u64::from(count) << 16 | symbol as u64;
                number += 1;
            }
        }
        let used = &mut used[..number];
        used.sort_unstable();
        if used.len() <= 2 {
            for entry in used.iter() {
                lengths[symbol(*entry)] = 1;
            }
            return Self::with(lengths);
        }
        let mut tree = [0u32; N];
        for (weight, entry) in tree.iter_mut().zip(used.iter()) {
            *weight = (entry >> 16) as u32;
        }
        depths(&mut tree[..number]);
        let mut rarest_first = used.iter();
        for (length, count) in limited(&tree[..number], limit).into_iter().enumerate().rev() {
            for entry in rarest_first.by_ref().take(count as usize) {
                lengths[symbol(*entry)] = length as u8;
            }
        }
        Self::with(lengths)
    }

    /// The canonical codes of these lengths, which are at most 15.
    pub(super) fn with(lengths: [u8; N]) -> Self {
        let mut numbers = [0u16; 16];
        for &length in lengths.iter().filter(|&&length| length > 0) {
            numbers[length as usize] += 1;
        }
        let mut next = [0u16; 16];
        for length in 1..next.len() {
            next[length] = (next[length - 1] + numbers[length - 1]) << 1;
        }
        let mut codes = [0; N];
        for (code, &length) in codes.iter_mut().zip(&lengths).filter(|(_, length)| **length > 0) {
            *code = next[length as usize].reverse_bits() >> (16 - length);
            next[length as usize] += 1;
        }
        Self { lengths, codes }
    }

    /// How many bits symbols take that occur that often.
    pub(super) fn cost(&self, counts: &[u32; N]) -> u64 {
        let costs = counts.iter().zip(&self.lengths);
        costs
            .map(|(&count, &length)| u64::from(count) * u64::from(length))
            .sum()
    }
}

fn symbol(entry: u64) -> usize {
    (entry & 0xffff) as usize
}

/// How many codes there are of each length, when none may be longer than `limit`.
fn limited(depths: &[u32], limit: usize) -> [u32; 16] {
    let mut counts = [0; 16];
    for &depth in depths {
        counts[(depth as usize).min(limit)] += 1;
    }
    // Cutting makes the code too full. Each turn splits a shorter code in two, one of which takes the place of a code of
    // full length: the room of one such code is won.
    let mut taken: u32 = (1..=limit).map(|length| counts[length] << (limit - length)).sum();
    while taken > 1 << limit {
        let Some(shorter) = (1..limit).rev().find(|&length| counts[length] > 0) else {
            break;
        };
        counts[shorter] -= 1;
        counts[shorter + 1] += 2;
        counts[limit] -= 1;
        taken -= 1;
    }
    counts
}

/// Turns three or more weights, lightest first, into the depths of a Huffman tree's leaves, deepest first.
///
/// In place, by the method of Moffat and Katajainen (In-place calculation of minimum-redundancy codes, 1995): weights
/// become the parents of inner nodes, then these nodes' depths, then the leaves' depths.
fn depths(nodes: &mut [u32]) {
    let number = nodes.len();
    let (mut inner, mut leaf) = (0, 0);
    for next in 0..number - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            if leaf < number && (inner >= next || nodes[leaf] <= nodes[inner]) {
                weight += nodes[leaf];
                leaf += 1;
            } else {
                weight += nodes[inner];
                nodes[inner] = next as u32;
                inner += 1;
            }
        }
        nodes[next] = weight;
    }
    nodes[number - 2] = 0;
    for next in (0..number - 2).rev() {
        nodes[next] = nodes[nodes[next] as usize] + 1;
    }
    let (mut places, mut depth, mut next, mut inner) = (1, 0, number, number - 1);
    while places > 0 {
        let mut nodes_here = 0;
        while inner > 0 && nodes[inner - 1] == depth {
            nodes_here += 1;
            inner -= 1;
        }
        for _ in nodes_here..places {
            next -= 1;
            nodes[next] = depth;
        }
        places = 2 * nodes_here;
        depth += 1;
    }
}
