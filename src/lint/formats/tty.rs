//! `Dockerfile:2 DL3008 warning: message`, as hadolint writes to a terminal.

use super::Report;
use crate::diagnostic::visible;
use crate::lint::Level;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for (file, finding) in report.findings() {
        let place = report.place(file, finding);
        let (name, message) = (visible(file.source.name()), visible(&finding.message));
        if finding.code == "DL1000" {
            writeln!(out, "{name}:{}:{} {message}", place.line, place.column)?;
            continue;
        }
        let level = finding.level.word();
        let level = match report.color {
            true => format!("\x1b[1m\x1b[{}m{level}\x1b[0m", color(finding.level)),
            false => level.to_owned(),
        };
        writeln!(out, "{name}:{} {} {level}: {message}", place.line, finding.code)?;
    }
    Ok(())
}

fn color(level: Level) -> u32 {
    match level {
        Level::Error => 91,
        Level::Warning => 93,
        Level::Info => 92,
        Level::Style => 96,
    }
}
