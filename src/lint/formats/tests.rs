use super::*;
use crate::diagnostic::Span;
use crate::lint::{Edit, Fix, Level};
use std::borrow::Cow;

fn finding(code: &'static str, level: Level, span: Span, line: u32, message: &str) -> Finding {
    Finding {
        code: Cow::Borrowed(code),
        level,
        message: message.to_owned(),
        span,
        line,
        help: Vec::new(),
        fix: None,
    }
}

/// Two files, one of them with everything that wants escaping.
fn files() -> Vec<Linted> {
    let text = "FROM b\nRUN é && \\\n  cd \"$x\"\n";
    let cd = Span::new(21, 23);
    let mut first = finding(
        "DL3000",
        Level::Warning,
        cd,
        2,
        "a <b> & \"c\"\r\n\u{1b}[2J%::é,\u{2028}",
    );
    first.help("write it");
    first.fix(Fix::safe("do it", vec![Edit::replace(cd, "cd <x>\n")]));
    let shell = finding("SC2086", Level::Info, Span::new(25, 27), 2, "quotes");
    let broken = finding("DL1000", Level::Error, Span::new(7, 7), 2, "no keyword");
    vec![
        Linted {
            source: Source::new("a,b:c é/Dockerfile", text),
            findings: vec![first, shell, broken],
        },
        Linted {
            source: Source::new("clean", "FROM b\n"),
            findings: Vec::new(),
        },
    ]
}

fn written(format: Format, as_hadolint: bool) -> String {
    let files = files();
    let report = Report {
        files: &files,
        as_hadolint,
        color: false,
        path: None,
    };
    let mut out = Vec::new();
    format.write(&report, &mut out).expect("memory takes it");
    String::from_utf8(out).expect("it is text")
}

fn json(format: Format, as_hadolint: bool) -> serde_json::Value {
    serde_json::from_str(&written(format, as_hadolint)).expect("it is JSON")
}

#[test]
fn every_word_is_a_format() {
    let mut seen = std::collections::HashSet::new();
    for word in Format::WORDS {
        assert!(seen.insert(Format::from_word(word).expect(word)));
    }
    assert_eq!(Format::from_word("TTY"), None);
}

#[test]
fn lines_stay_lines() {
    let message = "a <b> & \"c\"␍␤␛[2J%::é,\u{2028}";
    assert_eq!(
        written(Format::Tty, false),
        format!(
            "a,b:c é/Dockerfile:2 DL3000 warning: {message}\na,b:c é/Dockerfile:3 SC2086 info: quotes\n\
             a,b:c é/Dockerfile:2:1 no keyword\n"
        )
    );
    assert_eq!(
        written(Format::Gnu, false),
        format!(
            "varve:a,b:c é/Dockerfile:2: DL3000 warning: {message}\nvarve:a,b:c é/Dockerfile:3:7: SC2086 info: quotes\n\
             varve:a,b:c é/Dockerfile:2:1: no keyword\n"
        )
    );
    assert!(written(Format::Gnu, true).contains("hadolint:a,b:c é/Dockerfile:2: SC2086 info: quotes\n"));
    let full = written(Format::Full, false);
    assert!(
        full.contains("warning[DL3000]: ") && full.contains("info[SC2086]: quotes"),
        "{full}"
    );
    assert!(
        full.contains("--> a,b:c é/Dockerfile:3:3") && full.contains("`--fix` can do it: do it"),
        "{full}"
    );
}

#[test]
fn commands_of_workflows_are_one_line_each() {
    let written = written(Format::Github, false);
    let first = written.lines().next().expect("a line");
    assert_eq!(
        first,
        "::warning file=a%2Cb%3Ac é/Dockerfile,line=3,endLine=3,col=3,endColumn=5,title=DL3000\
         ::a <b> & \"c\"%0D%0A\u{1b}[2J%25::é,\u{2028}%0Awrite it"
    );
    assert_eq!(written.lines().count(), 3);
}

#[test]
fn json_has_the_fields_of_hadolint_and_more() {
    let list = json(Format::Json, true);
    let keys: Vec<_> = list[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["code", "column", "file", "level", "line", "message"]);
    assert_eq!((&list[1]["line"], &list[1]["column"]), (&2.into(), &1.into()));
    let list = json(Format::Json, false);
    assert_eq!((&list[0]["line"], &list[0]["column"]), (&2.into(), &1.into()));
    assert_eq!(
        list[0]["start"],
        serde_json::json!({"line": 3, "column": 3, "offset": 21})
    );
    assert_eq!(list[0]["fix"]["edits"][0]["text"], "cd <x>\n");
    assert_eq!((&list[1]["line"], &list[1]["column"]), (&3.into(), &7.into()));
    assert_eq!(list[1]["fix"], serde_json::Value::Null);
}

#[test]
fn the_others_are_well_formed() {
    for as_hadolint in [true, false] {
        let list = json(Format::GitlabCodeclimate, as_hadolint);
        let prints: std::collections::HashSet<_> = (list.as_array().expect("a list").iter())
            .map(|issue| issue["fingerprint"].as_str().expect("text").to_owned())
            .collect();
        assert!(prints.len() == 3 && prints.iter().all(|print| print.len() == 40));
        let issues = written(Format::Codeclimate, as_hadolint);
        assert_eq!(issues.matches('\0').count(), 3);
        for issue in issues.split_terminator('\0') {
            serde_json::from_str::<serde_json::Value>(issue).expect("it is JSON");
        }
        let codacy = written(Format::Codacy, as_hadolint);
        let objects = serde_json::Deserializer::from_str(&codacy).into_iter::<serde_json::Value>();
        assert!(objects.filter(Result::is_ok).count() == 3);
        let issues = json(Format::Sonarqube, as_hadolint);
        assert_eq!(issues["issues"][2]["severity"], "BLOCKER");
    }
    let range = &json(Format::Sonarqube, false)["issues"][0]["primaryLocation"]["textRange"];
    assert_eq!((&range["startColumn"], &range["endColumn"]), (&2.into(), &4.into()));
    let sarif = json(Format::Sarif, false);
    let run = &sarif["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(3));
    let result = &run["results"][0];
    assert_eq!(run["tool"]["driver"]["rules"][1]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%2Cb%3Ac%20%C3%A9/Dockerfile");
    assert_eq!(place["region"]["endColumn"], 5);
    let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(change["insertedContent"]["text"], "cd <x>\n");
}

#[test]
fn xml_says_nothing_that_xml_cannot() {
    let style = written(Format::Checkstyle, false);
    assert!(style.contains(
        "message=\"a &lt;b&gt; &amp; &quot;c&quot;&#13;&#10;\u{fffd}[2J%::é,\u{2028}\" severity=\"warning\" source=\"DL3000\"/>"
    ), "{style}");
    assert!(style.contains("message=\"no keyword\" severity=\"error\"/>"));
    assert!(style.contains("<file name=\"clean\"/>"));
    let junit = written(Format::Junit, false);
    assert!(junit.contains("tests=\"3\" errors=\"1\" failures=\"2\""), "{junit}");
    for text in [style, junit] {
        assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
    }
}

#[test]
fn names_of_findings_outlive_lines_above() {
    let mut files = files();
    let name = |files: &[Linted]| {
        let mut fingerprints = fingerprint::Fingerprints::default();
        let file = &files[0];
        let names: Vec<_> = [0, 0, 1]
            .map(|at| fingerprints.next("x", file, &file.findings[at]))
            .to_vec();
        names
    };
    let before = name(&files);
    assert_ne!(before[0], before[1], "the second of the same");
    let text = format!("# more\n{}", files[0].source.text());
    files[0].source = Source::new("x", text);
    for finding in &mut files[0].findings {
        finding.span = Span::new(finding.span.start + 7, finding.span.end + 7);
    }
    assert_eq!(before, name(&files));
}
