//! Files that are no Dockerfiles, whatever their names say.

use super::finding::{Finding, Level};
use crate::diagnostic::Span;
use std::borrow::Cow;

/// What is wrong with `bytes` when they are no text, and the text to show with it: what is good, and the rest of the
/// line.
pub fn not_text(bytes: &[u8]) -> Option<(String, Finding)> {
    let (good, message) = match str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            Some(at) => (at, "the file holds a zero byte, so it is no text"),
            None => return None,
        },
        Err(error) => match bytes.iter().position(|byte| *byte == 0) {
            Some(at) => (at.min(error.valid_up_to()), "the file is no text"),
            None => (error.valid_up_to(), "the file is not UTF-8 text"),
        },
    };
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let message = if wide {
        "the file is UTF-16, and Dockerfiles are UTF-8"
    } else {
        message
    };
    // The rest of the line, as far as it is worth showing.
    let rest = &bytes[good..];
    let end = rest
        .iter()
        .take(100)
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len().min(100));
    let mut text = String::from_utf8_lossy(&bytes[..good]).into_owned();
    text.push_str(&String::from_utf8_lossy(&rest[..end]));
    let length = text[good..].chars().next().map_or(0, char::len_utf8);
    let mut finding = broken(&text, good, length, message);
    if wide {
        finding.help("save it as UTF-8");
    }
    Some((text, finding))
}

/// What is wrong with a file that begins with `bytes` and goes on beyond `limit` bytes, and the text to show with it.
pub fn too_large(bytes: &[u8], limit: usize) -> (String, Finding) {
    let end = bytes
        .iter()
        .take(100)
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len().min(100));
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let message = format!("the file is larger than {} MiB, and was not looked at", limit >> 20);
    let finding = broken(&text, 0, 0, &message);
    (text, finding)
}

fn broken(text: &str, at: usize, length: usize, message: &str) -> Finding {
    Finding {
        code: Cow::Borrowed("DL1000"),
        level: Level::Error,
        message: message.to_owned(),
        span: Span::new(at as u32, (at + length) as u32),
        line: text[..at].matches('\n').count() as u32 + 1,
        help: Vec::new(),
        fix: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        for (bytes, line, start, message) in [
            (&b"FROM a\nRUN \xff\xfe x\n# y"[..], 2, 11, "UTF-8 text"),
            (b"FROM a\0b", 1, 6, "zero byte"),
            (b"\xff\xfeF\0R\0", 1, 0, "UTF-16"),
            (b"\x7fELF\0\xff", 1, 4, "no text"),
            (b"a\n\xc3", 2, 2, "UTF-8 text"),
        ] {
            let (text, finding) = not_text(bytes).expect("it is no text");
            assert_eq!((finding.line, finding.span.start), (line, start), "{text:?}");
            assert!(finding.message.contains(message), "{}", finding.message);
            assert!(text.is_char_boundary(finding.span.end as usize) && !text[start as usize..].contains('\n'));
        }
        assert_eq!(not_text("FROM é\r\n".as_bytes()), None);
        assert_eq!(not_text(b""), None);
        let (text, finding) = too_large(&[b'x'; 1000], 4 << 20);
        assert!(text.len() == 100 && finding.message.contains("4 MiB"));
    }
}
