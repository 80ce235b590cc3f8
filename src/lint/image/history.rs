//! An image's history as a text that findings point into.

use super::Image;
use crate::diagnostic::{Source, Span};

/// Characters of an instruction that are shown.
const LONGEST: usize = 200;

/// One line for each entry of the history, and the layers' places among them.
#[derive(Debug)]
pub(super) struct History {
    pub(super) source: Source,
    lines: Vec<Span>,
    /// By layer: its line, counted from 0.
    layers: Vec<usize>,
}

impl History {
    pub(super) fn new(name: &str, image: &Image<'_>) -> Self {
        let count = image.view.layers().len();
        let history = &image.config.history;
        let told = history.iter().filter(|entry| !entry.empty_layer).count();
        let (mut texts, mut layers) = (Vec::new(), Vec::new());
        if told == count {
            for entry in history {
                if !entry.empty_layer {
                    layers.push(texts.len());
                }
                texts.push(instruction(&entry.created_by, layers.len(), entry.empty_layer));
            }
        } else {
            // Nobody can tell which entry made which layer.
            layers.extend(0..count);
            texts.extend((1..=count).map(|number| format!("layer {number} of {count}")));
            let rest = history.iter().filter(|entry| entry.empty_layer);
            texts.extend(rest.map(|entry| instruction(&entry.created_by, 0, true)));
        }
        if texts.is_empty() {
            texts.push("an image without layers".to_owned());
        }
        let mut lines = Vec::with_capacity(texts.len());
        let mut whole = String::new();
        for text in texts {
            let start = whole.len() as u32;
            whole.push_str(&text);
            lines.push(Span::new(start, whole.len() as u32));
            whole.push('\n');
        }
        Self {
            source: Source::new(name, whole),
            lines,
            layers,
        }
    }

    /// The line of a layer, counted from 1, and its place in the text.
    pub(super) fn of_layer(&self, layer: usize) -> (u32, Span) {
        self.at(self.layers.get(layer).copied().unwrap_or(self.lines.len() - 1))
    }

    /// The last line with an instruction of that kind, or the last of all.
    pub(super) fn of_instruction(&self, keyword: &str) -> (u32, Span) {
        let begins = |span: &Span| {
            let text = &self.source.text()[span.start as usize..span.end as usize];
            text.split_whitespace().next() == Some(keyword)
        };
        self.at(self.lines.iter().rposition(begins).unwrap_or(self.lines.len() - 1))
    }

    fn at(&self, index: usize) -> (u32, Span) {
        (index as u32 + 1, self.lines[index])
    }
}

/// An entry of the history on one line, without what builders put around the instruction.
fn instruction(created_by: &str, layer: usize, empty: bool) -> String {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text);
    let text = match text.strip_prefix("/bin/sh -c #(nop)") {
        Some(rest) => rest.to_owned(),
        None => match text.strip_prefix("/bin/sh -c ") {
            Some(command) => format!("RUN {command}"),
            None => text.to_owned(),
        },
    };
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| !c.is_control()));
        if line.chars().count() > LONGEST {
            line = line.chars().take(LONGEST).chain(['…']).collect();
            break;
        }
    }
    match (line.is_empty(), empty) {
        (false, _) => line,
        (true, true) => "a change of the config".to_owned(),
        (true, false) => format!("layer {layer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_shown_on_one_line() {
        for (created_by, line) in [
            (
                "RUN /bin/sh -c make\n\tinstall # buildkit",
                "RUN /bin/sh -c make install",
            ),
            ("/bin/sh -c #(nop)  USER app", "USER app"),
            ("/bin/sh -c make", "RUN make"),
            ("", "layer 3"),
        ] {
            assert_eq!(instruction(created_by, 3, false), line);
        }
        assert_eq!(instruction(&"é".repeat(1000), 1, false).chars().count(), 201);
    }
}
