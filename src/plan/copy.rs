//! COPY and ADD: what is taken, and where it goes.

use super::lower::Lowering;
use super::run::heredoc_file;
use super::source::{check_digest, classify, is_url};
use super::stage::{StageState, words};
use super::values::check_mode;
use super::{Copy, From, GitSource, Op, Source, Workdir, paths};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Flag, Instruction, Keyword, Word};

/// The longest path that Linux takes.
const LONGEST_PATH: usize = 4095;

impl Lowering<'_> {
    /// Lowers a COPY or ADD of stage `index`.
    pub(super) fn copy(
        &mut self,
        index: usize,
        state: &mut StageState,
        instruction: &Instruction,
    ) -> Result<(), Diagnostic> {
        let add = instruction.keyword == Some(Keyword::Add);
        let verb = if add { "ADD" } else { "COPY" };
        let flags = Flags(instruction);
        let too_few = || {
            let message = format!("{verb} requires at least two arguments: sources and a destination");
            Diagnostic::error("missing-arguments", instruction.span, message)
        };
        let (destination, from_words) = words(instruction).split_last().ok_or_else(too_few)?;
        if from_words.is_empty() {
            return Err(too_few());
        }
        let chown = self.flag_text(state, flags.get("chown"))?;
        let chmod = self.flag_text(state, flags.get("chmod"))?;
        let checksum = self.flag_text(state, flags.get("checksum"))?;
        if let (Some(mode), Some(flag)) = (&chmod, flags.get("chmod")) {
            check_mode(mode).map_err(|message| Diagnostic::error("bad-mode", flag.span, message))?;
        }
        let mut sources = Vec::new();
        let mut inline = Vec::new();
        for word in from_words {
            match instruction.heredocs.iter().find(|it| it.span == word.span) {
                Some(heredoc) => inline.push(Source::Inline {
                    name: heredoc_file(heredoc)?,
                    body: if heredoc.expand {
                        state.expand_body(heredoc)?
                    } else {
                        heredoc.body.clone()
                    },
                }),
                None => sources.push(self.copied(state, word, add)?),
            }
        }
        if let (Some(checksum), Some(flag)) = (&checksum, flags.get("checksum")) {
            let refuse = |message: String| Diagnostic::error("bad-checksum", flag.span, message);
            match sources.as_slice() {
                [Source::Url(_)] if inline.is_empty() => check_digest(checksum).map_err(refuse)?,
                [Source::Git { .. }] if inline.is_empty() => {}
                [_] if inline.is_empty() => {
                    return Err(refuse("checksum requires HTTP(S) or Git sources".to_owned()));
                }
                _ => return Err(refuse("checksum can't be specified for multiple sources".to_owned())),
            }
        }
        for source in &mut sources {
            if let Source::Git { source, .. } = source {
                let span = flags
                    .get("checksum")
                    .or_else(|| flags.get("keep-git-dir"))
                    .map(|it| it.span);
                **source = GitSource::clone(source)
                    .with_flags(checksum.as_deref(), flags.switch("keep-git-dir"))
                    .map_err(|message| {
                        Diagnostic::error("bad-git-source", span.unwrap_or(instruction.span), message)
                    })?;
            }
        }
        // Files first, heredocs after them, whatever the order of writing: so does BuildKit.
        sources.append(&mut inline);
        let target = state.expand(&self.given, destination)?;

        let mut needs = Vec::new();
        let from = match flags.get("from").and_then(|flag| Some((flag, flag.value.as_deref()?))) {
            Some((flag, name)) if !name.is_empty() => {
                let origin = self.binding.copy_source(index, name, Some(flag.span))?;
                self.source(&origin, flag.span, &mut needs)?
            }
            _ => From::Context,
        };
        let mut shown = verb.to_owned();
        let parents = flags.switch("parents").unwrap_or(false);
        if parents {
            shown.push_str(" --parents");
        }
        for (name, value) in [("chown", &chown), ("chmod", &chmod)] {
            if let Some(value) = value {
                shown.push_str(&format!(" --{name}={value}"));
            }
        }
        for source in &sources {
            shown.push(' ');
            match source {
                Source::Inline { name, .. } => shown.push_str(&format!("<<{name}")),
                Source::Path(text) | Source::Url(text) | Source::Git { text, .. } => shown.push_str(text),
            }
        }
        shown.push_str(&format!(" {target} # buildkit"));

        let copy = Copy {
            from,
            sources,
            destination: paths::destination(&state.workdir(), &target),
            // A mode that depends on what is there needs the tree, so the layer can't stand alone.
            link: flags.switch("link").unwrap_or(false) && chmod.is_none(),
            chown,
            chmod,
            parents,
            excludes: flags.all("exclude"),
            add,
            unpack: flags.switch("unpack"),
            checksum,
        };
        let title = self.title(state, instruction, &[]);
        let step = self.step(index, state, Op::Copy(copy), title, &needs);
        state.record(shown, Some(step));
        Ok(())
    }

    fn copied(&self, state: &StageState, word: &Word, add: bool) -> Result<Source, Diagnostic> {
        let text = state.expand(&self.given, word)?;
        if add {
            return classify(text).map_err(|message| Diagnostic::error("bad-git-source", word.span, message));
        }
        let is_git = GitSource::parse(&text).is_some();
        if is_url(&text) || is_git {
            let what = if is_git { "git ref" } else { "URL" };
            return Err(Diagnostic::error(
                "copy-url",
                word.span,
                format!("source can't be a {what} for COPY: `{text}`"),
            )
            .help("`ADD` takes it"));
        }
        Ok(Source::Path(text))
    }

    /// The expanded value of a flag; an empty one is like none.
    fn flag_text(&self, state: &StageState, flag: Option<&Flag>) -> Result<Option<String>, Diagnostic> {
        let Some((flag, value)) = flag.and_then(|flag| Some((flag, flag.value.as_ref()?))) else {
            return Ok(None);
        };
        let word = Word {
            text: value.clone(),
            span: flag.span,
        };
        Ok(Some(state.expand(&self.given, &word)?).filter(|it| !it.is_empty()))
    }

    /// Lowers a WORKDIR of stage `index`.
    pub(super) fn workdir(
        &mut self,
        index: usize,
        state: &mut StageState,
        instruction: &Instruction,
    ) -> Result<(), Diagnostic> {
        let word = super::stage::single(instruction)?;
        let path = state.expand(&self.given, word)?;
        if path.is_empty() {
            let message = format!("the path `{}` expands to nothing", word.text);
            return Err(Diagnostic::error("blank-workdir", word.span, message));
        }
        let path = paths::workdir(&state.config.config.working_dir, &path);
        if path.len() > LONGEST_PATH {
            let message =
                format!("the working directory becomes longer than {LONGEST_PATH} bytes, which no system call takes");
            return Err(Diagnostic::error("workdir-too-long", word.span, message));
        }
        let clean = paths::clean(&path);
        let passes = paths::passes(&path);
        let step = (clean != "/" || !passes.is_empty()).then(|| {
            let op = Op::Workdir(Workdir {
                path: clean,
                passes,
                user: state.config.config.user.clone(),
            });
            let title = self.title(state, instruction, &[]);
            self.step(index, state, op, title, &[])
        });
        state.record(format!("WORKDIR {path}"), step);
        state.config.config.working_dir = path;
        Ok(())
    }
}

/// The flags of one instruction.
struct Flags<'a>(&'a Instruction);

impl<'a> Flags<'a> {
    fn get(&self, name: &str) -> Option<&'a Flag> {
        self.0.flags.iter().find(|flag| flag.name == name)
    }

    /// A flag that is on or off, when it is given.
    fn switch(&self, name: &str) -> Option<bool> {
        let flag = self.get(name)?;
        Some(
            flag.value
                .as_ref()
                .is_none_or(|value| value.eq_ignore_ascii_case("true")),
        )
    }

    fn all(&self, name: &str) -> Vec<String> {
        let given = self.0.flags.iter().filter(|flag| flag.name == name);
        given.filter_map(|flag| flag.value.clone()).collect()
    }
}
