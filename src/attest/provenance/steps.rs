//! The parts that both versions have: what was asked, and the steps in the form of BuildKit's LLB.

use super::{Dependency, Detail, Provenance, without_password};
use crate::plan::{Base, Copy, From, Mount, MountKind, Network, Op, Run, Sharing, Source, Step, StepId};
use base64::Engine as _;
use petgraph::visit::EdgeRef as _;
use serde_json::{Map, Value, json};

/// Where the Dockerfile came from; `path` is what the version calls its path.
pub(super) fn source(build: &Provenance<'_>, path: &str) -> Value {
    let mut source = Map::from_iter([(path.to_owned(), json!(build.source.path))]);
    if let Some(uri) = &build.source.uri {
        source.insert("uri".to_owned(), json!(uri));
    }
    if let Some((algorithm, digits)) = &build.source.digest {
        source.insert("digest".to_owned(), json!({algorithm: digits}));
    }
    Value::Object(source)
}

/// What was asked.
pub(super) fn request(build: &Provenance<'_>) -> Value {
    let locals: Vec<Value> = build.locals.iter().map(|name| json!({"name": name})).collect();
    let mut request = json!({
        "frontend": "dockerfile.v0",
        "args": build.told_args(),
        "locals": locals,
    });
    if build.detail == Detail::Max {
        let list = |given: std::collections::BTreeMap<&str, bool>| -> Vec<Value> {
            let entry = |(id, optional)| match optional {
                true => json!({"id": id, "optional": true}),
                false => json!({"id": id}),
            };
            given.into_iter().map(entry).collect()
        };
        let (secrets, agents) = build.given();
        request["secrets"] = json!(list(secrets));
        request["ssh"] = json!(list(agents));
    }
    request
}

pub(super) fn material(dependency: &Dependency) -> Value {
    let (algorithm, digits) = &dependency.digest;
    json!({"uri": dependency.uri, "digest": {algorithm: digits}})
}

/// The steps, in the order in which they could be done.
pub(super) fn config(build: &Provenance<'_>) -> Value {
    let steps: Vec<Value> = build
        .graph
        .steps
        .node_indices()
        .map(|id| {
            let mut inputs: Vec<_> = build
                .graph
                .steps
                .edges_directed(id, petgraph::Direction::Incoming)
                .map(|edge| (edge.id(), edge.source()))
                .collect();
            inputs.sort();
            let inputs: Vec<String> = inputs
                .into_iter()
                .map(|(_, from)| format!("{}:0", name(from)))
                .collect();
            json!({"id": name(id), "op": op(&build.graph.steps[id]), "inputs": inputs})
        })
        .collect();
    json!({"llbDefinition": steps})
}

/// The Dockerfile with the places of the steps in it, and the layers that they made.
pub(super) fn metadata(build: &Provenance<'_>) -> Value {
    let mut vcs = Map::new();
    for part in ["source", "revision", "localdir:context", "localdir:dockerfile"] {
        if let Some(value) = build.args.get(&format!("vcs:{part}")) {
            vcs.insert(part.to_owned(), json!(without_password(value)));
        }
    }
    let mut metadata = Map::new();
    if !vcs.is_empty() {
        metadata.insert("vcs".to_owned(), Value::Object(vcs));
    }
    if build.detail == Detail::Min {
        return Value::Object(metadata);
    }
    let (file, text) = build.dockerfile;
    let mut locations = Map::new();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    for id in build.graph.steps.node_indices() {
        if let Some(span) = build.graph.steps[id].span {
            let position = |offset: u32| {
                let offset = offset as usize;
                let line = starts.partition_point(|start| *start <= offset).saturating_sub(1);
                let before = text.get(starts[line]..offset).unwrap_or_default();
                json!({"line": line + 1, "character": before.chars().count()})
            };
            let range = json!({"start": position(span.start), "end": position(span.end)});
            locations.insert(name(id), json!({"locations": [{"sourceIndex": 0, "ranges": [range]}]}));
        }
    }
    metadata.insert(
        "source".to_owned(),
        json!({
            "locations": locations,
            "infos": [{
                "filename": file,
                "language": "Dockerfile",
                "data": base64::engine::general_purpose::STANDARD.encode(text),
            }],
        }),
    );
    let layers: Map<String, Value> = build
        .layers
        .iter()
        .map(|(id, layers)| (format!("{}:0", name(*id)), json!([layers])))
        .collect();
    if !layers.is_empty() {
        metadata.insert("layers".to_owned(), Value::Object(layers));
    }
    Value::Object(metadata)
}

fn name(id: StepId) -> String {
    format!("step{}", id.index())
}

fn op(step: &Step) -> Value {
    let inner = match &step.op {
        Op::Base(Base::Scratch) => json!({"source": {"identifier": "scratch"}}),
        Op::Base(Base::Image {
            reference, platform, ..
        }) => {
            let source = json!({"source": {"identifier": format!("docker-image://{reference}")}});
            return json!({"Op": source, "platform": {"OS": platform.os, "Architecture": platform.architecture}});
        }
        Op::Base(Base::Directory { name }) => json!({"source": {"identifier": format!("local://{name}")}}),
        Op::Run(run) => json!({"exec": exec(run)}),
        Op::Copy(copy) => json!({"file": {"actions": [{"Action": {"copy": copied(copy)}}]}}),
        Op::Workdir(workdir) => {
            json!({"file": {"actions": [{"Action": {"mkdir": {"path": workdir.path, "makeParents": true}}}]}})
        }
    };
    json!({"Op": inner, "constraints": {}, "title": step.title})
}

fn exec(run: &Run) -> Value {
    // Variables of the proxy are not among these: they are no part of what is built.
    let env = run.env.iter().map(|(name, value)| match super::sounds_secret(name) {
        true => format!("{name}=xxxxx"),
        false => format!("{name}={}", without_password(value)),
    });
    let mut exec = json!({
        "meta": {
            "args": run.argv,
            "env": env.collect::<Vec<_>>(),
            "cwd": run.workdir,
            "user": run.user,
        },
        "mounts": run.mounts.iter().map(mount).collect::<Vec<_>>(),
    });
    match run.network {
        Network::Default => {}
        Network::None => exec["network"] = json!("NONE"),
        Network::Host => exec["network"] = json!("HOST"),
    }
    if run.insecure {
        exec["security"] = json!("INSECURE");
    }
    exec
}

fn mount(mount: &Mount) -> Value {
    let mut out = json!({"dest": mount.target});
    if mount.read_only {
        out["readonly"] = json!(true);
    }
    match &mount.kind {
        MountKind::Bind { from, source } => {
            out["from"] = origin(from);
            out["selector"] = json!(source);
        }
        MountKind::Cache { id, sharing, .. } => {
            let sharing = match sharing {
                Sharing::Shared => "SHARED",
                Sharing::Private => "PRIVATE",
                Sharing::Locked => "LOCKED",
            };
            out["mountType"] = json!("CACHE");
            out["cacheOpt"] = json!({"ID": id, "sharing": sharing});
        }
        MountKind::Tmpfs { size } => {
            out["mountType"] = json!("TMPFS");
            out["TmpfsOpt"] = json!({"size": size});
        }
        MountKind::Secret { id, required, .. } => {
            out["mountType"] = json!("SECRET");
            out["secretOpt"] = json!({"ID": id, "optional": !required});
        }
        MountKind::Ssh { id, required, .. } => {
            out["mountType"] = json!("SSH");
            out["SSHOpt"] = json!({"ID": id, "optional": !required});
        }
    }
    out
}

fn copied(copy: &Copy) -> Value {
    let sources: Vec<Value> = copy
        .sources
        .iter()
        .map(|source| match source {
            Source::Path(path) => json!(path),
            Source::Inline { name, .. } => json!({"heredoc": name}),
            Source::Url(url) => json!(without_password(url)),
            Source::Git { source, .. } => json!(source.public_remote()),
        })
        .collect();
    let mut out = json!({"from": origin(&copy.from), "src": sources, "dest": copy.destination});
    if let Some(owner) = &copy.chown {
        out["owner"] = json!(owner);
    }
    if let Some(mode) = &copy.chmod {
        out["mode"] = json!(mode);
    }
    out
}

fn origin(from: &From) -> Value {
    match from {
        From::Context => json!("local://context"),
        From::Named(name) => json!(format!("local://{name}")),
        From::Step(id) => json!(format!("{}:0", name(*id))),
    }
}
