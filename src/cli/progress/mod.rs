//! Draws what happens, in one of several ways.

mod lines;
mod plain;
mod rawjson;
mod tty;

use super::arguments::Progress as Style;
use crate::build::Progress;
use std::io::IsTerminal as _;

/// Takes what a build tells, from any thread, and draws it on standard error.
pub(super) trait Screen: Sync {
    fn show(&self, progress: Progress);

    /// Called once when the build is over, before anything else is written.
    fn close(&self) {}
}

/// Nothing is drawn.
struct Quiet;

impl Screen for Quiet {
    fn show(&self, _: Progress) {}
}

/// The screen for a style; `auto` looks whether standard error is a terminal.
pub(super) fn screen(style: Style, quiet: bool) -> Box<dyn Screen> {
    match style {
        _ if quiet => Box::new(Quiet),
        Style::Quiet => Box::new(Quiet),
        Style::RawJson => Box::new(rawjson::RawJson::new(std::io::stderr())),
        Style::Tty => Box::new(tty::Tty::new()),
        Style::Auto if std::io::stderr().is_terminal() => Box::new(tty::Tty::new()),
        Style::Auto | Style::Plain => Box::new(plain::Plain::new(std::io::stderr())),
    }
}
