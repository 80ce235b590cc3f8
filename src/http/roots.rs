//! The authorities whose certificates are trusted.

use super::{HttpError, Identity};
use base64::Engine as _;
use std::path::{Path, PathBuf};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts};

/// Where certificates of trusted authorities are.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    /// A file with certificates in PEM form, instead of the system's.
    pub file: Option<PathBuf>,
    /// A directory with such files, instead of the system's.
    pub folder: Option<PathBuf>,
    /// Files with further ones, which must be readable.
    pub extra: Vec<PathBuf>,
}

/// Where systems keep all certificates in one file.
const FILES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
];
/// Where systems keep a file for each.
const FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

impl Roots {
    /// All of them in one text in PEM form, for programs that take a single file.
    ///
    /// # Errors
    /// When a file that must be readable is not, or there are none.
    pub fn to_pem(&self) -> Result<String, HttpError> {
        let mut text = String::new();
        if let RootCerts::Specific(all) = self.read(&[])? {
            for certificate in all.iter() {
                let encoded = base64::engine::general_purpose::STANDARD.encode(certificate.der());
                text.push_str("-----BEGIN CERTIFICATE-----\n");
                for start in (0..encoded.len()).step_by(64) {
                    text.push_str(&encoded[start..encoded.len().min(start + 64)]);
                    text.push('\n');
                }
                text.push_str("-----END CERTIFICATE-----\n");
            }
        }
        Ok(text)
    }

    /// Reads the certificates: about ten milliseconds, so only before the first https request.
    ///
    /// `further` are files with more for a single server.
    pub(super) fn read(&self, further: &[PathBuf]) -> Result<RootCerts, HttpError> {
        let mut problems = Vec::new();
        let mut found = Vec::new();
        let mut load = |file: Option<&Path>, folder: Option<&Path>, must: bool| {
            let loaded = rustls_native_certs::load_certs_from_paths(file, folder);
            let place = file.or(folder).unwrap_or(Path::new("")).display();
            problems.extend(loaded.errors.iter().map(|error| format!("`{place}`: {error}")));
            if must && loaded.certs.is_empty() {
                let why = loaded
                    .errors
                    .first()
                    .map_or_else(|| "it has none".to_owned(), ToString::to_string);
                return Err(HttpError::Roots(format!("`{place}`: {why}")));
            }
            let any = !loaded.certs.is_empty();
            found.extend(loaded.certs.iter().map(|cert| Certificate::from_der(cert).to_owned()));
            Ok(any)
        };
        if self.file.is_some() || self.folder.is_some() {
            if let Some(file) = &self.file {
                load(Some(file), None, true)?;
            }
            if let Some(folder) = &self.folder {
                load(None, Some(folder), false)?;
            }
        } else {
            let mut there = false;
            for file in FILES {
                there = there || (Path::new(file).exists() && load(Some(Path::new(file)), None, false)?);
            }
            for folder in FOLDERS {
                there = there || (Path::new(folder).exists() && load(None, Some(Path::new(folder)), false)?);
            }
        }
        for file in self.extra.iter().chain(further) {
            load(Some(file), None, true)?;
        }
        if found.is_empty() {
            let why = problems
                .pop()
                .unwrap_or_else(|| "there are none at the usual places".to_owned());
            return Err(HttpError::Roots(why));
        }
        Ok(RootCerts::from(found))
    }
}

/// What a server's folder says: `*.crt` for authorities, and the first `NAME.cert` with its `NAME.key`.
///
/// # Errors
/// When there is a certificate without its key or a key without its certificate, or the folder can't be read.
pub(super) fn identity_of(folder: &Path) -> Result<Identity, HttpError> {
    let wrong = |path: &Path, why: &str| HttpError::Roots(format!("`{}`: {why}", path.display()));
    if let Some(key) = files_of(folder, "key")?
        .iter()
        .find(|key| !key.with_extension("cert").is_file())
    {
        return Err(wrong(key, "the certificate `.cert` beside it is missing"));
    }
    let certificate = files_of(folder, "cert")?.into_iter().next();
    Ok(Identity {
        authorities: files_of(folder, "crt")?,
        pair: certificate.map(|path| (path.clone(), path.with_extension("key"))),
    })
}

/// The certificate with which one proves oneself.
///
/// # Errors
/// When it or its key can't be read.
pub(super) fn client_certificate(path: &Path, key: &Path) -> Result<ClientCert, HttpError> {
    let wrong = |path: &Path, why: &str| HttpError::Roots(format!("`{}`: {why}", path.display()));
    let read = |path: &Path| std::fs::read(path).map_err(|error| wrong(path, &error.to_string()));
    let mut chain = Vec::new();
    for item in ureq::tls::parse_pem(&read(path)?) {
        if let Ok(PemItem::Certificate(certificate)) = item {
            chain.push(certificate);
        }
    }
    if chain.is_empty() {
        return Err(wrong(path, "it has no certificate"));
    }
    // The error would show what is in the file.
    let parsed = PrivateKey::from_pem(&read(key)?).map_err(|_| wrong(key, "it has no key"))?;
    Ok(ClientCert::new_with_certs(&chain, parsed))
}

/// Files of a folder with an ending, in the order of their names.
fn files_of(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, HttpError> {
    let failed = |error: std::io::Error| HttpError::Roots(format!("`{}`: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|it| it == ending) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_survive_the_way_through_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one.pem");
        let line = "QUJD".repeat(16);
        let text = format!("-----BEGIN CERTIFICATE-----\n{line}\nQUI=\n-----END CERTIFICATE-----\n");
        std::fs::write(&file, format!("a comment\n{text}")).unwrap();
        let roots = Roots {
            file: Some(file.clone()),
            folder: None,
            extra: vec![file],
        };
        assert_eq!(roots.to_pem().unwrap(), text.repeat(2));
        let missing = Roots {
            extra: vec![folder.path().join("none")],
            ..roots
        };
        assert!(missing.to_pem().is_err());
    }
}
