//! How servers are reached from here: what the environment says of proxies, certificates and credentials.

use crate::git;
use crate::http;
use crate::registry::{self, Credentials};
use std::ffi::OsString;
use std::path::PathBuf;

/// Proxies and certificates as other programs find them: small letters count before capitals, and `HTTP_PROXY` in
/// capitals too, since no web server runs this program.
pub(super) fn http(ca_certs: &[PathBuf]) -> http::Settings {
    let text = |names: &[&str]| variable(names).map(|value| value.to_string_lossy().into_owned());
    http::Settings {
        proxies: http::Proxies {
            http: text(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: text(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            except: text(&["no_proxy", "NO_PROXY"]).unwrap_or_default(),
        },
        roots: http::Roots {
            file: variable(&["SSL_CERT_FILE"]).map(PathBuf::from),
            folder: variable(&["SSL_CERT_DIR"]).map(PathBuf::from),
            extra: ca_certs.to_vec(),
        },
        patience: http::Patience::default(),
    }
}

/// Git repositories: the program is looked for where others are, and hosts are known that ssh knows.
pub(super) fn git(ca_certs: &[PathBuf]) -> git::Settings {
    let http::Settings { proxies, roots, .. } = http(ca_certs);
    git::Settings {
        path: variable(&["PATH"]).unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
        proxies,
        roots,
        known_hosts: variable(&["HOME"])
            .map(|home| PathBuf::from(home).join(".ssh/known_hosts"))
            .filter(|path| path.is_file()),
        patience: git::Patience::default(),
    }
}

/// Registries, with the credentials that `podman login` and `docker login` leave.
pub(super) fn registries(insecure: &[String]) -> registry::Settings {
    let below = |variables: &[&str], path: &str| variable(variables).map(|folder| PathBuf::from(folder).join(path));
    let files = [
        variable(&["REGISTRY_AUTH_FILE"]).map(PathBuf::from),
        below(&["DOCKER_CONFIG"], "config.json"),
        below(&["XDG_RUNTIME_DIR"], "containers/auth.json"),
        below(&["HOME"], ".docker/config.json").filter(|_| variable(&["DOCKER_CONFIG"]).is_none()),
    ];
    registry::Settings {
        insecure: insecure.to_vec(),
        credentials: Credentials {
            files: files.into_iter().flatten().collect(),
        },
    }
}

/// The first of several variables that is set to something.
fn variable(names: &[&str]) -> Option<OsString> {
    let mut found = names
        .iter()
        .filter_map(std::env::var_os)
        .filter(|value| !value.is_empty());
    found.next()
}
