//! Images from registries that are not trusted.

use crate::diagnostic::Span;
use crate::dockerfile::{Instruction, Keyword};
use crate::lint::words::{self, Image};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use crate::resolve::csv_fields;

pub(super) static RULE: Rule = Rule {
    code: "DL3026",
    name: "untrusted-registry",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A base image, or one that is copied from or mounted, of a registry that is not on the list of trusted \
               ones.",
        why: "Whoever runs a registry decides what the image holds. Nothing is found until a list is configured.",
        example: "FROM example.net/debian:12\n",
        instead: "FROM example.org/debian:12\n",
        references: &["https://github.com/hadolint/hadolint#configure"],
    },
    check,
    cases: "
=== fires at 1:6: another registry
--- with trusted-registry example.org
FROM example.net/debian:12

=== fires on 1, 2, 4, 5, 6: a name alone, ports, and what is copied from and mounted
--- with trusted-registry example.org
FROM debian:12
FROM example.org:5000/debian:12
FROM example.org/debian:12 AS app
COPY --from=nginx:1 /a /b
RUN --mount=from=nginx:1,target=/a true
RUN --mount=type=cache,target=/c,from=nginx --mount=type=tmpfs,target=/d true

=== clean: trusted, stages, and nothing
--- with trusted-registry example.org
--- with trusted-registry *.example.com
FROM example.org/debian:12 AS build
FROM build
COPY --from=build /a /b
RUN --mount=from=build,target=/a true
FROM scratch
FROM a.example.com/a:1

=== clean: Docker Hub has two names
--- with trusted-registry hub.docker.com
FROM debian:12

=== fires on 2: but written out only its own
--- with trusted-registry doc*
FROM debian:12
FROM hub.docker.com/debian:12
FROM docker.io/debian:12

=== clean: nothing is configured
FROM example.net/debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let trusted = &document.options.trusted_registries;
    if trusted.is_empty() {
        return;
    }
    for stage in document.stages() {
        let is_stage = |name: &str, count: usize| document.stage_named(name, count).is_some();
        if let Some(image) = stage.image
            && !is_stage(&image.text, stage.index)
        {
            look(stage.from, image.span, &image.text, trusted, findings);
        }
        for instruction in document.instructions_of(stage) {
            for (span, image) in others(instruction) {
                if !is_stage(&image, stage.index + 1) {
                    look(instruction, span, &image, trusted, findings);
                }
            }
        }
    }
}

fn look(instruction: &Instruction, span: Span, image: &str, trusted: &[String], findings: &mut Findings) {
    let registry = Image::read(image).registry;
    let is_trusted = match registry {
        Some(registry) => trusts(trusted, registry),
        None => trusts(trusted, "docker.io") || trusts(trusted, "hub.docker.com"),
    };
    if image != "scratch" && !is_trusted {
        let registry = registry.unwrap_or("docker.io");
        findings.add(
            instruction,
            span,
            format!("`{image}` comes from `{registry}`, which is not trusted"),
        );
    }
}

fn trusts(trusted: &[String], registry: &str) -> bool {
    trusted
        .iter()
        .any(|pattern| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(suffix), _) => registry.ends_with(suffix),
            (None, Some(prefix)) => registry.starts_with(prefix),
            (None, None) => registry == pattern,
        })
}

/// The images that COPY and mounts name.
fn others(instruction: &Instruction) -> Vec<(Span, String)> {
    match instruction.keyword {
        Some(Keyword::Copy) => words::flag_value(instruction, "from")
            .map(|(flag, from)| (flag.span, from.to_owned()))
            .into_iter()
            .collect(),
        Some(Keyword::Run) => {
            let mounts = instruction.flags.iter().filter(|flag| flag.name == "mount");
            mounts
                .filter_map(|flag| {
                    let fields = csv_fields(flag.value.as_deref()?).ok()?;
                    let from = fields.iter().find_map(|field| field.strip_prefix("from="))?;
                    Some((flag.span, from.to_owned()))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}
