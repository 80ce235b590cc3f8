//! Rules about finished images, VV4xx: what lies in their layers, and what their config says.
//!
//! Enter by [`lint_image`]. The place of a finding is a line of the image's history, which stands in for a Dockerfile:
//! the instruction that made the layer, or set what the config says.
//!
//! A rule is one file with one constant, as for Dockerfiles; its cases are lists of files, which `cases.rs` reads.

#[cfg(test)]
mod cases;
mod findings;
mod history;
mod rules;
mod vv401;
mod vv402;
mod vv403;
mod vv404;
mod vv405;
mod vv406;
mod vv407;
mod vv408;
mod vv409;
mod vv410;
mod vv411;
mod vv412;

pub use rules::image_rules;

use super::document::Document;
use super::finding::Finding;
use super::formats::Linted;
use super::rule::{Findings, Rule};
use super::select::Selection;
use crate::layer::{Entry, Found, Kind, View};
use crate::oci::ImageConfig;
use findings::Told;
use history::History;
use std::fmt;

/// An image as rules look at it: config, listings of its layers, and the content of small files.
pub struct Image<'a> {
    /// What a container of it runs.
    pub config: &'a ImageConfig,
    /// Its layers, lowest first.
    pub view: &'a View,
    /// The content of a small file, by its path; links are followed inside of the image.
    pub read: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("layers", &self.view.layers().len())
            .finish()
    }
}

impl<'a> Image<'a> {
    /// What a container sees, in tree order.
    fn files(&self) -> impl Iterator<Item = Found<'a>> + use<'a> {
        self.view.walk(b"")
    }

    /// Bytes of a file; other things have none, and neither has a further name of a file.
    fn size(entry: &Entry) -> u64 {
        match entry.kind {
            Kind::File { size, .. } => size,
            _ => 0,
        }
    }
}

/// A rule about images.
#[derive(Debug)]
pub struct ImageRule {
    /// Code, name and words, as every rule has them. Its check is about Dockerfiles, and finds nothing.
    pub rule: Rule,
    look: fn(&Image<'_>, &mut Told<'_>),
}

/// What the selected rules find in an image, under the name that findings show, with its history as the text.
pub fn lint_image(name: &str, image: &Image<'_>, selection: &Selection) -> Linted {
    let history = History::new(name, image);
    let mut all: Vec<Finding> = Vec::new();
    for &rule in image_rules() {
        let Some(level) = selection.wants(&rule.rule) else {
            continue;
        };
        let mut told = Told::new(&history, &rule.rule);
        (rule.look)(image, &mut told);
        all.extend(told.done().into_iter().map(|finding| Finding { level, ..finding }));
    }
    all.sort_by(|one, other| (one.span, &one.code).cmp(&(other.span, &other.code)));
    Linted {
        source: history.source,
        findings: all,
    }
}

/// What a rule about images says of a Dockerfile.
fn nothing(_: &Document<'_>, _: &mut Findings) {}

/// `/` and the path, bytes that are no text replaced.
fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

/// The last part of a path.
fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// Whether a path is `folder` or lies below it.
fn is_within(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
}
