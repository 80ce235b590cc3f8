//! Paragraphs of `Field: value` lines, as dpkg, Python and copyright files have them.

/// One paragraph: its fields in order. Values keep their line ends; continuation lines lose their first blank.
pub(super) type Paragraph<'a> = Vec<(&'a str, String)>;

/// Reads paragraphs, which empty lines divide; lines that are neither field nor continuation are ignored.
pub(super) fn paragraphs(text: &str) -> impl Iterator<Item = Paragraph<'_>> {
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let mut fields: Paragraph<'_> = Vec::new();
        for line in lines.by_ref() {
            if line.trim().is_empty() {
                if fields.is_empty() {
                    continue;
                }
                return Some(fields);
            }
            if let Some(more) = line.strip_prefix([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push('\n');
                    value.push_str(more);
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name, value.trim().to_owned()));
            }
        }
        (!fields.is_empty()).then_some(fields)
    })
}

/// The first value of a field, whose name's case does not matter.
pub(super) fn field<'a>(paragraph: &'a Paragraph<'_>, name: &str) -> Option<&'a str> {
    let found = paragraph.iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
    Some(found.1.as_str())
}
