use super::super::*;
use proptest::prelude::*;

/// As Docker and BuildKit write it, with fields that only they know.
const CONFIG: &str = r#"{
  "architecture": "arm64", "variant": "v8", "os": "linux", "os.features": ["x"],
  "created": "2024-02-13T00:39:44.123456789Z", "author": "someone",
  "config": {
    "User": "app", "ExposedPorts": {"80/tcp": {}}, "Env": ["PATH=/bin", "A=1"], "Entrypoint": null,
    "Cmd": ["/bin/sh", "-c", "echo <&>"], "ArgsEscaped": true, "Volumes": {"/data": {}}, "WorkingDir": "/srv",
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1000000000, "StartInterval": 5, "Retries": 3},
    "OnBuild": null, "Labels": {"b": "2", "a": "1"}, "StopSignal": "SIGQUIT", "StopTimeout": 7, "Shell": ["/bin/bash"]
  },
  "rootfs": {"type": "layers", "diff_ids": ["sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]},
  "history": [{"created": "2024-02-13T00:39:44Z", "created_by": "COPY / / # buildkit", "comment": "buildkit.dockerfile.v0"},
              {"created_by": "CMD [\"sh\"]", "empty_layer": true}],
  "docker_version": "20.10", "moby.buildkit.cache.v0": {"layers": [1, 2]}
}"#;

/// Drops what means the same as nothing.
fn pruned(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            serde_json::Value::Object(kept.map(|(key, value)| (key, pruned(value))).collect())
        }
        other => other,
    }
}

#[test]
fn a_real_config_survives_whole() {
    let config = ImageConfig::from_bytes(CONFIG.as_bytes()).unwrap();
    let again = config.to_bytes();
    let (ours, theirs): (serde_json::Value, serde_json::Value) = (
        serde_json::from_slice(&again).unwrap(),
        serde_json::from_str(CONFIG).unwrap(),
    );
    assert_eq!(ours, pruned(theirs));
    assert_eq!(
        ImageConfig::from_bytes(&again).unwrap().to_bytes(),
        again,
        "the same value, the same bytes"
    );
    assert_eq!(config.platform().to_string(), "linux/arm64");

    let judged: oci_spec::image::ImageConfiguration = serde_json::from_slice(&again).unwrap();
    assert_eq!(judged.rootfs().diff_ids().len(), 1);
    assert_eq!(judged.history().as_ref().unwrap()[1].empty_layer(), Some(true));
    assert_eq!(judged.config().as_ref().unwrap().labels().as_ref().unwrap()["a"], "1");
}

#[test]
fn an_empty_config_is_read_as_go_reads_it() {
    let config =
        ImageConfig::from_bytes(br#"{"config": null, "rootfs": null, "history": null, "created": null}"#).unwrap();
    assert_eq!(config, ImageConfig::default());
    assert_eq!(
        String::from_utf8(config.to_bytes()).unwrap(),
        r#"{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#
    );
}

#[test]
fn manifests_and_indexes_are_what_the_specification_says() {
    let mut layer = Descriptor::of(media::OCI_LAYER_GZIP, b"layer");
    layer.annotations.insert("k".to_owned(), "v".to_owned());
    let manifest = Manifest::new(
        media::OCI_MANIFEST,
        Descriptor::of(media::OCI_CONFIG, b"{}"),
        vec![layer],
    );
    let bytes = manifest.to_bytes();
    assert!(
        bytes.starts_with(br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"#)
    );
    let judged: oci_spec::image::ImageManifest = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        judged.layers()[0].media_type(),
        &oci_spec::image::MediaType::ImageLayerGzip
    );
    assert_eq!(judged.layers()[0].size(), 5);
    assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest);

    let mut entry = Descriptor::of(media::OCI_MANIFEST, &bytes);
    entry.platform = Some(Platform::new("linux", "arm64", "v8"));
    let index = Index::new(vec![entry]);
    let judged: oci_spec::image::ImageIndex = serde_json::from_slice(&index.to_bytes()).unwrap();
    let platform = judged.manifests()[0].platform().as_ref().unwrap();
    assert_eq!(platform.architecture(), &oci_spec::image::Arch::ARM64);
    assert_eq!(Index::from_bytes(&index.to_bytes()).unwrap(), index);
}

#[test]
fn foreign_documents_are_refused_with_a_reason() {
    assert!(matches!(
        Manifest::from_bytes(br#"{"schemaVersion":1}"#),
        Err(OciError::Document { .. })
    ));
    assert!(matches!(
        Index::from_bytes(br#"{"schemaVersion":3,"manifests":[]}"#),
        Err(OciError::Schema(3))
    ));
    let digest = r#"{"mediaType":"x","digest":"sha512:00","size":1}"#;
    assert!(serde_json::from_str::<Descriptor>(digest).is_err());
    assert!(serde_json::from_str::<Descriptor>(&digest.replace("sha512:00", "../../etc")).is_err());
    let deep = "[".repeat(100_000);
    assert!(ImageConfig::from_bytes(deep.as_bytes()).is_err());
    assert!(ImageConfig::from_bytes(format!(r#"{{"x":{deep}"#).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn documents_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ImageConfig::from_bytes(&bytes);
        let _ = Manifest::from_bytes(&bytes);
        let _ = Index::from_bytes(&bytes);
    }
}
