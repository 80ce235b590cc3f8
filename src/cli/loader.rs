//! `--load`: a docker or podman of this machine, which reads the result.

use super::failure::Failure;
use crate::build::{Destination, Output, OutputKind};
use std::process::{Child, Command, Stdio};

/// A program that waits for an image on its standard input. Dropping it before it had one ends it.
pub(super) struct Loader {
    program: &'static str,
    child: Option<Child>,
}

/// In this order: where both run, an image is looked for in docker.
const PROGRAMS: [(&str, &[&str]); 2] = [
    // A client without its daemon can load nothing.
    ("docker", &["version", "--format", "{{.Server.Version}}"]),
    ("podman", &["version"]),
];

impl Loader {
    /// Starts the first program that works here, and gives the output that feeds it. It has to be started by the user
    /// that varve was started by, and so before a user namespace is entered.
    pub(super) fn start() -> Result<(Self, Output), Failure> {
        let works = |(program, question): &(&str, &[&str])| {
            let asked = Command::new(program)
                .args(*question)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            asked.is_ok_and(|status| status.success())
        };
        let Some((program, _)) = PROGRAMS.iter().find(|it| works(it)) else {
            return Err(Failure::machine(
                "`--load` found neither a running docker nor podman\nhelp: leave it out, and `varve save` or `varve run` the image",
            ));
        };
        let failed = |error: std::io::Error| Failure::machine(format!("cannot start `{program} load`: {error}"));
        let mut child = Command::new(program)
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdin = child.stdin.take();
        let stdin = stdin.ok_or_else(|| failed(std::io::Error::other("it has no standard input")))?;
        let output = Output::new(OutputKind::Docker, Some(Destination::Stream(Box::new(stdin))));
        let child = Some(child);
        Ok((Self { program, child }, output))
    }

    /// Waits until the image is loaded, and gives what the program says of it.
    pub(super) fn finish(mut self) -> Result<String, Failure> {
        let program = self.program;
        let Some(child) = self.child.take() else {
            return Ok(String::new());
        };
        let ended = child
            .wait_with_output()
            .map_err(|error| Failure::machine(format!("cannot wait for `{program} load`: {error}")))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if ended.status.success() {
            return Ok(format!("{program}: {}", text(&ended.stdout)));
        }
        let said = text(&ended.stderr);
        Err(Failure::machine(format!(
            "`{program} load` failed ({}): {said}",
            ended.status
        )))
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It has read no whole image, and ends with nothing done.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
