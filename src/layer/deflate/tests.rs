use super::huffman::Codes;
use super::*;
use proptest::prelude::*;
use std::io::Read;

/// Compresses, and has two other libraries say what it means.
fn there_and_back(input: &[u8]) -> usize {
    let mut compressed = Vec::new();
    Deflater::new().gzip(input, &mut compressed);
    let mut read = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(compressed.as_slice());
    decoder.read_to_end(&mut read).unwrap();
    assert!(read == input, "zlib-rs reads something else");
    assert!(decoder.into_inner().is_empty(), "bytes after the end");
    let mut read = vec![0; input.len()];
    let size = libdeflater::Decompressor::new()
        .gzip_decompress(&compressed, &mut read)
        .unwrap();
    assert!(size == input.len() && read == input, "libdeflate reads something else");
    compressed.len()
}

/// Bytes that look random and are always the same.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn sizes_around_each_border() {
    let text: Vec<u8> = b"one two three two one "
        .iter()
        .copied()
        .cycle()
        .take(200_000)
        .collect();
    let noise = noise(200_000);
    for size in (0..40).chain(250..270).chain(65_520..65_560).chain(131_050..131_090) {
        there_and_back(&text[..size]);
        there_and_back(&noise[..size]);
    }
}

#[test]
fn what_repeats_gets_small_and_what_does_not_stays_as_it_is() {
    assert!(there_and_back(&vec![0; 1 << 20]) < 6000);
    let noise = noise(1 << 20);
    let size = there_and_back(&noise);
    assert!((noise.len()..noise.len() + 200).contains(&size), "{size}");
    // Within reach, and one byte beyond it.
    let far = |gap: usize| [&noise[..1000], &vec![b'.'; gap - 1000], &noise[..1000]].concat();
    assert!(there_and_back(&far(32_768)) + 900 < there_and_back(&far(32_769)));
}

#[test]
fn a_segment_of_each_kind_after_each_other_kind() {
    let noise = noise(SEGMENT);
    let text: Vec<u8> = noise.iter().map(|byte| b'a' + byte % 7).collect();
    let zeros = vec![0; SEGMENT];
    let kinds = [&noise, &text, &zeros];
    for (one, other) in (0..9).map(|n| (kinds[n / 3], kinds[n % 3])) {
        let all = [one.as_slice(), other, &other[..777], one].concat();
        there_and_back(&all);
    }
}

#[test]
fn one_that_was_used_gives_the_same_bytes_as_a_new_one() {
    let mut used = Deflater::new();
    for input in [
        noise(300_000),
        vec![7; 300_000],
        Vec::new(),
        b"abcabcabcabcabc".repeat(30_000),
    ] {
        let (mut again, mut fresh) = (Vec::new(), Vec::new());
        used.gzip(&input, &mut again);
        Deflater::new().gzip(&input, &mut fresh);
        assert!(again == fresh);
    }
}

/// Weights as Fibonacci's numbers give the longest codes that there can be.
#[test]
fn no_code_is_longer_than_its_limit() {
    let mut counts = [1u32; 40];
    for n in 2..counts.len() {
        counts[n] = counts[n - 1] + counts[n - 2];
    }
    for limit in [6, 7, 15] {
        let codes = Codes::of(&counts, limit);
        let room: u32 = codes.lengths.iter().map(|&length| 1 << (limit - length as usize)).sum();
        assert_eq!(room, 1 << limit, "neither too full nor with a gap: {:?}", codes.lengths);
        assert!(
            codes.lengths.is_sorted_by(|one, other| one >= other),
            "what occurs more often is no longer"
        );
    }
}

/// The shortest code there is, found by joining the two lightest again and again.
fn shortest(counts: &[u32]) -> u64 {
    let mut weights: Vec<u64> = counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| count.into())
        .collect();
    let mut cost = 0;
    while weights.len() > 1 {
        weights.sort_unstable_by(|one, other| other.cmp(one));
        let joined = weights.pop().unwrap() + weights.pop().unwrap();
        cost += joined;
        weights.push(joined);
    }
    cost
}

proptest! {
    #[test]
    fn codes_are_the_shortest(counts in proptest::collection::vec(0u32..200, 30)) {
        let counts: [u32; 30] = counts.try_into().unwrap();
        prop_assume!(counts.iter().filter(|&&count| count > 0).count() > 1);
        // Counts so small never need more than 15 bits.
        prop_assert_eq!(Codes::of(&counts, 15).cost(&counts), shortest(&counts));
    }

    #[test]
    fn anything_comes_back(pieces in proptest::collection::vec((0usize..40_000, 0usize..3000, any::<u8>()), 0..60)) {
        let mut input = noise(3000);
        for (back, length, byte) in pieces {
            let from = input.len().saturating_sub(back + 1);
            let copied: Vec<u8> = input[from..].iter().copied().cycle().take(length).collect();
            input.extend(copied);
            input.push(byte);
        }
        there_and_back(&input);
    }
}
