//! For people: what `diagnostic` draws.

use super::Report;
use crate::diagnostic::{Diagnostic, render_as};
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for (file, finding) in report.findings() {
        let mut diagnostic = Diagnostic::warning("", finding.span, finding.message.as_str());
        diagnostic.help.clone_from(&finding.help);
        if let Some(fix) = &finding.fix {
            diagnostic = diagnostic.help(match fix.safety {
                crate::lint::Safety::Safe => format!("`--fix` can do it: {}", fix.title),
                crate::lint::Safety::Unsafe => format!("`--fix --unsafe` can do it: {}", fix.title),
            });
        }
        let drawn = render_as(
            finding.level.word(),
            &finding.code,
            &diagnostic,
            &file.source,
            report.color,
        );
        writeln!(out, "{}", drawn.trim_end())?;
        writeln!(out)?;
    }
    Ok(())
}
