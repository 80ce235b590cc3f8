//! `varve lsp`: an editor's session, spoken by a client that others wrote, and ends of sessions.

use crate::support::{Running, VARVE, Workbench, python_module};
use std::process::{Command, Stdio};

const DOCKERFILE: &str = "\
ARG RELEASE=12
FROM story/base AS tools
MAINTAINER Ada
ARG RELEASE
WORKDIR app-$RELEASE
RUN echo ${RELEASE}
from scratch
COPY --from=tools app /app
";

#[test]
fn an_editor_is_served() {
    let Some(python) = python_module("pygls") else {
        return;
    };
    let bench = Workbench::with("FROM busybox\nENV A=b\n");
    bench.build(&["-t", "story/base"]);
    let write = |path: &str, text: &str| {
        let path = bench.path("work").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Dockerfile", DOCKERFILE);
    write(
        "varve.toml",
        "[lint]\nignored = [\"DL3006\"]\noverride = { info = [\"DL3000\"] }\n",
    );
    write("src/main.c", "int main;\n");
    write("src/main.o", "");
    write(".dockerignore", "**/*.o\n");
    let mut command = bench.command(python);
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories/lsp_client.py"))
        .args([VARVE.into(), bench.path("work")]);
    Running::start(command).end().succeeds();
}

/// Exit code and complaint after `input`.
fn after(input: &str) -> (Option<i32>, String) {
    use std::io::Write as _;
    let bench = Workbench::bare();
    let mut command: Command = bench.command(VARVE);
    let mut child = command
        .arg("lsp")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_session_ends_as_the_client_ends_it() {
    let frame = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let initialize = frame(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}"#);
    let shutdown = frame(r#"{"jsonrpc":"2.0","id":2,"method":"shutdown"}"#);
    let exit = frame(r#"{"jsonrpc":"2.0","method":"exit"}"#);
    for (input, code, complaint) in [
        (format!("{initialize}{shutdown}{exit}"), 0, ""),
        (format!("{initialize}{exit}"), 1, ""),
        (initialize.clone(), 1, ""),
        (String::new(), 1, ""),
        (
            format!("{initialize}Content-Length: 5\r\n\r\n{{}}"),
            1,
            "ends inside of a message",
        ),
        (
            "Content-Length: 99999999999\r\n\r\n".to_owned(),
            1,
            "more than 33554432",
        ),
        ("hello\n".to_owned(), 1, "`hello` is no header"),
    ] {
        let (found, said) = after(&input);
        assert_eq!(found, Some(code), "{input}: {said}");
        assert!(
            said.contains(complaint) && said.is_empty() == complaint.is_empty(),
            "{input}: {said}"
        );
    }
}
