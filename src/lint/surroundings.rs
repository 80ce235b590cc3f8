//! What is known besides the text.

use super::context_facts::ContextFacts;
use crate::context::Ignore;
use crate::oci::{Platform, Reference};
use std::collections::BTreeMap;

/// What is known besides the text: the context's ignore file, base images, and what is built for.
///
/// The default is a file looked at by itself, all stages of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// What keeps files of the main context out of it.
    pub ignore: Option<&'a Ignore>,
    /// What the main context holds. With this and without `ignore`, there is no ignore file.
    pub context: Option<&'a ContextFacts>,
    /// Base images that are known.
    pub bases: Option<&'a Bases>,
    /// What is built for; the machine at hand when absent.
    pub platform: Option<&'a Platform>,
    /// Whether stages that the target does not need are passed over, where a build would not look at them either.
    pub only_needed: bool,
}

/// What is known of base images, by name and by the platform that is wanted of them.
#[derive(Debug, Clone, Default)]
pub struct Bases(BTreeMap<String, Vec<(Platform, BaseFacts)>>);

/// What a base image's config says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseFacts {
    /// What it was made for.
    pub platform: Platform,
    /// Names of its environment variables.
    pub variables: Vec<String>,
    /// Whether it sets a shell.
    pub has_shell: bool,
}

impl Bases {
    /// Adds what is known of `image`, as found for `wanted`.
    pub fn add(&mut self, image: &str, wanted: Platform, facts: BaseFacts) {
        self.0.entry(whole(image)).or_default().push((wanted, facts));
    }

    /// What is known of `image` for `wanted`.
    pub fn get(&self, image: &str, wanted: &Platform) -> Option<&BaseFacts> {
        let known = self.0.get(&whole(image))?;
        known.iter().find(|(found, _)| found == wanted).map(|(_, facts)| facts)
    }
}

/// The name with registry and tag, when it is one.
fn whole(image: &str) -> String {
    image
        .parse::<Reference>()
        .map_or_else(|_| image.to_owned(), |reference| reference.or_latest().to_string())
}
