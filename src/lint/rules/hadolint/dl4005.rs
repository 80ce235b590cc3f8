//! Another shell put in the place of /bin/sh.

use super::support;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Form, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL4005",
    name: "ln-bin-sh",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "An `ln` that has to do with `/bin/sh`.",
        why: "Scripts of the distribution expect its own shell there; `SHELL` changes the one for `RUN` and leaves \
              the system alone.",
        example: "FROM debian:12\nRUN ln -sf /bin/bash /bin/sh\n",
        instead: "FROM debian:12\nSHELL [\"/bin/bash\", \"-c\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#shell"],
    },
    check,
    cases: "
=== fires at 2:22, 3:30: as a target
FROM debian:12
RUN ln -sf /bin/bash /bin/sh
ONBUILD RUN ln -sf /bin/bash \"/bin/sh\"
--- fixed
FROM debian:12
SHELL [\"/bin/bash\", \"-c\"]
ONBUILD RUN ln -sf /bin/bash \"/bin/sh\"

=== clean: others
FROM debian:12
RUN ln -s /bin/bash /usr/bin/sh; cp /bin/bash /bin/sh
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        let Some(word) = command.word("/bin/sh").filter(|_| command.is("ln")) else {
            continue;
        };
        let finding = findings.add(
            run.instruction,
            word.span,
            "`SHELL` changes the shell of `RUN`, `ln` that of all",
        );
        let shell = command
            .arguments()
            .next()
            .filter(|first| first.literal && first.text.starts_with("/bin/"));
        let alone = !run.onbuild && run.form == Form::Shell && run.commands().len() == 1 && command.depth == 0;
        let Some(shell) = shell.filter(|shell| alone && shell.text != "/bin/sh" && !shell.text.contains(['"', '\\']))
        else {
            continue;
        };
        let line = format!("SHELL [\"{}\", \"-c\"]", shell.text);
        finding.fix(Fix::unsafe_(
            "set `SHELL` instead",
            vec![Edit::replace(run.instruction.span, line)],
        ));
    }
}
