//! SLSA provenance 1.0.

use super::{Detail, Provenance, steps};
use serde_json::{Map, Value, json};

/// Says which fields there are, and what they mean.
const BUILD_TYPE: &str = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md";

pub(super) fn predicate(build: &Provenance<'_>) -> Value {
    let mut internal = Map::from_iter([("builderPlatform".to_owned(), json!(build.builder_platform))]);
    let mut metadata = Map::from_iter([
        ("buildkit_hermetic".to_owned(), json!(build.is_hermetic())),
        (
            "buildkit_completeness".to_owned(),
            json!({"request": build.is_request_complete(), "resolvedDependencies": build.complete}),
        ),
        ("buildkit_reproducible".to_owned(), json!(build.reproducible)),
        ("buildkit_metadata".to_owned(), steps::metadata(build)),
    ]);
    if build.detail == Detail::Max {
        internal.insert("buildConfig".to_owned(), steps::config(build));
        if let Some((started, finished)) = &build.times {
            metadata.insert("startedOn".to_owned(), json!(started));
            metadata.insert("finishedOn".to_owned(), json!(finished));
        }
    }
    let dependencies: Vec<Value> = build.dependencies().into_iter().map(steps::material).collect();
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "configSource": steps::source(build, "path"),
                "request": steps::request(build),
            },
            "internalParameters": internal,
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": {"id": build.builder},
            "metadata": metadata,
        },
    })
}
