//! Filling a template in.

use super::{Node, Operand, Pipeline, Range, Start, functions};
use serde_json::Value;

/// Fills a template in.
pub(super) fn fill(nodes: &[Node], value: &Value) -> Result<String, String> {
    let mut scope = Scope {
        root: value,
        variables: vec![(String::new(), value.clone())],
        out: String::new(),
    };
    scope.nodes(nodes, value)?;
    Ok(scope.out)
}

/// A value as Go prints it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(members) => {
            let members: Vec<String> = members.iter().map(shown).collect();
            format!("[{}]", members.join(" "))
        }
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{key}:{}", shown(value)))
                .collect();
            members.sort_unstable();
            format!("map[{}]", members.join(" "))
        }
    }
}

/// Whether Go takes a value for true.
pub(super) fn holds(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(it) => *it,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(members) => !members.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

struct Scope<'a> {
    root: &'a Value,
    /// The latest of a name counts; `$` alone has the empty name.
    variables: Vec<(String, Value)>,
    out: String,
}

impl Scope<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Print(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    self.out.push_str(&shown(&value));
                }
                Node::Set(name, pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    self.variables.push((name.clone(), value));
                }
                Node::If(condition, body, otherwise) => {
                    let chosen = if holds(&self.pipeline(condition, dot)?) {
                        body
                    } else {
                        otherwise
                    };
                    self.block(chosen, dot)?;
                }
                Node::With(pipeline, body, otherwise) => {
                    let value = self.pipeline(pipeline, dot)?;
                    match holds(&value) {
                        true => self.block(body, &value)?,
                        false => self.block(otherwise, dot)?,
                    }
                }
                Node::Range(range) => self.range(range, dot)?,
            }
        }
        Ok(())
    }

    /// Nodes whose variables are their own.
    fn block(&mut self, nodes: &[Node], dot: &Value) -> Result<(), String> {
        let outer = self.variables.len();
        self.nodes(nodes, dot)?;
        self.variables.truncate(outer);
        Ok(())
    }

    fn range(&mut self, range: &Range, dot: &Value) -> Result<(), String> {
        let members: Vec<(Value, Value)> = match self.pipeline(&range.over, dot)? {
            Value::Array(members) => members
                .into_iter()
                .enumerate()
                .map(|(at, it)| (at.into(), it))
                .collect(),
            Value::Object(members) => {
                let mut members: Vec<(String, Value)> = members.into_iter().collect();
                members.sort_by(|a, b| a.0.cmp(&b.0));
                members.into_iter().map(|(key, it)| (key.into(), it)).collect()
            }
            Value::Null => Vec::new(),
            other => return Err(format!("can't range over `{}`", shown(&other))),
        };
        if members.is_empty() {
            return self.block(&range.otherwise, dot);
        }
        for (key, value) in members {
            let outer = self.variables.len();
            for (name, value) in [(&range.key, &key), (&range.value, &value)] {
                if let Some(name) = name {
                    self.variables.push((name.clone(), value.clone()));
                }
            }
            self.nodes(&range.body, &value)?;
            self.variables.truncate(outer);
        }
        Ok(())
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let mut last = None;
        for command in pipeline {
            last = Some(self.command(command, last, dot)?);
        }
        Ok(last.unwrap_or_default())
    }

    fn command(&self, command: &[Operand], last: Option<Value>, dot: &Value) -> Result<Value, String> {
        let (first, rest) = command.split_first().ok_or("an action is empty")?;
        let Operand::Function(name) = first else {
            if !rest.is_empty() || last.is_some() {
                return Err("a value takes no arguments".to_owned());
            }
            return self.operand(first, dot);
        };
        let mut arguments: Vec<Value> = rest.iter().map(|it| self.operand(it, dot)).collect::<Result<_, _>>()?;
        arguments.extend(last);
        functions::call(name, &arguments)
    }

    fn operand(&self, operand: &Operand, dot: &Value) -> Result<Value, String> {
        let (value, fields) = match operand {
            Operand::Constant(value) => return Ok(value.clone()),
            Operand::Function(name) => return functions::call(name, &[]),
            Operand::Field(Start::Dot, fields) => (dot.clone(), fields),
            Operand::Field(Start::Group(pipeline), fields) => (self.pipeline(pipeline, dot)?, fields),
            Operand::Field(Start::Variable(name), fields) => {
                let found = self.variables.iter().rev().find(|(it, _)| it == name);
                let (_, value) = found.ok_or_else(|| format!("there is no variable `${name}`"))?;
                (value.clone(), fields)
            }
        };
        let mut value = value;
        for field in fields {
            let is_top = value == *self.root;
            value = match value {
                Value::Object(mut members) => match members.remove(field) {
                    Some(member) => member,
                    // What the documents are made of is known at the top only; below, something may be unset.
                    None if is_top => return Err(unknown(field, &members)),
                    None => Value::Null,
                },
                Value::Null => Value::Null,
                other => return Err(format!("there is no field `.{field}` in `{}`", shown(&other))),
            };
        }
        Ok(value)
    }
}

fn unknown(field: &str, members: &serde_json::Map<String, Value>) -> String {
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    format!("there is no field `.{field}`, only .{}", names.join(", ."))
}
