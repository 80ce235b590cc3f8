//! Follows ARG and ENV through the stages, as a build would, and says what each instruction's words come to.

mod budget;
mod walk;

use crate::diagnostic::Span;
use crate::dockerfile::Instruction;
use crate::oci::Platform;

/// What becomes of the words of instructions when the stages are built one after another.
#[derive(Debug)]
pub struct Scopes<'a> {
    /// One for each FROM, in order.
    pub froms: Vec<From>,
    /// The instructions that a build would do, stage by stage; those without effect on variables and files included.
    pub steps: Vec<Step<'a>>,
}

/// What a FROM comes to.
#[derive(Debug, Default)]
pub struct From {
    /// The image's name; `None` when it can't be told.
    pub image: Option<String>,
    /// The same with defaults of ARGs only.
    pub image_by_default: Option<String>,
    /// Whether that is not a stage of the file.
    pub is_outside: bool,
    /// The platform that is wanted of it.
    pub wanted: Platform,
    /// What `--platform` comes to.
    pub platform: Option<PlatformFlag>,
    /// The platform that the base has, when it is known and not the one that is wanted: found, wanted.
    pub mismatch: Option<(Platform, Platform)>,
    /// Variables without a declaration.
    pub undefined: Vec<Undefined>,
}

/// What a `--platform` comes to.
#[derive(Debug)]
pub struct PlatformFlag {
    /// As written.
    pub text: String,
    /// Where it stands.
    pub span: Span,
    /// Whether it names no variable.
    pub is_constant: bool,
    /// Whether it is the target platform's variable and nothing else.
    pub is_target: bool,
}

/// A variable that has no value where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefined {
    /// Its name.
    pub name: String,
    /// The known name that was probably meant.
    pub near: Option<String>,
    /// Where it is used.
    pub span: Span,
}

/// An instruction that a build would do.
#[derive(Debug)]
pub struct Step<'a> {
    /// The stage that does it.
    pub stage: usize,
    /// The first line of the instruction, or of the FROM that fires it.
    pub line: u32,
    /// The instruction; the inner one of an ONBUILD when it is fired.
    pub instruction: &'a Instruction,
    /// Whether a SHELL is set before it.
    pub has_shell: bool,
    /// Whether the file sets a WORKDIR before it, in this stage or one that it is built on.
    pub has_workdir: bool,
    /// What the words of ADD, COPY, EXPOSE and WORKDIR come to.
    pub words: Vec<(Span, String)>,
    /// Variables without a value.
    pub undefined: Vec<Undefined>,
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Source;
    use crate::dockerfile::parse;
    use crate::lint::{Document, Options};

    #[test]
    fn what_hostile_files_grow_to_has_a_bound() {
        let long = "x".repeat(50_000);
        let uses = "ENV C=$B\nEXPOSE $B\nWORKDIR $B\n".repeat(300);
        let heirs = "FROM a\n".repeat(300);
        let text = format!("FROM scratch AS a\nENV A={long}\nENV B=$A$A$A$A$A$A$A$A$A$A\n{uses}{heirs}");
        let source = Source::new("Dockerfile", text);
        let parsed = parse(source.text());
        let options = Options::default();
        let document = Document::new(&source, &parsed, &options);
        let steps = &document.scopes().steps;
        let words = steps.iter().flat_map(|step| &step.words);
        let size: usize = words.map(|(_, word)| word.len()).sum();
        assert!(size > 500_000 && size < 64 << 20, "{size}");
        assert_eq!(steps.len(), 902);
    }
}
