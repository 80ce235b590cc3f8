//! Images that go to a registry: Debian's own, and one of the test's; skopeo and an empty store judge what arrived.

use crate::network::server::{Answer, Server};
use crate::support::{Guard, Registry, Run, Running, Workbench, peer};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

/// `skopeo inspect` of an image of a registry.
fn skopeo(bench: &Workbench, registry: &Registry, words: &[&str]) -> Run {
    let mut command = bench.command("skopeo");
    command.arg("--insecure-policy").args(words).arg("--tls-verify=false");
    command.args(["--authfile", &bench.text("home/.docker/config.json")]);
    let run = Running::start(command).end();
    assert!(
        registry.log().is_empty() || !run.stderr.contains("500"),
        "{}",
        registry.log()
    );
    run
}

fn login(bench: &Workbench, words: &[&str], password: &str) -> Run {
    let mut all = vec!["login", "-u", "me", "--password-stdin"];
    all.extend_from_slice(words);
    let mut command = bench.varve_command(all);
    command.stdin(Stdio::piped());
    Running::start(command).feed(format!("{password}\n").into_bytes()).end()
}

#[test]
fn a_registry_takes_what_was_built_and_gives_it_back() {
    if !peer("docker-registry") || !peer("skopeo") {
        return;
    }
    for guard in [Guard::None, Guard::Password, Guard::Tls] {
        let registry = Registry::start(guard);
        let host = registry.host();
        let bench = Workbench::with("FROM busybox\nRUN echo one > /one\nCOPY f /\nENV A=b\n");
        bench.file("f", "two");
        if guard == Guard::Tls {
            trust(&bench, &registry);
        }
        fs::create_dir_all(bench.path("home/.docker")).unwrap();
        fs::write(bench.path("home/.docker/config.json"), r#"{"proxies": {}}"#).unwrap();
        let name = format!("{host}/team/app:v1");
        if guard != Guard::None {
            let run = bench.try_build(&["--push", "-t", &name]).fails(1);
            run.says(["denied", "varve login"]);
            login(&bench, &[&host], "wrong")
                .fails(1)
                .says(["denied"])
                .never_says(["wrong"]);
            let run = login(&bench, &[&host], "word").succeeds();
            run.never_says(["word\n"]);
            let file = fs::metadata(bench.path("home/.docker/config.json")).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, 0o600);
        }
        let other = format!("{host}/team/app:v2");
        let out = bench.text("work/metadata.json");
        bench.build(&["--push", "-t", &name, "-t", &other, "--metadata-file", &out]);
        let metadata: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
        let digest = metadata["containerimage.digest"].as_str().unwrap();
        assert!(
            bench.varve(["images", "-q"]).succeeds().stdout.is_empty(),
            "the store has no copy"
        );

        let seen = skopeo(&bench, &registry, &["inspect", &format!("docker://{other}")]).succeeds();
        let seen: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
        assert_eq!(seen["Digest"], digest);
        let target = bench.text("work/copied");
        skopeo(
            &bench,
            &registry,
            &["copy", &format!("docker://{name}"), &format!("dir:{target}")],
        )
        .succeeds();

        // An empty store pulls it by its digest, and hands the same image on.
        let there = Workbench::bare();
        there.dockerfile(&format!("FROM {host}/team/app@{digest}\nRUN test -f /one\n"));
        fs::create_dir_all(there.path("home/.docker")).unwrap();
        fs::copy(
            bench.path("home/.docker/config.json"),
            there.path("home/.docker/config.json"),
        )
        .unwrap();
        if guard == Guard::Tls {
            trust(&there, &registry);
        }
        there.build(&["-t", "mine"]);
        let pulled = there.varve(["images", "-q", "--no-trunc"]).succeeds().stdout;
        let config = metadata["containerimage.config.digest"].as_str().unwrap();
        assert!(pulled.contains(config), "{pulled}");
        let again = there.varve(["push", "-q", config, &format!("{host}/again")]).succeeds();
        assert_eq!(again.stdout.trim(), digest, "what was pulled is pushed as it came");
        if guard != Guard::None {
            bench.varve(["logout", &host]).succeeds();
            bench.try_build(&["--push", "-t", &name]).fails(1);
        }
    }
}

fn trust(bench: &Workbench, registry: &Registry) {
    let folder = bench.path("home/.docker/certs.d").join(registry.host());
    fs::create_dir_all(&folder).unwrap();
    fs::copy(registry.file("cert.pem"), folder.join("ca.crt")).unwrap();
}

#[test]
fn a_registry_may_ask_for_a_certificate() {
    let registry = Registry::start(Guard::Certificate);
    let bench = Workbench::with("FROM scratch\nCOPY f /f\n");
    bench.file("f", "content");
    let name = format!("{}/app:v1", registry.host());
    let push = || bench.try_build(&["-t", &name, "--push"]);
    trust(&bench, &registry);
    push().fails(1).says(["ertificate"]);
    let folder = bench.path("home/.docker/certs.d").join(registry.host());
    for (from, to) in [("client.cert", "me.cert"), ("client.key", "me.key")] {
        fs::copy(registry.file(from), folder.join(to)).unwrap();
    }
    push().succeeds();
    // The same by BuildKit's file, for another user.
    let other = Workbench::with(&format!("FROM {name}\n"));
    let file = |name: &str| registry.file(name).display().to_string();
    let conf = format!(
        "[registry.\"{}\"]\nca = [\"{}\"]\n[[registry.\"{0}\".keypair]]\ncert = \"{}\"\nkey = \"{}\"\n",
        registry.host(),
        file("cert.pem"),
        file("client.cert"),
        file("client.key")
    );
    let path = other.path("buildkitd.toml");
    fs::write(&path, conf).unwrap();
    let flag = format!("--registries-conf={}", path.display());
    assert_eq!(other.image(&[&flag]).read("f"), "content");
}

#[test]
fn images_go_out_in_every_form() {
    if !peer("docker-registry") || !peer("skopeo") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let host = registry.host();
    let bench = Workbench::with("FROM busybox\nRUN echo one > /one\n");
    let raw = |name: &str| -> serde_json::Value {
        let run = skopeo(&bench, &registry, &["inspect", "--raw", &format!("docker://{name}")]).succeeds();
        serde_json::from_str(&run.stdout).unwrap()
    };
    for (options, manifest, layer) in [
        ("", "application/vnd.oci.image.manifest.v1+json", "v1.tar+gzip"),
        (
            ",oci-mediatypes=false",
            "application/vnd.docker.distribution.manifest.v2+json",
            "diff.tar.gzip",
        ),
        (
            ",compression=zstd,compression-level=3",
            "application/vnd.oci.image.manifest.v1+json",
            "v1.tar+zstd",
        ),
        (
            ",compression=uncompressed,force-compression=true,annotation.k=v",
            "application/vnd.oci.image.manifest.v1+json",
            "v1.tar",
        ),
    ] {
        let name = format!("{host}/forms:x");
        bench.build(&["-o", &format!("type=registry,name={name}{options}")]);
        let seen = raw(&name);
        assert_eq!(seen["mediaType"], manifest, "{options}");
        let layers = seen["layers"].as_array().unwrap();
        let last = layers.last().unwrap()["mediaType"].as_str().unwrap();
        assert!(last.ends_with(layer), "{options}: {last}");
        assert_eq!(seen["annotations"]["k"] == "v", options.contains("annotation"));
        let target = bench.text("work/copied");
        let _ = fs::remove_dir_all(&target);
        skopeo(
            &bench,
            &registry,
            &["copy", &format!("docker://{name}"), &format!("dir:{target}")],
        )
        .succeeds();
    }
    let out = bench.text("work/metadata.json");
    let by_digest = format!("type=image,push=true,push-by-digest=true,name={host}/nameless");
    bench.build(&["-o", &by_digest, "--metadata-file", &out]);
    let metadata: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    raw(&format!(
        "{host}/nameless@{}",
        metadata["containerimage.digest"].as_str().unwrap()
    ));
    let tagged = skopeo(
        &bench,
        &registry,
        &["inspect", &format!("docker://{host}/nameless:latest")],
    );
    tagged.fails(1);

    // An image of the store goes under its own name or another.
    bench.build(&["-t", &format!("{host}/stored:v1")]);
    let pushed = bench
        .varve(["push", "--progress=plain", &format!("{host}/stored:v1")])
        .succeeds();
    pushed.says(["taken from nameless", "pushed"]);
    let again = bench
        .varve(["push", "--progress=plain", &format!("{host}/stored:v1")])
        .succeeds();
    again.says(["was there already"]).never_says(["blob"]);
    bench
        .varve(["push", &format!("{host}/stored:v1"), &format!("{host}/renamed")])
        .succeeds();
    assert_eq!(raw(&format!("{host}/stored:v1")), raw(&format!("{host}/renamed")));
    bench
        .varve(["push", &format!("{host}/none")])
        .fails(1)
        .says(["no image"]);
}

#[test]
fn what_makes_no_sense_is_said_before_the_build() {
    let bench = Workbench::with("FROM busybox\nRUN echo never\n");
    for (words, text) in [
        (&["--push"][..], "needs a name"),
        (&["--push", "-o", "out", "-t", "x"][..], "can't be used together"),
        (&["-o", "type=registry"][..], "needs a name"),
        (
            &["-o", "type=oci,push=true,dest=x"][..],
            "for the types image and registry",
        ),
        (&["-o", "type=image,push-by-digest=true,name=x"][..], "no effect"),
        (&["-o", "type=registry,name=x,dest=y"][..], "for files"),
    ] {
        bench.try_build(words).fails(2).says([text]).never_says(["RUN"]);
    }
}

#[test]
fn credential_helpers_keep_passwords() {
    let server = Server::new(|asked| match asked.header("authorization") {
        Some("Basic bWU6d29yZA==") => Answer::ok("{}"),
        _ => Answer::new(401, "").header("WWW-Authenticate", "Basic realm=\"r\""),
    });
    let bench = Workbench::bare();
    let programs = bench.path("work");
    let helper = programs.join("docker-credential-test");
    fs::write(&helper, "#!/bin/sh\necho \"$1\" >> calls\ncat >> given\n[ \"$1\" != get ] || echo '{\"Username\": \"me\", \"Secret\": \"word\"}'\n").unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let bench = bench.variable("PATH", &path);
    fs::create_dir(bench.path("home/.docker")).unwrap();
    fs::write(bench.path("home/.docker/config.json"), r#"{"credsStore": "test"}"#).unwrap();
    login(&bench, &[server.host()], "word")
        .succeeds()
        .says(["docker-credential-test"]);
    let text = fs::read_to_string(bench.path("home/.docker/config.json")).unwrap();
    assert!(text.contains(server.host()) && !text.contains("auth\""), "{text}");
    assert!(
        fs::read_to_string(bench.path("work/given"))
            .unwrap()
            .contains("\"Secret\":\"word\"")
    );
    let run = bench.varve(["logout", server.host()]).succeeds();
    assert!(run.stdout.starts_with("Removed"), "{}", run.stdout);
    assert_eq!(
        fs::read_to_string(bench.path("work/calls")).unwrap(),
        "store\nget\nerase\n"
    );
}
