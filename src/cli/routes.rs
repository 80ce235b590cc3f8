//! Mirrors of registries: from flags, from containers' `registries.conf`, and from BuildKit's `buildkitd.toml`.

use super::failure::Usage;
use crate::http::Identity;
use crate::registry::{Mirror, Route, Serves, host_of};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// What files and flags say of registries.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Routes {
    pub(super) routes: Vec<Route>,
    /// Certificates of single servers, by host and port.
    pub(super) identities: BTreeMap<String, Identity>,
}

/// Largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

impl Routes {
    /// Reads one file, which must be there; folders of files beside it are not looked at.
    pub(super) fn read_only(path: &Path) -> Result<Self, Usage> {
        let mut routes = Self::default();
        match read(path)? {
            Some(text) => routes.add(path, &text)?,
            None => return Err(Usage::new(format!("`{}` is not there", path.display()))),
        }
        Ok(routes)
    }

    /// Reads the first of several files, and all `.conf` files of folders on top of it; what is missing says nothing.
    pub(super) fn read(files: &[PathBuf], folders: &[PathBuf]) -> Result<Self, Usage> {
        let mut routes = Self::default();
        for path in files {
            if let Some(text) = read(path)? {
                routes.add(path, &text)?;
                break;
            }
        }
        for folder in folders {
            let Ok(entries) = std::fs::read_dir(folder) else {
                continue;
            };
            let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.retain(|path| path.extension().is_some_and(|it| it == "conf"));
            paths.sort_unstable();
            for path in paths {
                if let Some(text) = read(&path)? {
                    routes.add(&path, &text)?;
                }
            }
        }
        Ok(routes)
    }

    /// Puts a mirror before those that are known: `PREFIX=PLACE`.
    pub(super) fn add_mirror(&mut self, text: &str) -> Result<(), Usage> {
        let wrong = |why: &str| Usage::new(format!("`--registry-mirror {text}`: {why}"));
        let (prefix, location) = text.split_once('=').ok_or_else(|| wrong("write REGISTRY=PLACE"))?;
        let mirror = Mirror {
            location: location.trim_end_matches('/').to_owned(),
            insecure: false,
            serves: Serves::All,
        };
        let route = match self.routes.iter_mut().position(|it| it.prefix == prefix) {
            Some(known) => &mut self.routes[known],
            None => {
                self.routes.push(Route {
                    prefix: prefix.to_owned(),
                    ..Route::default()
                });
                let last = self.routes.len() - 1;
                &mut self.routes[last]
            }
        };
        route.mirrors.insert(0, mirror);
        route
            .check()
            .map_err(|place| wrong(&format!("`{place}` is not a host, with or without a path")))
    }

    fn add(&mut self, path: &Path, text: &str) -> Result<(), Usage> {
        let wrong = |why: String| Usage::new(format!("`{}`: {why}", path.display()));
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text[..at.min(text.len())].matches('\n').count() + 1;
            wrong(format!("line {line} is not TOML: {}", error.message()))
        })?;
        let table = table.get_ref();
        let routes = match member(table, "registry") {
            Some(DeValue::Array(entries)) => entries
                .iter()
                .map(|entry| match entry.get_ref() {
                    DeValue::Table(entry) => containers(entry),
                    _ => Err("`registry` is not a list of tables".to_owned()),
                })
                .collect::<Result<Vec<Route>, String>>(),
            Some(DeValue::Table(registries)) => {
                let mut routes = Vec::new();
                for (host, entry) in registries {
                    let DeValue::Table(entry) = entry.get_ref() else {
                        return Err(wrong(format!("`registry.{}` is not a table", host.get_ref())));
                    };
                    let (route, identity) = buildkit(host.get_ref(), entry).map_err(wrong)?;
                    routes.push(route);
                    let server = host_of(host.get_ref()).to_owned();
                    self.identities.extend(identity.map(|it| (server, it)));
                }
                Ok(routes)
            }
            Some(_) => Err("`registry` is neither a list nor a table".to_owned()),
            None if member(table, "registries").is_some() => {
                Err("it is of version 1, which is not read: write `[[registry]]`".to_owned())
            }
            None => Ok(Vec::new()),
        };
        for route in routes.map_err(wrong)? {
            route
                .check()
                .map_err(|place| wrong(format!("`{place}` is not a host, with or without a path")))?;
            self.routes.retain(|known| known.prefix != route.prefix);
            self.routes.push(route);
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<String>, Usage> {
    let failed = |error: std::io::Error| Usage::new(format!("cannot read `{}`: {error}", path.display()));
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// An entry of `registries.conf`, version 2 (containers-registries.conf(5)).
fn containers(entry: &DeTable<'_>) -> Result<Route, String> {
    let location = text(entry, "location")?;
    let prefix = match text(entry, "prefix")? {
        Some(prefix) => prefix,
        None => location.clone().ok_or("an entry has neither `prefix` nor `location`")?,
    };
    let digests_only = flag(entry, "mirror-by-digest-only")?;
    let mut mirrors = Vec::new();
    if let Some(listed) = member(entry, "mirror") {
        let DeValue::Array(listed) = listed else {
            return Err("`mirror` is not a list of tables".to_owned());
        };
        for mirror in listed {
            let DeValue::Table(mirror) = mirror.get_ref() else {
                return Err("`mirror` is not a list of tables".to_owned());
            };
            let serves = match text(mirror, "pull-from-mirror")?.as_deref() {
                None if digests_only => Serves::Digests,
                None | Some("all") => Serves::All,
                Some("digest-only") => Serves::Digests,
                Some("tag-only") => Serves::Tags,
                Some(other) => return Err(format!("`pull-from-mirror` can't be `{other}`")),
            };
            mirrors.push(Mirror {
                location: text(mirror, "location")?.ok_or("a mirror has no `location`")?,
                insecure: flag(mirror, "insecure")?,
                serves,
            });
        }
    }
    Ok(Route {
        location: location.filter(|location| *location != prefix),
        insecure: flag(entry, "insecure")?,
        blocked: flag(entry, "blocked")?,
        prefix,
        mirrors,
    })
}

/// An entry of `buildkitd.toml`.
fn buildkit(host: &str, entry: &DeTable<'_>) -> Result<(Route, Option<Identity>), String> {
    let mirrors = texts(entry, "mirrors")?
        .into_iter()
        .map(|location| Mirror {
            location,
            // What holds for a mirror stands in its own entry.
            insecure: false,
            serves: Serves::All,
        })
        .collect();
    let mut pair = None;
    if let Some(DeValue::Array(pairs)) = member(entry, "keypair")
        && let Some(DeValue::Table(first)) = pairs.first().map(|first| first.get_ref())
    {
        let file = |name| {
            let path = text(first, name)?.ok_or_else(|| format!("`keypair` of `{host}` has no `{name}`"))?;
            Ok::<_, String>(PathBuf::from(path))
        };
        pair = Some((file("cert")?, file("key")?));
    }
    let authorities: Vec<PathBuf> = texts(entry, "ca")?.into_iter().map(PathBuf::from).collect();
    let route = Route {
        prefix: host.to_owned(),
        location: None,
        insecure: flag(entry, "http")? || flag(entry, "insecure")?,
        blocked: false,
        mirrors,
    };
    let identity = (pair.is_some() || !authorities.is_empty()).then_some(Identity { authorities, pair });
    Ok((route, identity))
}

fn member<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<&'t DeValue<'i>> {
    let mut all = table.iter();
    all.find(|(key, _)| key.get_ref().as_ref() == name)
        .map(|(_, value)| value.get_ref())
}

fn text(table: &DeTable<'_>, name: &str) -> Result<Option<String>, String> {
    match member(table, name) {
        None => Ok(None),
        Some(DeValue::String(text)) => Ok(Some(text.trim_end_matches('/').to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("`{name}` is not a text")),
    }
}

fn texts(table: &DeTable<'_>, name: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`{name}` is not a list of texts");
    match member(table, name) {
        None => Ok(Vec::new()),
        Some(DeValue::Array(list)) => list
            .iter()
            .map(|value| match value.get_ref() {
                DeValue::String(text) => Ok(text.trim_end_matches('/').to_owned()),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}

fn flag(table: &DeTable<'_>, name: &str) -> Result<bool, String> {
    match member(table, name) {
        None => Ok(false),
        Some(DeValue::Boolean(truth)) => Ok(*truth),
        Some(_) => Err(format!("`{name}` is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Routes, String> {
        let mut routes = Routes::default();
        let added = routes.add(Path::new("f"), text);
        added.map(|()| routes).map_err(|error| error.to_string())
    }

    fn mirror(location: &str, insecure: bool, serves: Serves) -> Mirror {
        let location = location.to_owned();
        Mirror {
            location,
            insecure,
            serves,
        }
    }

    #[test]
    fn both_forms_are_understood() {
        let read = of(r#"
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            prefix = "docker.io/library"
            location = "h.test/hub/"
            [[registry.mirror]]
            location = "m.test:5000/a"
            insecure = true
            [[registry.mirror]]
            location = "n.test"
            pull-from-mirror = "tag-only"
            [[registry]]
            location = "bad.test"
            blocked = true
            mirror-by-digest-only = true
            mirror = [{ location = "o.test" }]
        "#)
        .unwrap();
        let expected = [
            Route {
                prefix: "docker.io/library".to_owned(),
                location: Some("h.test/hub".to_owned()),
                mirrors: vec![
                    mirror("m.test:5000/a", true, Serves::All),
                    mirror("n.test", false, Serves::Tags),
                ],
                ..Route::default()
            },
            Route {
                prefix: "bad.test".to_owned(),
                blocked: true,
                mirrors: vec![mirror("o.test", false, Serves::Digests)],
                ..Route::default()
            },
        ];
        assert_eq!(read.routes, expected);
        let read = of(r#"
            debug = true
            [registry."docker.io"]
            mirrors = ["m.test/proxy", "n.test"]
            ca = ["/a.pem"]
            [[registry."docker.io".keypair]]
            key = "/k"
            cert = "/c"
            [registry."m.test"]
            http = true
        "#)
        .unwrap();
        assert_eq!(read.routes.len(), 2);
        let docker = read.routes.iter().find(|it| it.prefix == "docker.io").unwrap();
        assert_eq!(docker.mirrors[0], mirror("m.test/proxy", false, Serves::All));
        assert!(read.routes.iter().any(|it| it.prefix == "m.test" && it.insecure));
        let identity = &read.identities["registry-1.docker.io"];
        assert_eq!(identity.pair, Some(("/c".into(), "/k".into())));
        assert_eq!(identity.authorities, [PathBuf::from("/a.pem")]);
    }

    #[test]
    fn nonsense_is_told() {
        for (text, told) in [
            ("[[registry]\n", "line 1 is not TOML"),
            ("[[registry]]\nblocked = true", "neither `prefix` nor `location`"),
            ("[[registry]]\nlocation = \"mirror\"", "`mirror` is not a host"),
            ("[[registry]]\nlocation = 1", "`location` is not a text"),
            (
                "[[registry]]\nlocation = \"h.test\"\n[[registry.mirror]]",
                "no `location`",
            ),
            (
                "[[registry]]\nlocation = \"h.test\"\nmirror = [{location = \"m.test\", pull-from-mirror = \"no\"}]",
                "can't be `no`",
            ),
            ("[registries.block]\nregistries = []", "version 1"),
            ("[registry.\"a/b:c\"]\nhttp = true", "not a host"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        let mut routes = Routes::default();
        assert!(routes.add_mirror("docker.io").is_err() && routes.add_mirror("docker.io=m").is_err());
        let mut routes =
            of("[[registry]]\nlocation = \"docker.io\"\nmirror = [{location = \"c.test\", insecure = true}]").unwrap();
        routes.add_mirror("docker.io=b.test").unwrap();
        routes.add_mirror("docker.io=a.test/x").unwrap();
        let places: Vec<&str> = routes.routes[0].mirrors.iter().map(|it| &*it.location).collect();
        assert_eq!(places, ["a.test/x", "b.test", "c.test"]);
    }
}
