//! A server that answers as a test tells it, also wrongly.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// One request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The body byte by byte.
    pub(crate) bytes: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(it, _)| it == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Bytes of the body that are sent before the connection breaks.
    cut: Option<usize>,
    /// Whether the connection breaks without a word.
    silent: bool,
    /// Whether to wait for the client's end instead of sending the rest.
    hang: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            cut: None,
            silent: false,
            hang: false,
        }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Breaks off after so many bytes of the body.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// Stops sending after so many bytes of the body, and keeps the connection.
    pub(crate) fn hang(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self.hang = true;
        self
    }

    pub(crate) fn silent() -> Self {
        let mut answer = Self::new(0, "");
        answer.silent = true;
        answer
    }

    /// The part of a body that a `Range` asks for, as a server of files answers.
    pub(crate) fn part(body: &[u8], asked: &Asked) -> Self {
        let start = asked
            .header("range")
            .and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
        match start {
            None => Self::ok(body),
            Some(start) => {
                let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
                Self::new(206, &body[start..]).header("Content-Range", range)
            }
        }
    }
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;
/// How many bytes of a request's body are read before the connection breaks.
type Fault = dyn Fn(&Asked) -> Option<usize> + Send + Sync;

/// Serves until it is dropped.
pub(crate) struct Server {
    address: String,
    log: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::breaking(handler, |_| None)
    }

    /// A server whose connections break while it is sent something, where `fault` says so; the handler gets what came.
    pub(crate) fn breaking(
        handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
        fault: impl Fn(&Asked) -> Option<usize> + Send + Sync + 'static,
    ) -> Self {
        let fault = Arc::new(fault);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let log = Arc::<Mutex<Vec<Asked>>>::default();
        let ended = Arc::<AtomicBool>::default();
        let (their_log, their_end, handler) = (Arc::clone(&log), Arc::clone(&ended), Arc::new(handler));
        let thread = std::thread::spawn(move || {
            let mut open: Vec<TcpStream> = Vec::new();
            let mut threads = Vec::new();
            for stream in listener.incoming() {
                if their_end.load(Ordering::SeqCst) {
                    break;
                }
                let stream = stream.unwrap();
                open.push(stream.try_clone().unwrap());
                let (log, handler, fault) = (Arc::clone(&their_log), Arc::clone(&handler), Arc::clone(&fault));
                threads.push(std::thread::spawn(move || {
                    serve(&stream, &log, &*handler as &Handler, &*fault as &Fault);
                }));
            }
            for stream in open {
                let _ = stream.shutdown(Shutdown::Both);
            }
            for thread in threads {
                let _ = thread.join();
            }
        });
        Self {
            address,
            log,
            ended,
            thread: Some(thread),
        }
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests until now.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// Methods and targets of all requests until now, which are forgotten.
    pub(crate) fn take_targets(&self) -> Vec<String> {
        let taken = std::mem::take(&mut *self.log.lock().unwrap());
        taken.iter().map(|it| format!("{} {}", it.method, it.target)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(stream: &TcpStream, log: &Mutex<Vec<Asked>>, handler: &Handler, fault: &Fault) {
    let mut reader = BufReader::new(stream);
    while let Some((asked, broken)) = read(&mut reader, fault) {
        log.lock().unwrap().push(asked.clone());
        let answer = handler(&asked);
        if broken || answer.silent || write(stream, &asked, &answer).is_none() {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>, fault: &Fault) -> Option<(Asked, bool)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut asked = Asked {
        method: words.next()?,
        target: words.next()?,
        ..Asked::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = asked
        .header("content-length")
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let fault = fault(&asked).filter(|most| *most < length);
    asked.bytes = vec![0; fault.unwrap_or(length)];
    reader.read_exact(&mut asked.bytes).ok()?;
    asked.body = String::from_utf8_lossy(&asked.bytes).into_owned();
    Some((asked, fault.is_some()))
}

fn write(mut stream: &TcpStream, asked: &Asked, answer: &Answer) -> Option<()> {
    let mut text = format!("HTTP/1.1 {} Word\r\n", answer.status);
    if !answer.headers.iter().any(|(name, _)| name == "Content-Length") && answer.status != 304 {
        text.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).ok()?;
    if asked.method == "HEAD" || answer.status == 304 {
        return Some(());
    }
    let cut = answer.cut.filter(|cut| *cut < answer.body.len());
    let body = &answer.body[..cut.unwrap_or(answer.body.len())];
    stream.write_all(body).ok()?;
    if answer.hang {
        let _ = std::io::copy(&mut &*stream, &mut std::io::sink());
    }
    cut.is_none().then_some(())
}
