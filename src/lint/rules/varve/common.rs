//! What several rules want to know.

use crate::dockerfile::{Instruction, Keyword};
pub(super) use crate::lint::context_facts::is_whole_context;
use crate::lint::shell::{Command, Run};
use crate::lint::{Document, Stage, words};

/// The stage that is built: the target, or the last one.
pub(super) fn final_stage<'d, 'a>(document: &'d Document<'a>) -> Option<&'d Stage<'a>> {
    let stages = document.stages();
    match &document.options.target {
        Some(target) => stages
            .iter()
            .rev()
            .find(|stage| stage.name.is_some_and(|name| name.text.eq_ignore_ascii_case(target)))
            .or_else(|| target.parse().ok().and_then(|index: usize| stages.get(index))),
        None => stages.last(),
    }
}

/// `stage`, the stage that it begins with, and so on down to an image.
pub(super) fn lineage<'d, 'a>(document: &'d Document<'a>, stage: &'d Stage<'a>) -> impl Iterator<Item = &'d Stage<'a>> {
    // A base always stands earlier, so this ends.
    std::iter::successors(Some(stage), |stage| stage.base.map(|base| &document.stages()[base]))
}

/// The last instruction of that kind that counts in `stage`, its bases included.
pub(super) fn last_of<'a>(document: &Document<'a>, stage: &Stage<'a>, keyword: Keyword) -> Option<&'a Instruction> {
    lineage(document, stage).find_map(|stage| {
        let mut instructions = document.instructions_of(stage).iter();
        instructions.rfind(|instruction| instruction.keyword == Some(keyword))
    })
}

/// The commands of every RUN with the RUN.
pub(super) fn commands<'d, 'a>(document: &'d Document<'a>) -> impl Iterator<Item = (&'d Run<'a>, &'d Command)> {
    let runs: &'d [Run<'a>] = document.runs();
    runs.iter()
        .flat_map(|run| run.commands().iter().map(move |command| (run, command)))
}

/// COPY and ADD that take from the build context, ONBUILD's among them: outer instruction and the copy itself.
pub(super) fn copies<'a>(document: &Document<'a>) -> impl Iterator<Item = (&'a Instruction, &'a Instruction)> {
    document.instructions_and_triggers().filter(|(_, instruction)| {
        matches!(instruction.keyword, Some(Keyword::Copy | Keyword::Add)) && words::flag(instruction, "from").is_none()
    })
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// Whether `text` is fetched over the network.
pub(super) fn is_url(text: &str) -> bool {
    ["http://", "https://", "ftp://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// Packages that a package manager installs, as words with their places: what and by whom.
pub(super) fn installed(command: &Command) -> Option<Vec<&crate::lint::shell::Text>> {
    let name = command.name.as_ref()?.text.as_str();
    let verbs: &[&str] = match name {
        "apt-get" | "apt" | "aptitude" | "yum" | "dnf" | "microdnf" | "tdnf" => &["install"],
        "apk" => &["add"],
        "zypper" => &["install", "in"],
        _ => return None,
    };
    let takes_value: &[&str] = match name {
        "apk" => &["t", "virtual", "X", "repository", "p", "root"],
        "apt-get" | "apt" | "aptitude" => &["t", "target-release", "o", "option", "c", "config-file"],
        _ => &[
            "c",
            "config",
            "r",
            "repo",
            "enablerepo",
            "disablerepo",
            "setopt",
            "installroot",
            "releasever",
        ],
    };
    let mut arguments = command.arguments_but_values(takes_value);
    arguments.find(|word| verbs.contains(&word.text.as_str()))?;
    Some(arguments.collect())
}

/// A package's name without its version.
pub(super) fn package_name(word: &str) -> &str {
    let end = word.find(['=', '<', '>', '~', '/']).unwrap_or(word.len());
    &word[..end]
}

/// The directory that relative paths of a stage begin at, while the stage is walked through.
///
/// A path that begins with a variable stays as it is written. What a base image sets is not known, and stands in paths
/// as `~`, so that two relative paths of one stage can still be compared.
#[derive(Debug, Clone)]
pub(super) struct Directory(String);

impl Directory {
    /// Where `stage` begins.
    pub(super) fn of_stage<'a>(document: &Document<'a>, stage: &Stage<'a>) -> Self {
        let mut directory = Self("~".to_owned());
        let mut stages: Vec<_> = lineage(document, stage).skip(1).collect();
        stages.reverse();
        for stage in stages {
            for instruction in document.instructions_of(stage) {
                directory.see(instruction);
            }
        }
        directory
    }

    /// Follows a WORKDIR.
    pub(super) fn see(&mut self, instruction: &Instruction) {
        if instruction.keyword == Some(Keyword::Workdir)
            && let Some(word) = words::list(instruction).first()
        {
            self.enter(words::unquoted(&word.text));
        }
    }

    /// Goes to `path`.
    pub(super) fn enter(&mut self, path: &str) {
        self.0 = self.path(path);
    }

    /// `path` from the root, without `.`, `..` and slashes that mean nothing.
    pub(super) fn path(&self, path: &str) -> String {
        let (begin, rest) = match path.strip_prefix('/') {
            Some(rest) => (Vec::new(), rest),
            None if path.starts_with(['$', '~']) => (Vec::new(), path),
            None => (self.0.split('/').filter(|part| !part.is_empty()).collect(), path),
        };
        let mut parts: Vec<&str> = begin;
        for part in rest.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let joined = parts.join("/");
        if joined.starts_with(['$', '~']) {
            joined
        } else {
            format!("/{joined}")
        }
    }
}

/// Whether `path` is `folder` or lies below it.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The commands of `run` with the directory that each begins in. A `cd` in a subshell counts for what follows it too.
pub(super) fn places<'r>(run: &'r Run<'_>, mut directory: Directory) -> Vec<(&'r Command, Directory)> {
    let mut places = Vec::new();
    for command in run.commands() {
        places.push((command, directory.clone()));
        if command.is("cd")
            && let Some(path) = command.arguments().next()
        {
            directory.enter(&path.text);
        }
    }
    places
}

/// Where what COPY or ADD brings may end up: the destination, and below it each source's name.
pub(super) fn destinations(copy: &Instruction, directory: &Directory) -> Vec<String> {
    let Some((sources, target)) = words::copied(copy) else {
        return Vec::new();
    };
    let target = words::unquoted(&target.text);
    let whole = directory.path(target);
    let mut all: Vec<String> = sources
        .iter()
        .map(|source| file_name(words::unquoted(&source.text)))
        .filter(|name| !matches!(*name, "" | "." | ".." | "*"))
        .map(|name| format!("{}/{name}", whole.trim_end_matches('/')))
        .collect();
    if sources.len() == 1 && whole != "/" {
        all.push(whole);
    }
    all
}

/// The stages that `stage` is made of besides itself: by FROM, COPY --from and RUN --mount=from.
pub(super) fn sources_of<'a>(document: &Document<'a>, stage: &Stage<'a>) -> Vec<usize> {
    let named = |name: &str| -> Option<usize> {
        let name = words::unquoted(name);
        if let Ok(index) = name.parse::<usize>() {
            return (index < stage.index).then_some(index);
        }
        let earlier = &document.stages()[..stage.index];
        earlier
            .iter()
            .rposition(|other| other.name.is_some_and(|own| own.text.eq_ignore_ascii_case(name)))
    };
    let mut found: Vec<usize> = stage.base.into_iter().collect();
    for instruction in document.instructions_of(stage) {
        let inner = match &instruction.body {
            crate::dockerfile::Body::Onbuild(inner) => inner,
            _ => instruction,
        };
        for flag in &inner.flags {
            let value = flag.value.as_deref().unwrap_or_default();
            match flag.name.as_str() {
                "from" => found.extend(named(value)),
                "mount" => {
                    let from = value.split(',').find_map(|field| field.strip_prefix("from="));
                    found.extend(from.and_then(named));
                }
                _ => {}
            }
        }
    }
    found
}

/// The stages whose layers are part of the image that is built: the last one's lineage, the lowest first.
pub(super) fn kept_stages<'d, 'a>(document: &'d Document<'a>) -> Vec<&'d Stage<'a>> {
    let mut stages: Vec<_> = final_stage(document)
        .into_iter()
        .flat_map(|stage| lineage(document, stage))
        .collect();
    stages.reverse();
    stages
}

/// The RUNs whose layers are part of the image that is built.
pub(super) fn kept_runs<'d, 'a>(document: &'d Document<'a>) -> impl Iterator<Item = &'d Run<'a>> {
    let mut kept = vec![false; document.stages().len()];
    for stage in kept_stages(document) {
        kept[stage.index] = true;
    }
    let runs: &'d [Run<'a>] = document.runs();
    runs.iter()
        .filter(move |run| !run.onbuild && run.stage.is_some_and(|stage| kept[stage]))
}

/// The word that says what the command does: the first that is no flag.
pub(super) fn verb(command: &Command) -> &str {
    command.arguments().next().map_or("", |word| word.text.as_str())
}

/// The words behind the verb that are no flags.
pub(super) fn operands(command: &Command) -> impl Iterator<Item = &crate::lint::shell::Text> {
    command.arguments().skip(1)
}

/// What a command that installs the dependencies of a project looks like in a sentence: `npm ci`; `None` for others.
pub(super) fn project_install(command: &Command) -> Option<String> {
    let name = command.name.as_ref()?.text.as_str();
    let verb = verb(command);
    let alone = operands(command).next().is_none();
    let global = command.has_flag(&["g", "global"]);
    let pip = |at: usize| {
        let mut words = command.arguments().skip(at);
        words.next().is_some_and(|word| word.text == "install") && command.has_flag(&["r", "requirement"])
    };
    let is_one = match name {
        "npm" => matches!(verb, "ci" | "clean-install") || matches!(verb, "install" | "i") && alone && !global,
        "yarn" => (verb.is_empty() && !command.has_flag(&["version", "v", "help"])) || verb == "install",
        "pnpm" | "bun" => matches!(verb, "install" | "i") && alone && !global || verb == "fetch",
        "poetry" | "bundle" | "composer" | "pdm" | "shards" => verb == "install",
        "pipenv" => matches!(verb, "install" | "sync") && alone,
        "uv" => verb == "sync" || verb == "pip" && command.has_flag(&["r", "requirement"]),
        "go" => verb == "mod" && command.has_any_word(&["download", "vendor"]),
        "cargo" => verb == "fetch",
        "dotnet" => verb == "restore",
        "mix" => verb == "deps.get",
        "mvn" | "./mvnw" | "mvnw" => command.words.iter().any(|word| word.text.starts_with("dependency:")),
        "gradle" | "./gradlew" | "gradlew" => command.has_word("dependencies"),
        _ if name.starts_with("pip") && name != "pipx" => pip(0),
        _ if name.starts_with("python") => command.has_word("pip") && pip(1),
        _ => false,
    };
    let shown = match name {
        "go" => "go mod download".to_owned(),
        _ if name.starts_with("pip") || name.starts_with("python") => "pip install -r".to_owned(),
        "mvn" | "./mvnw" | "mvnw" => format!("{name} dependency:…"),
        "gradle" | "./gradlew" | "gradlew" => format!("{name} dependencies"),
        _ if verb.is_empty() => name.to_owned(),
        _ => format!("{name} {verb}"),
    };
    is_one.then_some(shown)
}

/// The RUNs of a stage, ONBUILD's left out.
pub(super) fn runs_of<'d, 'a>(document: &'d Document<'a>, stage: &Stage<'a>) -> impl Iterator<Item = &'d Run<'a>> {
    let runs: &'d [Run<'a>] = document.runs();
    let first = runs.partition_point(|run| run.index < stage.range.start);
    let last = runs.partition_point(|run| run.index < stage.range.end);
    runs[first..last].iter().filter(|run| !run.onbuild)
}

/// Whether a variable is named after something that is new with every build: `GIT_COMMIT`, `BUILD_DATE`.
///
/// A name with other words in it may be a fixed version of something else: `FFMPEG_COMMIT`, `TINI_SHA`.
pub(super) fn is_volatile(name: &str) -> bool {
    const WORDS: [&str; 25] = [
        "APP",
        "BRANCH",
        "BUILD",
        "BUILDDATE",
        "BUILDTIME",
        "CI",
        "COMMIT",
        "CREATED",
        "DATE",
        "GIT",
        "HASH",
        "ID",
        "IMAGE",
        "NUM",
        "NUMBER",
        "PIPELINE",
        "REF",
        "REV",
        "REVISION",
        "SHA",
        "SHORT",
        "SOURCE",
        "TIME",
        "TIMESTAMP",
        "VCS",
    ];
    let upper = name.to_ascii_uppercase();
    let has = |words: &[&str]| upper.split('_').any(|part| words.contains(&part));
    upper.split('_').all(|part| WORDS.contains(&part))
        && (has(&["BUILDDATE", "BUILDTIME", "COMMIT", "REVISION", "SHA", "TIMESTAMP"])
            || has(&["GIT", "VCS"]) && has(&["BRANCH", "HASH", "REF", "REV"])
            || has(&["BUILD", "PIPELINE"]) && has(&["DATE", "ID", "NUM", "NUMBER", "TIME"]))
}

/// The files that a command downloads, as far as it says so.
pub(super) fn downloads(command: &Command) -> Vec<String> {
    let wget = command.is("wget");
    if !wget && !command.is("curl") {
        return Vec::new();
    }
    let mut files: Vec<String> = command
        .redirects
        .iter()
        .filter(|redirect| redirect.operator == ">" && redirect.descriptor.is_none_or(|number| number == 1))
        .map(|redirect| redirect.target.text.clone())
        .collect();
    let names: &[&str] = if wget {
        &["O", "output-document"]
    } else {
        &["o", "output"]
    };
    let mut named = false;
    for flag in command.flags().filter(|flag| names.contains(&flag.name)) {
        named = true;
        let value = match flag.value {
            Some(value) => Some(value),
            None => command.words.get(flag.at + 1).map(|word| word.text.as_str()),
        };
        files.extend(value.filter(|value| *value != "-").map(str::to_owned));
    }
    if wget && !named || !wget && command.has_flag(&["O", "remote-name", "remote-name-all"]) {
        let addresses = command.arguments().filter(|word| is_url(&word.text));
        let names = addresses.map(|word| file_name(word.text.split(['?', '#']).next().unwrap_or_default()));
        files.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    files.retain(|file| !file.starts_with("/dev/"));
    files
}

/// By number of stage: whether `last` is made of it, or is it.
pub(super) fn needed_by<'a>(document: &Document<'a>, last: &Stage<'a>) -> Vec<bool> {
    let stages = document.stages();
    let mut needed = vec![false; stages.len()];
    let mut open = vec![last.index];
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut needed[index], true) {
            open.extend(sources_of(document, &stages[index]));
        }
    }
    needed
}

/// Copies of the whole context that end up somewhere: outer instruction, and the source.
pub(super) fn whole_copies<'a>(document: &Document<'a>) -> Vec<(&'a Instruction, &'a crate::dockerfile::Word)> {
    let whole = |(outer, copy): (&'a Instruction, &'a Instruction)| {
        let (sources, _) = words::copied(copy)?;
        Some((outer, sources.iter().find(|source| is_whole_context(&source.text))?))
    };
    copies(document).filter_map(whole).collect()
}

/// `12 files with 3.4 MB`
pub(super) fn amount(files: u64, bytes: u64, more: bool) -> String {
    let least = if more { "at least " } else { "" };
    let plural = if files == 1 { "" } else { "s" };
    format!(
        "{least}{files} file{plural} with {}",
        crate::lint::context_facts::size(bytes)
    )
}
