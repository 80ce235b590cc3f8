//! XML of Checkstyle.

use super::Report;
use super::xml::Xml;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    out.write_all(br#"<?xml version="1.0" encoding="UTF-8"?><checkstyle version="4.3">"#)?;
    for file in report.files {
        let name = Xml(report.path(file));
        if file.findings.is_empty() {
            write!(out, r#"<file name="{name}"/>"#)?;
            continue;
        }
        write!(out, r#"<file name="{name}">"#)?;
        for finding in &file.findings {
            let place = report.place(file, finding);
            let (message, level) = (Xml(&finding.message), finding.level);
            write!(
                out,
                r#"<error column="{}" line="{}" message="{message}" severity="{level}""#,
                place.column, place.line
            )?;
            // What does not parse breaks no rule.
            if finding.code != "DL1000" {
                write!(out, r#" source="{}""#, Xml(&finding.code))?;
            }
            out.write_all(b"/>")?;
        }
        out.write_all(b"</file>")?;
    }
    out.write_all(b"</checkstyle>")
}
