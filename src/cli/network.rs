//! How servers are reached from here: what the environment says of proxies, certificates and credentials.

use super::arguments::ServerArguments;
use super::failure::{Failure, Usage};
use super::routes::Routes;
use crate::git;
use crate::http;
use crate::registry::{self, Credentials, Registries, Route};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Proxies and certificates as other programs find them: small letters count before capitals, and `HTTP_PROXY` in
/// capitals too, since no web server runs this program.
fn http(ca_certs: &[PathBuf]) -> http::Settings {
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
        hosts: certificate_folders(),
        identities: BTreeMap::new(),
        patience: http::Patience::default(),
    }
}

/// Where Docker, containerd and podman have certificates for single registries; a user's own count first.
fn certificate_folders() -> Vec<PathBuf> {
    let below = |name: &str, path: &str| variable(&[name]).map(|folder| PathBuf::from(folder).join(path));
    let own = below("XDG_CONFIG_HOME", "containers/certs.d").or_else(|| below("HOME", ".config/containers/certs.d"));
    let docker = below("DOCKER_CONFIG", "certs.d").or_else(|| below("HOME", ".docker/certs.d"));
    let all = ["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from);
    own.into_iter().chain(docker).chain(all).collect()
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

/// All servers, with what flags and files of other tools say of them.
///
/// # Errors
/// When a file of them can't be understood: an image may be forbidden there.
pub(super) fn servers(arguments: &ServerArguments) -> Result<(http::Settings, registry::Settings), Usage> {
    let named = variable(&["CONTAINERS_REGISTRIES_CONF"]).map(PathBuf::from);
    let mut routes = match arguments.registries_conf.as_ref().or(named.as_ref()) {
        Some(path) => Routes::read_only(path)?,
        None => {
            let below = |name: &str, path: &str| variable(&[name]).map(|folder| PathBuf::from(folder).join(path));
            let own = below("XDG_CONFIG_HOME", "containers").or_else(|| below("HOME", ".config/containers"));
            let all = PathBuf::from("/etc/containers");
            let files: Vec<PathBuf> = own.iter().chain([&all]).map(|it| it.join("registries.conf")).collect();
            let folders: Vec<PathBuf> = [&all]
                .into_iter()
                .chain(&own)
                .map(|it| it.join("registries.conf.d"))
                .collect();
            Routes::read(&files, &folders)?
        }
    };
    for mirror in arguments.mirrors.iter().rev() {
        routes.add_mirror(mirror)?;
    }
    let mut http = http(&arguments.ca_certs);
    http.identities = routes.identities;
    Ok((http, registries(&arguments.insecure_registries, routes.routes)))
}

/// Registries for commands that have no flags for them.
///
/// # Errors
/// As [`servers`].
pub(super) fn usual() -> Result<Registries, Usage> {
    let (http, registries) = servers(&ServerArguments::default())?;
    Ok(Registries::new(http::Client::new(http), registries))
}

/// Registries, with the credentials that `podman login` and `docker login` leave.
fn registries(insecure: &[String], routes: Vec<Route>) -> registry::Settings {
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
        routes,
    }
}

/// The file into which `login` writes: the one that other tools would read first.
pub(super) fn credentials_file() -> Result<PathBuf, Failure> {
    let below = |name: &str, path: &str| variable(&[name]).map(|folder| PathBuf::from(folder).join(path));
    variable(&["REGISTRY_AUTH_FILE"])
        .map(PathBuf::from)
        .or_else(|| below("DOCKER_CONFIG", "config.json"))
        .or_else(|| below("HOME", ".docker/config.json"))
        .ok_or_else(|| Failure::machine("no place for passwords: set HOME or DOCKER_CONFIG"))
}

/// The first of several variables that is set to something.
fn variable(names: &[&str]) -> Option<OsString> {
    let mut found = names
        .iter()
        .filter_map(std::env::var_os)
        .filter(|value| !value.is_empty());
    found.next()
}
