//! ADD of what COPY copies as well.

use crate::dockerfile::{Instruction, Keyword, Word};
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3020",
    name: "add-of-plain-files",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "An `ADD` of something that is neither an archive nor an address.",
        why: "`COPY` does just that, while `ADD` may unpack or fetch what it is given, and a reader has to think of \
              both.",
        example: "FROM debian:12\nADD app.py /app/\n",
        instead: "FROM debian:12\nCOPY app.py /app/\n",
        references: &["https://docs.docker.com/build/building/best-practices/#add-or-copy"],
    },
    check,
    cases: r#"
=== fires at 2:5: a file
FROM debian:12
ADD app.py /app/
--- fixed
FROM debian:12
COPY app.py /app/

=== fires at 2:23, 3:6: the first that is no archive; the letters' case stays
FROM debian:12
add --chown=1:1 a.tar src/ /app/
add ["a.b","c"]
--- fixed
FROM debian:12
add --chown=1:1 a.tar src/ /app/
copy ["a.b","c"]

=== fires on 2, 3, 4, 5, 6: no fix where ADD may do more
FROM debian:12
ADD $SOURCE /app/
ADD git@example.org:a/b /app/
ADD archives/* /app/
ADD app.zip /app/
ADD --unpack=false a.py /app/
--- fixed
FROM debian:12
ADD $SOURCE /app/
ADD git@example.org:a/b /app/
ADD archives/* /app/
ADD app.zip /app/
ADD --unpack=false a.py /app/

=== clean: archives and addresses
FROM debian:12
ADD a.tar b.tar.gz c.tgz "d.tar.xz" /app/
ADD https://example.org/app.py /app/
ADD ["a.tar", "/app/"]
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        if instruction.keyword != Some(Keyword::Add) {
            continue;
        }
        let Some((sources, _)) = words::copied(instruction) else {
            continue;
        };
        let Some(plain) = sources.iter().find(|source| !needs_add(&source.text)) else {
            continue;
        };
        let finding = findings.add(
            instruction,
            plain.span,
            format!("`COPY` does for `{}` what `ADD` does", plain.text),
        );
        if can_be_copy(instruction, sources) {
            let name = &instruction.name;
            let lower = name.text.bytes().all(|byte| byte.is_ascii_lowercase());
            let copy = if lower { "copy" } else { "COPY" };
            finding.fix(Fix::safe("write `COPY`", vec![Edit::replace(name.span, copy)]));
        }
    }
}

const ARCHIVES: [&str; 15] = [
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz", ".txz", ".xz",
];

fn needs_add(source: &str) -> bool {
    let source = words::unquoted(source);
    source.starts_with("http://")
        || source.starts_with("https://")
        || ARCHIVES.iter().any(|suffix| source.ends_with(suffix))
}

/// Whether `COPY` would certainly take the same sources and flags to the same effect.
fn can_be_copy(instruction: &Instruction, sources: &[Word]) -> bool {
    let flags = ["chown", "chmod", "link", "exclude"];
    let heredocs = words::heredocs(instruction);
    let is_plain = |source: &Word| {
        let text = words::unquoted(&source.text);
        // What is unpacked is told by its content, so that a name has to say that there is none.
        let last = text.rsplit('/').next().unwrap_or_default();
        let named = match last.rsplit_once('.') {
            Some((_, "" | "zip" | "img" | "bin")) => false,
            Some((_, ending)) => !ending.contains(['*', '?', '[', ']']),
            None => !last.contains(['*', '?', '[', ']']),
        };
        heredocs.contains(&source.span)
            || matches!(text, "." | "./")
            || (named && !text.contains(['$', ':', '@']) && !needs_add(text))
    };
    instruction.flags.iter().all(|flag| flags.contains(&flag.name.as_str())) && sources.iter().all(is_plain)
}
