//! Words for steps, and bytes cut into lines.

use crate::plan::Step;
use std::time::Duration;

/// `[app 3/6] COPY src/ src/`
pub(super) fn label(step: &Step) -> String {
    format!("{} {}", tag(step), title(step))
}

/// `[app 3/6]`
pub(super) fn tag(step: &Step) -> String {
    let (number, count) = step.position;
    // A stage without a name is called by its number.
    let is_number = step.stage.bytes().all(|byte| byte.is_ascii_digit());
    let stage = if is_number {
        format!("stage-{}", step.stage)
    } else {
        clean(&step.stage)
    };
    match &step.shown_platform {
        None => format!("[{stage} {number}/{count}]"),
        Some(platform) => format!("[{} {stage} {number}/{count}]", clean(platform)),
    }
}

/// The step's title as one clean line.
pub(super) fn title(step: &Step) -> String {
    clean(step.title.lines().next().unwrap_or_default().trim_end())
}

/// Text with control characters made visible, so that a Dockerfile can't drive the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// `reused`, or `reused from team/app:cache`
pub(super) fn reused(from: Option<&str>) -> String {
    from.map_or_else(|| "reused".to_owned(), |from| format!("reused from {}", clean(from)))
}

/// `0.2s`, `41.0s`, `2m03s`
pub(super) fn seconds(duration: Duration) -> String {
    let tenths = duration.as_millis() / 100;
    if tenths < 600 {
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    format!("{}m{:02}s", duration.as_secs() / 60, duration.as_secs() % 60)
}

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

/// Longer lines are cut, so that a command that never ends its line costs no memory.
const LONGEST: usize = 64 * 1024;

impl Lines {
    /// Adds bytes and hands every whole line to `take`, without its line end. Of a line that a command rewrote with
    /// carriage returns only the last version counts.
    pub(super) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.0.len() > LONGEST {
                self.flush(&mut take);
            }
        }
    }

    /// Hands out what is left as a line.
    pub(super) fn flush(&mut self, mut take: impl FnMut(&str)) {
        if self.0.is_empty() {
            return;
        }
        let line = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let last = line.rsplit(|byte| *byte == b'\r').next().unwrap_or_default();
        take(&String::from_utf8_lossy(last));
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for bytes in ["a", "b\nc\r\n", "10%\r20%\rdone\n", "end"] {
            lines.push(bytes.as_bytes(), |line| seen.push(line.to_owned()));
        }
        lines.flush(|line| seen.push(line.to_owned()));
        assert_eq!(seen, ["ab", "c", "done", "end"]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut lines = Lines::default();
        let mut count = 0;
        for _ in 0..100 {
            lines.push(&[b'x'; 4096], |_| count += 1);
        }
        assert!(count > 2 && lines.0.len() <= LONGEST);
    }

    #[test]
    fn durations_are_short() {
        assert_eq!(seconds(Duration::from_millis(249)), "0.2s");
        assert_eq!(seconds(Duration::from_secs(123)), "2m03s");
    }
}
