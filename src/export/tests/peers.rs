//! What other programs think of our images. A missing program is a skip, and a failure where `PEERS_MUST_WORK=1`.

use super::*;
use std::process::Command;

fn peer(program: &str) -> Option<Command> {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).is_file());
    if found {
        return Some(Command::new(program));
    }
    assert!(
        std::env::var_os("PEERS_MUST_WORK").is_none_or(|it| it != "1"),
        "`{program}` is missing"
    );
    eprintln!("skipped: `{program}` is missing");
    None
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}: {out}{err}");
    out.into_owned()
}

fn image(bench: &Bench) -> Image {
    let low = bench.delta(5, &[Folder("bin"), file("bin/sh", "shell"), file("gone", "x")]);
    let high = bench.delta(
        6,
        &[
            Removed("gone"),
            file("new", &"y".repeat(2_000_000)),
            Symlink("l", "new"),
        ],
    );
    bench.image(&[low, high, bench.delta(1, &[])])
}

#[test]
fn skopeo_reads_and_copies_every_form() {
    if peer("skopeo").is_none() {
        return;
    }
    let bench = Bench::new();
    let image = image(&bench);
    let path = |name: &str| bench.path(name).display().to_string();
    for compression in [
        crate::layer::Compression::GZIP,
        crate::layer::Compression::ZSTD,
        crate::layer::Compression::None,
    ] {
        let options = Options {
            compression,
            ..named(&["app:v1"])
        };
        let exported = bench.export(&image, Output::Oci(Destination::Path(bench.path("oci.tar"))), &options);
        bench.export(
            &image,
            Output::Docker(Destination::Path(bench.path("docker.tar"))),
            &options,
        );
        bench.export(&image, Output::OciDirectory(bench.path("oci")), &options);
        for source in [
            format!("oci-archive:{}:v1", path("oci.tar")),
            format!("oci:{}:v1", path("oci")),
            format!("docker-archive:{}", path("docker.tar")),
        ] {
            let text = run(Command::new("skopeo").arg("inspect").arg(&source));
            let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(seen["Layers"].as_array().unwrap().len(), 3);
            if source.starts_with("oci") {
                assert_eq!(seen["Digest"], exported.manifest.as_ref().unwrap().digest.to_string());
            }
            let copy = format!("dir:{}", path("copy"));
            run(Command::new("skopeo").args(["copy", "--insecure-policy", &source, &copy]));
            std::fs::remove_dir_all(bench.path("copy")).unwrap();
        }
    }
}

#[test]
fn umoci_unpacks_what_we_packed() {
    if peer("umoci").is_none() {
        return;
    }
    let bench = Bench::new();
    bench.export(
        &image(&bench),
        Output::OciDirectory(bench.path("oci")),
        &named(&["app:v1"]),
    );
    let (layout, bundle) = (bench.path("oci"), bench.path("bundle"));
    run(Command::new("umoci")
        .args(["unpack", "--rootless", "--image"])
        .arg(format!("{}:v1", layout.display()))
        .arg(&bundle));
    assert_eq!(names(&bundle.join("rootfs")), ["bin", "l", "new"]);
    assert_eq!(read(&bundle.join("rootfs/bin/sh")), "shell");
}

#[test]
fn podman_loads_both_tars() {
    if peer("podman").is_none() {
        return;
    }
    let bench = Bench::new();
    let image = image(&bench);
    for (output, options) in [
        (
            Output::Oci(Destination::Path(bench.path("a.tar"))),
            named(&["localhost/app:v1"]),
        ),
        (
            Output::Docker(Destination::Path(bench.path("b.tar"))),
            named(&["localhost/app:v1"]),
        ),
    ] {
        bench.export(&image, output, &options);
    }
    let podman = || {
        let mut command = Command::new("podman");
        let root = bench.path("podman");
        command
            .arg("--root")
            .arg(root.join("root"))
            .arg("--runroot")
            .arg(root.join("run"))
            .args(["--storage-driver", "vfs"]);
        command
    };
    for tar in ["a.tar", "b.tar"] {
        let text = run(podman().arg("load").arg("-i").arg(bench.path(tar)));
        assert!(text.contains("localhost/app:v1"), "{text}");
        let text = run(podman().args(["image", "inspect", "localhost/app:v1"]));
        let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(seen[0]["RootFS"]["Layers"].as_array().unwrap().len(), 3);
        run(podman().args(["rmi", "-f", "localhost/app:v1"]));
    }
}
