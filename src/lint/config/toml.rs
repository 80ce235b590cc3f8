//! TOML into values with lines.

use super::node::{Key, Node, Value};
use super::{Complaint, Kind};
use toml::de::{DeTable, DeValue};

/// Reads one file.
pub(super) fn read(text: &str) -> Result<Node, Complaint> {
    let lines = Lines(
        std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect(),
    );
    let table = DeTable::parse(text).map_err(|error| Complaint {
        line: lines.of(error.span().map_or(0, |span| span.start)),
        key: None,
        message: format!("not TOML: {}", error.message().trim_end_matches('.')),
        help: None,
        kind: Kind::Broken,
    })?;
    Ok(Node {
        line: 1,
        value: members(table.get_ref(), &lines),
    })
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(&self, offset: usize) -> u32 {
        self.0.partition_point(|start| *start <= offset) as u32
    }
}

// The parser bounds the depth.
fn value(value: &DeValue<'_>, lines: &Lines) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Integer(number) => Value::Other(number.to_string()),
        DeValue::Float(number) => Value::Other(number.to_string()),
        DeValue::Datetime(time) => Value::Other(time.to_string()),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|member| Node {
                    line: lines.of(member.span().start),
                    value: self::value(member.get_ref(), lines),
                })
                .collect(),
        ),
        DeValue::Table(table) => members(table, lines),
    }
}

fn members(table: &DeTable<'_>, lines: &Lines) -> Value {
    let mut members: Vec<(Key, Node)> = table
        .iter()
        .map(|(key, member)| {
            let name = Key {
                line: lines.of(key.span().start),
                name: key.get_ref().to_string(),
            };
            let node = Node {
                line: lines.of(member.span().start),
                value: value(member.get_ref(), lines),
            };
            (name, node)
        })
        .collect();
    members.sort_by_key(|(key, _)| key.line);
    Value::Table(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines() {
        let node = read("[lint]\nb = [\n 'x',\n 1]\n\n[lint.c]\n\"d\" = true\n").expect("it is TOML");
        let Value::Table(top) = node.value else { panic!() };
        let Value::Table(lint) = &top[0].1.value else { panic!() };
        let Value::List(list) = &lint[0].1.value else { panic!() };
        assert_eq!(
            (lint[0].0.line, list[0].line, list[1].line, lint[1].0.line),
            (2, 3, 4, 6)
        );
    }

    #[test]
    fn broken_files_tell_their_line() {
        let complaint = read("[lint]\na = 1\na = 2\n").expect_err("twice");
        assert_eq!(complaint.line, 3);
        assert_eq!(read("[lint]\n\nx = \n").expect_err("nothing").line, 3);
        assert!(read(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
