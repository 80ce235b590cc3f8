//! What must hold of an instruction by its form alone: known names, known flags, enough arguments.

use super::heredoc::Opening;
use super::keyword::FlagKind;
use super::tree::{Body, Heredoc, Instruction, Keyword, Word};
use crate::diagnostic::{Diagnostic, Span, nearest};

/// Reports what is wrong with `instruction`, which comes after `above` in a file with that escape character.
pub(super) fn check(
    instruction: &Instruction,
    above: Option<&Instruction>,
    escape: char,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(keyword) = instruction.keyword else {
        diagnostics.push(unknown_instruction(instruction, above, escape));
        return;
    };
    check_flags(keyword, instruction, diagnostics);
    if let Body::Onbuild(inner) = &instruction.body {
        match inner.keyword {
            Some(keyword @ (Keyword::Onbuild | Keyword::From | Keyword::Maintainer)) => {
                diagnostics.push(Diagnostic::error(
                    "bad-trigger",
                    inner.name.span,
                    format!("`{}` can't be a trigger of `ONBUILD`", keyword.name()),
                ))
            }
            _ => check(inner, None, escape, diagnostics),
        }
        return;
    }
    diagnostics.extend(check_arguments(keyword, instruction));
}

fn unknown_instruction(instruction: &Instruction, above: Option<&Instruction>, escape: char) -> Diagnostic {
    let name = &instruction.name;
    if name.text.is_empty() {
        return Diagnostic::error(
            "unknown-instruction",
            name.span,
            "a continued line holds no instruction",
        );
    }
    let shown: String = name.text.chars().take(40).collect();
    let report = Diagnostic::error(
        "unknown-instruction",
        name.span,
        format!("unknown instruction `{shown}`"),
    );
    let keyword_before = |mark: &str| {
        let word = name.text.split(mark).next().unwrap_or_default();
        word.len() < name.text.len() && Keyword::parse(word).is_some()
    };
    let follows_on = above.is_some_and(|above| above.lines.1 + 1 == instruction.lines.0);
    if let Some(near) = nearest(&name.text, Keyword::ALL.map(Keyword::name)) {
        report.help(format!("did you mean `{near}`?"))
    } else if ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].contains(&name.text.as_str()) {
        report.help("it marks a merge conflict that is not resolved")
    } else if name.text.starts_with("//") || name.text.starts_with("/*") || name.text.starts_with("--") {
        report.help("comments begin with `#`")
    } else if keyword_before("\u{a0}") {
        report.help("the blank after the instruction is a no-break space; use an ordinary one")
    } else if follows_on {
        report.help(format!(
            "if this continues the line above, end that line with `{escape}`"
        ))
    } else {
        report
    }
}

/// Unknown flags, repeated flags, and values where none or other ones belong.
fn check_flags(keyword: Keyword, instruction: &Instruction, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: Vec<&str> = Vec::new();
    for flag in &instruction.flags {
        let name = &flag.name;
        let error = |code, message: String| Diagnostic::error(code, flag.span, message);
        let Some(rule) = keyword.flag(name) else {
            diagnostics.push(unknown_flag(keyword, name, flag.span));
            continue;
        };
        if rule.kind != FlagKind::List {
            if seen.contains(&rule.name) {
                diagnostics.push(error("duplicate-flag", format!("`--{name}` can be given only once")));
                continue;
            }
            seen.push(rule.name);
        }
        match (rule.kind, flag.value.as_deref()) {
            (FlagKind::Bool, None) => {}
            (FlagKind::Bool, Some(value))
                if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") => {}
            (FlagKind::Bool, Some(_)) => diagnostics.push(
                error("bad-flag-value", format!("`--{name}` is either on or off"))
                    .help(format!("write `--{name}`, `--{name}=true` or `--{name}=false`")),
            ),
            (FlagKind::String | FlagKind::List, None) => diagnostics.push(
                error("missing-flag-value", format!("`--{name}` needs a value"))
                    .help(format!("write `--{name}=…`, without blanks")),
            ),
            (FlagKind::String | FlagKind::List, Some(_)) => {}
        }
    }
}

fn unknown_flag(keyword: Keyword, name: &str, span: Span) -> Diagnostic {
    let instruction = keyword.name();
    let known = keyword.flags().iter().map(|rule| rule.name);
    let report = Diagnostic::error("unknown-flag", span, format!("`{instruction}` has no flag `--{name}`"));
    if let Some(near) = nearest(name, known) {
        return report.help(format!("did you mean `--{near}`?"));
    }
    let owners: Vec<&str> = Keyword::ALL
        .into_iter()
        .filter(|other| other.flag(name).is_some())
        .map(Keyword::name)
        .collect();
    if !owners.is_empty() {
        return report.help(format!("it belongs to `{}`", owners.join("` and `")));
    }
    let names: Vec<String> = keyword
        .flags()
        .iter()
        .map(|rule| format!("`--{}`", rule.name))
        .collect();
    let report = match names.is_empty() {
        true => report,
        false => report.help(format!("there is {}", names.join(", "))),
    };
    match keyword {
        Keyword::Run | Keyword::Cmd | Keyword::Entrypoint => report.help(format!(
            "if `--{name}` begins the command, write `{instruction} -- --{name} …`"
        )),
        _ => report,
    }
}

/// Whether there are as many arguments as the instruction needs, in a form that it takes.
fn check_arguments(keyword: Keyword, instruction: &Instruction) -> Option<Diagnostic> {
    let name = keyword.name();
    let whole = instruction.span;
    let missing = |what: &str| {
        Diagnostic::error(
            "missing-arguments",
            instruction.name.span,
            format!("`{name}` needs {what}"),
        )
    };
    match (keyword, &instruction.body) {
        // A member that isn't a string: already reported.
        (_, Body::Missing) if !instruction.rest.is_empty() && keyword != Keyword::Arg => None,
        (Keyword::From, Body::Words(words)) => check_from(words),
        (Keyword::From, _) => Some(missing("an argument, the image")),
        (Keyword::Add | Keyword::Copy, Body::Words(words) | Body::Json(words)) => {
            check_copy(name, words, &instruction.heredocs, whole)
        }
        (Keyword::Add | Keyword::Copy, _) => Some(missing("at least two arguments, a source and a destination")),
        (Keyword::Env | Keyword::Label, Body::Pairs { legacy: true, pairs }) => pairs
            .iter()
            .find(|pair| pair.value.is_none())
            .map(|pair| missing_value(name, pair.key.span, &pair.key.text)),
        (Keyword::Env | Keyword::Label | Keyword::Arg, Body::Pairs { pairs, .. }) => pairs.iter().find_map(|pair| {
            if pair.key.text.is_empty() {
                let span = pair.value.as_ref().map_or(pair.key.span, |value| value.span);
                let span = Span::new(pair.key.span.start, span.end);
                return Some(Diagnostic::error("blank-name", span, "there is no name before the `=`"));
            }
            (keyword != Keyword::Arg && pair.value.is_none())
                .then(|| missing_value(name, pair.key.span, &pair.key.text))
        }),
        (Keyword::Env | Keyword::Label, _) => Some(missing("at least one `name=value`")),
        (Keyword::Arg, _) => Some(missing("at least one name")),
        (Keyword::Expose, Body::Missing) => Some(missing("at least one port")),
        (Keyword::Volume, Body::Missing) => Some(missing("at least one path")),
        (Keyword::Volume, Body::Json(paths)) if paths.is_empty() => Some(missing("at least one path")),
        (Keyword::User, Body::Missing) => Some(missing("a user")),
        (Keyword::Workdir, Body::Missing) => Some(missing("a path")),
        (Keyword::Stopsignal, Body::Missing) => Some(missing("a signal")),
        (Keyword::Maintainer, Body::Missing) => Some(missing("a name")),
        (Keyword::Onbuild, _) => Some(missing("an instruction")),
        (Keyword::Run, Body::Json(members)) if members.is_empty() => Some(missing("a command")),
        (Keyword::Shell, Body::Missing) => Some(missing("a JSON array with the shell and its arguments")),
        (Keyword::Shell, Body::Json(members)) if members.is_empty() => {
            Some(missing("a JSON array with the shell and its arguments"))
        }
        (Keyword::Shell, Body::Shell(text)) => Some(
            Diagnostic::error("not-json", text.span, "`SHELL` takes a JSON array of strings")
                .help(r#"such as `SHELL ["/bin/bash", "-c"]`"#),
        ),
        (Keyword::Healthcheck, Body::Healthcheck { kind, command }) => {
            let reported = instruction.rest.len() > kind.text.len() && matches!(**command, Body::Missing);
            (!reported).then(|| check_healthcheck(kind, command)).flatten()
        }
        (Keyword::Healthcheck, _) => Some(missing("`CMD` and a command, or `NONE`")),
        _ => None,
    }
}

fn check_from(words: &[Word]) -> Option<Diagnostic> {
    let is_as = |word: &Word| word.text.eq_ignore_ascii_case("as");
    let (first, message) = match words {
        [_] => return None,
        [_, keyword, _] if is_as(keyword) => return None,
        [_, keyword] if is_as(keyword) => (keyword, "a stage name must follow `AS`"),
        [_, keyword, _, extra, ..] if is_as(keyword) => (extra, "nothing can follow the stage name"),
        [_, extra, ..] => (
            extra,
            "`FROM` takes one argument, the image, which only `AS` and a stage name can follow",
        ),
        [] => return None,
    };
    let end = words.last().map_or(first.span.end, |last| last.span.end);
    let report = Diagnostic::error("bad-from", Span::new(first.span.start, end), message);
    Some(match words {
        [_, hash, ..] if hash.text.starts_with('#') => report.help("a comment needs a line of its own"),
        _ => report,
    })
}

fn check_copy(name: &str, words: &[Word], heredocs: &[Heredoc], whole: Span) -> Option<Diagnostic> {
    let (destination, sources) = words.split_last()?;
    let is_heredoc = heredocs.iter().any(|heredoc| heredoc.span == destination.span);
    if sources.is_empty() && !is_heredoc {
        return Some(
            Diagnostic::error(
                "missing-arguments",
                Span::new(whole.start, destination.span.end),
                format!("`{name}` needs at least two arguments, a source and a destination"),
            )
            .help(format!("there is only `{}`", destination.text)),
        );
    }
    is_heredoc.then(|| {
        Diagnostic::error(
            "heredoc-destination",
            destination.span,
            format!("a heredoc can't be the destination of `{name}`"),
        )
        .help("put the path behind it")
    })
}

fn check_healthcheck(kind: &Word, command: &Body) -> Option<Diagnostic> {
    let empty = match command {
        Body::Missing => true,
        Body::Json(members) => members.is_empty(),
        _ => false,
    };
    if kind.text.eq_ignore_ascii_case("none") {
        let span = match command {
            Body::Shell(text) => text.span,
            _ => kind.span,
        };
        return (!empty).then(|| Diagnostic::error("extra-arguments", span, "nothing can follow `HEALTHCHECK NONE`"));
    }
    if kind.text.eq_ignore_ascii_case("cmd") {
        return empty.then(|| {
            Diagnostic::error(
                "missing-arguments",
                kind.span,
                "a command must follow `HEALTHCHECK CMD`",
            )
        });
    }
    Some(
        Diagnostic::error(
            "unknown-healthcheck",
            kind.span,
            format!("`HEALTHCHECK` takes `CMD` or `NONE`, not `{}`", kind.text),
        )
        .help("put `CMD` before the command"),
    )
}

fn missing_value(name: &str, span: Span, key: &str) -> Diagnostic {
    Diagnostic::error("missing-value", span, format!("`{name}` gives `{key}` no value"))
        .help(format!("write `{key}=…`, in quotes when there are blanks in the value"))
}

/// A JSON array holds something else than strings.
pub(super) fn not_a_string(span: Span) -> Diagnostic {
    Diagnostic::error("not-a-string", span, "a JSON array here can hold only strings").help("put it in double quotes")
}

/// The file ends before a heredoc does.
pub(super) fn unterminated_heredoc(opening: &Opening<'_>, span: Span) -> Diagnostic {
    let name = &opening.name;
    let report = Diagnostic::error("unterminated-heredoc", span, format!("the heredoc `{name}` has no end"));
    match name.find(['>', '|', ';', '&', ')']) {
        Some(at) if at > 0 => report.help(format!(
            "`{}` belongs to the name; put a blank before it if it should not",
            &name[at..]
        )),
        _ => report.help(format!("a line that holds just `{name}` must follow")),
    }
}
