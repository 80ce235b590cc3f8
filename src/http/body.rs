//! The bytes of an answer.

use super::HttpError;
use super::client::Stop;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// The body of an answer. Reading it fails when it ends too early, when nothing comes for too long, and when the client
/// is stopped.
pub struct Body {
    reader: ureq::BodyReader<'static>,
    stop: Arc<Stop>,
    url: String,
    received: u64,
}

/// Bytes that are read at once.
const CHUNK: usize = 128 << 10;

impl Body {
    pub(super) fn new(body: ureq::Body, stop: Arc<Stop>, url: String) -> Self {
        Self {
            reader: body.into_reader(),
            stop,
            url,
            received: 0,
        }
    }

    /// Moves the rest of the body, `limit` bytes at most, and returns how many came.
    ///
    /// # Errors
    /// [`HttpError::Broken`], [`HttpError::Stopped`], [`HttpError::TooLarge`]; [`HttpError::Keep`] when `out` fails.
    pub fn copy_to(&mut self, out: &mut dyn Write, limit: u64) -> Result<u64, HttpError> {
        let before = self.received;
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = self.chunk(&mut buffer)?;
            if count == 0 {
                return Ok(self.received - before);
            }
            if self.received - before > limit {
                let url = self.url.clone();
                return Err(HttpError::TooLarge { url, limit });
            }
            out.write_all(&buffer[..count]).map_err(|source| HttpError::Keep {
                url: self.url.clone(),
                source,
            })?;
        }
    }

    /// Reads over bytes that are known already.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<(), HttpError> {
        let mut buffer = vec![0; CHUNK];
        while count > 0 {
            let most = usize::try_from(count).unwrap_or(CHUNK).min(CHUNK);
            match self.chunk(&mut buffer[..most])? {
                0 => return Err(HttpError::Changed(self.url.clone())),
                read => count -= read as u64,
            }
        }
        Ok(())
    }

    fn chunk(&mut self, buffer: &mut [u8]) -> Result<usize, HttpError> {
        let result = loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        // A socket that was shut down looks like an end.
        if self.stop.is_on() {
            return Err(HttpError::Stopped);
        }
        match result {
            Ok(count) => {
                self.received += count as u64;
                Ok(count)
            }
            Err(source) => Err(HttpError::Broken {
                url: self.url.clone(),
                received: self.received,
                source,
            }),
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.chunk(buffer).map_err(io::Error::other)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("url", &self.url)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
