//! Which stage each is built on, as hadolint tells it.

use crate::lint::words::Image;
use crate::lint::{Document, Stage};
use std::collections::HashMap;

/// For each stage the earlier one that it is built on.
///
/// A stage without a name goes by its image's, registry and tag aside, so that a second stage of the same image counts
/// as built on the first.
pub(super) fn of(document: &Document<'_>) -> Vec<Option<usize>> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut bases = Vec::new();
    for stage in document.stages() {
        let image = name_of(stage);
        bases.push(names.get(image).copied());
        names.insert(stage.name.map_or(image, |name| name.text.as_str()), stage.index);
    }
    bases
}

/// The name by which hadolint looks for a stage above: that of the image without registry and tag.
pub(super) fn name_of<'a>(stage: &Stage<'a>) -> &'a str {
    let image = stage.image.map_or("", |image| image.text.as_str());
    match image.starts_with("localhost:") {
        // It takes the port for a tag.
        true => "localhost",
        false => Image::read(image).name,
    }
}
