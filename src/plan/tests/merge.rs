//! Plans for several platforms as one.

use super::super::*;
use super::conformance::lower_fully;
use super::images;
use crate::dockerfile::parse;
use crate::oci::Platform;
use std::collections::BTreeMap;

fn merged(text: &str) -> Graph {
    let parsed = parse(text);
    let contexts = BTreeMap::new();
    let graphs = ["amd64", "arm64"].map(|architecture| {
        let mut request = Request::new(&parsed.dockerfile, images::here(), &contexts);
        request.target_platform = Platform::new("linux", architecture, "");
        request.is_platform_asked_for = true;
        request.shows_platform = true;
        match lower_fully(&request).unwrap().unwrap().outcome {
            Outcome::Ready(graph) => *graph,
            other => panic!("{other:?}"),
        }
    });
    merge(graphs).unwrap()
}

/// One line for each step: its platform, and the titles of what it needs.
fn lines(graph: &Graph) -> Vec<String> {
    let title = |id: StepId| graph.steps[id].title.clone();
    let line = |id: StepId| {
        let mut needs: Vec<String> = graph
            .steps
            .neighbors_directed(id, petgraph::Direction::Incoming)
            .map(|need| {
                assert!(need < id, "steps stand behind what they need");
                need.index().to_string()
            })
            .collect();
        needs.sort();
        let platform = graph.steps[id].shown_platform.clone().unwrap();
        format!("{} [{platform}] {} <- {}", id.index(), title(id), needs.join(" "))
    };
    graph.steps.node_indices().map(line).collect()
}

#[test]
fn what_platforms_have_in_common_is_done_once() {
    let graph = merged(
        "FROM --platform=$BUILDPLATFORM busybox AS tool\nRUN fetch\nARG TARGETARCH\nRUN make $TARGETARCH\n\
         FROM busybox\nCOPY --from=tool /out /out\nRUN --mount=type=bind,from=tool,target=/t true\n",
    );
    assert_eq!(
        lines(&graph),
        [
            "0 [linux/amd64] FROM --platform=linux/amd64 busybox AS tool <- ",
            "1 [linux/amd64] RUN fetch <- 0",
            "2 [linux/amd64] RUN make amd64 <- 1",
            "3 [linux/amd64] FROM busybox <- ",
            "4 [linux/amd64] COPY --from=tool /out /out <- 2 3",
            "5 [linux/amd64] RUN --mount=type=bind,from=tool,target=/t true <- 2 4",
            "6 [linux/amd64->arm64] RUN make arm64 <- 1",
            "7 [linux/arm64] FROM busybox <- ",
            "8 [linux/arm64] COPY --from=tool /out /out <- 6 7",
            "9 [linux/arm64] RUN --mount=type=bind,from=tool,target=/t true <- 6 8",
        ]
    );
    let Op::Copy(copy) = &graph.steps[StepId::new(8)].op else {
        panic!()
    };
    assert_eq!(
        copy.from,
        From::Step(StepId::new(6)),
        "operations name steps of this graph"
    );
    let targets: Vec<_> = graph
        .targets()
        .map(|it| (it.step.index(), it.platform.to_string()))
        .collect();
    assert_eq!(targets, [(5, "linux/amd64".to_owned()), (9, "linux/arm64".to_owned())]);
    assert_eq!(graph.others[0].config.architecture, "arm64");
    assert_eq!(graph.others[0].history.last().unwrap().step, Some(StepId::new(9)));
}

#[test]
fn an_image_that_is_the_same_for_all_is_made_once() {
    let graph = merged("FROM --platform=linux/amd64 busybox\nRUN one\n");
    assert_eq!(graph.steps.node_count(), 2);
    // It is marked with what was asked for, as in BuildKit.
    let marks: Vec<_> = graph
        .targets()
        .map(|it| (it.step, it.config.architecture.clone()))
        .collect();
    assert_eq!(
        marks,
        [
            (StepId::new(1), "amd64".to_owned()),
            (StepId::new(1), "arm64".to_owned())
        ]
    );
}
