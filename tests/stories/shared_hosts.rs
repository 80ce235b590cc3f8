//! Two hosts with nothing in common but a wire, and a registry on one of them.

use crate::support::{Running, Workbench, base, peer, root};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Two network namespaces with a wire between, and a registry in the first.
struct Hosts {
    names: [String; 2],
    registry: Option<Child>,
    folder: tempfile::TempDir,
}

/// The first host's address on the wire.
const ADDRESS: &str = "10.231.7.1";

fn ip(words: &str) -> bool {
    let status = Command::new("ip").args(words.split(' ')).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Hosts {
    fn new() -> Self {
        let names = ["a", "b"].map(|end| format!("varve{}{end}", std::process::id()));
        let mut hosts = Self {
            names,
            registry: None,
            folder: tempfile::tempdir().unwrap(),
        };
        let [first, second] = &hosts.names;
        for words in [
            format!("netns add {first}"),
            format!("netns add {second}"),
            format!("-n {first} link add wire type veth peer name wire netns {second}"),
            format!("-n {first} addr add {ADDRESS}/24 dev wire"),
            format!("-n {second} addr add 10.231.7.2/24 dev wire"),
            format!("-n {first} link set wire up"),
            format!("-n {second} link set wire up"),
            format!("-n {first} link set lo up"),
            format!("-n {second} link set lo up"),
        ] {
            assert!(ip(&words), "ip {words}");
        }
        let config = hosts.folder.path().join("config.yml");
        let data = hosts.folder.path().join("data");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {ADDRESS}:5000\n",
            data.display()
        );
        fs::write(&config, text).unwrap();
        let registry = Command::new("ip")
            .args(["netns", "exec", &hosts.names[0], "docker-registry", "serve"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        hosts.registry = Some(registry.unwrap());
        let began = Instant::now();
        let listens = || {
            let probe = format!("exec 3<>/dev/tcp/{ADDRESS}/5000");
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &hosts.names[1], "bash", "-c", &probe]);
            command
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        while !listens() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "the registry does not come up"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        hosts
    }

    /// A build on one of the hosts.
    fn build(&self, host: usize, bench: &Workbench, words: &[&str]) -> crate::support::Run {
        let build = bench.build_command(words);
        let mut command = bench.command("ip");
        command.args(["netns", "exec", &self.names[host]]);
        command.arg(build.get_program()).args(build.get_args());
        Running::start(command).end().succeeds()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        if let Some(registry) = &mut self.registry {
            let _ = registry.kill();
            let _ = registry.wait();
        }
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}

#[test]
fn the_second_host_builds_nothing_and_pulls_no_layer() {
    if !root() || !peer("docker-registry") || !peer("ip") {
        return;
    }
    let hosts = Hosts::new();
    let registry = format!("{ADDRESS}:5000");
    let insecure = format!("--insecure-registry={registry}");
    // The base is in the registry too.
    let origin = Workbench::with("FROM busybox\nRUN head -c 500000 /dev/urandom > /large\n");
    let name = format!("{registry}/base:1");
    hosts.build(0, &origin, &[&insecure, "--push", "-t", &name]);
    assert!(base().exists());

    let image = |host: usize, cache: &[&str]| {
        let bench = Workbench::bare();
        bench.dockerfile(&format!(
            "FROM {name} AS made\nRUN cat /proc/sys/kernel/random/uuid > /id\nFROM {name}\nCOPY --from=made /id /\nRUN wc -c < /large > /size\n"
        ));
        let (app, out) = (format!("{registry}/app:{host}"), bench.text("work/m.json"));
        let words = [&insecure, "--push", "-t", &app, "--metadata-file", &out];
        let run = hosts.build(host, &bench, &[&words[..], cache].concat());
        let metadata: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
        (metadata["containerimage.digest"].to_string(), run, bench)
    };
    let cache = format!("{registry}/cache");
    let (one, _, _) = image(0, &["--cache-to", &format!("type=registry,ref={cache},mode=max")]);
    let (two, run, bench) = image(1, &["--cache-from", &cache]);
    let run = run.all_reused();
    assert_eq!(one, two);
    run.says(["reused from"]);
    let blobs: u64 = fs::read_dir(bench.path("store/blobs/sha256"))
        .unwrap()
        .map(|blob| blob.unwrap().metadata().unwrap().len())
        .sum();
    assert!(blobs < 50_000, "no layer came here: {blobs} bytes");
    assert_eq!(fs::read_dir(bench.path("store/deltas/v1")).unwrap().count(), 0);
}
