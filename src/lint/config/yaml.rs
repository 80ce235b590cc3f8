//! YAML into values with lines.
//!
//! Scalars mean what the core schema of YAML 1.2 says, as with hadolint: `true` is a truth value and `yes` is text.

use super::node::{Key, Node, Value};
use super::{Complaint, Kind};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::collections::HashMap;

/// Values that one file may hold, those that aliases repeat included. A configuration has a few dozen.
const VALUES: usize = 20_000;

/// How deep lists and tables may lie in each other.
const DEPTH: usize = 32;

/// Reads one document. An empty file is a table without keys.
pub(super) fn read(text: &str) -> Result<Node, Complaint> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| broken(error.marker().line() as u32, error.info()))?;
        reader.take(event, span.start.line() as u32)?;
    }
    Ok(reader.root.unwrap_or(Node {
        line: 1,
        value: Value::Table(Vec::new()),
    }))
}

fn broken(line: u32, message: impl Into<String>) -> Complaint {
    Complaint {
        line,
        key: None,
        message: format!("not YAML: {}", message.into()),
        help: None,
        kind: Kind::Broken,
    }
}

#[derive(Default)]
struct Reader {
    documents: usize,
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    values: usize,
}

/// A list or table whose end has not come.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Key>,
    /// How many values had been read before it.
    before: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<(), Complaint> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(broken(line, "a second document begins here"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(line, 1)?;
                let value = scalar(&text, style, tag.as_deref());
                self.put(Node { line, value }, anchor, 1)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(broken(line, "an alias of a value that is not complete"));
                };
                self.count(line, size)?;
                self.put(node, 0, size)
            }
            Event::SequenceStart(anchor, _) => self.open(line, Value::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => self.open(line, Value::Table(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Err(broken(line, "an end without a beginning"));
                };
                let size = self.values - open.before;
                self.put(open.node, open.anchor, size)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn count(&mut self, line: u32, more: usize) -> Result<(), Complaint> {
        self.values += more;
        if self.values > VALUES {
            return Err(broken(line, format!("more than {VALUES} values, aliases included")));
        }
        Ok(())
    }

    fn open(&mut self, line: u32, value: Value, anchor: usize) -> Result<(), Complaint> {
        if self.open.len() == DEPTH {
            return Err(broken(line, format!("more than {DEPTH} levels")));
        }
        let before = self.values;
        self.count(line, 1)?;
        self.open.push(Open {
            node: Node { line, value },
            anchor,
            key: None,
            before,
        });
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Complaint> {
        if anchor != 0 {
            // What is kept is bounded by what was counted: a copy counts when it is used.
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(members) => members.push(node),
            Value::Table(members) => match open.key.take() {
                Some(key) => members.push((key, node)),
                None => {
                    let (Value::Text(name) | Value::Other(name)) = node.value else {
                        return Err(broken(node.line, "a key that is no text"));
                    };
                    let line = node.line;
                    if members.iter().any(|(key, _)| key.name == name) {
                        return Err(Complaint {
                            key: Some(name),
                            ..broken(line, "the key is there twice")
                        });
                    }
                    open.key = Some(Key { line, name });
                }
            },
            _ => {}
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Nothing,
        "true" | "True" | "TRUE" => Value::Truth(true),
        "false" | "False" | "FALSE" => Value::Truth(false),
        _ if is_number(text) => Value::Other(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = digits.strip_prefix("0x") {
        return digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> (u32, String) {
        let complaint = read(text).expect_err("it is broken");
        (complaint.line, complaint.message)
    }

    #[test]
    fn values_know_their_lines() {
        let node = read("a: true\nb:\n- yes\n- &x 1\n- *x\n- \"2\"\n- !!str 3\n").expect("it is YAML");
        let Value::Table(members) = node.value else {
            panic!("{node:?}")
        };
        assert!(matches!(members[0].1.value, Value::Truth(true)));
        let Value::List(list) = &members[1].1.value else {
            panic!()
        };
        let kinds: Vec<_> = list.iter().map(|node| (node.line, node.value.kind())).collect();
        assert_eq!(
            kinds,
            [(3, "text"), (4, "a number"), (4, "a number"), (6, "text"), (7, "text")]
        );
        assert!(matches!(read("# nothing\n").expect("empty").value, Value::Table(members) if members.is_empty()));
    }

    #[test]
    fn bombs_and_odd_files_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let last = level - 1;
            let members = vec![format!("*a{last}"); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{members}]\n"));
        }
        let (line, message) = complaint(&bomb);
        assert!(line <= 5 && message.contains("aliases"), "{line}: {message}");
        assert!(complaint(&"- ".repeat(1000)).1.contains("levels"));
        assert!(read(&"[".repeat(100_000)).is_err());
        assert_eq!(complaint("a: 1\na: 2\n").0, 2);
        assert_eq!(complaint("a: 1\n---\nb: 1\n").0, 2);
        assert!(complaint("a: [b\n").0 >= 1);
        assert!(complaint("a: *nothing\n").0 >= 1);
        assert!(complaint("? [a]\n: b\n").1.contains("key"));
    }
}
