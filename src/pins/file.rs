//! The file of pins: TOML, sorted, one fact in a line.

use super::{PinnedCommit, PinnedImage, Pins};
use crate::digest::BlobDigest;
use std::fmt;
use toml::de::{DeTable, DeValue};

/// The format that is written and read.
const VERSION: &str = "1";
/// What stands above.
const HEAD: &str =
    "# What this Dockerfile gets from elsewhere. Made by `varve lock`, used by `varve build --locked`.\n";

/// Why a text is no file of pins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinsError {
    /// It is not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It is of another version.
    #[error("it has version {0}, and only version 1 is known")]
    Version(String),
    /// A field is not what it should be.
    #[error("`{entry}`: `{field}` is not what it should be")]
    Field {
        /// What it belongs to.
        entry: String,
        /// Its name.
        field: String,
    },
}

impl Pins {
    /// Reads a file.
    ///
    /// # Errors
    /// [`PinsError`]. What is not understood is an error: it may be a promise.
    pub fn parse(text: &str) -> Result<Self, PinsError> {
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            PinsError::Syntax {
                line: text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1,
                message: error.message().to_owned(),
            }
        })?;
        let mut pins = Self::default();
        let mut version = None;
        for (key, value) in table.get_ref() {
            let key = key.get_ref().as_ref();
            let value = value.get_ref();
            match (key, value) {
                ("version", DeValue::Integer(number)) => version = Some(number.to_string()),
                ("image" | "url" | "git", DeValue::Table(entries)) => {
                    for (name, entry) in entries {
                        let name = name.get_ref().as_ref();
                        let fields = Fields::of(name, entry.get_ref())?;
                        let name = name.to_owned();
                        match key {
                            "image" => drop(pins.images.insert(name, fields.image()?)),
                            "url" => drop(pins.pages.insert(name, fields.page()?)),
                            _ => drop(pins.commits.insert(name, fields.commit()?)),
                        }
                    }
                }
                _ => return Err(wrong("the file", key)),
            }
        }
        match version.as_deref() {
            Some(VERSION) => Ok(pins),
            other => Err(PinsError::Version(other.unwrap_or("none").to_owned())),
        }
    }
}

/// The fields of one entry, all of which are texts.
struct Fields<'t> {
    name: &'t str,
    fields: Vec<(&'t str, &'t str)>,
}

impl<'t> Fields<'t> {
    fn of(name: &'t str, entry: &'t DeValue<'_>) -> Result<Self, PinsError> {
        let DeValue::Table(entry) = entry else {
            return Err(wrong(name, name));
        };
        let mut fields = Vec::new();
        for (key, value) in entry {
            match value.get_ref() {
                DeValue::String(text) => fields.push((key.get_ref().as_ref(), text.as_ref())),
                _ => return Err(wrong(name, key.get_ref())),
            }
        }
        Ok(Self { name, fields })
    }

    fn image(&self) -> Result<PinnedImage, PinsError> {
        let mut platforms = std::collections::BTreeMap::new();
        let mut digest = None;
        for (key, value) in &self.fields {
            let value: BlobDigest = value.parse().map_err(|_| wrong(self.name, key))?;
            match *key {
                "digest" => digest = Some(value),
                key if key.contains('/') => drop(platforms.insert(key.to_owned(), value)),
                key => return Err(wrong(self.name, key)),
            }
        }
        let digest = digest.ok_or_else(|| wrong(self.name, "digest"))?;
        Ok(PinnedImage { digest, platforms })
    }

    fn page(&self) -> Result<BlobDigest, PinsError> {
        match &self.fields[..] {
            [("digest", value)] => value.parse().map_err(|_| wrong(self.name, "digest")),
            _ => Err(wrong(self.name, "digest")),
        }
    }

    fn commit(&self) -> Result<PinnedCommit, PinsError> {
        let (mut commit, mut tag, mut reference) = (None, None, None);
        for (key, value) in &self.fields {
            let is_id =
                matches!(value.len(), 40 | 64) && value.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
            match *key {
                "commit" if is_id => commit = Some((*value).to_owned()),
                "tag" if is_id => tag = Some((*value).to_owned()),
                "ref" if value.starts_with("refs/") => reference = Some((*value).to_owned()),
                key => return Err(wrong(self.name, key)),
            }
        }
        Ok(PinnedCommit {
            commit: commit.ok_or_else(|| wrong(self.name, "commit"))?,
            tag,
            reference,
        })
    }
}

fn wrong(entry: &str, field: &str) -> PinsError {
    PinsError::Field {
        entry: entry.to_owned(),
        field: field.to_owned(),
    }
}

/// As a file.
impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}version = {VERSION}")?;
        for (name, image) in &self.images {
            write!(f, "\n[image.{}]\ndigest = \"{}\"\n", quoted(name), image.digest)?;
            for (platform, digest) in &image.platforms {
                writeln!(f, "{} = \"{digest}\"", quoted(platform))?;
            }
        }
        for (address, digest) in &self.pages {
            write!(f, "\n[url.{}]\ndigest = \"{digest}\"\n", quoted(address))?;
        }
        for (name, commit) in &self.commits {
            write!(f, "\n[git.{}]\ncommit = \"{}\"\n", quoted(name), commit.commit)?;
            for (key, value) in [("tag", &commit.tag), ("ref", &commit.reference)] {
                if let Some(value) = value {
                    writeln!(f, "{key} = {}", quoted(value))?;
                }
            }
        }
        Ok(())
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            char if char.is_control() => quoted.push_str(&format!("\\u{:04X}", char as u32)),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(number: u8) -> BlobDigest {
        crate::digest::Sha256::of(&[number])
    }

    fn example() -> Pins {
        let mut pins = Pins::default();
        let platforms = [("linux/amd64".to_owned(), digest(2))].into();
        let image = PinnedImage {
            digest: digest(1),
            platforms,
        };
        pins.images.insert("docker.io/library/debian:12".to_owned(), image);
        pins.pages.insert("https://h.test/a?b=\"c\"".to_owned(), digest(3));
        let commit = PinnedCommit {
            commit: "0123456789".repeat(4),
            tag: None,
            reference: Some("refs/heads/main".to_owned()),
        };
        pins.commits.insert("https://h.test/a.git#main".to_owned(), commit);
        pins
    }

    #[test]
    fn a_file_says_what_is_pinned() {
        let digests: Vec<String> = (1..=3).map(|number| digest(number).to_string()).collect();
        let expected = format!(
            r#"{HEAD}version = 1

[image."docker.io/library/debian:12"]
digest = "{}"
"linux/amd64" = "{}"

[url."https://h.test/a?b=\"c\""]
digest = "{}"

[git."https://h.test/a.git#main"]
commit = "0123456789012345678901234567890123456789"
ref = "refs/heads/main"
"#,
            digests[0], digests[1], digests[2]
        );
        assert_eq!(example().to_string(), expected);
        assert_eq!(Pins::parse(&example().to_string()), Ok(example()));
        assert_eq!(Pins::parse(&Pins::default().to_string()), Ok(Pins::default()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let id = "0".repeat(40);
        for (text, told) in [
            ("", "version none"),
            ("version = 2", "version 2"),
            ("version = 1\nx", "line 2"),
            ("version = 1\nother = 1", "`other`"),
            ("version = 1\n[image.\"a:1\"]", "`digest`"),
            ("version = 1\n[image.\"a:1\"]\ndigest = \"sha256:0\"", "`digest`"),
            ("version = 1\n[url.\"a\"]\ndigest = 1", "`digest`"),
            ("version = 1\n[git.\"a\"]\ncommit = \"HEAD\"", "`commit`"),
            (
                &format!("version = 1\n[git.\"a\"]\ncommit = \"{id}\"\nbranch = \"x\""),
                "`branch`",
            ),
            ("version = 1\nimage = 1", "`image`"),
        ] {
            let error = Pins::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn differences_are_told() {
        let old = example();
        let mut new = example();
        assert!(old.changes(&new).is_empty());
        new.pages.insert("https://h.test/b".to_owned(), digest(9));
        new.commits.clear();
        for image in new.images.values_mut() {
            image.platforms.insert("linux/arm64".to_owned(), digest(5));
        }
        let changes = old.changes(&new);
        let told = [
            "12 is not locked for linux/arm64",
            "/b is not locked",
            "a.git#main is not needed",
        ];
        assert_eq!(changes.len(), 3, "{changes:?}");
        assert!(
            told.iter().zip(&changes).all(|(told, change)| change.ends_with(told)),
            "{changes:?}"
        );
    }

    proptest! {
        #[test]
        fn names_survive(name in "[ -~\u{1}-\u{1f}é]{1,20}") {
            let mut pins = Pins::default();
            pins.pages.insert(name, digest(0));
            prop_assert_eq!(Pins::parse(&pins.to_string()), Ok(pins));
        }
    }
}
