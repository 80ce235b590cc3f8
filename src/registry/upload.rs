//! One blob to one repository: in one piece, and when that breaks in several.
//!
//! A single request is what every registry understands. When it breaks, the registry is asked what has arrived, and the
//! rest follows in pieces; when it kept nothing, or has forgotten the upload, a new one begins.

use super::auth::Purpose;
use super::push::{Part, PartBytes, not_taken};
use super::{Registries, RegistryError};
use crate::http::{HttpError, Method, Request, Response, Url};
use crate::oci::Reference;
use crate::store::{Store, StoreError};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a piece; registries may want larger ones.
const PIECE: u64 = 16 << 20;
/// The largest piece that a registry may want.
const LARGEST_PIECE: u64 = 1 << 30;
/// Times that an upload may break at all.
const BREAKS: u32 = 100;

/// An upload that the registry has begun.
struct Session {
    url: Url,
    /// Bytes that have arrived.
    arrived: u64,
    /// Bytes of a piece.
    piece: u64,
}

/// How one request ended.
enum Sent {
    /// The blob is there.
    Done,
    /// More is wanted.
    Next(Session),
    /// It may go better the next time, after a pause that the server may have asked for.
    Broken(RegistryError, Option<Duration>),
    /// It is too much at once.
    TooMuch(RegistryError),
}

impl Registries {
    /// Sends a blob; `begun` is the answer of a registry that has begun an upload already.
    pub(super) fn upload(
        &self,
        repository: &Reference,
        part: &Part,
        begun: Option<Response>,
        store: &Store,
    ) -> Result<(), RegistryError> {
        let size = part.descriptor.size;
        let what = format!("the blob `{}` of `{repository}`", part.descriptor.digest);
        let source = source(part, store).map_err(|error| match error {
            Failed::Io(source) => RegistryError::Unreadable {
                what: what.clone(),
                source,
            },
            Failed::Registry(error) => error,
        })?;
        let patience = *self.0.client.patience();
        let mut begun = begun
            .map(|response| self.session(repository, &response, 0))
            .transpose()?;
        let (mut in_pieces, mut furthest, mut fruitless, mut breaks) = (false, 0, 0, 0);
        loop {
            let session = match begun.take() {
                Some(session) => session,
                None => self.begin(repository, &what)?,
            };
            let (address, arrived) = (session.url.clone(), session.arrived);
            let sent = match in_pieces {
                false => self.send_whole(repository, part, session, &source, &what)?,
                true => self.send_piece(repository, part, session, &source, &what)?,
            };
            let (error, asked) = match sent {
                Sent::Done => return Ok(()),
                Sent::Next(next) => {
                    fruitless = if next.arrived > furthest { 0 } else { fruitless };
                    furthest = furthest.max(next.arrived);
                    begun = Some(next);
                    continue;
                }
                Sent::TooMuch(error) if in_pieces => return Err(error),
                Sent::TooMuch(_) => {
                    in_pieces = true;
                    continue;
                }
                Sent::Broken(error, asked) => (error, asked),
            };
            fruitless += 1;
            breaks += 1;
            let asked = asked.unwrap_or_default();
            if fruitless >= patience.tries || breaks > BREAKS || asked > patience.longest_pause {
                return Err(error);
            }
            let pause = patience.pause.saturating_mul(1 << (fruitless - 1).min(16));
            self.0.client.pause(pause.min(patience.longest_pause).max(asked))?;
            begun = self.arrived(repository, &address, size)?;
            if let Some(session) = &begun
                && session.arrived > furthest.max(arrived)
            {
                furthest = session.arrived;
                fruitless = 0;
            }
            // A registry that forgets what broke off may do better with less at a time.
            in_pieces = begun.is_some() || (!in_pieces && size > PIECE);
        }
    }

    fn begin(&self, repository: &Reference, what: &str) -> Result<Session, RegistryError> {
        let request = self.request(Method::Post, repository, "blobs/uploads/")?;
        let response = self.ask_to(&Purpose::Push, repository, &request)?;
        match response.status {
            202 => self.session(repository, &response, 0),
            _ => Err(not_taken(what.to_owned(), repository, response)),
        }
    }

    /// All of a blob in one request, with its name.
    fn send_whole(
        &self,
        repository: &Reference,
        part: &Part,
        session: Session,
        source: &Source,
        what: &str,
    ) -> Result<Sent, RegistryError> {
        let url = session
            .url
            .with_query(&[("digest", &part.descriptor.digest.to_string())]);
        let request = source.request(Method::Put, url, 0, part.descriptor.size);
        match self.sending(repository, &request)? {
            Ok(response) if matches!(response.status, 200 | 201 | 204) => Ok(Sent::Done),
            Ok(response) => Ok(refused(what, repository, response)?),
            Err(broken) => Ok(Sent::Broken(broken, None)),
        }
    }

    /// The next piece of a blob; after the last one its name.
    fn send_piece(
        &self,
        repository: &Reference,
        part: &Part,
        session: Session,
        source: &Source,
        what: &str,
    ) -> Result<Sent, RegistryError> {
        let (start, size) = (session.arrived, part.descriptor.size);
        if start >= size {
            let url = session
                .url
                .with_query(&[("digest", &part.descriptor.digest.to_string())]);
            let request = source.request(Method::Put, url, 0, 0);
            return match self.sending(repository, &request)? {
                Ok(response) if matches!(response.status, 200 | 201 | 204) => Ok(Sent::Done),
                Ok(response) => refused(what, repository, response),
                Err(broken) => Ok(Sent::Broken(broken, None)),
            };
        }
        let end = size.min(start.saturating_add(session.piece));
        let request = source
            .request(Method::Patch, session.url, start, end - start)
            .header("content-range", format!("{start}-{}", end - 1));
        match self.sending(repository, &request)? {
            Ok(response) if matches!(response.status, 200..=204) => {
                let arrived = match last_byte(&response) {
                    Some(last) if (start..end).contains(&last) => last + 1,
                    // It does not say, or means something else.
                    _ => end,
                };
                self.session(repository, &response, arrived).map(Sent::Next)
            }
            Ok(response) => refused(what, repository, response),
            Err(broken) => Ok(Sent::Broken(broken, None)),
        }
    }

    /// Asks how much of an upload has arrived; `None` when nothing has, or the registry knows no more of it.
    fn arrived(&self, repository: &Reference, url: &Url, size: u64) -> Result<Option<Session>, RegistryError> {
        let request = Request::new(Method::Get, url.clone()).once();
        let response = match self.ask_to(&Purpose::Push, repository, &request) {
            Ok(response) => response,
            Err(error) if error.is_stopped() => return Err(error),
            Err(_) => return Ok(None),
        };
        let known = matches!(response.status, 200 | 202 | 204) && response.header("location").is_some();
        match last_byte(&response) {
            // The first byte alone is told as nothing at all is.
            Some(last) if known && last > 0 && last < size => self.session(repository, &response, last + 1).map(Some),
            _ => Ok(None),
        }
    }

    /// Sends bytes; what broke on the way is no error yet.
    fn sending(
        &self,
        repository: &Reference,
        request: &Request,
    ) -> Result<Result<Response, RegistryError>, RegistryError> {
        match self.ask_to(&Purpose::Push, repository, request) {
            Ok(response) => Ok(Ok(response)),
            Err(error @ RegistryError::Http(HttpError::Send { .. } | HttpError::Broken { .. })) => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }

    /// Where an upload goes on.
    fn session(&self, repository: &Reference, response: &Response, arrived: u64) -> Result<Session, RegistryError> {
        let refuse = |why: &str| RegistryError::NotTaken {
            what: format!("a blob of `{repository}`"),
            why: why.to_owned(),
        };
        let location = response.header("location");
        let location = location.ok_or_else(|| refuse("it does not say where to send it"))?;
        let url = response.url.join(location)?;
        if response.url.is_secure() && !url.is_secure() && !self.is_insecure(repository.registry()) {
            return Err(refuse("it wants to have it without TLS"));
        }
        let wanted = response
            .header("oci-chunk-min-length")
            .and_then(|it| it.trim().parse().ok());
        let piece = wanted.unwrap_or(0).clamp(PIECE, LARGEST_PIECE);
        Ok(Session { url, arrived, piece })
    }
}

/// What an answer that is no success means.
fn refused(what: &str, repository: &Reference, response: Response) -> Result<Sent, RegistryError> {
    let (status, asked) = (response.status, response.retry_after());
    let error = not_taken(what.to_owned(), repository, response);
    match status {
        413 => Ok(Sent::TooMuch(error)),
        // It is in trouble, has forgotten the upload, or counts otherwise.
        404 | 408 | 416 | 429 | 500 | 502..=504 => Ok(Sent::Broken(error, asked)),
        _ => Err(error),
    }
}

/// The last byte that has arrived, as `Range: 0-LAST` tells.
fn last_byte(response: &Response) -> Option<u64> {
    let range = response.header("range")?.trim();
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    range.strip_prefix("0-")?.parse().ok()
}

/// Bytes that can be read from anywhere, as often as is needed.
#[derive(Clone)]
enum Source {
    Here(Arc<[u8]>),
    Stored(PathBuf),
    File(Arc<File>, u64),
}

enum Failed {
    Io(io::Error),
    Registry(RegistryError),
}

/// The bytes of a part; those that are far away are fetched.
fn source(part: &Part, store: &Store) -> Result<Source, Failed> {
    let blob = &part.descriptor;
    match &part.bytes {
        PartBytes::Here(bytes) => return Ok(Source::Here(Arc::clone(bytes))),
        PartBytes::File(file, offset) => return Ok(Source::File(Arc::clone(file), *offset)),
        PartBytes::Far(pulled, number) => {
            pulled.fetch(*number, store).map_err(Failed::Registry)?;
        }
        PartBytes::Stored => {}
    }
    let path = store.blob_path(&blob.digest);
    if std::fs::metadata(&path).map_err(Failed::Io)?.len() != blob.size {
        let discarded = store.discard_blob(&blob.digest);
        let error = discarded.err().unwrap_or(StoreError::NoBlob(blob.digest));
        return Err(Failed::Registry(error.into()));
    }
    Ok(Source::Stored(path))
}

impl Source {
    /// A request that sends `size` bytes from `start` on.
    fn request(&self, method: Method, url: Url, start: u64, size: u64) -> Request {
        let source = self.clone();
        Request::new(method, url)
            .header("content-type", "application/octet-stream")
            .stream(size, move || source.open(start))
            .once()
    }

    fn open(&self, start: u64) -> io::Result<Box<dyn Read + Send>> {
        let (file, offset) = match self {
            Self::Here(bytes) => {
                let mut cursor = Cursor::new(Arc::clone(bytes));
                cursor.set_position(start);
                return Ok(Box::new(cursor));
            }
            Self::Stored(path) => (Arc::new(File::open(path)?), 0),
            Self::File(file, offset) => (Arc::clone(file), *offset),
        };
        let offset = offset + start;
        Ok(Box::new(Onward { file, offset }))
    }
}

/// A file from some byte on, without its own position.
struct Onward {
    file: Arc<File>,
    offset: u64,
}

impl Read for Onward {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
