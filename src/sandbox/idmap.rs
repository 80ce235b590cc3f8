//! Maps of user and group numbers (user_namespaces(7)).

/// One line of `/proc/self/uid_map`: inside, outside, how many.
pub(super) type Range = (u32, u32, u32);

/// The lines of a map; what is no line is left out.
pub(super) fn ranges(map: &str) -> impl Iterator<Item = Range> {
    map.lines().filter_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(inside)), Some(Ok(outside)), Some(Ok(count)), None) => Some((inside, outside, count)),
            _ => None,
        }
    })
}

/// Whether a number exists inside.
pub(super) fn contains(map: &str, id: u32) -> bool {
    ranges(map).any(|(inside, _, count)| id >= inside && id - inside < count)
}

/// How many numbers exist inside.
pub(super) fn size(map: &str) -> u64 {
    ranges(map).map(|(_, _, count)| u64::from(count)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_as_the_kernel_writes_them() {
        let map = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(ranges(map).collect::<Vec<_>>(), [(0, 1000, 1), (1, 100_000, 65536)]);
        assert!(contains(map, 0) && contains(map, 65536) && !contains(map, 65537));
        assert_eq!(size(map), 65537);
        assert!(contains("0 0 4294967295", u32::MAX - 1) && !contains("", 0));
        assert_eq!(size("garbage\n1 2\n0 0 99999999999"), 0);
    }
}
