//! Hostile files have an end.

use super::lower::{Ask, lowered};

#[test]
fn growth_has_an_end() {
    let text = format!(
        "FROM busybox\nENV A={}\n{}",
        "x".repeat(1000),
        "ENV A=$A$A\n".repeat(40)
    );
    let problems = lowered(&text, &Ask::default()).unwrap_err();
    assert!(
        problems[0].message.contains("more than 1048576 bytes"),
        "{}",
        problems[0].message
    );
    let text = format!("FROM busybox\nENV A={}\n{}", "x".repeat(60_000), {
        (0..40).map(|number| format!("ENV A{number}=$A\n")).collect::<String>()
    });
    let problems = lowered(&text, &Ask::default()).unwrap_err();
    assert!(
        problems[0].message.contains("larger than 2 MiB"),
        "{}",
        problems[0].message
    );
}

/// Each of these is some hundred KiB that would become some hundred GiB.
#[test]
fn no_file_makes_a_plan_beyond_all_measure() {
    let large = format!("FROM busybox AS a\nENV A={}\n", "x".repeat(60_000));
    let many = |line: &str| line.repeat(100_000 / line.len());
    let bombs = [
        format!("{large}{}", many("RUN a\n")),
        format!("{large}{}", many("LABEL $A=$A\n")),
        format!("{large}{}", many("CMD a\nFROM a AS a\n")),
        format!("FROM busybox AS a\n{}", many("EXPOSE 0-65535\n")),
        format!(
            "FROM busybox AS a\n{}{}",
            many("ONBUILD RUN a\n"),
            many("FROM a AS b\n")
        ),
    ];
    let tame = bombs.len() - 1;
    for (number, text) in bombs.iter().enumerate() {
        let problems = match lowered(text, &Ask::default()) {
            Err(problems) => problems,
            Ok(graph) => {
                assert!(
                    number == tame && graph.steps.node_count() < 10_000,
                    "{}",
                    &text[text.len() - 40..]
                );
                continue;
            }
        };
        assert_eq!(problems.len(), 1, "{:?}", problems[0]);
        assert_eq!(problems[0].code, "plan-too-large");
        assert!(problems[0].span.is_some());
    }
}

#[test]
fn a_working_directory_has_an_end() {
    let problems = lowered(
        &format!("FROM busybox\n{}RUN x", "WORKDIR 12345/\n".repeat(700)),
        &Ask::default(),
    );
    let problems = problems.unwrap_err();
    assert!(problems.iter().all(|it| it.code == "workdir-too-long"));
    assert_eq!(problems.len(), 700 - 682, "4095 bytes are 682 times six and a few");
}
