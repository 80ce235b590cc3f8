//! Reading `--cache-from` and `--cache-to`, in buildx's spelling.

use super::failure::Usage;
use super::output::fields;
use crate::build::{CacheFrom, CacheTo};
use crate::diagnostic::nearest;
use crate::exchange::Place;
use crate::layer::Compression;
use crate::oci::Reference;
use std::path::PathBuf;

/// The types that are known, in both directions.
const TYPES: [&str; 3] = ["registry", "local", "inline"];
/// Types of buildx's that need a service which is not spoken to here.
const SERVICES: [&str; 3] = ["gha", "s3", "azblob"];

/// Places that one `--cache-from` names; an empty one names none.
pub(super) fn from(given: &str) -> Result<Vec<CacheFrom>, Usage> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let known: [(&str, &[&str]); 2] = [("registry", &["ref", "mounts"]), ("local", &["src", "tag", "mounts"])];
    let spec = Spec::read("--cache-from", given)?;
    if spec.kind == "inline" {
        return Err(spec.bad("records in an image are read with `type=registry,ref=IMAGE`"));
    }
    spec.check(&known)?;
    let place = match spec.kind.as_str() {
        "registry" => spec.registry()?,
        _ => spec.local("src")?,
    };
    let mounts = spec.mounts();
    Ok(vec![CacheFrom { place, mounts }])
}

/// What `--cache-to` names, with the build argument that asks for records in the image.
pub(super) fn to(given: &[String], build_args: &[String]) -> Result<Vec<CacheTo>, Usage> {
    let mut all = Vec::new();
    for given in given.iter().filter(|it| !it.is_empty()) {
        let to = one(given)?;
        if all.iter().any(|other: &CacheTo| other.place == to.place) {
            return Err(Usage::new(format!(
                "`--cache-to {given}`: another one goes to the same place"
            )));
        }
        all.push(to);
    }
    let argument = build_args
        .iter()
        .rev()
        .find_map(|arg| arg.strip_prefix(INLINE_ARGUMENT));
    let asked = argument.is_some_and(|value| is_true(value) == Some(true));
    if asked && !all.iter().any(|to| to.place.is_none()) {
        all.push(CacheTo {
            place: None,
            max: false,
            compression: None,
            ignore_error: false,
            mounts: Vec::new(),
        });
    }
    Ok(all)
}

/// BuildKit's older way to ask for records in the image.
const INLINE_ARGUMENT: &str = "BUILDKIT_INLINE_CACHE=";

fn one(given: &str) -> Result<CacheTo, Usage> {
    const SHARED: [&str; 8] = [
        "mounts",
        "mode",
        "ignore-error",
        "compression",
        "compression-level",
        "force-compression",
        "oci-mediatypes",
        "image-manifest",
    ];
    let with = |own: &[&'static str]| [own, &SHARED].concat();
    let (registry, local) = (with(&["ref"]), with(&["dest", "tag"]));
    let known: [(&str, &[&str]); 3] = [
        ("registry", &registry),
        ("local", &local),
        ("inline", &["mode", "ignore-error"]),
    ];
    let spec = Spec::read("--cache-to", given)?;
    spec.check(&known)?;
    let place = match spec.kind.as_str() {
        "registry" => Some(spec.registry()?),
        "local" => Some(spec.local("dest")?),
        _ => None,
    };
    let max = match spec.get("mode").map(str::to_ascii_lowercase).as_deref() {
        None | Some("min") => false,
        Some("max") if place.is_none() => {
            return Err(spec.bad("an image has its own layers only: `mode=max` needs another type"));
        }
        Some("max") => true,
        Some(other) => return Err(spec.bad(&format!("`{other}` is no mode: min or max"))),
    };
    for key in ["oci-mediatypes", "image-manifest"] {
        if spec.flag(key)? == Some(false) {
            return Err(spec.bad(&format!(
                "`{key}=false` is not possible: a cache is an OCI image manifest"
            )));
        }
    }
    // Layers of bases stay with their images, and all others are made in the compression that is asked for.
    spec.flag("force-compression")?;
    Ok(CacheTo {
        place,
        max,
        compression: spec.compression()?,
        ignore_error: spec.flag("ignore-error")?.unwrap_or(false),
        mounts: spec.mounts(),
    })
}

fn is_true(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Some(true),
        "false" | "0" | "f" => Some(false),
        _ => None,
    }
}

/// One specification, in fields.
struct Spec {
    flag: &'static str,
    given: String,
    kind: String,
    fields: Vec<(String, String)>,
}

impl Spec {
    fn read(flag: &'static str, given: &str) -> Result<Self, Usage> {
        let mut spec = Self {
            flag,
            given: given.to_owned(),
            kind: "registry".to_owned(),
            fields: Vec::new(),
        };
        // A text without fields is a name.
        if !given.contains('=') {
            spec.fields.push(("ref".to_owned(), given.to_owned()));
            return Ok(spec);
        }
        let mut kind = None;
        for (key, value) in fields(given)? {
            let value = value.ok_or_else(|| spec.bad(&format!("`{key}` has no value")))?;
            match key.as_str() {
                "type" => kind = Some(value),
                _ => spec.fields.push((key, value)),
            }
        }
        let kind = kind.ok_or_else(|| spec.bad("a type is missing, as in `type=registry`"))?;
        if SERVICES.contains(&kind.as_str()) {
            return Err(spec.bad(&format!(
                "the type {kind} needs a service that varve does not speak to; use `type=registry` or `type=local`"
            )));
        }
        if !TYPES.contains(&kind.as_str()) {
            let hint = nearest(&kind, TYPES).map_or_else(|| TYPES.join(", "), |near| format!("did you mean `{near}`?"));
            return Err(spec.bad(&format!("`{kind}` is no type of cache: {hint}")));
        }
        spec.kind = kind;
        Ok(spec)
    }

    /// Refuses keys that the type does not have.
    fn check(&self, known: &[(&str, &[&str])]) -> Result<(), Usage> {
        let keys = known.iter().find(|(kind, _)| *kind == self.kind);
        let keys = keys.map(|(_, keys)| *keys).unwrap_or_default();
        let mut seen = Vec::new();
        for (key, _) in &self.fields {
            if !keys.contains(&key.as_str()) {
                let hint = nearest(key, keys.iter().copied());
                let hint = hint.map_or_else(
                    || format!("there are {}", keys.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(self.bad(&format!("`{key}` is not known for the type {}: {hint}", self.kind)));
            }
            if seen.contains(&key) && key != "mounts" {
                return Err(self.bad(&format!("`{key}` is given twice")));
            }
            seen.push(key);
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(it, _)| it == key);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Ids of cache mounts, separated by semicolons, since commas separate fields.
    fn mounts(&self) -> Vec<String> {
        let given = self.fields.iter().filter(|(key, _)| key == "mounts");
        let ids = given.flat_map(|(_, ids)| ids.split(';'));
        ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Usage> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let read = is_true(value);
        read.map(Some)
            .ok_or_else(|| self.bad(&format!("`{key}={value}` is neither true nor false")))
    }

    fn registry(&self) -> Result<Place, Usage> {
        let name = self.get("ref").ok_or_else(|| self.bad("`ref=` is missing"))?;
        let name: Reference = name
            .parse()
            .map_err(|error| self.bad(&format!("`{name}` is no name: {error}")))?;
        if self.flag == "--cache-to" && name.digest().is_some() {
            return Err(self.bad("a digest is not chosen: name a tag"));
        }
        Ok(Place::Registry(name.or_latest()))
    }

    fn local(&self, key: &str) -> Result<Place, Usage> {
        let path = self.get(key).ok_or_else(|| self.bad(&format!("`{key}=` is missing")))?;
        let path = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        Ok(match self.get("tag") {
            Some(tag) => Place::Directory {
                path,
                tag: tag.to_owned(),
            },
            None => Place::directory(path),
        })
    }

    fn compression(&self) -> Result<Option<Compression>, Usage> {
        let level = self.get("compression-level").map(|level| {
            let number = level.parse::<i32>();
            number.map_err(|_| self.bad(&format!("`{level}` is no level")))
        });
        let level = level.transpose()?;
        let compression = match (self.get("compression"), level) {
            (None, None) => return Ok(None),
            (None | Some("gzip"), level) => Compression::gzip(level),
            (Some("zstd"), level) => Compression::zstd(level),
            (Some("uncompressed" | "none"), _) => Ok(Compression::None),
            (Some(other), _) => {
                return Err(self.bad(&format!("`{other}` is no compression: gzip, zstd or uncompressed")));
            }
        };
        compression.map(Some).map_err(|error| self.bad(&error.to_string()))
    }

    fn bad(&self, text: &str) -> Usage {
        Usage::new(format!("`{} {}`: {text}", self.flag, self.given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: Usage) -> String {
        error.to_string()
    }

    #[test]
    fn names_and_fields_mean_places() {
        let place = |given: &str| from(given).unwrap().remove(0).place;
        assert_eq!(place("team/app:cache"), place("type=registry,ref=team/app:cache"));
        assert_eq!(place("app"), place("type=registry,ref=docker.io/library/app:latest"));
        assert_eq!(place("type=local,src=/c"), Place::directory("/c"));
        assert!(from("").unwrap().is_empty());
        let all = to(
            &[
                "type=registry,ref=a/b:c,mode=max,compression=zstd,ignore-error=true,image-manifest=true".to_owned(),
                "type=local,dest=/c,tag=main".to_owned(),
                "type=inline".to_owned(),
            ],
            &[],
        )
        .unwrap();
        let ids = |given: &str| from(given).unwrap().remove(0).mounts;
        assert_eq!(ids("type=registry,ref=a/b,mounts=x;/y,mounts=z"), ["x", "/y", "z"]);
        assert!(all[0].max && all[0].ignore_error && !all[1].max);
        assert_eq!(all[0].compression.map(Compression::name).as_deref(), Some("zstd-3"));
        assert_eq!((all[1].compression, all[2].place.is_none()), (None, true));
    }

    #[test]
    fn the_older_argument_asks_for_records_in_the_image_once() {
        let argument = |value: &str| [format!("BUILDKIT_INLINE_CACHE={value}")];
        assert!(to(&[], &argument("1")).unwrap()[0].place.is_none());
        assert!(to(&[], &argument("0")).unwrap().is_empty());
        assert_eq!(to(&["type=inline".to_owned()], &argument("1")).unwrap().len(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_hint() {
        let table = [
            ("type=gha", "a service that varve does not speak to"),
            ("type=registri,ref=a", "did you mean `registry`?"),
            ("type=registry,reff=a", "did you mean `ref`?"),
            ("type=registry", "`ref=` is missing"),
            ("type=registry,ref=a/B", "is no name"),
            ("ref=a", "a type is missing"),
            ("type=local,ref=a", "not known for the type local"),
            ("type=registry,ref=a,ref=b", "given twice"),
        ];
        for (given, wanted) in table {
            for said in [from(given).map(drop), to(&[given.to_owned()], &[]).map(drop)] {
                let said = text(said.unwrap_err());
                assert!(said.contains(wanted), "{said}");
            }
        }
        let table = [
            ("type=registry,ref=a,mode=most", "is no mode"),
            ("type=inline,mode=max", "its own layers only"),
            ("type=local,dest=/c,image-manifest=false", "is not possible"),
            ("type=registry,ref=a,compression=zstd,compression-level=99", "99"),
        ];
        for (given, wanted) in table {
            let said = text(to(&[given.to_owned()], &[]).unwrap_err());
            assert!(said.contains(wanted), "{said}");
        }
        assert!(text(from("type=inline").unwrap_err()).contains("ref=IMAGE"));
        let twice = ["a/b".to_owned(), "type=registry,ref=a/b:latest".to_owned()];
        assert!(text(to(&twice, &[]).unwrap_err()).contains("same place"));
    }
}
