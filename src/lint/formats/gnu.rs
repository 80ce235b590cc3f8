//! `program:file:line: message`, as the GNU coding standards have it.

use super::Report;
use crate::diagnostic::visible;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let tool = report.tool();
    for (file, finding) in report.findings() {
        let place = report.place(file, finding);
        let (name, message) = (visible(file.source.name()), visible(&finding.message));
        if finding.code == "DL1000" {
            writeln!(out, "{tool}:{name}:{}:{}: {message}", place.line, place.column)?;
            continue;
        }
        let (code, level) = (&finding.code, finding.level);
        match place.column {
            1 => writeln!(out, "{tool}:{name}:{}: {code} {level}: {message}", place.line)?,
            column => writeln!(out, "{tool}:{name}:{}:{column}: {code} {level}: {message}", place.line)?,
        }
    }
    Ok(())
}
