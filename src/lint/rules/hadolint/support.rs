//! What several rules about RUN have in common.

use crate::lint::{Command, Document, Finding, Findings, Fix, Run, Text};
use std::borrow::Cow;
use std::collections::HashSet;

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

/// Which stages are the last one, or one that a later FROM builds on as far as hadolint sees: it looks for the name
/// after AS, whatever tag stands behind it, or else for the same image again.
pub(super) fn kept(document: &Document<'_>) -> Vec<bool> {
    let stages = document.stages();
    let mut kept = vec![true; stages.len()];
    let (mut names, mut nameless) = (HashSet::new(), HashSet::new());
    for stage in stages.iter().rev() {
        let image = stage.image.map(|image| image.text.as_str());
        kept[stage.index] = stage.index + 1 == stages.len()
            || match stage.name {
                Some(name) => names.contains(&*name.text),
                None => image.is_some_and(|image| nameless.contains(image)),
            };
        if let Some(image) = image {
            names.insert(without_tag(image));
            if stage.name.is_none() {
                nameless.insert(image);
            }
        }
    }
    kept
}

/// Whether what `run` leaves behind is thrown away with its stage. What it does in another build is not.
pub(super) fn is_thrown_away(kept: &[bool], run: &Run<'_>) -> bool {
    !run.onbuild && run.stage.is_some_and(|stage| !kept[stage])
}

fn without_tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// Whether the tools of each stage are BusyBox's, as far as names tell.
pub(super) fn busybox(document: &Document<'_>) -> Vec<bool> {
    let mut busybox: Vec<bool> = Vec::new();
    for stage in document.stages() {
        let is_base = |image: &str| image.contains("alpine") || image.contains("busybox");
        let inherited = stage.base.and_then(|base| busybox.get(base).copied());
        busybox.push(inherited.unwrap_or_else(|| stage.image.is_some_and(|image| is_base(&image.text))));
    }
    for run in document.runs() {
        if let Some(stage) = run.stage.and_then(|stage| busybox.get_mut(stage)) {
            *stage |= run.named("apk").next().is_some();
        }
    }
    busybox
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

/// `pip install` by any of its names: what begins with `pip`, or `python -m pip install`, without flags between.
pub(super) fn is_pip_install(command: &Command) -> bool {
    let Some(name) = command.name.as_ref().map(|name| name.text.as_str()) else {
        return false;
    };
    let is_module = |words: &[Text]| words.iter().map(|word| &*word.text).eq(["-m", "pip", "install"]);
    let is_pip = (name.starts_with("pip") && !name.starts_with("pipenv"))
        || (name.starts_with("python") && command.words.windows(3).any(is_module));
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
