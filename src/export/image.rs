//! A finished stage, and the config document that it becomes.

use super::layers::Epoch;
use crate::digest::{ContentId, DiffId};
use crate::exchange::INLINE;
use crate::layer::Time;
use crate::oci::{Descriptor, History, ImageConfig, Layout, RootFs, format_time, parse_time};
use crate::registry::Pulled;
use crate::store::FarLayer;

/// The comment of history lines that a Dockerfile made.
const COMMENT: &str = "buildkit.dockerfile.v0";
/// The comment of history lines for layers of which nothing is known.
const COMMENT_UNKNOWN: &str = "buildkit.exporter.v0";

/// A finished stage.
#[derive(Debug, Clone)]
pub struct Image {
    /// The config; its history is that of the base image, and its `rootfs` and `created` do not count.
    pub config: ImageConfig,
    /// All layers, those of the base image first.
    pub layers: Vec<LayerSource>,
    /// The history that the Dockerfile adds.
    pub history: Vec<HistoryLine>,
    /// When it was built.
    pub created: Time,
}

/// A line of history that the Dockerfile adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryLine {
    /// In Docker's spelling.
    pub created_by: String,
    /// When its layer was made; `None` when it made none.
    pub layer: Option<Time>,
}

/// A layer of a finished stage.
#[derive(Debug, Clone)]
pub enum LayerSource {
    /// What a step left.
    Delta(ContentId),
    /// A layer of a base image, which is handed on as it came.
    Blob {
        /// The digest of its tar.
        diff_id: DiffId,
        /// How it travels.
        descriptor: Box<Descriptor>,
        /// Where its bytes are.
        place: LayerPlace,
    },
    /// A step's layer that was packed on another machine.
    Told {
        /// What is told of it.
        layer: Box<FarLayer>,
        /// Where its bytes are.
        place: LayerPlace,
    },
}

/// Where a base layer's bytes are.
#[derive(Debug, Clone)]
pub enum LayerPlace {
    /// A blob of the store.
    Store,
    /// A layout on disk that the base image is read from.
    Layout(Layout),
    /// A registry, as a layer of an image there; it is fetched only if it must be.
    Registry(Box<Pulled>, usize),
}

impl Image {
    /// The config document as far as it does not depend on the bytes of layers.
    pub fn described(&self, epoch: Option<&Epoch>) -> ImageConfig {
        ImageConfig {
            created: Some(told(self.created(epoch))),
            ..self.config.clone()
        }
    }

    /// When the image counts as made.
    pub(super) fn created(&self, epoch: Option<&Epoch>) -> Time {
        epoch.map_or(self.created, Epoch::time)
    }

    /// The config document of the image with these layers.
    ///
    /// With an epoch, what this build made counts as made at the epoch, so that it does not matter when it was built,
    /// and nothing that a base image tells is later than it.
    pub(super) fn document(&self, diff_ids: Vec<DiffId>, epoch: Option<&Epoch>) -> ImageConfig {
        let created = self.created(epoch);
        let mut config = self.config.clone();
        // Records of the base's steps say nothing of this image's.
        config.other.remove(INLINE);
        let own_layers = self.history.iter().filter(|line| line.layer.is_some()).count();
        account_for(&mut config.history, diff_ids.len().saturating_sub(own_layers));
        if let Some(epoch) = epoch {
            for line in &mut config.history {
                let time = line.created.as_deref().and_then(parse_time);
                if time.is_none_or(|(seconds, nanoseconds)| Time { seconds, nanoseconds } > epoch.time()) {
                    line.created = Some(told(epoch.time()));
                }
            }
        }
        let own = self.history.iter().zip(self.times());
        config.history.extend(own.map(|(line, time)| History {
            created: Some(told(epoch.map_or(time, Epoch::time))),
            created_by: line.created_by.clone(),
            comment: COMMENT.to_owned(),
            empty_layer: line.layer.is_none(),
            ..History::default()
        }));
        config.created = Some(told(created));
        config.rootfs = RootFs {
            diff_ids,
            ..RootFs::default()
        };
        config
    }

    /// The times of the history lines: each its own, or that of the nearest layer above it, or below it.
    fn times(&self) -> impl Iterator<Item = Time> {
        let first = self.history.iter().find_map(|line| line.layer);
        let mut last = first.unwrap_or(self.created);
        self.history.iter().map(move |line| {
            last = line.layer.unwrap_or(last);
            last
        })
    }
}

/// Makes a base image's history tell of exactly its layers: readers refuse images where it does not.
fn account_for(history: &mut Vec<History>, layers: usize) {
    let told = history.iter().filter(|line| !line.empty_layer).count();
    let mut too_many = told.saturating_sub(layers);
    for line in history.iter_mut() {
        if too_many > 0 && !line.empty_layer {
            line.empty_layer = true;
            too_many -= 1;
        }
    }
    // An image without any history may stay so, but this one gets lines of its own.
    history.extend((told..layers).map(|_| History {
        comment: COMMENT_UNKNOWN.to_owned(),
        ..History::default()
    }));
}

fn told(time: Time) -> String {
    format_time(time.seconds, time.nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> Time {
        Time {
            seconds,
            nanoseconds: 0,
        }
    }

    fn line(created_by: &str, layer: Option<i64>) -> HistoryLine {
        HistoryLine {
            created_by: created_by.to_owned(),
            layer: layer.map(time),
        }
    }

    fn image(base: Vec<History>, history: Vec<HistoryLine>) -> Image {
        Image {
            config: ImageConfig {
                history: base,
                created: Some("2001-01-01T00:00:00Z".to_owned()),
                ..ImageConfig::default()
            },
            layers: Vec::new(),
            history,
            created: time(100),
        }
    }

    fn layers(count: u8) -> Vec<DiffId> {
        (0..count).map(|n| DiffId::from_bytes([n; 32])).collect()
    }

    #[test]
    fn lines_without_a_layer_borrow_a_time() {
        let image = image(
            vec![],
            vec![
                line("ENV", None),
                line("RUN 1", Some(10)),
                line("CMD", None),
                line("RUN 2", Some(20)),
            ],
        );
        let config = image.document(layers(2), None);
        let times: Vec<_> = config
            .history
            .iter()
            .map(|line| line.created.clone().unwrap())
            .collect();
        assert_eq!(times, [told(time(10)), told(time(10)), told(time(10)), told(time(20))]);
        assert_eq!(config.created, Some(told(time(100))));
        let empty: Vec<_> = config.history.iter().map(|line| line.empty_layer).collect();
        assert_eq!(empty, [true, false, true, false]);
    }

    #[test]
    fn an_epoch_makes_the_time_of_building_irrelevant() {
        let base = |created: &str| History {
            created: Some(created.to_owned()),
            ..History::default()
        };
        let lines = |seconds| vec![line("RUN", Some(seconds)), line("CMD", None)];
        let bases = || vec![base("1999-01-01T00:00:00Z"), base("2099-01-01T00:00:00Z")];
        let epoch = Epoch::new(1_000_000_000, false);
        let one = image(bases(), lines(5)).document(layers(3), Some(&epoch));
        let two = image(bases(), lines(2_000_000_000)).document(layers(3), Some(&epoch));
        assert_eq!(one, two);
        let times: Vec<_> = one.history.iter().map(|line| line.created.clone().unwrap()).collect();
        assert_eq!(times[0], "1999-01-01T00:00:00Z");
        assert!(times[1..].iter().all(|time| time == "2001-09-09T01:46:40Z"));
        assert_eq!(one.created.as_deref(), Some("2001-09-09T01:46:40Z"));
    }

    #[test]
    fn history_accounts_for_every_layer() {
        let count = |config: &ImageConfig| config.history.iter().filter(|line| !line.empty_layer).count();
        let missing = image(vec![], vec![line("RUN", Some(1))]).document(layers(3), None);
        assert_eq!((count(&missing), missing.history.len()), (3, 3));
        assert_eq!(missing.history[2].created_by, "RUN");
        let too_many = image(vec![History::default(); 4], vec![line("RUN", Some(1))]).document(layers(3), None);
        assert_eq!((count(&too_many), too_many.history.len()), (3, 5));
        assert!(too_many.history[1].empty_layer && !too_many.history[2].empty_layer);
    }
}
