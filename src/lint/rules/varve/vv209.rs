//! Owner or mode changed after a copy.

use super::common::{Directory, destinations, is_within, places, runs_of};
use crate::dockerfile::{Instruction, Keyword};
use crate::lint::{
    Command, Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, Run, State, Text, words,
};

pub(super) static RULE: Rule = Rule {
    code: "VV209",
    name: "mode-after-copy",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `chmod` or `chown` of exactly what an earlier `COPY` or `ADD` of the stage brought.",
        why: "The change copies the files into a second layer. `COPY --chown` and `--chmod` write them right at once.",
        example: "FROM debian:12\nCOPY start.sh /start.sh\nRUN chmod 755 /start.sh\n",
        instead: "FROM debian:12\nCOPY --chmod=755 start.sh /start.sh\n",
        references: &["https://docs.docker.com/reference/dockerfile/#copy---chown---chmod"],
    },
    check,
    cases: "
=== fires at 3:14: a mode
FROM debian:12
COPY start.sh /start.sh
RUN chmod +x /start.sh
--- fixed
FROM debian:12
COPY --chmod=755 start.sh /start.sh

=== fires at 4:24: an owner, of a whole folder
FROM node:22
WORKDIR /app
COPY --link . .
RUN chown -R node:node /app
USER node
--- fixed
FROM node:22
WORKDIR /app
COPY --chown=node:node --link . .
USER node

=== fires at 4:31: among other commands it is left to a person
FROM debian:12
COPY run.sh bin/ /usr/local/bin/
WORKDIR /x
RUN useradd app && chmod 0755 /usr/local/bin/run.sh && cd /
--- fixed
FROM debian:12
COPY run.sh bin/ /usr/local/bin/
WORKDIR /x
RUN useradd app && chmod 0755 /usr/local/bin/run.sh && cd /

=== fires at 5:15: a heredoc
FROM debian:12
COPY <<EOF /a.sh
x
EOF
RUN chmod 700 /a.sh
--- fixed
FROM debian:12
COPY --chmod=700 <<EOF /a.sh
x
EOF

=== clean: something else, a folder with more in it, another stage
FROM debian:12 AS a
COPY a /a
RUN chmod +x /b && chown -R x /var
FROM debian:12
RUN chmod +x /a
COPY x/ /opt/
COPY y/ /opt/
RUN chown -R app /opt
COPY --chmod=755 z /z
RUN chmod 700 /z
",
};

/// A copy, and where what it brings may be.
struct Copy<'a> {
    instruction: &'a Instruction,
    paths: Vec<String>,
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut copies: Vec<Copy<'_>> = Vec::new();
        let mut directory = Directory::of_stage(document, stage);
        let mut runs = runs_of(document, stage).peekable();
        for (index, instruction) in stage.range.clone().zip(document.instructions_of(stage)) {
            directory.see(instruction);
            if matches!(instruction.keyword, Some(Keyword::Copy | Keyword::Add)) {
                copies.push(Copy {
                    instruction,
                    paths: paths(instruction, &directory),
                });
            }
            let Some(run) = runs.next_if(|run| run.index == index) else {
                continue;
            };
            for (command, directory) in places(run, directory.clone()) {
                if let Some((change, targets)) = change(command) {
                    for target in targets {
                        look(document, run, command, change, target, &directory, &copies, findings);
                    }
                }
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the inside of three loops")]
fn look(
    document: &Document<'_>,
    run: &Run<'_>,
    command: &Command,
    change: &Text,
    target: &Text,
    directory: &Directory,
    copies: &[Copy<'_>],
    findings: &mut Findings,
) {
    let path = directory.path(&target.text);
    let mut touched = copies
        .iter()
        .filter(|copy| copy.paths.iter().any(|own| is_within(own, &path)));
    let (Some(copy), None) = (touched.next(), touched.next()) else {
        return;
    };
    let flag = if command.is("chmod") { "chmod" } else { "chown" };
    if !copy.paths.contains(&path) || words::flag(copy.instruction, flag).is_some() {
        return;
    }
    let line = copy.instruction.lines.0;
    let finding = findings.add(
        run.instruction,
        target.span,
        format!(
            "`{}` is stored a second time, with line {line} as the first",
            target.text
        ),
    );
    finding.help(format!("say `--{flag}` in line {line}"));
    let alone =
        run.commands().len() == 1 && command.words.iter().filter(|word| !word.text.starts_with('-')).count() == 2;
    let sources = words::copied(copy.instruction).map_or(0, |(sources, _)| sources.len());
    let value = if flag == "chmod" {
        mode(&change.text)
    } else {
        owner(change)
    };
    let simple = run.run.flags.is_empty() && run.run.heredocs.is_empty() && command.redirects.is_empty();
    if let Some(value) = value.filter(|_| alone && simple && sources == 1) {
        let edits = vec![
            Edit::insert(copy.instruction.name.span.end, format!(" --{flag}={value}")),
            Edit::delete_lines(document.source.text(), run.instruction.span),
        ];
        finding.fix(Fix::unsafe_(format!("say `--{flag}={value}` while copying"), edits));
    }
}

/// Where what COPY or ADD brings surely is.
fn paths(copy: &Instruction, directory: &Directory) -> Vec<String> {
    let mut all = destinations(copy, directory);
    if let Some((sources, target)) = words::copied(copy)
        && sources.len() > 1
    {
        let whole = directory.path(words::unquoted(&target.text));
        all.retain(|path| *path != whole);
    }
    all
}

/// The owner or mode that a command sets, and the paths it sets it for.
fn change(command: &Command) -> Option<(&Text, Vec<&Text>)> {
    if !command.is_any(&["chmod", "chown"]) || command.has_flag(&["reference"]) {
        return None;
    }
    let mut arguments = command.arguments();
    let change = arguments.next()?;
    Some((change, arguments.filter(|target| target.literal).collect()))
}

fn owner(change: &Text) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    (change.literal && change.text.chars().all(plain) && !change.text.ends_with(':')).then(|| change.text.clone())
}

fn mode(text: &str) -> Option<String> {
    match text {
        "+x" | "a+x" | "ugo+x" | "a+rx" | "+rx" => Some("755".to_owned()),
        _ => (matches!(text.len(), 3 | 4) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit)))
            .then(|| text.to_owned()),
    }
}
