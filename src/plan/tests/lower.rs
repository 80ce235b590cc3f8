//! Lowering, seen as text: one line per step.

use super::super::*;
use super::conformance::lower_fully;
use super::images;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::parse;
use petgraph::Direction;
use petgraph::visit::EdgeRef;
use std::collections::BTreeMap;

/// What a test may ask for.
#[derive(Default)]
pub(super) struct Ask<'a> {
    args: &'a [(&'a str, &'a str)],
    contexts: &'a [(&'a str, &'a str)],
    target: Option<&'a str>,
    no_cache: NoCache,
    labels: &'a [(&'a str, &'a str)],
}

pub(super) fn lowered(text: &str, ask: &Ask<'_>) -> Result<Graph, Vec<Diagnostic>> {
    let parsed = parse(text);
    assert!(parsed.diagnostics.is_empty(), "{text}: {:?}", parsed.diagnostics);
    let contexts: BTreeMap<String, NamedContext> = ask
        .contexts
        .iter()
        .map(|(name, value)| match *value {
            "dir" => (name.to_string(), NamedContext::Directory),
            image => (
                name.to_string(),
                NamedContext::Image {
                    reference: image.to_owned(),
                },
            ),
        })
        .collect();
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    };
    let (args, labels) = (own(ask.args), own(ask.labels));
    let mut request = Request::new(&parsed.dockerfile, images::here(), &contexts);
    request.build_args = &args;
    request.labels = &labels;
    request.target = ask.target;
    request.no_cache = ask.no_cache.clone();
    let lowered = lower_fully(&request)?.expect("all images are known");
    match lowered.outcome {
        Outcome::Ready(graph) => Ok(*graph),
        other => panic!("{other:?}"),
    }
}

/// One line per step: number, stage, place, title, what it needs (`^` is the root), `!` when the cache is not asked.
fn steps(graph: &Graph) -> Vec<String> {
    graph
        .steps
        .node_indices()
        .map(|id| {
            let step = &graph.steps[id];
            let mut needs: Vec<String> = graph
                .steps
                .edges_directed(id, Direction::Incoming)
                .map(|edge| {
                    assert!(edge.source() < id, "steps stand behind what they need");
                    let mark = if *edge.weight() == Need::Root { "^" } else { "" };
                    format!("{mark}{}", edge.source().index())
                })
                .collect();
            needs.sort();
            let (number, count) = step.position;
            let mark = if step.no_cache { " !" } else { "" };
            let needs = if needs.is_empty() {
                String::new()
            } else {
                format!(" <- {}", needs.join(" "))
            };
            format!(
                "{} {} {number}/{count} {}{needs}{mark}",
                id.index(),
                step.stage,
                step.title
            )
        })
        .collect()
}

#[track_caller]
fn check(text: &str, want: &[&str]) -> Graph {
    check_with(text, &Ask::default(), want)
}

#[track_caller]
fn check_with(text: &str, ask: &Ask<'_>, want: &[&str]) -> Graph {
    let graph = lowered(text, ask).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(steps(&graph), want, "{text}");
    graph
}

#[track_caller]
pub(super) fn check_errors(text: &str, wanted: &[&str]) {
    let problems = lowered(text, &Ask::default()).expect_err(text);
    let got: Vec<String> = problems
        .iter()
        .map(|it| format!("{} {:?}", it.message, it.help))
        .collect();
    assert_eq!(got.len(), wanted.len(), "{got:#?}");
    for (got, want) in got.iter().zip(wanted) {
        assert!(got.contains(want), "{text}: {got}, not {want}");
    }
}

/// The only RUN of `text`.
#[track_caller]
fn run(text: &str, ask: &Ask<'_>) -> Run {
    let graph = lowered(text, ask).unwrap_or_else(|problems| panic!("{problems:?}"));
    let found = graph.steps.node_weights().find_map(|step| match &step.op {
        Op::Run(run) => Some(run.clone()),
        _ => None,
    });
    found.expect("there is a RUN")
}

/// The only COPY or ADD of `text`.
#[track_caller]
fn copy(text: &str) -> Copy {
    let graph = lowered(text, &Ask::default()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let found = graph.steps.node_weights().find_map(|step| match &step.op {
        Op::Copy(copy) => Some(copy.clone()),
        _ => None,
    });
    found.expect("there is a COPY")
}

fn history(graph: &Graph) -> Vec<(&str, Option<usize>)> {
    let entries = graph.target.history.iter();
    entries
        .map(|it| (it.created_by.as_str(), it.step.map(|id| id.index())))
        .collect()
}

#[test]
fn only_what_the_target_reaches() {
    let graph = check(
        "FROM busybox AS unused\nRUN false\nFROM busybox AS a\nENV X=1\nRUN make $X\nFROM a AS b\nWORKDIR w\n\
         FROM scratch\nCOPY --from=b --link /w /w\nRUN --mount=from=a,target=/a --mount=from=plain,target=/p true",
        &[
            "0 a 1/2 FROM busybox AS a",
            "1 a 2/2 RUN make 1 <- ^0",
            "2 b 1/1 WORKDIR w <- ^1",
            "3 3 1/3 FROM scratch",
            "4 3 2/3 COPY --from=b --link /w /w <- 2 ^3",
            "5 plain 1/1 FROM plain",
            "6 3 3/3 RUN --mount=from=a,target=/a --mount=from=plain,target=/p true <- 1 5 ^4",
        ],
    );
    assert_eq!(graph.target.step.index(), 6);
    let entries = history(&graph);
    assert_eq!(entries[0], ("COPY /w /w # buildkit", Some(4)));
}

#[test]
fn history_runs_through_stages() {
    let graph = check_with(
        "FROM busybox AS a\nARG V=1\nRUN one\nFROM a\nLABEL x=y z=\"a b\"\nWORKDIR /\nWORKDIR /x\n",
        &Ask {
            labels: &[("z", "cli")],
            ..Ask::default()
        },
        &[
            "0 a 1/2 FROM busybox AS a",
            "1 a 2/2 RUN one <- ^0",
            "2 1 1/1 WORKDIR /x <- ^1",
        ],
    );
    assert_eq!(
        history(&graph),
        [
            ("ARG V=1", None),
            ("RUN |1 V=1 /bin/sh -c one # buildkit", Some(1)),
            ("LABEL x=y z=a b", None),
            ("WORKDIR /", None),
            ("WORKDIR /x", Some(2)),
        ]
    );
    assert_eq!(graph.target.config.config.labels["z"], "cli");
    assert_eq!(graph.target.config.history.len(), 2, "the base's history stays apart");
}

#[test]
fn one_source_is_needed_once() {
    check(
        "FROM busybox AS a\nRUN x\nFROM a\nCOPY --from=a / /\nRUN --mount=from=a,target=/x --mount=from=a,target=/y z",
        &[
            "0 a 1/2 FROM busybox AS a",
            "1 a 2/2 RUN x <- ^0",
            "2 1 1/2 COPY --from=a / / <- 1 ^1",
            "3 1 2/2 RUN --mount=from=a,target=/x --mount=from=a,target=/y z <- 1 ^2",
        ],
    );
}

#[test]
fn named_contexts_stand_in() {
    check_with(
        "FROM alpine AS builder\nRUN false\nFROM tools\nCOPY --from=builder /a /a\nCOPY --from=late /b /b\n\
         FROM busybox AS late\nRUN false\nFROM builder\nFROM 1\n",
        &Ask {
            contexts: &[
                ("builder", "dir"),
                ("tools", "oci-layout://base:plain"),
                ("late", "base:loaded"),
            ],
            target: Some("builder"),
            ..Ask::default()
        },
        &["0 builder 1/1 FROM alpine AS builder"],
    );
    let graph = check_with(
        "FROM tools\nCOPY --from=builder /a /a\nCOPY --from=late /b /b\nFROM x AS late\nRUN false\nFROM builder\n\
         RUN --mount=from=builder,target=/m y\nCOPY --from=0 / /",
        &Ask {
            contexts: &[("builder", "dir"), ("tools", "base:plain"), ("late", "base:loaded")],
            ..Ask::default()
        },
        &[
            "0 late 1/1 FROM x AS late",
            "1 0 1/3 FROM tools",
            "2 0 2/3 COPY --from=builder /a /a <- ^1",
            "3 0 3/3 COPY --from=late /b /b <- 0 ^2",
            "4 2 1/3 FROM builder",
            "5 2 2/3 RUN --mount=from=builder,target=/m y <- ^4",
            "6 2 3/3 COPY --from=0 / / <- 3 ^5",
        ],
    );
    let ops: Vec<&Op> = graph.steps.node_weights().map(|step| &step.op).collect();
    assert!(matches!(ops[4], Op::Base(Base::Directory { name }) if name == "builder"));
    assert!(matches!(ops[2], Op::Copy(Copy { from: From::Named(name), .. }) if name == "builder"));
    assert!(matches!(ops[1], Op::Base(Base::Image { reference, .. }) if reference == "base:plain"));
}

#[test]
fn triggers_fire_once_and_reach_this_file() {
    let graph = check(
        "FROM busybox AS src\nRUN src\nFROM busybox AS base\nONBUILD COPY --from=src /s /s\nONBUILD ENV A=$B\n\
         ONBUILD RUN <<EOF\nx\nEOF\nFROM base AS mid\nENV B=2\nONBUILD RUN mid $B\nFROM mid\nRUN end",
        &[
            "0 src 1/2 FROM busybox AS src",
            "1 src 2/2 RUN src <- ^0",
            "2 base 1/1 FROM busybox AS base",
            "3 mid 1/2 COPY --from=src /s /s <- 1 ^2",
            "4 mid 2/2 RUN <<EOF (x) <- ^3",
            "5 3 1/2 RUN mid 2 <- ^4",
            "6 3 2/2 RUN end <- ^5",
        ],
    );
    assert!(graph.target.config.config.on_build.is_empty());
    let graph = lowered("FROM onbuild AS a\nONBUILD RUN <<E\nx\nE\n", &Ask::default()).unwrap();
    assert_eq!(graph.target.config.config.on_build, ["RUN <<E\nx\nE"]);
    assert!(
        graph.steps.node_weights().any(|step| step.span.is_none()),
        "a base's trigger has no place here"
    );
}

#[test]
fn images_are_asked_for_all_at_once() {
    let parsed = parse(
        "FROM a AS one\nFROM --platform=linux/arm64 b\nCOPY --from=c / /\nCOPY --from=ome / /\nCOPY --from=one / /",
    );
    let contexts = BTreeMap::new();
    let request = Request::new(&parsed.dockerfile, images::here(), &contexts);
    let Outcome::NeedsImages(needs) = lower(&request, &BTreeMap::new()).unwrap().outcome else {
        panic!("nothing is known yet");
    };
    let shown: Vec<String> = needs
        .iter()
        .map(|it| {
            format!(
                "{} {} {}",
                it.key.reference,
                it.key.platform,
                it.near.as_deref().unwrap_or("-")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "a linux/amd64 -",
            "b linux/arm64 -",
            "c linux/amd64 -",
            "ome linux/amd64 one"
        ]
    );
}

#[test]
fn a_run_knows_its_surroundings() {
    let it = run(
        "FROM loaded\nARG A=1\nARG B\nARG TARGETARCH\nENV C=$A\nWORKDIR sub\nSHELL [\"/bin/x\", \"-c\"]\n\
         RUN --network=none --security=insecure echo  \"$A\"",
        &Ask {
            args: &[("http_proxy", "p"), ("BUILDKIT_SANDBOX_HOSTNAME", "h")],
            ..Ask::default()
        },
    );
    assert_eq!(it.argv, ["/bin/x", "-c", "echo  \"$A\""]);
    let env: Vec<&str> = it.env.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(env, ["PATH", "BASE_ONLY", "SHARED", "SPACED", "A", "TARGETARCH", "C"]);
    let proxies: Vec<(&str, &str)> = it.proxy_env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(proxies, [("HTTP_PROXY", "p"), ("http_proxy", "p")]);
    assert_eq!((it.user.as_str(), it.workdir.as_str()), ("app", "/srv/app/sub"));
    assert_eq!(
        (it.network, it.insecure, it.hostname.as_str()),
        (Network::None, true, "h")
    );
}

#[test]
fn declared_proxies_are_ordinary_variables() {
    let it = run(
        "FROM busybox\nARG HTTP_PROXY\nENV NO_PROXY=mine\nRUN x",
        &Ask {
            args: &[("HTTP_PROXY", "p"), ("NO_PROXY", "n")],
            ..Ask::default()
        },
    );
    assert!(it.env.contains(&("HTTP_PROXY".to_owned(), "p".to_owned())));
    assert!(it.env.contains(&("NO_PROXY".to_owned(), "mine".to_owned())));
    let proxies: Vec<&str> = it.proxy_env.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(proxies, ["http_proxy", "no_proxy"]);
}

#[test]
fn heredocs_become_scripts() {
    let plain = run("FROM busybox\nRUN <<-EOF\n\techo $x\n\tEOF\n", &Ask::default());
    assert_eq!(plain.argv, ["/bin/sh", "-c", "echo $x\n"]);
    let script = run("FROM busybox\nRUN <<go\n#!/bin/env x\ny\ngo\n", &Ask::default());
    assert_eq!(script.argv, ["/bin/sh", "-c", "/dev/pipes/go"]);
    assert_eq!(script.scripts, [("go".to_owned(), "#!/bin/env x\ny\n".to_owned())]);
    let mixed = run("FROM busybox\nRUN cat <<-A <<'B' >x\n\t1\n\tA\n2\nB\n", &Ask::default());
    assert_eq!(mixed.argv[2], "cat <<-A <<'B' >x\n\t1\nA\n2\nB");
    check_errors(
        "FROM busybox\nRUN <<../x\n#!/bin/sh\n../x\n",
        &["can't be the name of a file"],
    );
}

#[test]
fn mounts() {
    let it = run(
        "FROM busybox AS a\nFROM busybox\nARG S=src\nWORKDIR /w\nRUN --mount=source=../$S,target=x,rw \
         --mount=type=cache,target=c/,mode=0700,uid=1 --mount=type=cache,target=/d,from=a,source=/q,uid=1 \
         --mount=type=tmpfs,target=/t/,size=1k --mount=type=secret,id=a/b --mount=type=secret,id=e,env=E \
         --mount=type=secret,target=k/tok,required --mount=type=ssh --mount=type=ssh,id=z,target=/s true",
        &Ask {
            args: &[("BUILDKIT_CACHE_MOUNT_NS", "ns")],
            ..Ask::default()
        },
    );
    let targets: Vec<&str> = it.mounts.iter().map(|mount| mount.target.as_str()).collect();
    assert_eq!(
        targets,
        [
            "/w/x",
            "/w/c",
            "/d",
            "/t",
            "/run/secrets/b",
            "",
            "/w/k/tok",
            "/run/buildkit/ssh_agent.0",
            "/s"
        ]
    );
    let read_only: Vec<bool> = it.mounts.iter().map(|mount| mount.read_only).collect();
    assert_eq!(read_only, [false, false, false, false, true, true, true, true, true]);
    assert_eq!(
        it.mounts[0].kind,
        MountKind::Bind {
            from: From::Context,
            source: "src".to_owned()
        }
    );
    let cache = |id: &str, seed, mode, uid| MountKind::Cache {
        id: id.to_owned(),
        sharing: Sharing::Shared,
        seed,
        mode,
        uid,
        gid: 0,
    };
    assert_eq!(it.mounts[1].kind, cache("ns/c", None, 0o700, 1));
    let seed = (From::Step(StepId::new(0)), "q".to_owned());
    assert_eq!(it.mounts[2].kind, cache("ns//d", Some(seed), 0o755, 0));
    assert!(matches!(&it.mounts[6].kind, MountKind::Secret { id, required: true, mode: 0o400, .. } if id == "tok"));
    assert!(matches!(&it.mounts[8].kind, MountKind::Ssh { id, .. } if id == "z"));
}

#[test]
fn copies() {
    let it = copy(
        "FROM busybox\nENV D=to O=1:2\nWORKDIR /w\nCOPY --chown=$O --chmod=u+x --link --exclude=$D --parents a $D/b <<x \"$D\" ./\n$D '$D'\nx\n",
    );
    assert_eq!(
        it.sources,
        [
            Source::Path("a".to_owned()),
            Source::Path("to/b".to_owned()),
            Source::Path("to".to_owned()),
            Source::Inline {
                name: "x".to_owned(),
                body: "to 'to'\n".to_owned()
            },
        ]
    );
    assert_eq!(it.destination, "/w/");
    assert_eq!((it.chown.as_deref(), it.chmod.as_deref()), (Some("1:2"), Some("u+x")));
    assert!(!it.link, "a mode needs the tree");
    assert!(it.parents && !it.add);
    assert_eq!(it.excludes, ["$D"]);
    let digest = "1".repeat(64);
    let it = copy(&format!(
        "FROM busybox\nADD --checksum=sha256:{digest} --unpack --keep-git-dir=false http://h/x /y"
    ));
    assert_eq!((it.unpack, it.add), (Some(true), true));
    assert_eq!(it.sources, [Source::Url("http://h/x".to_owned())]);
}

#[test]
fn unreachable_stages_are_not_lowered() {
    check(
        "FROM nowhere AS a\nSTOPSIGNAL NOPE\nEXPOSE 70000\nCOPY --from=$X / /\nFROM scratch",
        &["0 1 1/1 FROM scratch"],
    );
}

#[test]
fn problems_of_a_trigger_name_its_base() {
    let parsed = parse("FROM busybox\n\nFROM odd");
    let contexts = BTreeMap::from([(
        "odd".to_owned(),
        NamedContext::Image {
            reference: "odd".to_owned(),
        },
    )]);
    let request = Request::new(&parsed.dockerfile, images::here(), &contexts);
    let key = ImageKey {
        reference: "odd".to_owned(),
        platform: images::here(),
    };
    for (trigger, want) in [
        (
            "STOPSIGNAL NOPE",
            "in trigger `STOPSIGNAL NOPE` of `odd`: invalid signal",
        ),
        ("NOPE x", "in trigger `NOPE x` of `odd`: unknown instruction"),
        ("FROM x", "can't be a trigger"),
        ("RUN x\nRUN y", "exactly one instruction"),
        ("COPY --from=9 a b", "invalid stage index 9"),
        ("RUN --network=wifi x", "invalid network mode"),
    ] {
        let mut config = images::config("busybox").unwrap();
        config.config.on_build = vec![trigger.to_owned()];
        let problems = lower(&request, &BTreeMap::from([(key.clone(), config)])).expect_err(trigger);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.contains(want), "{}", problems[0].message);
        assert_eq!(
            problems[0].span.map(|span| span.start),
            Some(14),
            "the FROM is to blame"
        );
    }
}

#[test]
fn the_cache_is_left_out_by_stage() {
    let text = "FROM busybox AS a\nRUN x\nWORKDIR /y\nFROM busybox\nCOPY --from=a / /";
    let ask = |no_cache| Ask {
        no_cache,
        ..Ask::default()
    };
    let marks = |no_cache| -> Vec<bool> {
        let graph = lowered(text, &ask(no_cache)).unwrap();
        graph.steps.node_weights().map(|step| step.no_cache).collect()
    };
    assert_eq!(marks(NoCache::All), [false, true, false, false, true]);
    assert_eq!(
        marks(NoCache::Stages(vec!["A".to_owned()])),
        [false, true, false, false, false]
    );
    assert_eq!(
        marks(NoCache::Stages(vec!["1".to_owned()])),
        [false, false, false, false, true]
    );
}

#[test]
fn titles_hide_secrets() {
    let graph = lowered(
        "FROM busybox\nENV A=1 TOKEN=x\nrun --mount=type=secret,id=t,env=TOKEN echo $A $TOKEN \"$NOPE\"",
        &Ask::default(),
    )
    .unwrap();
    let last = graph.steps.node_weights().last().unwrap();
    assert_eq!(
        last.title,
        "RUN --mount=type=secret,id=t,env=TOKEN echo 1 **** \"$NOPE\""
    );
}

#[test]
fn odd_working_directories() {
    let graph = lowered("FROM loaded\nWORKDIR /a//b/./c/../\nWORKDIR ../x", &Ask::default()).unwrap();
    let made: Vec<&Workdir> = graph
        .steps
        .node_weights()
        .filter_map(|step| match &step.op {
            Op::Workdir(it) => Some(it),
            _ => None,
        })
        .collect();
    assert_eq!(
        (made[0].path.as_str(), made[0].passes.as_slice()),
        ("/a/b", &["/a/b/c".to_owned()][..])
    );
    assert_eq!((made[1].path.as_str(), made[1].user.as_str()), ("/a/x", "app"));
    assert_eq!(graph.target.config.config.working_dir, "/a/x");
}

#[test]
fn equal_requests_give_equal_graphs() {
    let text = "FROM busybox AS a\nRUN x\nFROM busybox AS b\nCOPY --from=a / /\nCOPY --from=plain / /\nFROM b\nRUN --mount=from=a,target=/m y";
    let once = lowered(text, &Ask::default()).unwrap();
    let again = lowered(text, &Ask::default()).unwrap();
    assert_eq!(format!("{:?}", once.steps), format!("{:?}", again.steps));
}

#[test]
fn large_files_are_lowered() {
    let mut text = "FROM busybox AS s0\n".to_owned();
    for stage in 1..500 {
        text += &format!(
            "FROM s{} AS s{stage}\nENV V{stage}=$V{}x\nRUN --mount=from=s{},target=/m make\n",
            stage - 1,
            stage - 1,
            stage / 2
        );
    }
    text += &"COPY a b\nARG X=$X\n".repeat(1000);
    let graph = lowered(&text, &Ask::default()).unwrap();
    assert_eq!(graph.steps.node_count(), 1 + 499 + 1000);
}
