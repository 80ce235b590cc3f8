//! What several rules about RUN have in common.

use crate::dockerfile::{Body, Keyword, Pair};
use crate::lint::{Command, Document, Finding, Findings, Fix, Run, Stage, Text};
use std::borrow::Cow;

/// Every command of every RUN, ONBUILD RUN among them.
pub(super) fn commands<'d>(document: &'d Document<'_>) -> impl Iterator<Item = (&'d Run<'d>, &'d Command)> {
    document
        .runs()
        .iter()
        .flat_map(|run| run.commands().iter().map(move |command| (run, command)))
}

/// Adds a finding about packages without a version at the first of them, if there is any.
pub(super) fn unpinned<'f>(
    findings: &'f mut Findings,
    run: &Run<'_>,
    packages: &[&Text],
    example: &str,
) -> Option<&'f mut Finding> {
    let first = packages.first()?;
    let message = match packages.len() {
        1 => format!("`{}` is installed in whatever version there is", first.text),
        2 => format!(
            "`{}` and one more package are installed in whatever version there is",
            first.text
        ),
        count => format!(
            "`{}` and {} more packages are installed in whatever version there is",
            first.text,
            count - 1
        ),
    };
    let finding = findings.add(run.instruction, first.span, message);
    finding.help(format!("name the version: `{example}`"));
    Some(finding)
}

/// A safe fix that puts `word` behind `after`.
pub(super) fn add_word(document: &Document<'_>, run: &Run<'_>, after: Option<&Text>, word: &str) -> Option<Fix> {
    let edit = run.add_word(document, after?, word)?;
    Some(Fix::safe(format!("add `{word}`"), vec![edit]))
}

/// The command of `run` that installs something and is cleaned up after by none: the first that `installs`, unless
/// the first that `cleans` comes later. What hadolint takes for clean.
pub(super) fn not_cleaned<'r>(
    run: &'r Run<'_>,
    installs: impl Fn(&Command) -> bool,
    cleans: impl Fn(&Command) -> bool,
) -> Option<&'r Command> {
    let commands = run.commands();
    let installed = commands.iter().position(installs)?;
    let cleaned = commands.iter().position(cleans);
    match cleaned {
        Some(at) if at > installed => None,
        _ => commands.get(installed),
    }
}

/// `rm -rf …`, written so.
pub(super) fn is_rm_rf(command: &Command) -> bool {
    command.is("rm") && command.has_word("-rf")
}

/// Whether the stage of `run` is the last one, or one that a later FROM builds on by its exact name.
pub(super) fn is_kept(document: &Document<'_>, run: &Run<'_>) -> bool {
    let stages = document.stages();
    let Some(stage) = run.stage.and_then(|index| stages.get(index)) else {
        return true;
    };
    let later = stages.get(stage.index + 1..).unwrap_or_default();
    let is_named = |name: &str| {
        later
            .iter()
            .any(|other| other.image.is_some_and(|image| image.text == name))
    };
    later.is_empty() || stage.name.is_some_and(|name| is_named(&name.text))
}

/// Whether the tools of the stage that `run` stands in are BusyBox's, as far as names tell.
pub(super) fn is_busybox(document: &Document<'_>, run: &Run<'_>) -> bool {
    let Some(mut stage) = run.stage.and_then(|index| document.stages().get(index)) else {
        return false;
    };
    while let Some(base) = stage.base.and_then(|index| document.stages().get(index)) {
        stage = base;
    }
    let of_stage = document.runs().iter().filter(|other| other.stage == run.stage);
    stage
        .image
        .is_some_and(|image| image.text.contains("alpine") || image.text.contains("busybox"))
        || of_stage.flat_map(|run| run.commands()).any(|command| command.is("apk"))
}

/// Whether a yum or dnf package names its version: `name-1.2`, `name-1.2.rpm`, or a variable behind a dash that
/// `knows` says is set by the file. Modules have theirs behind a colon.
pub(super) fn is_rpm_pinned(package: &str, module: bool, knows: impl Fn(&str) -> bool) -> bool {
    if module {
        return package.contains(':');
    }
    if !package.contains('-') {
        return false;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || ".~^_:+".contains(c);
    let mut parts = package.split('-').skip(1);
    package.ends_with(".rpm")
        || variables(package).any(knows)
        || (package.split('-').all(|part| part.chars().all(plain))
            && parts.any(|part| part.starts_with(|c: char| c.is_ascii_digit())))
}

/// The names in `$NAME` and `${NAME}`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|after| {
        let (braces, after) = match after.strip_prefix('{') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(after.len());
        let (name, rest) = after.split_at(end);
        (!name.is_empty() && (!braces || rest.starts_with('}'))).then_some(name)
    })
}

/// `pip install` by any of its names: what begins with `pip`, or `python -m pip`.
pub(super) fn is_pip_install(command: &Command) -> bool {
    let Some(name) = command.name.as_ref().map(|name| name.text.as_str()) else {
        return false;
    };
    let is_module = |pair: &[Text]| pair[0].text == "-m" && pair[1].text == "pip";
    let is_pip = (name.starts_with("pip") && !name.starts_with("pipenv"))
        || (name.starts_with("python") && command.words.windows(2).any(is_module));
    is_pip && command.has_word("install")
}

/// Gives `finding` the unsafe fix that runs `new` right behind `command`, where that is possible.
pub(super) fn fix_by(finding: &mut Finding, run: &Run<'_>, command: &Command, new: &str) {
    let is_first = !run.commands().iter().any(|other| new == shown(other));
    if let Some(edit) = run.add_command(command, new).filter(|_| is_first) {
        finding.fix(Fix::unsafe_(format!("run `{new}` in the same `RUN`"), vec![edit]));
    }
}

fn shown(command: &Command) -> String {
    let words = command.name.iter().chain(&command.words);
    words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The earlier stage that `stage` builds on by its exact name.
pub(super) fn exact_base(document: &Document<'_>, stage: &Stage<'_>) -> Option<usize> {
    let base = document.stages().get(stage.base?)?;
    let same = stage.image?.text == base.name?.text;
    same.then_some(base.index)
}

/// Which variables the file sets, as far as hadolint counts them.
pub(super) struct Known<'a> {
    /// ARG counts for everything that follows, in whatever stage.
    args: Vec<(usize, &'a str)>,
    /// ENV by stage, those of its bases among them.
    envs: Vec<Vec<(usize, &'a str)>>,
}

impl<'a> Known<'a> {
    pub(super) fn new(document: &Document<'a>) -> Self {
        let names = |at: usize, keyword: Keyword| {
            let instruction = &document.instructions()[at];
            let pairs: &[Pair] = match &instruction.body {
                Body::Pairs { pairs, .. } if instruction.keyword == Some(keyword) => pairs,
                _ => &[],
            };
            pairs.iter().map(move |pair| (at, pair.key.text.as_str()))
        };
        let all = 0..document.instructions().len();
        let mut envs: Vec<Vec<(usize, &str)>> = Vec::new();
        for stage in document.stages() {
            let mut own = exact_base(document, stage).map_or_else(Vec::new, |base| envs[base].clone());
            own.extend(stage.range.clone().flat_map(|at| names(at, Keyword::Env)));
            envs.push(own);
        }
        Self {
            args: all.flat_map(|at| names(at, Keyword::Arg)).collect(),
            envs,
        }
    }

    /// Whether `name` is set in front of `run`.
    pub(super) fn knows(&self, run: &Run<'_>, name: &str) -> bool {
        let envs = run.stage.and_then(|stage| self.envs.get(stage));
        self.args
            .iter()
            .chain(envs.into_iter().flatten())
            .any(|&(at, own)| own == name && at < run.index)
    }
}

/// `$name` as `${name}`: that is how hadolint sees a variable of the shell.
pub(super) fn braced(text: &str) -> Cow<'_, str> {
    if !text.contains('$') {
        return Cow::Borrowed(text);
    }
    let mut all = String::new();
    let mut parts = text.split('$');
    all.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(part.len());
        match end {
            0 => all.extend(["$", part]),
            _ => all.extend(["${", &part[..end], "}", &part[end..]]),
        }
    }
    Cow::Owned(all)
}
