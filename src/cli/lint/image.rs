//! `varve lint --image`: looks at images of the store, and at layouts.

use super::{Run, refused};
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::Machine;
use crate::cli::{network, note};
use crate::execute::{BaseImage, Stack, Tree, TreeLayer};
use crate::layer::View;
use crate::lint::Level;
use crate::lint::config::Settings;
use crate::lint::formats::Linted;
use crate::lint::image::{Image, lint_image};
use crate::oci::{Layout, Platform};
use crate::store::Store;
use std::path::Path;
use std::sync::Arc;

impl Run<'_> {
    /// Looks at `images` in place of files. Has to come before the first thread.
    pub(super) fn run_images(self, command: Settings, images: &[String], root: Option<&Path>) -> Result<Exit, Failure> {
        let here = std::env::current_dir()
            .map_err(|error| refused(format!("cannot find out the working directory: {error}")))?;
        let whole = self.settings_at(command, &here)?;
        let selection = whole.settings.selection(None);
        let machine = Machine::enter(root)?;
        if let Some(text) = machine.note() {
            note(&format!("note: {text}"));
        }
        let store = machine.store()?;
        let host = machine.host();
        let mut found: Vec<Linted> = Vec::new();
        for name in images {
            let image = Arc::new(find(&store, name)?);
            let tree = Tree::of_base(&image);
            let stack = Stack::of(&tree, &store, &host).map_err(|error| caused(&error))?;
            let layers = layers(&store, &tree)?.unwrap_or_else(|| stack.view().clone());
            let looked_at = Image {
                config: image.config(),
                view: &layers,
                read: &|path| stack.read_small(path),
            };
            found.push(lint_image(name, &looked_at, &selection));
        }
        let threshold = whole.settings.failure_threshold.unwrap_or(Level::Info);
        let fails = found
            .iter()
            .flat_map(|linted| &linted.findings)
            .any(|finding| finding.level >= threshold);
        self.hand_out(&whole.settings, &found, fails)
    }
}

/// The image's layers one by one, those that are empty among them: what is mounted leaves them out.
fn layers(store: &Store, tree: &Tree) -> Result<Option<View>, Failure> {
    let mut listings = Vec::new();
    for layer in tree.layers() {
        let content = match layer {
            TreeLayer::Delta(content) => Some(*content),
            TreeLayer::Base(image, index) => image.unpacked(*index, store).map_err(|error| caused(&error))?,
        };
        let delta = content.map(|content| store.delta(&content)).transpose();
        match delta.map_err(|error| caused(&error))?.flatten() {
            Some(delta) => listings.push(delta.listing().map_err(|error| caused(&error))?),
            None => return Ok(None),
        }
    }
    Ok(Some(View::new(listings)))
}

/// An image by name, by the first digits of its ID, or in a layout at a path.
fn find(store: &Store, text: &str) -> Result<BaseImage, Failure> {
    let path = Path::new(
        text.strip_prefix("oci-layout:")
            .map_or(text, |rest| rest.trim_start_matches("//")),
    );
    if text.starts_with("oci-layout:") || path.join("oci-layout").is_file() {
        let source = Layout::open(path)
            .and_then(|layout| layout.image(None, &Platform::host()))
            .map_err(|error| caused(&error))?;
        return Ok(BaseImage::from_layout(text, source));
    }
    let named = BaseImage::named(store, text).map_err(|error| caused(&error))?;
    let found = match named {
        Some(image) => Some(image),
        None => BaseImage::with_id(store, text).map_err(|error| caused(&error))?,
    };
    let found = found.ok_or_else(|| {
        refused(format!(
            "there is no image `{text}` in the store; `varve images` lists them"
        ))
    })?;
    // A base image that was pulled may lack layers that no build needed.
    let registries = network::usual()?;
    found.from_registry(&registries, store).map_err(|error| caused(&error))
}

fn caused(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::caused(error, Exit::Usage)
}
