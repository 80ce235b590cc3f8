//! Debian's `docker-registry`, as others run it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A registry that runs until it is dropped.
pub struct Registry {
    child: Child,
    folder: TempDir,
    port: u16,
}

/// How a registry is guarded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Anybody may do anything.
    None,
    /// By the user `me` with the password `word`.
    Password,
    /// The same, over TLS.
    Tls,
    /// Over TLS, by whoever has the certificate `client.cert` and its key.
    Certificate,
}

/// `me` and `word`, as bcrypt spells them.
const PASSWORDS: &str = "me:$2b$04$abcdefghijklmnopqrstuuB/GrfUOm5dtrEiT8lcouu5XB5ftbWLi\n";

impl Registry {
    pub fn start(guard: Guard) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            path("data")
        );
        if matches!(guard, Guard::Tls | Guard::Certificate) {
            certificates(folder.path(), "cert.pem", "key.pem");
            config += &format!(
                "  tls:\n    certificate: {}\n    key: {}\n",
                path("cert.pem"),
                path("key.pem")
            );
        }
        if guard == Guard::Certificate {
            certificates(folder.path(), "client.cert", "client.key");
            config += &format!("    clientcas:\n      - {}\n", path("client.cert"));
        }
        if matches!(guard, Guard::Password | Guard::Tls) {
            fs::write(folder.path().join("passwords"), PASSWORDS).unwrap();
            config += &format!(
                "auth:\n  htpasswd:\n    realm: tests\n    path: {}\n",
                path("passwords")
            );
        }
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", &path("config.yml")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let registry = Self { child, folder, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", registry.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// Host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A file of its folder; `cert.pem` is the authority of its certificate too.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate that is its own authority.
fn certificates(folder: &Path, certificate: &str, key: &str) {
    let status = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=tests",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", key, "-out", certificate])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}
