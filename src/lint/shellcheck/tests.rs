use super::*;
use crate::diagnostic::Source;
use crate::dockerfile::parse;
use crate::lint::{Options, apply};

fn with_document<T>(text: &str, look: impl FnOnce(&Document<'_>) -> T) -> T {
    let source = Source::new("Dockerfile", text);
    let parsed = parse(source.text());
    let options = Options::default();
    look(&Document::new(&source, &parsed, &options))
}

/// `CODE LINE:COLUMN text`, for each finding.
fn shown(document: &Document<'_>, findings: &[Finding]) -> Vec<String> {
    let show = |finding: &Finding| {
        let place = document.source.position(finding.span.start);
        let text = document.text(finding.span);
        format!("{} {}:{} {text}", finding.code, place.line, place.column)
    };
    findings.iter().map(show).collect()
}

#[test]
fn units_know_shell_and_variables() {
    let text = "ARG OUT=1\nFROM x AS one\nARG a=1 b-c\nENV D=$a e=2\nRUN x $a$D ${b} $OUT $http_proxy\nENV g=1\nFROM one\n\
                SHELL [\"/bin/bash\", \"-c\"]\nENV f 1\nRUN y $a $e $f $g $h\nENV h=1\nRUN [\"z\"]\nSHELL [\"pwsh\"]\n\
                RUN z\nFROM y\nRUN z $a\n";
    with_document(text, |document| {
        let texts = units(document).into_iter().map(|unit| unit.text.replace('\n', ";"));
        assert_eq!(
            texts.collect::<Vec<_>>(),
            [
                "#!/bin/sh;export D=1;export a=1;export http_proxy=1;x $a$D ${b} $OUT $http_proxy;",
                "#!/bin/bash;export a=1;export e=1;export f=1;export g=1;export http_proxy=1;y $a $e $f $g $h;",
                "#!/bin/sh;export http_proxy=1;z $a;",
            ]
        );
    });
}

#[test]
fn a_report_is_read_and_leads_to_the_file() {
    let text = "FROM x\nRUN echo \"é\" \\\n  # why\n  $a `b`\n";
    let report = |line: u32| {
        format!(
            r#"{{"comments":[
            {{"file":"1.sh","line":{line},"endLine":{line},"column":12,"endColumn":14,"level":"info","code":2086,
              "message":"Quote it.","fix":{{"replacements":[
              {{"line":{line},"endLine":{line},"column":12,"endColumn":12,"precedence":7,"insertionPoint":"afterEnd",
                "replacement":"\""}},
              {{"line":{line},"endLine":{line},"column":14,"endColumn":14,"precedence":7,"insertionPoint":"beforeStart",
                "replacement":"\""}}]}}}},
            {{"file":"1.sh","line":{line},"endLine":{line},"column":12,"endColumn":14,"level":"info","code":2086,
              "message":"Again.","fix":null}},
            {{"file":"1.sh","line":1,"endLine":1,"column":1,"endColumn":2,"level":"error","code":2000,
              "message":"In the prelude.","fix":null}},
            {{"file":"1.sh","line":{line},"endLine":{line},"column":16,"endColumn":19,"level":"style","code":2187,
              "message":"Left out.","fix":null}},
            {{"file":"1.sh","line":9999,"endLine":9999,"column":1,"endColumn":1,"level":"style","code":2001,
              "message":"Nowhere.","fix":null}}]}}"#
        )
    };
    with_document(text, |document| {
        let units = units(document);
        let unit = &units[0];
        let line = unit.lines + 1;
        let read = Report::parse(report(line).as_bytes()).expect("a report");
        let findings = read.findings(document, unit, "1.sh");
        assert_eq!(shown(document, &findings), ["SC2086 4:3 $a"]);
        assert_eq!(findings[0].message, "quote it");
        assert_eq!((findings[0].line, findings[0].level), (2, Level::Info));
        let fixed = apply(text, findings.iter().filter_map(|finding| finding.fix.as_ref()));
        assert_eq!(fixed.text, "FROM x\nRUN echo \"é\" \\\n  # why\n  \"$a\" `b`\n");
        assert_eq!(read.findings(document, unit, "2.sh"), []);
    });
    let error = Report::parse(b"Usage: shellcheck").expect_err("no report");
    assert_eq!(error.to_string(), "cannot read what `shellcheck` printed");
}

#[cfg(feature = "shellcheck")]
#[test]
fn everything_is_found_at_its_place() {
    for (text, expected) in [
        (
            "FROM x\nRUN rm $a \\\n  # why\n  && echo `b`; [ $c == d ]\n",
            &[
                "SC2086 2:8 $a",
                "SC2005 4:11 `b`",
                "SC2006 4:11 `b`",
                "SC2046 4:11 `b`",
                "SC2086 4:18 $c",
                "SC3014 4:21 ==",
            ][..],
        ),
        (
            "FROM x\nARG a\nENV c=d\nRUN rm $a $c $http_proxy $b\n",
            &["SC2086 4:26 $b"],
        ),
        (
            "FROM x AS y\nARG a\nFROM y\nRUN rm $a\nFROM x\nRUN rm $a\n",
            &["SC2086 6:8 $a"],
        ),
        ("FROM x\nSHELL [\"/bin/bash\", \"-c\"]\nENV b=c\nRUN [[ -n x ]]\n", &[]),
        (
            "FROM x\nRUN <<EOF\n#!/bin/bash\n[[ -n \"$x\" ]] && rm $X\nEOF\n",
            &["SC2086 4:21 $X"],
        ),
        (
            "FROM x\nRUN <<EOF\n# shellcheck disable=SC2086\nrm $X\nrm $X `y`\nEOF\n",
            &["SC2086 5:4 $X", "SC2006 5:7 `y`", "SC2046 5:7 `y`"],
        ),
        ("FROM x\nONBUILD RUN rm $X\n", &["SC2086 2:16 $X"]),
        ("FROM x\nRUN [\"rm\", \"$x\"]\nCMD rm $x\n", &[]),
        ("FROM x\nSHELL [\"pwsh\", \"-c\"]\nRUN rm $x\n", &[]),
        ("FROM x\nRUN a |& b\n", &["SC3029 2:7 |&"]),
        ("FROM x\nRUN if { c; }; then d; fi\n", &[]),
        ("FROM x\nRUN . /etc/os-release; source x\n", &["SC3046 2:24 source x"]),
    ] {
        with_document(text, |document| {
            let found = built_in(document);
            let found: Vec<_> = shown(document, &found)
                .into_iter()
                .filter(|it| !it.starts_with("SC2154"))
                .collect();
            assert_eq!(found, expected, "{text}");
        });
    }
}

#[cfg(feature = "shellcheck")]
#[test]
fn broken_text_is_said_to_be_broken() {
    with_document("FROM x\nRUN a && ( rm $X\n", |document| {
        let found = built_in(document);
        assert!(found.iter().any(|finding| finding.code == "SC1072"), "{found:?}");
        assert!(found.iter().all(|finding| finding.code.starts_with("SC1")), "{found:?}");
    });
}

#[cfg(feature = "shellcheck")]
#[test]
fn fixes_quote_and_modernise() {
    let text = "FROM x\nRUN rm $a \\\n  x${b}y \\\n  && c `d` && e \"`f`\"\n";
    with_document(text, |document| {
        let found = built_in(document);
        let safe: Vec<_> = found.iter().filter_map(|finding| finding.fix.as_ref()).collect();
        let only = |safety| safe.iter().copied().filter(move |fix| fix.safety == safety);
        assert_eq!(
            apply(text, only(Safety::Safe)).text,
            "FROM x\nRUN rm $a \\\n  x${b}y \\\n  && c $(d) && e \"$(f)\"\n"
        );
        let unsafe_fixed = apply(text, only(Safety::Unsafe)).text;
        assert!(
            unsafe_fixed.starts_with("FROM x\nRUN rm \"$a\" \\\n  x\"${b}\"y"),
            "{unsafe_fixed}"
        );
    });
}
