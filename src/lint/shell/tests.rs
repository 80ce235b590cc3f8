use super::*;
use crate::diagnostic::Source;
use crate::dockerfile::parse;
use crate::lint::Options;

fn with_runs<T>(text: &str, look: impl FnOnce(&Source, &[Run<'_>]) -> T) -> T {
    let source = Source::new("Dockerfile", text);
    let parsed = parse(source.text());
    let options = Options::default();
    let document = Document::new(&source, &parsed, &options);
    look(&source, document.runs())
}

/// Each command as its name and words, with the text that the file has at the words' places when it differs.
fn commands(text: &str) -> Vec<String> {
    with_runs(text, |source, runs| {
        let show = |word: &Text| {
            let own = &source.text()[word.span.start as usize..word.span.end as usize];
            match own == word.text {
                true => own.to_owned(),
                false => format!("{}<{own}>", word.text),
            }
        };
        runs.iter()
            .flat_map(|run| run.commands())
            .map(|command| {
                let name = command.name.iter().map(show);
                name.chain(command.words.iter().map(show)).collect::<Vec<_>>().join(" ")
            })
            .collect()
    })
}

#[test]
fn commands_are_found_anywhere() {
    for (line, expected) in [
        ("a b && c || d; e & f", &["a b", "c", "d", "e", "f"][..]),
        ("! a | b", &["a", "b"]),
        ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
        ("for i in $(a); do b; done > $(c)", &["a", "b", "c"]),
        ("case `a` in $(b)) c;; esac", &["a", "b", "c"]),
        ("f() { a; }; (b; { c; })", &["a", "b", "c"]),
        ("x=$(a) y=(`b`) c", &["c", "a", "b"]),
        (
            "echo \"${x:-$(a)}\" $((1 + $(b)))",
            &["echo ${x:-$(a)}<\"${x:-$(a)}\"> $((1 + $(b)))", "a", "b"],
        ),
        ("time -p a; [[ $(b) = x ]]; [ x ]", &["a", "b", "[ x ]"]),
        (
            "command a b; exec -c -a x c; builtin d; command -v e",
            &["a b", "c", "d", "command -v e"],
        ),
        ("'a'b\\c \"d e\" $x${y}", &["abc<'a'b\\c> d e<\"d e\"> $x${y}"]),
        ("$x a", &["a"]),
        ("x=1", &[""]),
        ("export A=$(b) C", &["export A=$(b) C", "b"]),
        ("exit 1", &["exit 1"]),
        ("diff <(a) x > y", &["diff <(a) x", "a"]),
        (
            "sudo a; env b; sh -c 'c'; /bin/d",
            &["sudo a", "env b", "sh -c c<'c'>", "/bin/d"],
        ),
        ("a && (b", &[]),
    ] {
        assert_eq!(commands(&format!("FROM x\nRUN {line}\n")), expected, "{line}");
    }
}

#[test]
fn every_form_leads_back_to_the_file() {
    for (text, expected) in [
        (
            "RUN a \\\n  # no\n\n  b\\\nc 'd\\\n e'\n",
            &["a bc<b\\\nc> d e<'d\\\n e'>"][..],
        ),
        ("# escape=`\nRUN a `\n  c:\\\\x\n", &["a c:\\x<c:\\\\x>"]),
        ("RUN [\"a\", \"b c\", \"d\\u0065\"]\n", &["a b c de<d\\u0065>"]),
        ("ONBUILD RUN --mount=type=cache,target=/x a \\\n b\n", &["a b"]),
        ("RUN <<-EOF\n\ta b\n\t\tc\n\tEOF\n", &["a b", "c"]),
        ("RUN <<EOF sh -e\r\na b\r\nc\r\nEOF\r\n", &["a b", "c"]),
        ("RUN cat <<EOF | b\nnot $(c d)\nEOF\n", &["cat", "b", "c d"]),
        ("RUN <<'EOF'\n#!/usr/bin/env python3\nprint(1)\nEOF\n", &[]),
        ("ONBUILD RUN <<A cat\n$(y)\nA\n", &["cat", "y"]),
    ] {
        assert_eq!(commands(text), expected, "{text}");
    }
}

#[test]
fn links_pipes_and_depth() {
    with_runs("FROM x\nRUN a && b | (c; d) | e; f || g &\n", |_, runs| {
        let seen: Vec<_> = runs[0]
            .commands()
            .iter()
            .map(|it| {
                let name = it.name.as_ref().map_or("", |name| &name.text);
                (
                    name,
                    it.before,
                    it.after,
                    it.pipe.map(|pipe| (pipe.at, pipe.of)),
                    it.depth,
                )
            })
            .collect();
        use Link::{And, Background, Or, Pipe, Then};
        assert_eq!(
            seen,
            [
                ("a", None, Some(And), None, 0),
                ("b", Some(And), Some(Pipe), Some((0, 3)), 0),
                ("c", None, Some(Then), Some((1, 3)), 1),
                ("d", Some(Then), None, Some((1, 3)), 1),
                ("e", Some(Pipe), Some(Then), Some((2, 3)), 0),
                ("f", Some(Then), Some(Or), None, 0),
                ("g", Some(Or), Some(Background), None, 0),
            ]
        );
        assert_eq!(runs[0].script.pipes.len(), 2);
    });
}

#[test]
fn spans_end_with_the_last_word() {
    with_runs("FROM x\nRUN A=b c 'd' >e; f && (g) | B=$(h)\n", |source, runs| {
        let spans = runs[0].commands().iter().map(|command| command.span);
        let texts: Vec<_> = spans
            .map(|span| &source.text()[span.start as usize..span.end as usize])
            .collect();
        assert_eq!(texts, ["A=b c 'd'", "f", "g", "B=$(h)", "h"]);
        let named = runs[0].commands().iter().map(|command| command.name.is_some());
        assert_eq!(named.collect::<Vec<_>>(), [true, true, true, false, true]);
    });
}

#[test]
fn flags_as_hadolint_counts_them() {
    with_runs("FROM x\nRUN a -qy --long=v --other w -t=5 - -- x\n", |_, runs| {
        let command = &runs[0].commands()[0];
        let flags: Vec<_> = command.flags().map(|flag| (flag.name, flag.value)).collect();
        assert_eq!(
            flags,
            [
                ("q", None),
                ("y", None),
                ("long", Some("v")),
                ("other", None),
                ("t", Some("5"))
            ]
        );
        let rest: Vec<_> = command
            .arguments_but_values(&["other", "t"])
            .map(|word| &*word.text)
            .collect();
        assert_eq!(rest, ["x"]);
    });
}

#[test]
fn shells_follow_stages_and_comments() {
    let text = "FROM x AS one\nRUN a\nSHELL [\"/bin/bash\", \"-c\"]\nENV A=1\nRUN a\nFROM y\nRUN a\nFROM one\nRUN a\n\
                # hadolint shell=pwsh\nRUN a\nRUN <<E\n#!/usr/bin/env -S ksh -e\nE\n";
    with_runs(text, |_, runs| {
        use Dialect::{Bash, Foreign, Ksh, Sh};
        let dialects: Vec<_> = runs.iter().map(|run| run.shell.dialect).collect();
        assert_eq!(dialects, [Sh, Bash, Sh, Bash, Foreign, Ksh]);
        assert_eq!(
            runs.iter().map(|run| run.stage).collect::<Vec<_>>(),
            [0, 0, 1, 2, 2, 2].map(Some)
        );
    });
}

#[test]
fn hostile_scripts_end() {
    for script in [
        "(".repeat(100_000),
        "$(".repeat(100_000),
        "`".repeat(99_999),
        "a|".repeat(100_000) + "a",
        "a && ".repeat(5_000) + "a",
        "a\\;".repeat(100_000),
        "${a:-".repeat(50_000),
        "{".repeat(100_000),
    ] {
        commands(&format!("FROM x\nRUN {script}\n"));
    }
}

#[test]
fn what_is_too_long_is_not_called_broken_shell() {
    let chain = format!("FROM x\nRUN {}b\nRUN c\n", "a && ".repeat(2_000));
    let deep = format!("FROM x\nRUN {}a{}\n", "( ".repeat(200), " )".repeat(200));
    for text in [chain, deep] {
        with_runs(&text, |_, runs| {
            assert!(runs[0].script.unread && runs[0].commands().is_empty());
        });
    }
    with_runs("FROM x\nRUN a && (b\n", |_, runs| {
        assert!(runs[0].script.broken && !runs[0].script.unread);
    });
}
