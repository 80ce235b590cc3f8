//! What holds of every text that is laid out: it says the same, and doing so twice changes nothing more.
#![allow(clippy::unwrap_used, reason = "a test that unwraps is a test that fails")]

use proptest::collection::vec;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use varve::diagnostic::Severity;
use varve::dockerfile::{Instruction, Parsed, ast_json, parse};
use varve::format::{Dialect, FormatError, format, is_same_instruction};

fn broken(parsed: &Parsed) -> bool {
    parsed.diagnostics.iter().any(|one| one.severity == Severity::Error)
}

fn comments(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with('#'))
        .collect()
}

/// Everything that is true of every text; the text laid out, when it was.
fn check(text: &str) -> Option<String> {
    let parsed = parse(text);
    let new = match format(text) {
        Ok(new) => new,
        Err(FormatError::Broken(_)) => {
            assert!(broken(&parsed), "refused: {text:?}");
            return None;
        }
    };
    assert!(!broken(&parsed));
    let again = parse(&new);
    assert!(!broken(&again), "broke {text:?}:\n{new:?}");
    let (old_tree, new_tree) = (&parsed.dockerfile, &again.dockerfile);
    assert_eq!(old_tree.escape, new_tree.escape);
    assert_eq!(
        old_tree.directives.len(),
        new_tree.directives.len(),
        "{text:?}:\n{new:?}"
    );
    assert_eq!(
        old_tree.instructions.len(),
        new_tree.instructions.len(),
        "{text:?}:\n{new:?}"
    );
    let dialect = Dialect::of(old_tree);
    for (one, other) in old_tree.instructions.iter().zip(&new_tree.instructions) {
        assert!(is_same_instruction(one, other, dialect), "{one:#?}\n{other:#?}");
        let squeezed = |instruction: &Instruction| -> Vec<String> {
            let words = instruction.rest.split_whitespace().map(str::to_owned);
            words.collect()
        };
        if one.keyword == Some(varve::dockerfile::Keyword::Run) {
            // A second look that knows nothing of shells.
            assert_eq!(squeezed(one).concat(), squeezed(other).concat(), "{text:?}");
        }
    }
    if !text.contains("<<") && !text.contains('\u{feff}') {
        // Directives are written evenly; all other comments stay as they are.
        let kept = |text, tree: &varve::dockerfile::Dockerfile| {
            comments(text).split_off(tree.directives.len().min(comments(text).len()))
        };
        if !comments(text).iter().any(|comment| comment.starts_with("#!")) {
            assert_eq!(kept(text, old_tree), kept(&new, new_tree), "{text:?}:\n{new:?}");
        }
    }
    let twice = format(&new).unwrap();
    assert_eq!(twice, new, "twice, from {text:?}");
    Some(new)
}

fn files(directory: &Path) -> Vec<(PathBuf, String)> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| std::fs::read_to_string(&path).ok().map(|text| (path, text));
    paths.into_iter().filter_map(read).collect()
}

#[test]
fn examples_say_the_same() {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dockerfiles"));
    let examples = all
        .iter()
        .filter(|(path, _)| path.to_string_lossy().ends_with("Dockerfile"));
    let mut done = 0;
    for (_, text) in examples {
        done += usize::from(check(text).is_some());
        let with_returns = text.replace("\r\n", "\n").replace('\n', "\r\n");
        if let Some(new) = check(&with_returns)
            && !with_returns.contains("<<")
        {
            assert_eq!(new.matches('\n').count(), new.matches("\r\n").count());
        }
    }
    assert!(done > 20, "{done}");
}

#[test]
fn files_of_real_projects_say_the_same() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
    let corpus = std::env::var_os("VARVE_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let all = files(&corpus.join("files"));
    if all.is_empty() {
        println!("skipped: no files where VARVE_CORPUS points, and none beside the repository");
        return;
    }
    let mut uneven = Vec::new();
    for (path, text) in &all {
        if let Some(new) = check(text) {
            // Whatever could not be cut is left as it was; that must be rare.
            let trailing = new.lines().any(|line| line.ends_with([' ', '\t'])) && !new.contains("<<");
            if trailing {
                uneven.push(path.clone());
            }
        }
    }
    assert!(
        uneven.len() * 200 <= all.len(),
        "{} of {}: {uneven:?}",
        uneven.len(),
        all.len()
    );
}

fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "FROM a\n",
        "from b as c\n",
        "RUN ",
        "run x\n",
        "COPY ",
        "ENV ",
        "LABEL ",
        "ARG ",
        "ONBUILD ",
        "CMD ",
        "HEALTHCHECK ",
        "SHELL ",
        "VOLUME ",
        "USER ",
        "EXPOSE ",
        "WORKDIR ",
        " ",
        "  ",
        "\t",
        "\n",
        "\n\n",
        "\r\n",
        "\\\n",
        " \\\n",
        "\\\r\n",
        " \\ \n",
        " \\\n    ",
        " \\\n        ",
        " \\\n# c\n",
        " \\\n\n",
        "`\n",
        " `\n",
        "\\",
        "`",
        "#",
        "# c\n",
        "# varve: sort\n",
        "  # d\n",
        "# escape=`\n",
        "# syntax=x\n",
        "\"",
        "'",
        "[",
        "]",
        ",",
        "[\"a\", \"b\"]",
        "[\"a\",\n",
        "$x",
        "${x",
        "}",
        "$(",
        ")",
        "$((",
        "((",
        "))",
        "case x in a)",
        ";; esac",
        "&&",
        "||",
        ";",
        "|",
        ">",
        "<",
        "--",
        "--from=a ",
        "--mount=type=cache,target=/x ",
        "=",
        "a",
        "a=b",
        "a=\"b c\"",
        "k  v  w",
        "<<E",
        "<<E\nx  y\nE\n",
        "<<-'E F'",
        "\nE\n",
        "é",
        "\u{a0}",
        "\u{feff}",
    ];
    proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_says_the_same(pieces in vec(piece(), 0..40)) {
        let text = pieces.concat();
        if !text.contains("varve: sort") {
            check(&text);
        }
    }

    #[test]
    fn any_instruction_says_the_same(
        keyword in proptest::sample::select(varve::dockerfile::Keyword::ALL.to_vec()),
        pieces in vec(piece(), 0..25),
    ) {
        let text = format!("FROM a\n{} x {}", keyword.name(), pieces.concat());
        if !text.contains("varve: sort") {
            check(&text);
        }
    }

    #[test]
    fn sorting_settles_and_loses_nothing(
        before in vec(piece(), 0..4),
        words in vec("[a-z][a-z0-9+.-]{0,6}|;|&& c|-x|\\$y", 1..12),
    ) {
        let text = format!("FROM a\n{}RUN i \\\n  # varve: sort\n  {}\n", before.concat(), words.join(" \\\n  "));
        if let Ok(new) = format(&text) {
            prop_assert_eq!(format(&new), Ok(new.clone()));
            let sorted = |text: &str| {
                let tree = ast_json(&parse(text).dockerfile).to_string();
                let mut words: Vec<String> = tree.split_whitespace().map(str::to_owned).collect();
                words.sort();
                // Lines are counted in the tree, and blanks around `;` are free.
                let letters = words.concat();
                let mut letters: Vec<char> = letters.to_lowercase().chars().filter(|c| !c.is_ascii_digit()).collect();
                letters.sort_unstable();
                letters
            };
            prop_assert_eq!(sorted(&text), sorted(&new), "{}", text);
        }
    }
}

/// No clock is read: an algorithm that isn't linear would not come back from these.
#[test]
fn huge_texts_are_laid_out() {
    let n = 50_000;
    for text in [
        "FROM a\nRUN a".to_owned() + &" \\\n  b".repeat(n),
        "FROM a\nRUN a '".to_owned() + &" \\\n  b".repeat(n) + "'",
        "FROM a\nRUN a".to_owned() + &" \\\n# c\n\n".repeat(n) + " b",
        "FROM a\nENV".to_owned() + &" a=b".repeat(n / 10),
        "FROM a\n".to_owned() + &"RUN <<E\nx\nE\n".repeat(n),
        "FROM a\n".to_owned() + &"run  x\n\n\n".repeat(n),
        "FROM a\nRUN ".to_owned() + &"$(".repeat(n / 2),
        "FROM a\nRUN # varve: sort \\\n".to_owned() + &" b \\\n".repeat(n) + " c",
        "FROM a\nRUN a".to_owned()
            + &(0..n)
                .map(|i| format!(" \\\n{} b", " ".repeat(i % 300)))
                .collect::<String>(),
        "# c\n".repeat(n) + "FROM a\n",
        "\\\n".repeat(n) + "FROM a\n",
    ] {
        let _ = format(&text);
    }
}
