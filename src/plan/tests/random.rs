//! Files made of odd pieces: lowering answers, and its graph holds together.

use super::super::*;
use super::conformance::lower_fully;
use super::images;
use crate::dockerfile::parse;
use petgraph::algo::is_cyclic_directed;
use proptest::prelude::*;
use std::collections::BTreeMap;

const LINES: &[&str] = &[
    "FROM busybox AS a",
    "FROM a AS b",
    "FROM scratch",
    "FROM onbuild AS c",
    "FROM --platform=linux/arm64 plain",
    "FROM $X",
    "ARG X=a",
    "ARG X",
    "ARG $X=$Y Z",
    "ENV X=b Y=$X",
    "ENV X=$X$X",
    "LABEL $X=1",
    "RUN echo $X",
    "RUN [\"a\"]",
    "RUN",
    "RUN --mount=from=a,target=$X true",
    "RUN --mount=type=cache,target=é,id=$X true",
    "RUN --mount=type=secret,env=X,id=é,target=.. $X",
    "RUN --mount=\"type=ssh\" x",
    "RUN <<E\n#!$X\nE",
    "RUN <<é cat\nx\né",
    "COPY a b",
    "COPY --from=a / $X",
    "COPY --from=0 . ..",
    "COPY --from=c é ./é/..",
    "COPY <<E \"$X\"\n$X ${Y:-é}\nE",
    "ADD http://x/y $X/",
    "ADD --checksum=$X git@h:p z",
    "COPY --chmod=$X a b",
    "WORKDIR $X",
    "WORKDIR /../é/..//./",
    "WORKDIR é/../..",
    "USER $X",
    "VOLUME $X /é",
    "EXPOSE $X 1-3/UDP",
    "STOPSIGNAL $X",
    "CMD x",
    "ENTRYPOINT [\"é\"]",
    "SHELL [\"$X\"]",
    "HEALTHCHECK --interval=1.5h CMD x",
    "HEALTHCHECK NONE",
    "ONBUILD RUN $X",
    "ONBUILD COPY --from=a / /",
    "ONBUILD ARG X",
    "MAINTAINER é",
    "ENV X=\"${X",
    "ENV X=${Y%%é*}${X/?/$Y}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn lowering_answers(picks in proptest::collection::vec(0..LINES.len(), 0..14), target in 0..4_usize) {
        let lines: Vec<&str> = picks.iter().map(|pick| LINES[*pick]).collect();
        let text = format!("ARG X=a\nFROM busybox AS first\n{}\n", lines.join("\n"));
        let parsed = parse(&text);
        let contexts = BTreeMap::from([
            ("b".to_owned(), NamedContext::Directory),
            ("c".to_owned(), NamedContext::Image { reference: "base:onbuild".to_owned() }),
        ]);
        let mut request = Request::new(&parsed.dockerfile, images::here(), &contexts);
        request.target = [None, Some("A"), Some("b"), Some("c")][target];
        // The tree may have errors: even then lowering must answer.
        match lower_fully(&request) {
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for span in problems.iter().filter_map(|it| it.span) {
                    prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
                }
            }
            Ok(None) => (),
            Ok(Some(lowered)) => {
                let Outcome::Ready(graph) = lowered.outcome else { panic!("images are known") };
                prop_assert!(!is_cyclic_directed(&graph.steps));
                for edge in graph.steps.edge_indices() {
                    let (from, to) = graph.steps.edge_endpoints(edge).unwrap();
                    prop_assert!(from < to);
                }
                for id in graph.steps.node_indices() {
                    let used = graph.steps.neighbors(id).next().is_some();
                    prop_assert!(used || id == graph.target.step, "{}", text);
                }
            }
        }
    }
}
