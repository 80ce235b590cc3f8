//! CMD and ENTRYPOINT as text for a shell.

use crate::dockerfile::{Body, Keyword};
use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3025",
    name: "shell-form-command",
    family: Family::Hadolint,
    twin: Some("JSONArgsRecommended"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `CMD`, `ENTRYPOINT` or `HEALTHCHECK CMD` that is not written as a JSON array.",
        why: "A shell stands between the container and the program then, and does not hand signals such as that of \
              `docker stop` on.",
        example: "FROM debian:12\nCMD nginx -g \"daemon off;\"\n",
        instead: "FROM debian:12\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#shell-and-exec-form"],
    },
    check,
    cases: r#"
=== fires at 2:5, 3:20: simple words can be written as an array
FROM debian:12
CMD nginx -t  -c /etc/nginx.conf
HEALTHCHECK CMD    curl http://localhost:80/
--- fixed
FROM debian:12
CMD ["nginx", "-t", "-c", "/etc/nginx.conf"]
HEALTHCHECK CMD    ["curl", "http://localhost:80/"]

=== fires on 2, 3, 4, 5, 6, 8, 9: what needs a shell stays
FROM debian:12
CMD nginx -g $X
CMD exec nginx
CMD A=1 nginx
CMD nginx && true
CMD nginx \
  -t
CMD nginx *
HEALTHCHECK CMD nginx 'a
--- fixed
FROM debian:12
CMD nginx -g $X
CMD exec nginx
CMD A=1 nginx
CMD nginx && true
CMD nginx \
  -t
CMD nginx *
HEALTHCHECK CMD nginx 'a

=== fires on 2, 3: quotes are written as arrays have them, and who gets the other's words is looked at
FROM debian:12
CMD nginx -g "daemon off;"
ENTRYPOINT nginx
--- fixed
FROM debian:12
CMD ["nginx", "-g", "daemon off;"]
ENTRYPOINT ["nginx"]

=== clean: arrays
FROM debian:12
CMD ["nginx"]
ENTRYPOINT [ "nginx" ]
HEALTHCHECK NONE
HEALTHCHECK CMD ["true"]
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (index, instruction) in document.instructions().iter().enumerate() {
        let (keyword, command) = match (instruction.keyword, &instruction.body) {
            (Some(keyword @ (Keyword::Cmd | Keyword::Entrypoint)), Body::Shell(command)) => (keyword, command),
            (Some(keyword @ Keyword::Healthcheck), Body::Healthcheck { kind, command })
                if kind.text.eq_ignore_ascii_case("cmd") =>
            {
                match &**command {
                    Body::Shell(command) => (keyword, command),
                    _ => continue,
                }
            }
            _ => continue,
        };
        let finding = findings.add(
            instruction,
            command.span,
            format!("`{}` starts a shell; write a JSON array", keyword.name()),
        );
        // Which of ENTRYPOINT and CMD get the other's words depends on their forms.
        let alone = match keyword {
            Keyword::Entrypoint => false,
            Keyword::Cmd => !has_entrypoint(document, index),
            _ => true,
        };
        finding.fix = fixes::as_array(document, command, alone);
    }
}

/// Whether the stage of the instruction at `index`, or one that it is built on, has an ENTRYPOINT.
fn has_entrypoint(document: &Document<'_>, index: usize) -> bool {
    let mut next = document.stage_at(index);
    while let Some(stage) = next {
        let mut all = document.instructions_of(stage).iter();
        if all.any(|instruction| instruction.keyword == Some(Keyword::Entrypoint)) {
            return true;
        }
        next = stage.base.and_then(|base| document.stages().get(base));
    }
    false
}
