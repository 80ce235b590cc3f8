//! What makes a finding the same one after lines above it came or went.

use super::Linted;
use crate::digest::Fields;
use crate::lint::Finding;
use std::collections::HashMap;

/// Bytes of a line that count.
const LENGTH: usize = 400;

/// The line of the file that a finding is about, without the blanks around it, as far as it tells findings apart.
pub fn anchor<'a>(file: &'a Linted, finding: &Finding) -> &'a str {
    let line = file.source.position(finding.span.start).line;
    let line = file.source.line(line).trim();
    &line[..line.floor_char_boundary(LENGTH)]
}

/// Gives every finding of a run a name of its own: the same in each run until its line is edited.
#[derive(Default)]
pub(super) struct Fingerprints(HashMap<[u8; 32], u64>);

impl Fingerprints {
    /// 40 hexadecimal digits.
    pub(super) fn next(&mut self, path: &str, file: &Linted, finding: &Finding) -> String {
        let fields = || {
            let mut fields = Fields::new("varve 2026 lint finding v1");
            fields
                .bytes(path)
                .bytes(finding.code.as_bytes())
                .bytes(anchor(file, finding));
            fields
        };
        let mut key = [0; 32];
        key.copy_from_slice(fields().file_digest().hex().as_bytes().get(..32).unwrap_or(&[0; 32]));
        let nth = self.0.entry(key).or_default();
        *nth += 1;
        let mut hex = fields().number(*nth).file_digest().hex();
        hex.truncate(40);
        hex
    }
}
