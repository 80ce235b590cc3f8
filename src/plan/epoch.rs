//! `SOURCE_DATE_EPOCH`: seconds, or the name of whatever knows them.

use super::source::classify;
use super::stage::words;
use super::{Request, Source};
use crate::diagnostic::{Diagnostic, Span};
use crate::dockerfile::{Body, Instruction, Keyword};
use crate::resolve::{Binding, Environment, Origin, Stage, expand};

const NAME: &str = "SOURCE_DATE_EPOCH";

/// Who knows the moment that `SOURCE_DATE_EPOCH` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpochSource {
    /// The build context.
    Context,
    /// A named context.
    Named(String),
    /// What the only ADD of a stage fetches: a [`Source::Url`] or a [`Source::Git`].
    Remote {
        /// What.
        source: Source,
        /// `--checksum`, expanded.
        checksum: Option<String>,
    },
}

/// What an [`EpochSource`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochAnswer {
    seconds: Option<i64>,
    text: String,
}

impl EpochAnswer {
    /// Seconds since 1970; a source may know no moment, and then there is no epoch.
    pub fn new(seconds: Option<i64>) -> Self {
        let text = seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
        Self { seconds, text }
    }
}

/// The epoch, as far as it is known.
pub(super) enum Epoch {
    Known(Option<i64>),
    /// Somebody has to be asked first.
    Asks(EpochSource),
}

/// Finds the epoch: given, or the default of a global ARG; empty is none.
///
/// The answer of a source takes the place of its name, so that instructions see seconds.
pub(super) fn find<'a>(request: &Request<'a>, binding: &mut Binding<'a>) -> Result<Epoch, Diagnostic> {
    let given = binding.given.get(NAME);
    let text = match given.or_else(|| binding.global.get(NAME)) {
        None | Some("") => return Ok(Epoch::Known(None)),
        Some(text) => text,
    };
    if let Ok(seconds) = text.parse() {
        return Ok(Epoch::Known(Some(seconds)));
    }
    let Some(answer) = request.epoch else {
        let place = given.is_none().then(|| default_of(request)).flatten();
        return source(binding, text, place).map(Epoch::Asks);
    };
    match given {
        Some(_) => binding.given.set(NAME, &answer.text),
        None => binding.global.set(NAME, &answer.text),
    }
    Ok(Epoch::Known(answer.seconds))
}

/// The place of the last default before the first FROM.
fn default_of(request: &Request<'_>) -> Option<Span> {
    let instructions = &request.dockerfile.instructions;
    let head = instructions.iter().take_while(|it| it.keyword != Some(Keyword::From));
    let pairs = head.filter_map(|it| match &it.body {
        Body::Pairs { pairs, .. } => Some(pairs),
        _ => None,
    });
    let values = pairs.flatten().filter(|pair| pair.key.text == NAME);
    values
        .filter_map(|pair| pair.value.as_ref())
        .last()
        .map(|value| value.span)
}

fn source(binding: &Binding<'_>, text: &str, place: Option<Span>) -> Result<EpochSource, Diagnostic> {
    if text == "context" {
        return Ok(EpochSource::Context);
    }
    if let Some(name) = binding.named_context(text) {
        return Ok(EpochSource::Named(name.to_owned()));
    }
    let named = |stage: &&Stage<'_>| {
        stage
            .name
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case(text))
    };
    match binding.stages.iter().find(named) {
        Some(stage) => of_stage(binding, stage),
        None => Err(Diagnostic::error("bad-epoch", place, format!("invalid `{NAME}`: `{text}`"))
            .help("want whole seconds since 1970, `context`, or the name of a context or of a stage with one remote `ADD`")
            .suggest(text, binding.known_names().chain(["context"]))),
    }
}

/// The source of a stage that does nothing but fetch it.
fn of_stage(binding: &Binding<'_>, stage: &Stage<'_>) -> Result<EpochSource, Diagnostic> {
    let refuse = |place: Span, why: &str| {
        let message = format!("the stage `{}` can't be `{NAME}`: {why}", stage.label());
        Err(Diagnostic::error("bad-epoch", place, message).help(
            "such a stage is `FROM scratch` with one `ADD` of a URL or git repository, and nothing else but `ARG`",
        ))
    };
    if stage.base != Origin::Scratch {
        return refuse(stage.from.span, "it is not `FROM scratch`");
    }
    let mut seen: Environment = binding.global.clone();
    seen.remove(NAME);
    let expanded = |text: &str, seen: &Environment, place: Span| {
        let expanded = expand(text, binding.escape, seen).map(|it| it.text);
        expanded.map_err(|error| Diagnostic::error("substitution", place, format!("cannot expand `{text}`: {error}")))
    };
    let mut found = None;
    for instruction in stage.instructions {
        match (instruction.keyword, &instruction.body) {
            (Some(Keyword::Arg), Body::Pairs { pairs, .. }) => {
                for pair in pairs {
                    let name = expanded(&pair.key.text, &seen, pair.key.span)?;
                    let value = match (binding.given.get(&name), &pair.value) {
                        (Some(value), _) => value.to_owned(),
                        (None, Some(default)) => expanded(&default.text, &seen, default.span)?,
                        (None, None) => continue,
                    };
                    seen.set(name, value);
                }
            }
            (Some(Keyword::Add), _) if found.is_some() => {
                return refuse(instruction.span, "it has more than one `ADD`");
            }
            (Some(Keyword::Add), _) => {
                let [source, _] = words(instruction) else {
                    return refuse(instruction.span, "its `ADD` has more than one source");
                };
                if !instruction.heredocs.is_empty() {
                    return refuse(instruction.span, "its `ADD` fetches nothing");
                }
                let text = expanded(&source.text, &seen, source.span)?;
                let source = remote(text).map_err(|why| Diagnostic::error("bad-source", source.span, why))?;
                let Some(mut source) = source else {
                    return refuse(instruction.span, "its `ADD` fetches nothing");
                };
                let checksum = match flag(instruction, "checksum") {
                    Some(text) => Some(expanded(text, &seen, instruction.span)?),
                    None => None,
                };
                if let Source::Git { source, .. } = &mut source {
                    let refuse = |why| Diagnostic::error("bad-git-source", instruction.span, why);
                    **source = (**source)
                        .clone()
                        .with_flags(checksum.as_deref(), None)
                        .map_err(refuse)?;
                }
                found = Some(EpochSource::Remote { source, checksum });
            }
            _ => {
                let name = instruction.name.text.to_uppercase();
                return refuse(instruction.span, &format!("it has a `{name}`"));
            }
        }
    }
    match found {
        Some(found) => Ok(found),
        None => refuse(stage.from.span, "it has no `ADD`"),
    }
}

fn remote(text: String) -> Result<Option<Source>, String> {
    Ok(match classify(text)? {
        source @ (Source::Url(_) | Source::Git { .. }) => Some(source),
        Source::Path(_) | Source::Inline { .. } => None,
    })
}

fn flag<'i>(instruction: &'i Instruction, name: &str) -> Option<&'i str> {
    let flag = instruction.flags.iter().find(|flag| flag.name == name)?;
    flag.value.as_deref().filter(|value| !value.is_empty())
}
