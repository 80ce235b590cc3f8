//! FROM that only works with a build argument.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use crate::oci::Reference;
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "InvalidDefaultArgInFrom",
    name: "invalid-default-arg-in-from",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `FROM` that names no image when all `ARG`s have their defaults.",
        why: "Whoever builds without `--build-arg` gets an error that does not say which argument is missing.",
        example: "ARG VERSION\nFROM debian:${VERSION}\n",
        instead: "ARG VERSION=12\nFROM debian:${VERSION}\n",
        references: &["https://docs.docker.com/reference/build-checks/invalid-default-arg-in-from/"],
    },
    check,
    cases: "
=== fires at 3:6, 4:6: no tag, and no name, whatever the build is given
--- with build-arg VERSION=12
ARG VERSION
ARG NAME
FROM debian:${VERSION}
FROM $NAME

=== clean: defaults, in either place, and stages
ARG VERSION=12
ARG NAME
FROM debian:${VERSION}
FROM ${NAME:-debian} AS Base
FROM Base
FROM debian:12-$TARGETARCH
FROM scratch
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let froms = &document.scopes().froms;
    let mut names = BTreeSet::new();
    for (stage, from) in document.stages().iter().zip(froms) {
        if let (Some(name), Some(image)) = (&from.image_by_default, stage.image)
            && Reference::parse(name).is_err()
            && !names.contains(&name.to_lowercase())
        {
            let message = match name.is_empty() {
                true => format!("`{}` is empty without build arguments", image.text),
                false => format!("`{}` is no name of an image without build arguments", image.text),
            };
            findings.add(stage.from, image.span, message);
        }
        names.extend(stage.name.map(|name| name.text.to_lowercase()));
    }
}
