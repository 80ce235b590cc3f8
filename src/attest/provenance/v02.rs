//! SLSA provenance 0.2.

use super::{Detail, Provenance, steps};
use serde_json::{Map, Value, json};

/// Says which fields there are, and what they mean; names of fields that are not SLSA's begin with it.
const BUILD_TYPE: &str = "https://mobyproject.org/buildkit@v1";

pub(super) fn predicate(build: &Provenance<'_>) -> Value {
    let mut metadata = Map::from_iter([
        (
            "completeness".to_owned(),
            json!({"parameters": build.is_request_complete(), "environment": true, "materials": build.complete}),
        ),
        ("reproducible".to_owned(), json!(build.reproducible)),
        (format!("{BUILD_TYPE}#hermetic"), json!(build.is_hermetic())),
        (format!("{BUILD_TYPE}#metadata"), steps::metadata(build)),
    ]);
    let materials: Vec<Value> = build.dependencies().into_iter().map(steps::material).collect();
    let mut predicate = json!({
        "builder": {"id": build.builder},
        "buildType": BUILD_TYPE,
        "materials": materials,
        "invocation": {
            "configSource": steps::source(build, "entryPoint"),
            "parameters": steps::request(build),
            "environment": {"platform": build.builder_platform},
        },
    });
    if build.detail == Detail::Max {
        predicate["buildConfig"] = steps::config(build);
        if let Some((started, finished)) = &build.times {
            metadata.insert("buildStartedOn".to_owned(), json!(started));
            metadata.insert("buildFinishedOn".to_owned(), json!(finished));
        }
    }
    predicate["metadata"] = Value::Object(metadata);
    predicate
}
