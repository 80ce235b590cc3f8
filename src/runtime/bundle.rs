//! The same container for another runtime: the `config.json` of an OCI runtime bundle.

use super::error::RuntimeError;
use super::request::RunRequest;
use crate::sandbox::{Capabilities, MASKED, Network, READ_ONLY, SeccompRule, seccomp_rules};
use oci_spec::runtime::Spec;
use serde_json::{Value, json};

/// Describes a container in the words of the OCI runtime specification (version 1.0.2).
///
/// The root file system is the bundle's `rootfs`, for the caller to fill. Files that exist only in
/// memory, such as `/etc/hosts`, are not in it; a runtime would take them from the machine.
pub fn bundle(request: &RunRequest<'_>) -> Result<Spec, RuntimeError> {
    let resolved = request.resolve()?;
    let capabilities: Vec<String> = Capabilities::CONTAINER.iter().map(|it| it.to_string()).collect();
    let mut namespaces = vec!["pid", "ipc", "uts", "mount", "cgroup"];
    if request.network == Network::None {
        namespaces.push("network");
    }
    let namespaces: Vec<Value> = namespaces.into_iter().map(|kind| json!({ "type": kind })).collect();
    let spec = json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs", "readonly": false },
        "hostname": request.hostname,
        "process": {
            "terminal": request.tty,
            "user": {
                "uid": resolved.identity.uid,
                "gid": resolved.identity.gid,
                "additionalGids": resolved.identity.groups,
                "umask": 0o022,
            },
            "args": resolved.argv,
            "env": resolved.env,
            "cwd": resolved.cwd,
            "noNewPrivileges": false,
            "capabilities": {
                "bounding": capabilities,
                "effective": capabilities,
                "permitted": capabilities,
            },
        },
        "mounts": mounts(request),
        "linux": {
            "namespaces": namespaces,
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "seccomp": seccomp(),
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
        },
    });
    Ok(serde_json::from_value(spec)?)
}

fn mounts(request: &RunRequest<'_>) -> Vec<Value> {
    let mount = |target: &str, kind: &str, source: &str, options: &[&str]| json!({ "destination": target, "type": kind, "source": source, "options": options });
    let shm_size = format!("size={}", request.shm_size);
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount(
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", &shm_size],
        ),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro"],
        ),
    ];
    for bind in &request.mounts {
        let target = bind.target.display().to_string();
        let source = bind.source.display().to_string();
        let access = if bind.read_only { "ro" } else { "rw" };
        mounts.push(mount(&target, "bind", &source, &["rbind", "rprivate", "nodev", access]));
    }
    mounts
}

fn seccomp() -> Value {
    let allow = |names: Vec<&str>, args: Value| json!({ "names": names, "action": "SCMP_ACT_ALLOW", "args": args });
    let first = |op: &str, value: u32, second: Option<u32>| match second {
        None => json!([{ "index": 0, "value": value, "op": op }]),
        Some(second) => json!([{ "index": 0, "value": value, "valueTwo": second, "op": op }]),
    };
    let mut calls = Vec::new();
    for rule in seccomp_rules(Capabilities::CONTAINER) {
        match rule {
            SeccompRule::Allow(names) => calls.push(json!({ "names": names, "action": "SCMP_ACT_ALLOW" })),
            SeccompRule::AllowValues { name, values, below } => {
                if below > 0 {
                    calls.push(allow(vec![name], first("SCMP_CMP_LT", below, None)));
                }
                calls.extend(
                    values
                        .iter()
                        .map(|value| allow(vec![name], first("SCMP_CMP_EQ", *value, None))),
                );
            }
            SeccompRule::AllowWithout { name, bits } => {
                calls.push(allow(vec![name], first("SCMP_CMP_MASKED_EQ", bits, Some(0))));
            }
            SeccompRule::Missing(name) => {
                calls.push(json!({ "names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSYS }));
            }
        }
    }
    let architectures = match std::env::consts::ARCH {
        "x86_64" => json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]),
        "aarch64" => json!(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]),
        _ => json!([]),
    };
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": libc::EPERM,
        "architectures": architectures,
        "syscalls": calls,
    })
}
