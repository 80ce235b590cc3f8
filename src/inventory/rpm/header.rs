//! The header blob of a package: an index of tags, and their data.

/// An index entry's size in bytes: tag, type, offset and count, big endian.
const ENTRY: usize = 16;
/// Most tags of a header; rpm's own limit.
const MOST_TAGS: usize = 0xffff;

const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;
const TYPE_STRING_ARRAY: u32 = 8;
const TYPE_I18N_STRING: u32 = 9;

/// A header whose index and data are where they should be.
pub(super) struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    pub(super) fn read(blob: &'a [u8]) -> Option<Self> {
        let tags = usize::try_from(big(blob, 0)?).ok()?;
        let length = usize::try_from(big(blob, 4)?).ok()?;
        if tags > MOST_TAGS {
            return None;
        }
        let start = 8 + tags * ENTRY;
        Some(Self {
            index: blob.get(8..start)?,
            data: blob.get(start..start.checked_add(length)?)?,
        })
    }

    /// The first string of a tag.
    pub(super) fn text(&self, tag: u32) -> Option<String> {
        let (kind, offset) = self.find(tag)?;
        if !matches!(kind, TYPE_STRING | TYPE_STRING_ARRAY | TYPE_I18N_STRING) {
            return None;
        }
        let rest = self.data.get(offset..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        String::from_utf8(rest[..end].to_vec()).ok()
    }

    /// The first number of a tag.
    pub(super) fn number(&self, tag: u32) -> Option<u32> {
        let (kind, offset) = self.find(tag)?;
        (kind == TYPE_INT32).then(|| big(self.data, offset)).flatten()
    }

    fn find(&self, tag: u32) -> Option<(u32, usize)> {
        let entry = self
            .index
            .chunks_exact(ENTRY)
            .find(|entry| big(entry, 0) == Some(tag))?;
        Some((big(entry, 4)?, usize::try_from(big(entry, 8)?).ok()?))
    }
}

fn big(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().map(u32::from_be_bytes).ok()
}

#[cfg(test)]
pub(in crate::inventory) mod tests {
    use super::*;

    /// A header blob with texts, and an epoch.
    pub(in crate::inventory) fn blob(texts: &[(u32, &str)], epoch: Option<u32>) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        let mut entry = |tag: u32, kind: u32, at: usize| {
            for number in [tag, kind, at as u32, 1] {
                index.extend(number.to_be_bytes());
            }
        };
        if let Some(epoch) = epoch {
            entry(1003, TYPE_INT32, 0);
            data.extend(epoch.to_be_bytes());
        }
        for (tag, text) in texts {
            entry(*tag, TYPE_STRING, data.len());
            data.extend(text.bytes());
            data.push(0);
        }
        let mut blob = ((index.len() / ENTRY) as u32).to_be_bytes().to_vec();
        blob.extend((data.len() as u32).to_be_bytes());
        blob.extend(index);
        blob.extend(data);
        blob
    }

    #[test]
    fn a_header_that_claims_more_than_it_has_is_none() {
        let good = blob(&[(1000, "bash")], Some(3));
        assert_eq!(
            Header::read(&good).and_then(|it| it.text(1000)).as_deref(),
            Some("bash")
        );
        assert_eq!(Header::read(&good).and_then(|it| it.number(1003)), Some(3));
        for end in 0..good.len() {
            assert!(Header::read(&good[..end]).is_none(), "cut at {end}");
        }
        let mut far = good.clone();
        far[8 + ENTRY + 8..8 + ENTRY + 12].copy_from_slice(&[0xff; 4]);
        assert_eq!(Header::read(&far).and_then(|it| it.text(1000)), None);
    }
}
