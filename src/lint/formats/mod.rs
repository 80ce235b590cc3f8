//! Findings as people and programs want them: one format a file.
//!
//! Most formats are hadolint's, with its fields and words, so that what reads its reports reads ours.

mod checkstyle;
mod codacy;
mod codeclimate;
mod fingerprint;
mod full;
mod github;
mod gnu;
mod json;
mod junit;
mod sarif;
mod sonarqube;
mod tty;
mod xml;

pub use fingerprint::anchor;

use super::codes::is_shellcheck;
use super::finding::Finding;
use crate::diagnostic::{Position, Source};
use std::io;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// For people: message, code, the lines with marks, what may help.
    Full,
    /// A line each, as hadolint has them on a terminal.
    Tty,
    /// A list of objects.
    Json,
    /// XML of Checkstyle 4.3.
    Checkstyle,
    /// Issues of Code Climate, each with a NUL behind it.
    Codeclimate,
    /// A list of issues as GitLab reads them.
    GitlabCodeclimate,
    /// A line each, as the GNU coding standards have them.
    Gnu,
    /// Objects as Codacy reads them.
    Codacy,
    /// Generic issues of SonarQube.
    Sonarqube,
    /// SARIF 2.1.0.
    Sarif,
    /// XML of JUnit.
    Junit,
    /// Workflow commands of GitHub Actions, which become annotations.
    Github,
}

impl Format {
    /// The words that people choose formats by.
    pub const WORDS: [&'static str; 12] = [
        "full",
        "tty",
        "json",
        "checkstyle",
        "codeclimate",
        "gitlab_codeclimate",
        "gnu",
        "codacy",
        "sonarqube",
        "sarif",
        "junit",
        "github",
    ];

    /// The format that `word` means.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "full" => Self::Full,
            "tty" => Self::Tty,
            "json" => Self::Json,
            "checkstyle" => Self::Checkstyle,
            "codeclimate" => Self::Codeclimate,
            "gitlab_codeclimate" => Self::GitlabCodeclimate,
            "gnu" => Self::Gnu,
            "codacy" => Self::Codacy,
            "sonarqube" => Self::Sonarqube,
            "sarif" => Self::Sarif,
            "junit" => Self::Junit,
            "github" => Self::Github,
            _ => return None,
        })
    }

    /// Whether a run that writes this format ends well whatever it finds, as with hadolint.
    pub fn never_fails(self) -> bool {
        matches!(self, Self::Codeclimate | Self::Codacy)
    }

    /// Writes `report`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(self, report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        match self {
            Self::Full => full::write(report, out),
            Self::Tty => tty::write(report, out),
            Self::Json => json::write(report, out),
            Self::Checkstyle => checkstyle::write(report, out),
            Self::Codeclimate => codeclimate::write(report, out),
            Self::GitlabCodeclimate => codeclimate::write_gitlab(report, out),
            Self::Gnu => gnu::write(report, out),
            Self::Codacy => codacy::write(report, out),
            Self::Sonarqube => sonarqube::write(report, out),
            Self::Sarif => sarif::write(report, out),
            Self::Junit => junit::write(report, out),
            Self::Github => github::write(report, out),
        }
    }
}

/// What was found in some files.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The files in order, those without findings too.
    pub files: &'a [Linted],
    /// Whether places are hadolint's: the first line of the instruction, and column 1.
    pub as_hadolint: bool,
    /// Whether words are coloured, in formats that know colours.
    pub color: bool,
    /// What is named in place of every file, in formats where hadolint does so.
    pub path: Option<&'a str>,
}

/// What was found in one file.
#[derive(Debug, Clone)]
pub struct Linted {
    /// The text, under the name that findings show.
    pub source: Source,
    /// The findings in order.
    pub findings: Vec<Finding>,
}

impl Report<'_> {
    /// All findings with their files.
    fn findings(&self) -> impl Iterator<Item = (&Linted, &Finding)> {
        let files = self.files.iter();
        files.flat_map(|file| file.findings.iter().map(move |finding| (file, finding)))
    }

    /// The name of `file`, where a given one may take its place.
    fn path<'s>(&'s self, file: &'s Linted) -> &'s str {
        self.path.unwrap_or(file.source.name())
    }

    /// Where hadolint would put it: DL codes on the first line of the instruction; all others, unless everything is
    /// to be as with hadolint, where they are.
    fn place(&self, file: &Linted, finding: &Finding) -> Position {
        let is_hadolints = finding.code.starts_with("DL") && finding.code != "DL1000";
        if is_hadolints || self.as_hadolint && finding.code != "DL1000" {
            return Position {
                line: finding.line,
                column: 1,
            };
        }
        file.source.position(finding.span.start)
    }

    /// The first and the last place of what it is about; the last is the one behind it.
    fn range(&self, file: &Linted, finding: &Finding) -> (Position, Position) {
        if self.as_hadolint {
            let place = self.place(file, finding);
            return (place, place);
        }
        let source = &file.source;
        (source.position(finding.span.start), source.position(finding.span.end))
    }

    /// The name of the program.
    fn tool(&self) -> &'static str {
        if self.as_hadolint { "hadolint" } else { "varve" }
    }
}

/// The language of what the finding is about.
fn language(finding: &Finding) -> &'static str {
    if is_shellcheck(&finding.code) {
        "sh"
    } else {
        "dockerfile"
    }
}

#[cfg(test)]
mod tests;
