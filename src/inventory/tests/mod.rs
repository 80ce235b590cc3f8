mod distributions;
mod hostile;
mod languages;
mod programs;

use super::*;
use std::io;

/// A root file system in memory.
#[derive(Default)]
struct Memory {
    facts: Vec<FileFact>,
    contents: Vec<Vec<u8>>,
}

impl Memory {
    fn with(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.put(path, content, false)
    }

    fn put(mut self, path: &str, content: impl Into<Vec<u8>>, executable: bool) -> Self {
        let content = content.into();
        self.facts.push(FileFact {
            path: path.to_owned(),
            size: content.len() as u64,
            executable,
            layer: self.facts.len(),
        });
        self.contents.push(content);
        self
    }

    fn debian(self) -> Self {
        self.with(
            "usr/lib/os-release",
            "PRETTY_NAME=\"Debian 12\"\nID=debian\nVERSION_ID=\"12\"\n",
        )
    }

    /// The package URLs of the inventory, which must have no notes.
    fn purls(&self) -> Vec<String> {
        let inventory = take(self);
        assert_eq!(inventory.notes, [""; 0]);
        inventory.packages.into_iter().map(|package| package.purl).collect()
    }
}

impl Files for Memory {
    fn all(&self) -> &[FileFact] {
        &self.facts
    }

    fn open(&self, file: &FileFact) -> io::Result<Box<dyn Bytes>> {
        let at = self.facts.iter().position(|it| it == file);
        let content = at.and_then(|at| self.contents.get(at)).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(content.clone()))
    }
}

#[test]
fn parts_of_a_package_url_are_encoded() {
    let url = purl::purl(
        "t",
        "a b/c",
        "n@1",
        "1:2+3~4",
        &[("z", ""), ("y", "p/q"), ("arch", "all")],
    );
    assert_eq!(url, "pkg:t/a%20b/c/n%401@1:2%2B3~4?arch=all&y=p%2Fq");
}

#[test]
fn statements_of_licences_become_expressions_where_every_word_is_known() {
    for (stated, expected) in [
        ("MIT", Some("MIT")),
        ("mit/apache-2.0", Some("MIT OR Apache-2.0")),
        ("GPL-2+", Some("GPL-2.0-or-later")),
        ("GPLv3", Some("GPL-3.0-only")),
        ("LGPL-2.1", Some("LGPL-2.1-only")),
        (
            "Expat and (BSD-3-clause or GPL-3+)",
            Some("MIT AND (BSD-3-Clause OR GPL-3.0-or-later)"),
        ),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            Some("GPL-2.0-only WITH Classpath-exception-2.0"),
        ),
        ("MIT AND", None),
        ("(MIT", None),
        ("MIT Apache-2.0", None),
        ("public-domain", None),
        ("GPL-99", None),
        ("", None),
    ] {
        assert_eq!(expression(stated).as_deref(), expected, "{stated}");
    }
}
