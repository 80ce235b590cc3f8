//! XML of JUnit: a suite for each file, and a failed case for each finding.

use super::Report;
use super::xml::Xml;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let tool = report.tool();
    write!(
        out,
        r#"<?xml version="1.0" encoding="UTF-8"?><testsuites name="{tool}" time="0">"#
    )?;
    for file in report.files {
        let name = report.path(file);
        let errors = file.findings.iter().filter(|finding| finding.code == "DL1000").count();
        let failures = file.findings.len() - errors;
        write!(
            out,
            r#"<testsuite id="{tool}" name="{}" tests="{}" errors="{errors}" failures="{failures}" time="0">"#,
            Xml(name),
            file.findings.len().max(1),
        )?;
        if file.findings.is_empty() {
            // A suite without cases counts as a mistake in some places.
            write!(
                out,
                r#"<testcase id="{tool}" name="{}" classname="{tool}" time="0"/>"#,
                Xml(name)
            )?;
        }
        for finding in &file.findings {
            let place = report.place(file, finding);
            let (code, level) = (Xml(&finding.code), finding.level.word());
            let shown = format!(
                "File: {name}\nLine: {}\nColumn: {}\n{level}: {}\n",
                place.line, place.column, finding.message
            );
            let (id, element) = match finding.code.as_ref() {
                "DL1000" => ("error", "error"),
                _ => ("rule", "failure"),
            };
            write!(
                out,
                r#"<testcase id="{tool}.{id}.{code}" name="{code} {}:{}:{}" classname="{tool}.{code}" time="0"><{element} id="{code}" message="{}" type="{level}">{}</{element}></testcase>"#,
                Xml(name),
                place.line,
                place.column,
                Xml(&finding.message),
                Xml(&shown),
            )?;
        }
        out.write_all(b"</testsuite>")?;
    }
    out.write_all(b"</testsuites>")
}
