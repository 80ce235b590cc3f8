//! Large bodies: goes on where a connection broke.

use super::{HttpError, Response};
use std::io::Write;

/// How the rest of a body is known to belong to its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// The address names bytes that never change, and the caller checks them.
    Always,
    /// The server's strong entity tag says so; without one a broken download fails.
    ByTag,
}

/// Times in a row that a connection may break without a single new byte.
const FRUITLESS: u32 = 3;
/// Times that a connection may break at all.
const BREAKS: u32 = 100;

/// Writes the body of `first` to `out`; when it breaks off, asks `again`, with these further headers, for the rest.
/// Returns the number of bytes, `limit` at most.
///
/// # Errors
/// [`HttpError`] of the last try, [`HttpError::Changed`] when the rest is of something else, and what `again` reports.
pub fn download<E: From<HttpError>>(
    mut first: Response,
    resume: &Resume,
    out: &mut dyn Write,
    limit: u64,
    mut again: impl FnMut(&[(&'static str, String)]) -> Result<Response, E>,
) -> Result<u64, E> {
    let tag = first
        .header("etag")
        .filter(|tag| tag.starts_with('"'))
        .map(str::to_owned);
    let whole = first.length();
    let mut received = 0;
    let (mut fruitless, mut breaks) = (0, 0);
    let mut counting = Counting { out, count: 0 };
    let mut body = &mut first.body;
    let mut next;
    loop {
        let before = counting.count;
        let result = body.copy_to(&mut counting, limit.saturating_sub(received));
        received += counting.count - before;
        let error = match result {
            Ok(_) => match whole {
                Some(whole) if received < whole => HttpError::Broken {
                    url: first.url.to_string(),
                    received,
                    source: std::io::ErrorKind::UnexpectedEof.into(),
                },
                _ => return Ok(received),
            },
            Err(HttpError::TooLarge { url, .. }) => return Err(HttpError::TooLarge { url, limit }.into()),
            Err(error @ HttpError::Broken { .. }) => error,
            Err(other) => return Err(other.into()),
        };
        fruitless = if counting.count == before { fruitless + 1 } else { 0 };
        breaks += 1;
        let headers = match (resume, &tag) {
            _ if fruitless >= FRUITLESS || breaks > BREAKS => return Err(error.into()),
            (Resume::ByTag, None) => return Err(error.into()),
            (Resume::ByTag, Some(tag)) => vec![("range", format!("bytes={received}-")), ("if-range", tag.clone())],
            (Resume::Always, _) => vec![("range", format!("bytes={received}-"))],
        };
        let mut response = again(&headers)?;
        let changed = || HttpError::Changed(first.url.to_string());
        match response.status {
            206 if begins_at(&response, received, whole) => {}
            200 if *resume == Resume::Always || (tag.is_some() && response.header("etag") == tag.as_deref()) => {
                match response.body.skip(received) {
                    Err(HttpError::Broken { .. }) => {
                        // As if it had broken at once.
                        fruitless += 1;
                    }
                    other => other?,
                }
            }
            200 | 206 | 412 | 416 => return Err(changed().into()),
            _ => return Err(response.refusal().into()),
        }
        next = response;
        body = &mut next.body;
    }
}

/// Whether a part begins where the last one ended, and is of something of the same size.
fn begins_at(response: &Response, start: u64, whole: Option<u64>) -> bool {
    let part = response
        .header("content-range")
        .and_then(|range| range.trim().strip_prefix("bytes "))
        .and_then(|range| range.split_once('/'))
        .and_then(|(range, size)| Some((range.split_once('-')?.0.trim().parse::<u64>().ok()?, size.trim())));
    part.is_some_and(|(first, size)| {
        first == start && (size == "*" || whole.is_none_or(|whole| size.parse() == Ok(whole)))
    })
}

struct Counting<'a> {
    out: &'a mut dyn Write,
    count: u64,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
