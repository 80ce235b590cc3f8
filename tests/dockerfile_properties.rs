//! What holds of the tree of any text, however broken.

#[path = "fuzz/fuzz_targets/tiling.rs"]
mod tiling;

use proptest::collection::vec;
use proptest::prelude::*;
use varve::diagnostic::{Severity, Source, render};
use varve::dockerfile::{Parsed, ast_json, parse, parse_instruction};

fn failed(parsed: &Parsed) -> bool {
    let is_error = |diagnostic: &varve::diagnostic::Diagnostic| diagnostic.severity == Severity::Error;
    parsed.diagnostics.iter().any(is_error)
}

/// Everything that is true of every text.
fn check(text: &str) {
    let parsed = parse(text);
    tiling::check(text, &parsed);
    let source = Source::new("Dockerfile", text);
    for diagnostic in &parsed.diagnostics {
        let drawn = render(diagnostic, &source, false);
        let odd = drawn.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(odd, None, "{drawn:?}");
    }
    assert_eq!(parsed, parse(text));
    if !failed(&parsed) {
        check_triggers(&parsed);
    }
}

/// An instruction's text with its heredocs is that instruction again.
fn check_triggers(parsed: &Parsed) {
    let tree = &parsed.dockerfile;
    for instruction in &tree.instructions {
        if instruction.text.ends_with(tree.escape) {
            continue;
        }
        let text = instruction.with_heredocs(&instruction.text);
        let again = parse_instruction(&text, tree.escape)
            .instruction
            .expect("one instruction");
        let shape = |instruction: &varve::dockerfile::Instruction| {
            let mut alone = tree.clone();
            alone.instructions = vec![instruction.clone()];
            let mut shown = ast_json(&alone);
            shown[0]["end_line"] = 0.into();
            shown[0]["start_line"] = 0.into();
            let bodies: Vec<_> = instruction
                .heredocs
                .iter()
                .map(|heredoc| heredoc.body.clone())
                .collect();
            (shown, bodies, instruction.rest.clone())
        };
        assert_eq!(shape(instruction), shape(&again));
    }
}

/// Pieces that mean something to the parser.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "FROM",
        "RUN",
        "COPY",
        "add",
        "ENV",
        "ARG",
        "LABEL",
        "ONBUILD",
        "HEALTHCHECK",
        "CMD",
        "NONE",
        "SHELL",
        "VOLUME",
        "USER",
        "EXPOSE",
        "WORKDIR",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\\\n",
        "`\n",
        "\\ \n",
        "\\",
        "`",
        "#",
        "# c\n",
        "# escape=`\n",
        "# syntax=x\n",
        "#!x\n",
        "\u{feff}",
        "\u{a0}",
        "\u{b}",
        "é",
        "日",
        "\"",
        "'",
        "[",
        "]",
        ",",
        "[\"a\"]",
        "[\"a\",1]",
        "{",
        "}",
        "$x",
        "${x",
        "$((",
        "((",
        "))",
        "--",
        "--from=",
        "--mount",
        "=",
        "a",
        "a=b",
        "<<",
        "<<-",
        "<<E",
        "<<'E F'",
        "3<<E",
        "<< E",
        "\nE\n",
        "\n\tE\n",
        "\nE F\n",
        "\0",
        "\u{1b}[1m",
        "\u{9b}",
    ];
    prop_oneof![
        9 => proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_tree_with_right_places(pieces in vec(piece(), 0..40)) {
        check(&pieces.concat());
    }

    #[test]
    fn any_line_of_any_instruction_gives_a_tree_with_right_places(
        keyword in proptest::sample::select(varve::dockerfile::Keyword::ALL.to_vec()),
        pieces in vec(piece(), 0..25),
    ) {
        check(&format!("{} {}", keyword.name(), pieces.concat()));
    }

    #[test]
    fn bytes_that_happen_to_be_text_give_a_tree(bytes in vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_trigger_is_one_instruction_or_a_problem(pieces in vec(piece(), 0..20)) {
        let parsed = parse_instruction(&pieces.concat(), '\\');
        prop_assert!(parsed.instruction.is_some() || !parsed.diagnostics.is_empty());
    }
}

/// No clock is read: an algorithm that isn't linear would not come back from these.
#[test]
fn huge_texts_are_read() {
    let n = 200_000;
    for text in [
        "RUN a".to_owned() + &" \\\n".repeat(n),
        "RUN a".to_owned() + &" \\\n# c\n\n".repeat(n),
        "ENV a=b".to_owned() + &" \\\n  c=d".repeat(n),
        "FROM a\n".to_owned() + &"RUN <<E\nx\nE\n".repeat(n),
        "COPY ".to_owned() + &"<<E ".repeat(n) + "/\n" + &"E\n".repeat(n),
        "COPY ".to_owned() + &"<<E ".repeat(n) + "/\n",
        "RUN <<E\n".repeat(n),
        "ONBUILD ".repeat(n) + "RUN a",
        "RUN --".to_owned() + &"--mount=a ".repeat(n),
        "COPY ".to_owned() + &"--from=a ".repeat(n),
        "RUN [".to_owned() + &"\"a\", \\\n".repeat(n) + "\"b\"]",
        "RUN ".to_owned() + &"[{\"a\":".repeat(n),
        "RUN [\"".to_owned() + &"\\u0041".repeat(n),
        "RUN <<E ".to_owned() + &"${a:-\"".repeat(n),
        "RUN <<E ".to_owned() + &"$((".repeat(n),
        "é b \"c\n".repeat(n),
        "# c\n".repeat(n) + "FROM a",
        "# check=skip=all\n".repeat(n),
        "\\\n".repeat(n),
        "\\".repeat(n),
        "ENV ".to_owned() + &"\\".repeat(n) + "=",
    ] {
        let parsed = parse(&text);
        tiling::check(&text, &parsed);
    }
}
