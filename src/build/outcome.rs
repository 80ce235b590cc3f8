//! What a build tells on the way, and at the end.

use crate::export::Exported;
use crate::lint::Finding;
use crate::plan::Graph;
use crate::registry::Pushed;
use crate::schedule::Event;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Something that happened during a build.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Something odd that does not stop the build, ready to be shown.
    Warning(String),
    /// What BuildKit's checks found in the Dockerfile; to be shown at the end, whether the build succeeds or not.
    Checked(Vec<Finding>),
    /// A context or Dockerfile is fetched: what.
    Loading(String),
    /// The steps are known; their events follow.
    Planned(Arc<Graph>),
    /// Something happened to a step.
    Step(Event),
    /// Something happened while an image was pushed.
    Pushed(Pushed),
    /// A result is being written: where.
    Exporting(String),
    /// Results are put where other machines find them: where.
    Caching(String),
    /// It is written.
    Exported,
}

/// What a build made.
#[derive(Debug)]
pub struct Outcome {
    /// The image as it was handed out first; nothing when it was not.
    pub image: Exported,
    /// Its names in the store or in registries.
    pub names: Vec<String>,
    /// Steps that ran.
    pub built: usize,
    /// Steps whose results were there.
    pub reused: usize,
    /// Of the whole build.
    pub duration: Duration,
}

impl Outcome {
    /// What `--metadata-file` holds, under the names that buildx gives them.
    pub fn metadata(&self) -> Value {
        let mut all = Map::new();
        if let Some(config) = &self.image.config {
            all.insert("containerimage.config.digest".to_owned(), json!(config.digest));
        }
        if let Some(manifest) = &self.image.manifest {
            all.insert("containerimage.digest".to_owned(), json!(manifest.digest));
            all.insert("containerimage.descriptor".to_owned(), json!(manifest));
        }
        if !self.names.is_empty() {
            all.insert("image.name".to_owned(), json!(self.names.join(",")));
        }
        Value::Object(all)
    }
}
