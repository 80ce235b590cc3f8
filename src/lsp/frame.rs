//! Messages on the wire: headers, an empty line, and as many bytes as `Content-Length` says.

use serde_json::Value;
use std::io::{self, BufRead, Read as _, Write};

/// Bytes of a message that are read. A Dockerfile of 4 MiB takes 24 MiB when every byte of it is escaped.
const LARGEST: u64 = 32 << 20;

/// Bytes of one header line, and number of them.
const LONGEST_HEADER: u64 = 1 << 10;
const MOST_HEADERS: usize = 32;

/// Why no further message can be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed.
    #[error("cannot read a message")]
    Read(#[source] io::Error),
    /// It ended inside of a message.
    #[error("the input ends inside of a message")]
    CutOff,
    /// A line before the message that is no header.
    #[error("`{0}` is no header of a message")]
    Header(String),
    /// Nothing says how long the message is.
    #[error("a message has no header `Content-Length`")]
    NoLength,
    /// `Content-Length` is not a number.
    #[error("`{0}` is not the length of a message")]
    Length(String),
    /// The message is too long.
    #[error("a message has {0} bytes, more than {LARGEST}")]
    TooLong(u64),
    /// The message is not UTF-8.
    #[error("a message is encoded as `{0}`, not as UTF-8")]
    Encoding(String),
}

/// Reads the body of the next message; `None` at the end of the stream.
///
/// # Errors
///
/// After an error nobody knows where the next message begins.
pub fn read(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, FrameError> {
    let mut length = None;
    for count in 0.. {
        let Some(line) = header(input)? else {
            return match count {
                0 => Ok(None),
                _ => Err(FrameError::CutOff),
            };
        };
        if line.is_empty() {
            break;
        }
        let (name, value) = line
            .split_once(':')
            .filter(|_| count < MOST_HEADERS)
            .ok_or_else(|| FrameError::Header(shown(&line)))?;
        let value = value.trim();
        if name.trim().eq_ignore_ascii_case("content-length") {
            let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let number = value.parse::<u64>().ok().filter(|_| is_number);
            length = Some(number.ok_or_else(|| FrameError::Length(shown(value)))?);
        } else if name.trim().eq_ignore_ascii_case("content-type")
            && let Some((_, charset)) = value.to_ascii_lowercase().split_once("charset=")
        {
            let charset = charset.trim_matches(['"', ' ']);
            // `utf8` is what early versions of the protocol said.
            if charset != "utf-8" && charset != "utf8" {
                return Err(FrameError::Encoding(shown(charset)));
            }
        }
    }
    let length = length.ok_or(FrameError::NoLength)?;
    if length > LARGEST {
        return Err(FrameError::TooLong(length));
    }
    let mut body = Vec::new();
    // Grows with what arrives, not with what was announced.
    input.take(length).read_to_end(&mut body).map_err(FrameError::Read)?;
    match body.len() as u64 == length {
        true => Ok(Some(body)),
        false => Err(FrameError::CutOff),
    }
}

/// One line without its end; `None` at the end of the stream.
fn header(input: &mut impl BufRead) -> Result<Option<String>, FrameError> {
    let mut line = Vec::new();
    input
        .take(LONGEST_HEADER)
        .read_until(b'\n', &mut line)
        .map_err(FrameError::Read)?;
    if line.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    match text.strip_suffix('\n') {
        Some(text) => Ok(Some(text.trim_end_matches('\r').to_owned())),
        None if line.len() as u64 == LONGEST_HEADER => Err(FrameError::Header(shown(&text))),
        None => Err(FrameError::CutOff),
    }
}

fn shown(text: &str) -> String {
    crate::diagnostic::visible(&text.chars().take(40).collect::<String>())
}

/// Sends a message.
///
/// # Errors
///
/// Those of the stream.
pub fn write(output: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Result<Vec<String>, FrameError> {
        let mut bodies = Vec::new();
        while let Some(body) = read(&mut input)? {
            bodies.push(String::from_utf8(body).expect("a test sends text"));
        }
        Ok(bodies)
    }

    #[test]
    fn messages_are_cut_at_their_lengths() {
        let input = b"Content-Length: 2\r\n\r\n{}content-length:3\nContent-Type: x; charset=utf8\n\n[1]";
        assert_eq!(all(input).expect("two messages"), ["{}", "[1]"]);
        let mut output = Vec::new();
        write(&mut output, &serde_json::json!({"a": "é"})).expect("a vector takes everything");
        assert_eq!(all(&output).expect("what was written"), [r#"{"a":"é"}"#]);
    }

    #[test]
    fn what_is_no_message_is_told() {
        let long = [b"X: ".as_slice(), &[b'y'; 2000]].concat();
        let many = b"X: y\r\n".repeat(100);
        for (input, expected) in [
            (b"Content-Length: 3\r\n\r\n{}".as_slice(), "ends inside"),
            (b"Content-Length: 3", "ends inside"),
            (b"Content-Length: 3\r\n", "ends inside"),
            (b"\r\n{}", "no header `Content-Length`"),
            (b"Content-Length: -1\r\n\r\n", "`-1` is not the length"),
            (b"Content-Length: +1\r\n\r\n", "`+1` is not the length"),
            (b"Content-Length: 99999999999999999999\r\n\r\n", "is not the length"),
            (b"Content-Length: 9999999999\r\n\r\n", "more than"),
            (b"{\"jsonrpc\":\"2.0\"}\r\n\r\n", "no header"),
            (b"GET /\x1b[2J\r\n\r\n", "`GET /\u{241b}[2J` is no header"),
            (
                b"Content-Length: 2\r\nContent-Type: a; charset=latin1\r\n\r\n{}",
                "`latin1`",
            ),
            (&long, "is no header"),
            (&many, "is no header"),
        ] {
            let error = all(input).expect_err("no message").to_string();
            assert!(error.contains(expected), "{error}: {}", String::from_utf8_lossy(input));
        }
    }
}
