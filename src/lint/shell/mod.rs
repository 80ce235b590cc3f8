//! RUN as a shell sees it: text with a way back to the file, and the commands in it with the place of every word.
//!
//! Enter by [`Document::runs`]: one [`Run`] per RUN and ONBUILD RUN, read when first asked for.
//!
//! Nothing of the parser's own types leaves this folder, so that another one could take its place.

mod command;
mod dialect;
mod edit;
mod heredoc;
mod parse;
mod script;
mod walk;

pub use command::{Assignment, Command, Flag, Link, Pipe, Redirect, Text};
pub use dialect::{Dialect, Shell};
pub(super) use edit::edit_of;
pub use script::Script;

use super::document::Document;
use crate::dockerfile::{Body, Instruction, Keyword};

/// One RUN, written in any form, at the top level or inside of ONBUILD.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// Where [`Run::instruction`] stands in the tree.
    pub index: usize,
    /// The stage it belongs to; `None` in front of the first FROM.
    pub stage: Option<usize>,
    /// The instruction of the file: the RUN itself, or the ONBUILD around it.
    pub instruction: &'a Instruction,
    /// The RUN, with its flags.
    pub run: &'a Instruction,
    /// Whether it stands inside of ONBUILD.
    pub onbuild: bool,
    /// How it is written.
    pub form: Form,
    /// What runs it: the last SHELL, or what the heredoc's `#!` names.
    pub shell: Shell,
    /// What it runs.
    pub script: Script,
}

/// How a RUN is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Text for the shell, heredocs among it as the shell itself reads them.
    Shell,
    /// A JSON array. Its script is the members with blanks between, which no shell ever sees.
    Exec,
    /// A heredoc alone, or one that is handed to a shell: its body is the script.
    Heredoc,
}

impl<'a> Run<'a> {
    /// The commands, in order of writing; none when the text is no valid shell.
    pub fn commands(&self) -> &[Command] {
        &self.script.commands
    }

    /// The commands called `name`.
    pub fn named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Command> {
        self.commands().iter().filter(move |command| command.is(name))
    }

    /// Whether a mount of `kind` (`cache`, `tmpfs`, …) has a target for which `is_it` says yes; see
    /// [`Run::mounts`] for what it is given.
    pub fn has_mount(&self, kinds: &[&str], is_it: impl Fn(&str) -> bool) -> bool {
        self.mounts()
            .any(|(kind, target)| kinds.contains(&kind) && is_it(target.trim_end_matches('/')))
    }

    /// Kind and target of each `--mount`, as written. The kind is `bind` unless said, the target empty.
    pub fn mounts(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.run
            .flags
            .iter()
            .filter(|flag| flag.name == "mount")
            .filter_map(|flag| flag.value.as_deref())
            .map(|value| {
                let (mut kind, mut target) = ("bind", "");
                for option in value.split(',') {
                    match option.split_once('=') {
                        Some((name, value)) if name.eq_ignore_ascii_case("type") => kind = value,
                        Some((name, value))
                            if ["target", "dst", "destination"]
                                .iter()
                                .any(|it| name.eq_ignore_ascii_case(it)) =>
                        {
                            target = value.trim_matches('"');
                        }
                        _ => {}
                    }
                }
                (kind, target)
            })
    }
}

/// All RUNs of `document`, in order.
pub(super) fn runs<'a>(document: &Document<'a>) -> Vec<Run<'a>> {
    let mut runs = Vec::new();
    let mut shells = dialect::Shells::new(document);
    let mut stage = None;
    for (index, instruction) in document.instructions().iter().enumerate() {
        if instruction.keyword == Some(Keyword::From) {
            stage = Some(stage.map_or(0, |stage: usize| stage + 1));
        }
        shells.see(instruction, stage);
        let (run, onbuild) = match (instruction.keyword, &instruction.body) {
            (Some(Keyword::Run), _) => (instruction, false),
            (Some(Keyword::Onbuild), Body::Onbuild(inner)) if inner.keyword == Some(Keyword::Run) => (&**inner, true),
            _ => continue,
        };
        let (form, script, shebang) = script::read(document, run);
        runs.push(Run {
            index,
            stage,
            instruction,
            run,
            onbuild,
            form,
            shell: shebang.map_or_else(|| shells.now().clone(), |line| Shell::of_shebang(&line)),
            script,
        });
    }
    runs
}

#[cfg(test)]
mod tests;
