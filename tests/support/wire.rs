//! A wire between a program and a server on this machine: it counts requests, and may be cut.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Hands on what comes to a server, and what it answers, until the test ends.
pub struct Wire {
    host: String,
    requests: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicUsize>,
    cut: Arc<AtomicBool>,
    /// Bytes from the server that pass before every connection breaks.
    lasts: Arc<AtomicUsize>,
}

/// What requests to a registry begin with.
const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "PATCH"];

impl Wire {
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self {
            host: listener.local_addr().unwrap().to_string(),
            requests: Arc::default(),
            sent: Arc::default(),
            cut: Arc::default(),
            lasts: Arc::new(AtomicUsize::new(usize::MAX)),
        };
        let (requests, cut, lasts) = (
            Arc::clone(&wire.requests),
            Arc::clone(&wire.cut),
            Arc::clone(&wire.lasts),
        );
        let sent = Arc::clone(&wire.sent);
        let server = server.to_owned();
        // It ends with the test's process; nobody else knows its port.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(there) = TcpStream::connect(&server) else {
                    continue;
                };
                let (mut from, mut to) = (client.try_clone().unwrap(), there.try_clone().unwrap());
                let (requests, sent) = (Arc::clone(&requests), Arc::clone(&sent));
                std::thread::spawn(move || {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        note(&buffer[..count], &requests);
                        sent.fetch_add(count, Ordering::SeqCst);
                        if to.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Both);
                });
                let (mut from, mut to, lasts) = (there, client, Arc::clone(&lasts));
                std::thread::spawn(move || {
                    let mut buffer = vec![0; 1 << 12];
                    let mut passed = 0;
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        passed += count;
                        if passed > lasts.load(Ordering::SeqCst) || to.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        });
        wire
    }

    /// Host and port of this end.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Methods and targets of the requests since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// Bytes that went to the server.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// Lets nobody through any more.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Breaks each connection after the server has sent so many bytes.
    pub fn break_after(&self, bytes: usize) {
        self.lasts.store(bytes, Ordering::SeqCst);
    }
}

/// A client sends the head of a request at once.
fn note(bytes: &[u8], requests: &Mutex<Vec<String>>) {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    if let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next())
        && METHODS.contains(&method)
    {
        requests.lock().unwrap().push(format!("{method} {target}"));
    }
}
