//! `varve build --call`: questions about a build that is not done, answered as BuildKit's frontend answers them.

use super::arguments::BuildArguments;
use super::failure::Usage;
use super::output::fields;
use crate::diagnostic::Source;
use crate::plan::{Outline, OutlineMount, StageSummary};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// What is to be done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Build it.
    Build,
    /// Look for what is odd in the Dockerfile.
    Check,
    /// Say what it takes.
    Outline,
    /// List the stages.
    Targets,
    /// List the questions.
    Describe,
}

/// In which form an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
}

const CALLS: [(&str, Call); 5] = [
    ("build", Call::Build),
    ("check", Call::Check),
    ("outline", Call::Outline),
    ("targets", Call::Targets),
    ("subrequests.describe", Call::Describe),
];

/// A question, and how its answer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) call: Call,
    pub(super) format: Format,
    /// Whether what a check finds leaves the exit code alone.
    pub(super) ignore_status: bool,
}

/// `--call` and `--check`: `NAME[,format=text|json][,ignorestatus=BOOL]`, the name possibly with `frontend.` in front.
pub(super) fn read(arguments: &BuildArguments) -> Result<Asked, Usage> {
    let mut asked = read_call(&arguments.call)?;
    if arguments.check {
        if !matches!(asked.call, Call::Build | Call::Check) {
            return Err(Usage::new(format!(
                "`--check` and `--call {}` ask for two things",
                arguments.call
            )));
        }
        asked.call = Call::Check;
    }
    Ok(asked)
}

fn read_call(given: &str) -> Result<Asked, Usage> {
    let bad = |why: String| Usage::new(format!("`--call {given}`: {why}"));
    let (mut call, mut format, mut ignore_status) = (Call::Build, Format::Text, false);
    for (number, (key, value)) in fields(given)?.into_iter().enumerate() {
        match (key.as_str(), value.as_deref()) {
            (name, None) if number == 0 => {
                let short = match name.strip_prefix("frontend.").unwrap_or(name) {
                    "lint" => "check",
                    short => short,
                };
                let found = CALLS.iter().find(|(known, _)| *known == short);
                let names = CALLS.map(|(name, _)| name);
                call = match found {
                    Some((_, found)) => *found,
                    None => {
                        let hint = crate::diagnostic::nearest(short, names)
                            .map_or_else(|| names.join(", "), |near| format!("did you mean `{near}`?"));
                        return Err(bad(format!("there is no `{name}`: {hint}")));
                    }
                };
            }
            ("format", Some("json")) => format = Format::Json,
            ("format", Some("text")) => format = Format::Text,
            ("format", Some(other)) => return Err(bad(format!("`{other}` is no format: text or json"))),
            // Only checks have a status.
            ("ignorestatus", None | Some("true" | "1")) => ignore_status = true,
            ("ignorestatus", Some("false" | "0")) => ignore_status = false,
            _ => return Err(bad(format!("`{key}` is not known"))),
        }
    }
    Ok(Asked {
        call,
        format,
        ignore_status,
    })
}

/// The answer to `outline`.
pub(super) fn outline(outline: &Outline, source: &Source, format: Format) -> String {
    if format == Format::Json {
        return json(&OutlineDocument {
            name: outline.name.as_deref(),
            description: outline.description.as_deref(),
            args: outline
                .args
                .iter()
                .map(|arg| ArgDocument {
                    name: &arg.name,
                    description: arg.description.as_deref(),
                    value: arg.value.as_deref(),
                    location: Location::of(arg.lines),
                })
                .collect(),
            secrets: outline.secrets.iter().map(MountDocument::of).collect(),
            ssh: outline.ssh.iter().map(MountDocument::of).collect(),
            sources: [STANDARD.encode(source.text())],
        });
    }
    let mut parts = Vec::new();
    if outline.name.is_some() || outline.description.is_some() {
        let mut rows = vec![["TARGET:", outline.name.as_deref().unwrap_or("(default)")]];
        rows.extend(outline.description.as_deref().map(|text| ["DESCRIPTION:", text]));
        parts.push(table(&rows, 1));
    }
    if !outline.args.is_empty() {
        let mut rows = vec![["BUILD ARG", "VALUE", "DESCRIPTION"]];
        rows.extend(outline.args.iter().map(|arg| {
            let (value, description) = (arg.value.as_deref(), arg.description.as_deref());
            [
                &arg.name[..],
                value.unwrap_or_default(),
                description.unwrap_or_default(),
            ]
        }));
        parts.push(table(&rows, 3));
    }
    for (title, mounts) in [("SECRET", &outline.secrets), ("SSH", &outline.ssh)] {
        if !mounts.is_empty() {
            let mut rows = vec![[title, "REQUIRED"]];
            let row = |mount: &'_ OutlineMount| if mount.required { "true" } else { "" };
            rows.extend(mounts.iter().map(|mount| [mount.name.as_str(), row(mount)]));
            parts.push(table(&rows, 3));
        }
    }
    parts.join("\n\n")
}

/// The answer to `targets`.
pub(super) fn targets(stages: &[StageSummary], source: &Source, format: Format) -> String {
    if format == Format::Json {
        return json(&TargetsDocument {
            targets: stages
                .iter()
                .map(|stage| TargetDocument {
                    name: stage.name.as_deref(),
                    default: stage.is_default,
                    description: stage.description.as_deref(),
                    base: &stage.base,
                    platform: stage.platform.as_deref(),
                    location: Location::of(stage.lines),
                })
                .collect(),
            sources: [STANDARD.encode(source.text())],
        });
    }
    let names: Vec<String> = stages
        .iter()
        .map(|stage| match (&stage.name, stage.is_default) {
            (None, true) => "(default)".to_owned(),
            (None, false) => String::new(),
            (Some(name), true) => format!("{name} (default)"),
            (Some(name), false) => name.clone(),
        })
        .collect();
    let mut rows = vec![["TARGET", "DESCRIPTION"]];
    let described = names.iter().zip(stages);
    rows.extend(described.map(|(name, stage)| [name.as_str(), stage.description.as_deref().unwrap_or_default()]));
    table(&rows, 1)
}

/// The answer to `subrequests.describe`.
pub(super) fn describe(format: Format) -> String {
    let target = [NameDocument {
        name: "target",
        description: "Target build stage",
    }];
    let result = ["result.json", "result.txt"].map(|name| NameDocument { name, description: "" });
    let request = |name, description, opts| RequestDocument {
        name,
        version: "1.0.0",
        kind: "rpc",
        description,
        opts,
        inputs: None,
        metadata: &result,
        refs: None,
    };
    let all = [
        request(
            "frontend.outline",
            "List all parameters current build target supports",
            Some(&target[..]),
        ),
        request("frontend.targets", "List all targets current build supports", Some(&[])),
        request("frontend.subrequests.describe", "List available subrequest types", None),
    ];
    if format == Format::Json {
        return json(&all);
    }
    let mut rows = vec![["NAME", "VERSION", "DESCRIPTION"]];
    let short = |name: &'static str| name.strip_prefix("frontend.").unwrap_or(name);
    rows.extend(all.iter().map(|it| [short(it.name), it.version, it.description]));
    table(&rows, 1)
}

fn json<T: Serialize>(document: &T) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// Columns that begin below each other, with so many blanks between; what ends a line is not filled up.
fn table<const N: usize>(rows: &[[&str; N]], gap: usize) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| shown(row[column]).chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[&str; N]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{:width$}", shown(cell)));
        cells.collect::<Vec<_>>().join(&" ".repeat(gap)).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A cell as one clean line: a Dockerfile can't drive the terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

// The documents, in the order of BuildKit's fields.

#[derive(Serialize)]
struct OutlineDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<ArgDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<MountDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ssh: Vec<MountDocument<'a>>,
    sources: [String; 1],
}

#[derive(Serialize)]
struct ArgDocument<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    location: Location,
}

#[derive(Serialize)]
struct MountDocument<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    location: Location,
}

impl<'a> MountDocument<'a> {
    fn of(mount: &'a OutlineMount) -> Self {
        Self {
            name: &mount.name,
            required: mount.required,
            location: Location::of(mount.lines),
        }
    }
}

#[derive(Serialize)]
struct TargetsDocument<'a> {
    targets: Vec<TargetDocument<'a>>,
    sources: [String; 1],
}

#[derive(Serialize)]
struct TargetDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    base: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a str>,
    location: Location,
}

#[derive(Serialize)]
struct RequestDocument<'a> {
    name: &'static str,
    version: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    description: &'static str,
    opts: Option<&'a [NameDocument]>,
    inputs: Option<&'a [NameDocument]>,
    metadata: &'a [NameDocument],
    refs: Option<&'a [NameDocument]>,
}

#[derive(Serialize)]
struct NameDocument {
    name: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
struct Location {
    ranges: [Range; 1],
}

#[derive(Serialize)]
struct Range {
    start: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    line: u32,
}

impl Location {
    fn of((first, last): (u32, u32)) -> Self {
        let range = Range {
            start: Position { line: first },
            end: Position { line: last },
        };
        Self { ranges: [range] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read() {
        for (given, want) in [
            ("build", (Call::Build, Format::Text)),
            ("outline", (Call::Outline, Format::Text)),
            ("frontend.targets,format=json", (Call::Targets, Format::Json)),
            (
                "subrequests.describe,format=text,ignorestatus",
                (Call::Describe, Format::Text),
            ),
            ("check,ignorestatus=true", (Call::Check, Format::Text)),
        ] {
            assert_eq!(
                read_call(given).map(|asked| (asked.call, asked.format)).unwrap(),
                want,
                "{given}"
            );
        }
        for bad in [
            "outlin",
            "",
            "outline,format=xml",
            "outline,targets",
            "outline,x=1",
            "format=json,outline",
        ] {
            assert!(read_call(bad).is_err(), "{bad}");
        }
        assert!(
            read_call("outlin")
                .unwrap_err()
                .to_string()
                .contains("did you mean `outline`?")
        );
    }

    #[test]
    fn the_list_of_questions_is_docker_s() {
        assert_eq!(
            describe(Format::Text),
            "NAME                 VERSION DESCRIPTION\n\
             outline              1.0.0   List all parameters current build target supports\n\
             targets              1.0.0   List all targets current build supports\n\
             subrequests.describe 1.0.0   List available subrequest types"
        );
        let all: serde_json::Value = serde_json::from_str(&describe(Format::Json)).unwrap();
        assert_eq!(all[0]["opts"][0]["name"], "target");
        assert_eq!(
            (&all[1]["opts"], &all[2]["opts"]),
            (&serde_json::json!([]), &serde_json::Value::Null)
        );
    }

    #[test]
    fn tables_are_clean() {
        assert_eq!(table(&[["a", "b"], ["long\x1b", ""]], 2), "a      b\nlong\u{fffd}");
    }
}
