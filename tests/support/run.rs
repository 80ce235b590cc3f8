//! Programs that run, and what became of them.

use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No program of a test takes as long; one that hangs is a failure, not a wait.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program that was started, in a process group of its own.
pub struct Running {
    words: String,
    child: Child,
    stdout: Stream,
    stderr: Stream,
    writer: Option<JoinHandle<()>>,
}

type Stream = Option<(Arc<Mutex<Vec<u8>>>, JoinHandle<()>)>;

impl Running {
    pub fn start(mut command: Command) -> Self {
        let words = format!("{command:?}");
        let mut child = command
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{words}: {error}"));
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Self {
            words,
            child,
            stdout,
            stderr,
            writer: None,
        }
    }

    /// Writes all of standard input.
    pub fn feed(mut self, bytes: Vec<u8>) -> Self {
        let mut stdin = self.child.stdin.take().expect("standard input is a pipe");
        // A program that ends early closes it; that is its right.
        self.writer = Some(std::thread::spawn(move || drop(stdin.write_all(&bytes))));
        self
    }

    /// Standard input, for whoever types into it.
    pub fn keyboard(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input is a pipe")
    }

    pub fn id(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("/bin/kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits until standard error or output holds a text.
    #[track_caller]
    pub fn until(&self, text: &str) {
        self.wait_for(text, || {
            [&self.stdout, &self.stderr]
                .into_iter()
                .flatten()
                .any(|(bytes, _)| String::from_utf8_lossy(&bytes.lock().unwrap()).contains(text))
        });
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn wait_for(&self, what: &str, mut so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !so() {
            assert!(
                start.elapsed() < PATIENCE,
                "{}: `{what}` did not come; stderr:\n{}",
                self.words,
                text(&self.stderr)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Run {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if start.elapsed() > PATIENCE => {
                    self.signal("KILL");
                    let _ = self.child.wait();
                    panic!("{} hangs; stderr:\n{}", self.words, text(&self.stderr));
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        let (stdout, stderr) = (bytes(self.stdout.take()), bytes(self.stderr.take()));
        Run {
            words: self.words,
            code,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            bytes: stdout,
        }
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let all = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&all);
    let thread = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            shared.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    });
    (all, thread)
}

fn text(stream: &Stream) -> String {
    stream
        .as_ref()
        .map(|(bytes, _)| String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned())
        .unwrap_or_default()
}

fn bytes(stream: Stream) -> Vec<u8> {
    stream.map_or_else(Vec::new, |(bytes, thread)| {
        let _ = thread.join();
        std::mem::take(&mut *bytes.lock().unwrap())
    })
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Run {
    words: String,
    /// Exit code, or minus the number of the signal that ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// Standard output as it came.
    pub bytes: Vec<u8>,
}

impl Run {
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.fails(0)
    }

    /// It ended with this code.
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.words, self.stdout, self.stderr
        );
        self
    }

    /// Standard error has all of these texts.
    #[track_caller]
    pub fn says<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "{}\n--- has no `{text}`\n{}",
                self.words,
                self.stderr
            );
        }
        self
    }

    /// Standard output has all of these texts.
    #[track_caller]
    pub fn prints<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        for text in texts {
            assert!(
                self.stdout.contains(text),
                "{}\n--- prints no `{text}`\n{}",
                self.words,
                self.stdout
            );
        }
        self
    }

    /// Standard error has none of these texts.
    #[track_caller]
    pub fn never_says<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        for text in texts {
            assert!(
                !self.stderr.contains(text),
                "{}\n--- has `{text}`\n{}",
                self.words,
                self.stderr
            );
        }
        self
    }

    /// Titles of the steps that ran, and those that were reused, in the order of events.
    pub fn steps(&self) -> Vec<Step> {
        self.stderr
            .lines()
            .filter_map(|line| {
                let (tag, title) = line.strip_prefix('[')?.split_once("] ")?;
                if let Some(title) = title.strip_suffix("  reused") {
                    return Some(Step {
                        tag: tag.to_owned(),
                        title: title.to_owned(),
                        because: None,
                    });
                }
                let (title, because) = title.split_once("  because ")?;
                Some(Step {
                    tag: tag.to_owned(),
                    title: title.to_owned(),
                    because: Some(because.to_owned()),
                })
            })
            .collect()
    }

    /// Titles of the steps that ran. A base image that is looked up is no step here.
    pub fn built(&self) -> Vec<String> {
        self.steps()
            .into_iter()
            .filter(|step| step.because.is_some())
            .map(|step| step.title)
            .filter(not_a_base)
            .collect()
    }

    /// Titles of the steps whose results were there.
    pub fn reused(&self) -> Vec<String> {
        self.steps()
            .into_iter()
            .filter(|step| step.because.is_none())
            .map(|step| step.title)
            .filter(not_a_base)
            .collect()
    }

    /// What a command of the build wrote, line by line, without the tags.
    pub fn output(&self) -> Vec<&str> {
        self.stderr
            .lines()
            .filter_map(|line| Some(line.strip_prefix('[')?.split_once("] | ")?.1))
            .collect()
    }

    /// Every step was reused.
    #[track_caller]
    pub fn all_reused(self) -> Self {
        assert!(self.built().is_empty(), "{:#?}", self.steps());
        self
    }

    /// Only these steps ran, named by how their titles start.
    #[track_caller]
    pub fn only_built(self, starts: &[&str]) -> Self {
        let built = self.built();
        let fits =
            built.len() == starts.len() && starts.iter().all(|start| built.iter().any(|it| it.starts_with(start)));
        assert!(fits, "want {starts:?} to have run, got {:#?}", self.steps());
        self
    }
}

#[expect(clippy::ptr_arg, reason = "a filter over owned titles")]
fn not_a_base(title: &String) -> bool {
    !title.starts_with("FROM ")
}

/// One step as the log tells it.
#[derive(Debug)]
pub struct Step {
    pub tag: String,
    pub title: String,
    pub because: Option<String>,
}
