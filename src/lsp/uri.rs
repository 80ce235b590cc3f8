//! Addresses of files.

use std::path::PathBuf;

/// The path that a `file:` address names. Files that an editor has not saved yet have another kind of address.
pub(super) fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // A host, which is this one whatever it is called.
    let rest = &rest[rest.find('/')?..];
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.bytes();
    while let Some(byte) = left.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(left.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'?' | b'#' => break,
            byte => bytes.push(byte),
        }
    }
    // No file has such a name.
    if bytes.contains(&0) {
        return None;
    }
    Some(from_bytes(bytes))
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    std::ffi::OsString::from_vec(bytes).into()
}

/// The last part of an address, as a name for people.
pub(super) fn name(uri: &str) -> String {
    match path(uri).as_deref().and_then(std::path::Path::file_name) {
        Some(name) => name.to_string_lossy().into_owned(),
        None => uri.rsplit(['/', ':']).next().unwrap_or(uri).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_paths() {
        let text = |uri| path(uri).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(text("file:///a%20b/%C3%A9.x"), Some("/a b/é.x".to_owned()));
        assert_eq!(text("file://host/a#b"), Some("/a".to_owned()));
        for uri in [
            "untitled:Untitled-1",
            "file://",
            "file:///a%2",
            "file:///a%zz",
            "file:///%00",
            "",
        ] {
            assert_eq!(text(uri), None, "{uri}");
        }
        assert_eq!(name("file:///a/Docker%20file"), "Docker file");
        assert_eq!(name("untitled:Untitled-1"), "Untitled-1");
    }
}
