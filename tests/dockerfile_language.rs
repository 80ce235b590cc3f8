//! `testdata/language`: what each piece of the language means, or why it is refused.
//!
//! The files are read as documentation: a block `dockerfile accepted` or `dockerfile refused`, the verdict being part of
//! the text, and below it a block `text` with what becomes of it. `UPDATE=1` writes the latter anew, never a verdict;
//! read the difference before keeping it. Behind the verdict may stand `target=NAME`, `arg=NAME=VALUE`, and `raw`: then
//! `␠ ␉ ␍ ␀` are a blank, a tab, a carriage return and a zero, `␊` is a line feed, `␛` a byte order mark, and the final
//! line end does not count.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use varve::diagnostic::{Diagnostic, Severity, Source, render};
use varve::dockerfile::{Keyword, parse};
use varve::oci::{ImageConfig, Platform};
use varve::plan::{self, EpochAnswer, From, Graph, MountKind, NamedContext, Op, Outcome, Request};

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/language");
    let entries = fs::read_dir(directory).expect("the directory is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// One example.
struct Case {
    /// Line of the file, from 1.
    line: usize,
    refused: bool,
    target: Option<String>,
    args: Vec<(String, String)>,
    text: String,
    expected: String,
}

/// A file as it is, or with the results that were found.
fn walk(text: &str, mut each: impl FnMut(Case) -> String) -> String {
    let mut out = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(options) = line.strip_prefix("```dockerfile ") else {
            assert!(!line.starts_with("```"), "line {}: a block of nothing", number + 1);
            continue;
        };
        let mut block = |out: &mut Option<&mut String>| -> String {
            let mut block = String::new();
            for (_, line) in lines.by_ref() {
                if let Some(out) = out {
                    out.push_str(line);
                    out.push('\n');
                }
                if line == "```" {
                    break;
                }
                block.push_str(line);
                block.push('\n');
            }
            block
        };
        let mut written = block(&mut Some(&mut out));
        let mut case = Case {
            line: number + 1,
            refused: match options.split(' ').next() {
                Some("accepted") => false,
                Some("refused") => true,
                other => panic!("line {}: no verdict {other:?}", number + 1),
            },
            target: None,
            args: Vec::new(),
            text: String::new(),
            expected: String::new(),
        };
        for option in options.split(' ').skip(1) {
            match option.split_once('=') {
                Some(("target", name)) => case.target = Some(name.to_owned()),
                Some(("arg", pair)) => {
                    let (name, value) = pair.split_once('=').expect("a name and a value");
                    case.args.push((name.to_owned(), value.to_owned()));
                }
                None if option == "raw" => {
                    written.pop();
                    let marks = [
                        ('␠', ' '),
                        ('␉', '\t'),
                        ('␍', '\r'),
                        ('␀', '\0'),
                        ('␊', '\n'),
                        ('␛', '\u{feff}'),
                    ];
                    written = written
                        .chars()
                        .map(|c| marks.iter().find(|(mark, _)| *mark == c).map_or(c, |it| it.1))
                        .collect();
                }
                _ => panic!("line {}: no option `{option}`", number + 1),
            }
        }
        case.text = written;
        let opening = "```text\n";
        if let Some(rest) = text.lines().nth(number + 1 + case_lines(text, number)) {
            assert_eq!(format!("{rest}\n"), opening, "line {}: no result", number + 1);
        }
        block(&mut None)
            .lines()
            .skip(1)
            .for_each(|line| case.expected.push_str(&format!("{line}\n")));
        out.push_str(opening);
        out.push_str(&each(case));
        out.push_str("```\n");
    }
    out
}

/// Lines of the block that begins behind line `from`, its end included.
fn case_lines(text: &str, from: usize) -> usize {
    text.lines()
        .skip(from + 1)
        .position(|line| line == "```")
        .expect("a block has an end")
        + 1
}

#[test]
fn the_language_is_as_it_is_described() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut refusals = BTreeSet::new();
    let mut instructions = BTreeSet::new();
    for path in files() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("the file is text");
        let mut cases = 0;
        let result = walk(&text, |case| {
            cases += 1;
            let (refused, found) = outcome(&case, &mut refusals, &mut instructions);
            if refused != case.refused {
                wrong.push(format!("{name}:{}: the verdict is wrong\n{found}", case.line));
            } else if found != case.expected && !update {
                wrong.push(format!(
                    "{name}:{}\n--- expected\n{}--- found\n{found}",
                    case.line, case.expected
                ));
            }
            found
        });
        assert!(cases > 0, "{name} has no examples");
        if update {
            fs::write(&path, result).expect("the file can be written");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missing: Vec<&str> = Keyword::ALL
        .map(Keyword::name)
        .into_iter()
        .filter(|it| !instructions.contains(it))
        .collect();
    assert!(missing.is_empty(), "no accepted example has {missing:?}");
    // Problems that need an image, a file or an outsize text have tests of their own.
    for code in REFUSALS {
        assert!(refusals.contains(code), "no example is refused because of `{code}`");
    }
}

/// Why a text can be refused, by code.
const REFUSALS: &[&str] = &[
    "bad-checksum",
    "bad-escape",
    "bad-flag-value",
    "bad-from",
    "bad-heredoc-name",
    "bad-mode",
    "bad-mount",
    "bad-network",
    "bad-platform",
    "bad-port",
    "bad-reference",
    "bad-retries",
    "bad-duration",
    "bad-security",
    "bad-signal",
    "bad-stage-name",
    "bad-trigger",
    "blank-base",
    "blank-name",
    "blank-volume",
    "blank-workdir",
    "copy-url",
    "duplicate-directive",
    "duplicate-flag",
    "extra-arguments",
    "heredoc-destination",
    "missing-arguments",
    "missing-flag-value",
    "missing-value",
    "no-devices",
    "no-instructions",
    "no-stage",
    "no-variables-here",
    "not-a-string",
    "not-json",
    "stage-cycle",
    "stage-order",
    "substitution",
    "unknown-flag",
    "unknown-healthcheck",
    "unknown-instruction",
    "unknown-stage",
    "unknown-target",
    "unterminated-heredoc",
];

/// Whether it is refused, and what is found in it.
fn outcome(
    case: &Case,
    refusals: &mut BTreeSet<&'static str>,
    instructions: &mut BTreeSet<&'static str>,
) -> (bool, String) {
    let parsed = parse(&case.text);
    let contexts = BTreeMap::from([("ctx".to_owned(), NamedContext::Directory)]);
    let mut request = Request::new(&parsed.dockerfile, Platform::new("linux", "amd64", ""), &contexts);
    request.target = case.target.as_deref();
    request.build_args = &case.args;
    let errors: Vec<Diagnostic> = parsed
        .diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .cloned()
        .collect();
    let lowered = if errors.is_empty() {
        lower(&request)
    } else {
        Err(plan::problems(&request, errors))
    };
    match lowered {
        Ok(graph) => {
            let used = parsed.dockerfile.instructions.iter().filter_map(|it| it.keyword);
            instructions.extend(used.map(Keyword::name));
            (false, show(&graph))
        }
        Err(problems) => {
            refusals.extend(problems.iter().map(|it| it.code));
            let source = Source::new("Dockerfile", &*case.text);
            for problem in &problems {
                let drawn = render(problem, &source, false);
                let place = problem.span.map_or("--> Dockerfile\n".to_owned(), |span| {
                    let at = source.position(span.start);
                    format!("--> Dockerfile:{}:{}\n", at.line, at.column)
                });
                assert!(drawn.contains(&place), "{drawn}");
            }
            (true, problems.iter().map(|problem| tell(problem, &source)).collect())
        }
    }
}

fn lower(request: &Request<'_>) -> Result<Graph, Vec<Diagnostic>> {
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []},
        "config": {"Env": ["PATH=/bin", "BASE=base"], "Cmd": ["sh"]}});
    let config = ImageConfig::from_bytes(config.to_string().as_bytes()).expect("a config");
    let mut images = BTreeMap::new();
    let answer = EpochAnswer::new(Some(1));
    let mut request = request.clone();
    loop {
        match plan::lower(&request, &images)?.outcome {
            Outcome::Ready(graph) => return Ok(*graph),
            Outcome::NeedsEpoch(_) => request.epoch = Some(&answer),
            Outcome::NeedsImages(needs) => images.extend(needs.into_iter().map(|need| (need.key, config.clone()))),
        }
    }
}

/// Place, code, the words that are marked, the message, and what may help.
fn tell(problem: &Diagnostic, source: &Source) -> String {
    let place = problem.span.map_or("no place".to_owned(), |span| {
        let at = source.position(span.start);
        let words = &source.text()[span.start as usize..span.end as usize];
        format!("{}:{} `{}`", at.line, at.column, plain(words))
    });
    let mut told = format!("{place} {}: {}\n", problem.code, plain(&problem.message));
    for help in &problem.help {
        told.push_str(&format!("    help: {}\n", plain(help)));
    }
    told
}

/// On one line.
fn plain(text: &str) -> String {
    let marks = [('\t', '␉'), ('\r', '␍'), ('\0', '␀'), ('\n', '␊'), ('\u{feff}', '␛')];
    text.chars()
        .map(|c| marks.iter().find(|(real, _)| *real == c).map_or(c, |it| it.1))
        .collect()
}

/// The steps, and what differs in the config from an empty image's.
fn show(graph: &Graph) -> String {
    let mut shown = String::new();
    for id in graph.steps.node_indices() {
        let step = &graph.steps[id];
        let line = match &step.op {
            Op::Base(varve::plan::Base::Scratch) => continue,
            Op::Base(_) => step.title.clone(),
            Op::Workdir(workdir) => format!("WORKDIR {}", workdir.path),
            Op::Run(run) => {
                let mut line = format!("RUN {}", json!(run.argv));
                let env = run.env.iter().filter(|(name, _)| name != "PATH" && name != "BASE");
                let env: Vec<String> = env.map(|(name, value)| format!("{name}={value}")).collect();
                if !env.is_empty() {
                    line.push_str(&format!(" with {}", json!(env)));
                }
                for (name, body) in &run.scripts {
                    line.push_str(&format!(" script {name} {}", json!(body)));
                }
                for mount in &run.mounts {
                    let kind = match &mount.kind {
                        MountKind::Bind { from, source } => format!("bind {} `{source}`", origin(from, graph)),
                        MountKind::Cache { id, .. } => format!("cache `{id}`"),
                        MountKind::Tmpfs { size } => format!("tmpfs {size:?}"),
                        MountKind::Secret { id, env, .. } => format!("secret `{id}` {env:?}"),
                        MountKind::Ssh { id, .. } => format!("ssh `{id}`"),
                    };
                    line.push_str(&format!(" mount {kind} at `{}`", mount.target));
                }
                line
            }
            Op::Copy(copy) => {
                let verb = if copy.add { "ADD" } else { "COPY" };
                let sources: Vec<Value> = copy
                    .sources
                    .iter()
                    .map(|source| match source {
                        varve::plan::Source::Path(text) => json!(text),
                        varve::plan::Source::Url(text) => json!({"url": text}),
                        varve::plan::Source::Git { source, text } => {
                            let keeps = if source.keep_git_dir == Some(true) {
                                "git with .git"
                            } else {
                                "git"
                            };
                            json!({ keeps: text })
                        }
                        varve::plan::Source::Inline { name, body } => json!({ name.as_str(): body }),
                    })
                    .collect();
                let mut line = format!("{verb} {} to {}", json!(sources), json!(copy.destination));
                if copy.from != From::Context {
                    line.push_str(&format!(" from {}", origin(&copy.from, graph)));
                }
                let texts = [
                    ("chown", &copy.chown),
                    ("chmod", &copy.chmod),
                    ("checksum", &copy.checksum),
                ];
                for (name, value) in texts {
                    if let Some(value) = value {
                        line.push_str(&format!(" {name}={value}"));
                    }
                }
                let switches = [
                    ("link", Some(copy.link).filter(|it| *it)),
                    ("parents", Some(copy.parents).filter(|it| *it)),
                    ("unpack", copy.unpack),
                ];
                for (name, value) in switches {
                    if let Some(value) = value {
                        line.push_str(&format!(" {name}={value}"));
                    }
                }
                for exclude in &copy.excludes {
                    line.push_str(&format!(" exclude={exclude}"));
                }
                line
            }
        };
        shown.push_str(&format!("{}: {line}\n", step.stage));
    }
    let config = serde_json::to_value(&graph.target.config).expect("a config");
    if let Some(author) = config.get("author") {
        shown.push_str(&format!("author {author}\n"));
    }
    let Some(Value::Object(settings)) = config.get("config") else {
        return shown;
    };
    for (name, value) in settings {
        let value = match value {
            Value::Array(env) if name == "Env" => {
                let own = |it: &&Value| {
                    !it.as_str()
                        .is_some_and(|it| it.starts_with("PATH=") || it == "BASE=base")
                };
                json!(env.iter().filter(own).collect::<Vec<_>>())
            }
            other => other.clone(),
        };
        let boring = value == json!([]) || name == "WorkingDir" && value == "/";
        if !boring && !value.is_null() && name != "ArgsEscaped" {
            shown.push_str(&format!("{name} {value}\n"));
        }
    }
    if shown.is_empty() {
        shown.push_str("nothing but the base\n");
    }
    shown
}

fn origin(from: &From, graph: &Graph) -> String {
    match from {
        From::Context => "the context".to_owned(),
        From::Named(name) => format!("the context `{name}`"),
        From::Step(id) => format!("`{}`", graph.steps[*id].stage),
    }
}
