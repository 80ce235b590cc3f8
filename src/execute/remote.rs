//! Pages from http and https: each becomes a blob of the store, and is asked for again only if it may have changed.

use super::{ExecuteError, Secret};
use crate::agent::Agents;
use crate::digest::{BlobDigest, Fields, FileDigest};
use crate::git::{self, Commit, Git};
use crate::http::{self, Client, HttpError, Method, Request, Response, Resume, Url, parse_date};
use crate::layer::{DETECT, Format, Kind, decoder, detect, read_tar};
use crate::pins::Ledger;
use crate::schedule::Cancel;
use crate::store::{BlobReader, Store};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha384, Sha512};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// What comes over the network in one build: everything is asked for once, whatever the number of steps that need it.
#[derive(Debug)]
pub struct Remotes<'a> {
    pub(super) store: &'a Store,
    pub(super) secrets: &'a BTreeMap<String, Secret>,
    pub(super) agents: &'a Agents,
    client: Client,
    pub(super) git: Git,
    pub(super) ledger: Arc<Ledger>,
    pub(super) cancel: &'a Cancel,
    pages: Cells<Page>,
    pub(super) commits: Cells<Commit>,
    pub(super) used: Mutex<BTreeSet<Used>>,
}

/// Something that a build took from the network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    /// Where from, without user and password; of a repository with what was asked of it.
    pub address: String,
    /// Name of an algorithm and digits: the commit, or the digest of a page's content.
    pub digest: (&'static str, String),
}

/// Things by their names, each of which is made by whoever asks first, while the others wait.
pub(super) type Cells<T> = Mutex<BTreeMap<String, Arc<Mutex<Option<T>>>>>;

/// What is remembered under a name, or else made now; a failure is not remembered.
pub(super) fn once<T: Clone, E>(cells: &Cells<T>, name: String, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let cell = {
        let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(name).or_default())
    };
    let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
    match &*cell {
        Some(there) => Ok(there.clone()),
        None => {
            let made = make()?;
            *cell = Some(made.clone());
            Ok(made)
        }
    }
}

impl<'a> Remotes<'a> {
    /// Fetches into a store what the ledger allows, with secrets and ssh agents by their ids.
    pub fn new(
        store: &'a Store,
        secrets: &'a BTreeMap<String, Secret>,
        agents: &'a Agents,
        client: Client,
        git: git::Settings,
        ledger: Arc<Ledger>,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            store,
            secrets,
            agents,
            client,
            git: Git::new(git, cancel.flag()),
            ledger,
            cancel,
            pages: Mutex::default(),
            commits: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// What was asked for until now, whether it was fetched or known.
    pub fn used(&self) -> BTreeSet<Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_use(&self, address: String, algorithm: &'static str, digits: String) {
        let digest = (algorithm, digits);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(Used { address, digest });
    }
}

/// A page that the store holds.
#[derive(Debug, Clone)]
pub struct Page {
    /// As the file is called.
    pub(super) name: Vec<u8>,
    blob: BlobDigest,
    size: u64,
    /// Seconds since 1970 by `Last-Modified`.
    modified: Option<i64>,
    /// Whether the content was promised by a checksum, so that times don't count.
    promised: bool,
}

impl Page {
    /// What of it makes a difference to the layer.
    pub(super) fn content(&self) -> FileDigest {
        let modified = self.modified.filter(|_| !self.promised).map(i64::to_le_bytes);
        let mut fields = Fields::new("varve 2026 remote content v1");
        fields.bytes(self.blob.as_bytes()).bytes(&self.name).optional(modified);
        fields.file_digest()
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When it was changed last, by the server's word, in seconds since 1970.
    pub fn modified(&self) -> Option<i64> {
        self.modified
    }

    /// Its content, which is checked while it is read.
    pub fn open(&self, store: &Store) -> Result<BlobReader, ExecuteError> {
        let gone = || crate::store::StoreError::NoBlob(self.blob);
        Ok(store.open_blob(&self.blob)?.ok_or_else(gone)?)
    }

    pub(super) fn file(&self, store: &Store) -> io::Result<std::fs::File> {
        std::fs::File::open(store.blob_path(&self.blob))
    }
}

/// What a page is called among pins: its address without secrets, and what tells it from others that look alike.
pub(super) fn pin_name(url: &Url) -> String {
    let name = url.to_string();
    match url.wire() {
        whole if whole == name => name,
        whole => format!("{name}#{}", &crate::digest::Sha256::of(whole.as_bytes()).hex()[..16]),
    }
}

/// What is remembered of a page between builds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    blob: String,
    size: u64,
    modified: Option<i64>,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// The kind of memo that knows a page by its address.
const PAGE: &str = "page 1";
/// The kind of memo that knows a content by a checksum that was found to fit.
const PROMISED: &str = "content of a checksum 1";
/// What a file is called whose address has no name.
const UNNAMED: &[u8] = b"__unnamed__";
/// Tries of a download that can't go on where it broke.
const TRIES: u32 = 3;

impl Remotes<'_> {
    /// Whether a page may be used at all. No server is asked.
    ///
    /// # Errors
    /// [`ExecuteError::Unpinned`].
    pub fn may_use_page(&self, address: &str, checksum: Option<&str>) -> Result<(), ExecuteError> {
        match checksum {
            Some(_) => Ok(()),
            None => Ok(self.ledger.page(&pin_name(&Url::parse(address)?)).map(drop)?),
        }
    }

    /// The moment that a page stands for: what the server says, else that of the newest file in an archive.
    ///
    /// # Errors
    /// When it can't be fetched, or has another checksum.
    pub fn time_of_page(&self, address: &str, checksum: Option<&str>) -> Result<Option<i64>, ExecuteError> {
        let page = self.page(address, checksum)?;
        if page.modified.is_some() {
            return Ok(page.modified);
        }
        let mut reader = page.open(self.store)?;
        let mut start = Vec::with_capacity(DETECT);
        let failed = |source| ExecuteError::File {
            action: "read",
            path: self.store.blob_path(&page.blob),
            source,
        };
        (&mut reader)
            .take(DETECT as u64)
            .read_to_end(&mut start)
            .map_err(failed)?;
        Ok(match detect(&start) {
            Format::Unknown => None,
            format => newest(format, io::Cursor::new(start).chain(reader)),
        })
    }

    /// Fetches a page, unless the store has it and the server says that it is still the same.
    pub fn page(&self, address: &str, checksum: Option<&str>) -> Result<Page, ExecuteError> {
        let url = Url::parse(address)?;
        // A content that is promised in the Dockerfile can't be another one.
        let pin = match checksum {
            Some(_) => None,
            None => self.ledger.page(&pin_name(&url))?.map(|pin| pin.to_string()),
        };
        let is_written = checksum.is_some();
        let checksum = checksum.or(pin.as_deref());
        let name = format!("{} {}", checksum.unwrap_or_default(), url.whole());
        let page = once(&self.pages, name, || {
            let known = match checksum.map(|checksum| self.promised(checksum)).transpose()?.flatten() {
                Some(known) => known,
                None => self.fetched(&url, checksum)?,
            };
            let blob = known
                .blob
                .parse()
                .map_err(|_| ExecuteError::Internal("a page has no digest".to_owned()))?;
            if !is_written && self.ledger.is_noting() {
                self.ledger.note_page(&pin_name(&url), blob);
                // A build that is bound to it need not ask for it again.
                let value = serde_json::to_vec(&known).unwrap_or_default();
                self.store.put_memo(PROMISED, &promise_key(&blob.to_string()), &value)?;
            }
            Ok::<_, ExecuteError>(Page {
                name: name_of(&url),
                blob,
                size: known.size,
                modified: known.modified,
                promised: checksum.is_some(),
            })
        })?;
        self.note_use(url.to_string(), "sha256", page.blob.hex());
        Ok(page)
    }

    /// A content that was fetched before and had this checksum.
    fn promised(&self, checksum: &str) -> Result<Option<Known>, ExecuteError> {
        self.known(PROMISED, &promise_key(checksum))
    }

    fn known(&self, kind: &str, key: &[u8; 32]) -> Result<Option<Known>, ExecuteError> {
        let value = self.store.memo(kind, key)?;
        let known = value.and_then(|value| serde_json::from_slice::<Known>(&value).ok());
        let Some(known) = known else { return Ok(None) };
        let there = match known.blob.parse() {
            Ok(blob) => self.store.blob_size(&blob)? == Some(known.size),
            Err(_) => false,
        };
        Ok(there.then_some(known))
    }

    fn fetched(&self, url: &Url, checksum: Option<&str>) -> Result<Known, ExecuteError> {
        let page_key = {
            let mut fields = Fields::new("varve 2026 page v1");
            *fields.bytes(url.whole()).file_digest().as_bytes()
        };
        let known = self.known(PAGE, &page_key)?;
        let mut tries = 1;
        let found = loop {
            match self.fetch(url, known.as_ref(), checksum) {
                Err(ExecuteError::Http(HttpError::Broken { .. } | HttpError::Changed(_))) if tries < TRIES => {
                    tries += 1
                }
                other => break other?,
            }
        };
        let value = serde_json::to_vec(&found).unwrap_or_default();
        self.store.write(|records| {
            records.put_memo(PAGE, &page_key, &value)?;
            match checksum {
                Some(checksum) => records.put_memo(PROMISED, &promise_key(checksum), &value),
                None => Ok(()),
            }
        })?;
        Ok(found)
    }

    fn fetch(&self, url: &Url, known: Option<&Known>, checksum: Option<&str>) -> Result<Known, ExecuteError> {
        // Another encoding would be another content under the same name.
        let mut request = Request::new(Method::Get, url.clone()).header("accept-encoding", "identity");
        if let Some(value) = self.authorization(url)? {
            request = request.authorization(value);
        }
        let plain = request.clone();
        if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
            request = request.header("if-none-match", etag);
        }
        if let Some(time) = known.and_then(|known| known.last_modified.as_ref()) {
            request = request.header("if-modified-since", time);
        }
        let response = self.client.send(&request)?;
        match (response.status, known) {
            (304, Some(known)) => {
                self.check_stored(url, known, checksum)?;
                Ok(known.clone())
            }
            (200..=205 | 207..=299, _) => self.store_page(url, &plain, response, checksum),
            _ => Err(response.refusal().into()),
        }
    }

    fn store_page(
        &self,
        url: &Url,
        request: &Request,
        response: Response,
        checksum: Option<&str>,
    ) -> Result<Known, ExecuteError> {
        let text = |name: &str| response.header(name).map(str::to_owned);
        let (etag, last_modified) = (text("etag"), text("last-modified"));
        let modified = last_modified.as_deref().and_then(parse_date);
        let date = response.header("date").and_then(parse_date);
        let blob = self.store.blob_writer()?;
        let mut out = Both {
            blob,
            long: checksum.and_then(LongHash::of),
        };
        let size = http::download(response, &Resume::ByTag, &mut out, u64::MAX, |headers| {
            let again = headers.iter().fold(request.clone(), |request, (name, value)| {
                request.header(name, value.clone())
            });
            self.client.send(&again)
        })?;
        // What is not what was promised never gets a name.
        if let (Some(wanted), Some(long)) = (checksum, out.long.take()) {
            check(url, wanted, &long.finish())?;
        }
        let blob = match checksum.map(str::parse::<BlobDigest>) {
            Some(Ok(wanted)) => match out.blob.finish_expecting(&wanted, size) {
                Err(crate::store::StoreError::Blob(crate::digest::NotTheBlob::Digest { found, .. })) => {
                    return Err(mismatch(url, &wanted.to_string(), &found.to_string()));
                }
                other => other.map(|()| wanted)?,
            },
            _ => out.blob.finish()?.0,
        };
        // A page that was changed less than a second before it was read may change again with the same time.
        let settled = match (modified, date) {
            (Some(modified), Some(date)) => modified < date,
            _ => false,
        };
        Ok(Known {
            blob: blob.to_string(),
            size,
            modified,
            etag,
            last_modified: last_modified.filter(|_| settled),
        })
    }

    /// Holds a page that was stored before to a checksum.
    fn check_stored(&self, url: &Url, known: &Known, checksum: Option<&str>) -> Result<(), ExecuteError> {
        let Some(wanted) = checksum else { return Ok(()) };
        let Some(mut long) = LongHash::of(wanted) else {
            return check(url, wanted, &known.blob);
        };
        let blob = known.blob.parse().map_err(|_| mismatch(url, wanted, &known.blob))?;
        let gone = || crate::store::StoreError::NoBlob(blob);
        let mut reader = self.store.open_blob(&blob)?.ok_or_else(gone)?;
        let mut buffer = vec![0; 1 << 17];
        loop {
            let count = reader.read(&mut buffer).map_err(|source| ExecuteError::File {
                action: "read",
                path: self.store.blob_path(&blob),
                source,
            })?;
            if count == 0 {
                return check(url, wanted, &long.finish());
            }
            long.update(&buffer[..count]);
        }
    }

    /// The build's secret for a host, if it has one.
    fn authorization(&self, url: &Url) -> Result<Option<String>, ExecuteError> {
        for host in [url.authority().as_str(), url.host()] {
            for (prefix, scheme) in [("HTTP_AUTH_HEADER_", ""), ("HTTP_AUTH_TOKEN_", "Bearer ")] {
                let id = format!("{prefix}{host}");
                let Some(secret) = self.secrets.get(&id) else { continue };
                let value = std::str::from_utf8(secret.reveal()).map_err(|_| HttpError::Header(id))?;
                return Ok(Some(format!("{scheme}{}", value.trim())));
            }
        }
        Ok(None)
    }
}

/// When the newest file of an archive was changed; what is damaged knows no moment.
fn newest(format: Format, reader: impl io::Read + Send) -> Option<i64> {
    let mut newest = None;
    let read = read_tar(decoder(format, reader).ok()?, &mut |entry, _| {
        if matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. }) {
            newest = newest.max(Some(entry.mtime.seconds));
        }
        Ok(())
    });
    read.ok().and(newest)
}

fn promise_key(checksum: &str) -> [u8; 32] {
    let mut fields = Fields::new("varve 2026 content of a checksum v1");
    *fields.bytes(checksum).file_digest().as_bytes()
}

/// The last part of an address's path; what can't be a file's name is none.
fn name_of(url: &Url) -> Vec<u8> {
    let fine = |name: &Vec<u8>| !matches!(name.as_slice(), b"." | b"..") && !name.contains(&0) && name.len() <= 255;
    url.file_name().filter(fine).unwrap_or_else(|| UNNAMED.to_vec())
}

fn check(url: &Url, wanted: &str, found: &str) -> Result<(), ExecuteError> {
    if wanted == found {
        Ok(())
    } else {
        Err(mismatch(url, wanted, found))
    }
}

fn mismatch(url: &Url, wanted: &str, found: &str) -> ExecuteError {
    ExecuteError::Checksum {
        url: url.to_string(),
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    }
}

/// A checksum that is not the name of a blob.
enum LongHash {
    Sha384(Sha384),
    Sha512(Sha512),
}

impl LongHash {
    fn of(checksum: &str) -> Option<Self> {
        match checksum.split_once(':')?.0 {
            "sha384" => Some(Self::Sha384(Sha384::new())),
            "sha512" => Some(Self::Sha512(Sha512::new())),
            _ => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha384(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match self {
            Self::Sha384(hash) => format!("sha384:{}", hex(&hash.finalize())),
            Self::Sha512(hash) => format!("sha512:{}", hex(&hash.finalize())),
        }
    }
}

/// A blob on its way into the store, and the hash that was asked for.
struct Both {
    blob: crate::store::BlobWriter,
    long: Option<LongHash>,
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.blob.write(bytes)?;
        if let Some(long) = &mut self.long {
            long.update(&bytes[..count]);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.blob.flush()
    }
}
