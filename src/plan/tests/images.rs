//! Configs of base images for tests.

use super::super::ImageKey;
use crate::digest::DiffId;
use crate::oci::ImageConfig;
use crate::oci::Platform;
use serde_json::json;

/// The platform of all tests.
pub(super) fn here() -> Platform {
    Platform::new("linux", "amd64", "")
}

/// The config of a base image by name: the name decides what is in it.
pub(super) fn config(name: &str) -> Option<ImageConfig> {
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let plain = json!({"Env": [path], "Cmd": ["sh"]});
    let rootfs = json!({"created_by": "base rootfs"});
    let cmd = json!({"created_by": "CMD [\"sh\"]", "empty_layer": true});
    let layer = |name: &str| json!({ "created_by": name });
    let (config, history) = match name {
        "busybox" | "bare" | "docker" => (plain, json!([rootfs, cmd])),
        "plain" => (json!({}), json!([rootfs])),
        "loaded" => (
            json!({
                "Env": [path, "BASE_ONLY=base", "SHARED=from-base", "SPACED=a b  c"],
                "User": "app", "WorkingDir": "/srv/app",
                "Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo", "base"],
                "Volumes": {"/data": {}}, "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
                "Labels": {"base.label": "yes", "shared.label": "base"}, "StopSignal": "SIGUSR1",
                "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 30_000_000_000_i64,
                    "Timeout": 5_000_000_000_i64, "Retries": 4},
                "Shell": ["/bin/ash", "-e", "-c"],
            }),
            json!([rootfs, cmd, layer("loaded layer")]),
        ),
        "onbuild" => (
            json!({"Env": [path, "GREETING=hello"], "Cmd": ["sh"], "OnBuild": [
                "COPY trigger.txt /onbuild/", "RUN echo ran-$GREETING > /onbuild/ran", "ENV TRIGGERED=yes",
                "WORKDIR /onbuild", "LABEL onbuild.fired=1",
            ]}),
            json!([rootfs, cmd]),
        ),
        "layers" => (
            plain,
            json!([rootfs, layer("one"), layer("two"), {"created_by": "empty", "empty_layer": true}, layer("three")]),
        ),
        "multi" => (
            json!({"Env": [path, "IMAGE_ARCH=amd64"], "Cmd": ["sh"]}),
            json!([rootfs, cmd, layer("arch layer")]),
        ),
        _ => return None,
    };
    let diff = DiffId::from_bytes([7; 32]).to_string();
    let document = json!({
        "architecture": "amd64", "os": "linux", "created": "2020-09-13T12:26:40Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [diff]}, "history": history,
    });
    serde_json::from_value(document).ok()
}

/// What a resolver would find for `key`: the last part of the name decides.
pub(super) fn find(key: &ImageKey) -> Option<ImageConfig> {
    let name = key.reference.rsplit('/').next()?;
    let name = name.rsplit_once("base:").map_or(name, |(_, variant)| variant);
    let tag = name.split_once(':').map_or("latest", |(_, tag)| tag);
    let name = name.split([':', '@']).next()?;
    let mut found = config(name).filter(|_| matches!(tag, "latest" | "v1"))?;
    found.architecture.clone_from(&key.platform.architecture);
    Some(found)
}
