//! Reading a template: actions, words, and the tree that they form.

use super::{Node, Operand, Pipeline, Range, Start};
use serde_json::Value;
use std::collections::VecDeque;

/// Blocks and parentheses inside each other that are followed.
const DEEPEST: usize = 100;

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser {
        pieces: pieces(text)?,
        depth: 0,
    };
    let (nodes, end) = parser.nodes()?;
    match end {
        Stop::Text => Ok(nodes),
        Stop::End => Err("`{{end}}` without anything to end".to_owned()),
        Stop::Else(_) => Err("`{{else}}` without an `{{if}}`".to_owned()),
    }
}

enum Piece {
    Text(String),
    Action(VecDeque<Token>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// `.A.B`; nothing for `.` alone.
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Constant(Value),
    Open,
    /// With the fields behind it.
    Close(Vec<String>),
    Pipe,
    Comma,
    Set,
}

/// Splits text at its actions. A dash at either end takes the blanks beside the action away.
fn pieces(text: &str) -> Result<VecDeque<Piece>, String> {
    let mut pieces = VecDeque::new();
    let mut rest = text;
    let mut trim = false;
    loop {
        let (before, action) = match rest.split_once("{{") {
            Some((before, action)) => (before, Some(action)),
            None => (rest, None),
        };
        let mut before = if trim { before.trim_start() } else { before };
        let Some(mut action) = action else {
            pieces.push_back(Piece::Text(before.to_owned()));
            return Ok(pieces);
        };
        if let Some(after) = action
            .strip_prefix('-')
            .filter(|it| it.starts_with(char::is_whitespace))
        {
            before = before.trim_end();
            action = after;
        }
        if !before.is_empty() {
            pieces.push_back(Piece::Text(before.to_owned()));
        }
        if let Some(comment) = action.trim_start().strip_prefix("/*") {
            let (_, after) = comment.split_once("*/").ok_or("a comment is not closed")?;
            (rest, trim) = close(after.trim_start())?;
            continue;
        }
        let mut tokens = VecDeque::new();
        (rest, trim) = loop {
            let next = action.trim_start();
            if next.starts_with("}}") || next.starts_with("-}}") && next.len() < action.len() {
                break close(next)?;
            }
            let (token, after) = token(next)?;
            tokens.push_back(token);
            action = after;
        };
        pieces.push_back(Piece::Action(tokens));
    }
}

/// What follows the end of an action, and whether its blanks are to go.
fn close(text: &str) -> Result<(&str, bool), String> {
    if let Some(rest) = text.strip_prefix("-}}") {
        return Ok((rest, true));
    }
    let rest = text.strip_prefix("}}").ok_or("an action is not closed with `}}`")?;
    Ok((rest, false))
}

fn token(text: &str) -> Result<(Token, &str), String> {
    let first = text.chars().next().ok_or("an action is not closed with `}}`")?;
    let after = &text[first.len_utf8()..];
    match first {
        '(' => Ok((Token::Open, after)),
        ')' => {
            let (fields, rest) = fields(after);
            Ok((Token::Close(fields), rest))
        }
        '|' => Ok((Token::Pipe, after)),
        ',' => Ok((Token::Comma, after)),
        ':' if after.starts_with('=') => Ok((Token::Set, &after[1..])),
        '`' => {
            let (raw, rest) = after.split_once('`').ok_or("a quote is not closed")?;
            Ok((Token::Constant(raw.into()), rest))
        }
        '"' => quoted(text),
        '$' => {
            let (name, rest) = word(after);
            let (fields, rest) = fields(rest);
            Ok((Token::Variable(name.to_owned(), fields), rest))
        }
        '.' => {
            let (fields, rest) = fields(text);
            let rest = if fields.is_empty() { after } else { rest };
            Ok((Token::Field(fields), rest))
        }
        '0'..='9' | '-' | '+' => {
            let end = after
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(after.len())
                + 1;
            let number = text[..end].trim_start_matches('+');
            let value = serde_json::from_str(number).map_err(|_| format!("`{}` is no number", &text[..end]))?;
            Ok((Token::Constant(value), &text[end..]))
        }
        _ => match word(text) {
            ("", _) => Err(format!("unexpected `{first}`")),
            ("true", rest) => Ok((Token::Constant(true.into()), rest)),
            ("false", rest) => Ok((Token::Constant(false.into()), rest)),
            ("nil", rest) => Ok((Token::Constant(Value::Null), rest)),
            (name, rest) => Ok((Token::Word(name.to_owned()), rest)),
        },
    }
}

/// A string in double quotes, whose escapes are those of JSON.
fn quoted(text: &str) -> Result<(Token, &str), String> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => {
                let end = at + 1;
                let value: String =
                    serde_json::from_str(&text[..end]).map_err(|_| format!("`{}` is no string", &text[..end]))?;
                return Ok((Token::Constant(value.into()), &text[end..]));
            }
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Err("a quote is not closed".to_owned())
}

fn word(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `.A.B` at the start of a text.
fn fields(text: &str) -> (Vec<String>, &str) {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some(after) = rest.strip_prefix('.') {
        let (name, behind) = word(after);
        if name.is_empty() {
            break;
        }
        fields.push(name.to_owned());
        rest = behind;
    }
    (fields, rest)
}

/// What ended a list of nodes.
enum Stop {
    Text,
    End,
    /// With what stands behind `else`.
    Else(VecDeque<Token>),
}

struct Parser {
    pieces: VecDeque<Piece>,
    depth: usize,
}

impl Parser {
    fn nodes(&mut self) -> Result<(Vec<Node>, Stop), String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.pop_front() {
            let mut action = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(action) => action,
            };
            let keyword = match action.front() {
                Some(Token::Word(word)) => word.clone(),
                Some(_) => String::new(),
                None => return Err("an action is empty".to_owned()),
            };
            match keyword.as_str() {
                "end" => return Ok((nodes, Stop::End)),
                "else" => {
                    action.pop_front();
                    return Ok((nodes, Stop::Else(action)));
                }
                "if" | "with" | "range" => nodes.push(self.block(action)?),
                _ => nodes.push(self.plain(action)?),
            }
        }
        Ok((nodes, Stop::Text))
    }

    fn plain(&mut self, mut action: VecDeque<Token>) -> Result<Node, String> {
        let set = match (action.front(), action.get(1)) {
            (Some(Token::Variable(name, fields)), Some(Token::Set)) if fields.is_empty() => Some(name.clone()),
            _ => None,
        };
        if let Some(name) = set {
            action.drain(..2);
            return Ok(Node::Set(name, self.whole(action)?));
        }
        self.whole(action).map(Node::Print)
    }

    /// `if`, `with` or `range` with all that belongs to it.
    fn block(&mut self, mut action: VecDeque<Token>) -> Result<Node, String> {
        self.deeper()?;
        let keyword = action.pop_front();
        let is = |word: &str| keyword == Some(Token::Word(word.to_owned()));
        let (mut key, mut value) = (None, None);
        if is("range") {
            let mut names = Vec::new();
            for (at, token) in action.iter().enumerate() {
                match token {
                    Token::Variable(name, fields) if fields.is_empty() && at % 2 == 0 => names.push(name.clone()),
                    Token::Comma if at % 2 == 1 => (),
                    _ => break,
                }
            }
            let length = names.len() * 2;
            if !names.is_empty() && action.get(length - 1) == Some(&Token::Set) {
                action.drain(..length);
                value = names.pop();
                key = names.pop();
            }
        }
        let pipeline = self.whole(action)?;
        let (body, end) = self.nodes()?;
        let otherwise = match end {
            Stop::End => Vec::new(),
            Stop::Text => return Err("a block has no `{{end}}`".to_owned()),
            Stop::Else(again) if !again.is_empty() => vec![self.block(again)?],
            Stop::Else(_) => match self.nodes()? {
                (nodes, Stop::End) => nodes,
                _ => return Err("a block has no `{{end}}`".to_owned()),
            },
        };
        self.depth -= 1;
        Ok(if is("if") {
            Node::If(pipeline, body, otherwise)
        } else if is("with") {
            Node::With(pipeline, body, otherwise)
        } else {
            Node::Range(Range {
                key,
                value,
                over: pipeline,
                body,
                otherwise,
            })
        })
    }

    fn whole(&mut self, mut action: VecDeque<Token>) -> Result<Pipeline, String> {
        let (pipeline, close) = self.pipeline(&mut action)?;
        match close {
            None => Ok(pipeline),
            Some(_) => Err("a `)` closes nothing".to_owned()),
        }
    }

    /// A pipeline, up to the end or to a parenthesis that closes it.
    fn pipeline(&mut self, tokens: &mut VecDeque<Token>) -> Result<(Pipeline, Option<Vec<String>>), String> {
        let mut pipeline = Vec::new();
        let mut command = Vec::new();
        let mut closed = None;
        while let Some(token) = tokens.pop_front() {
            match token {
                Token::Word(name) if command.is_empty() => command.push(Operand::Function(name)),
                // A function without arguments.
                Token::Word(name) => command.push(Operand::Field(
                    Start::Group(vec![vec![Operand::Function(name)]]),
                    Vec::new(),
                )),
                Token::Constant(value) => command.push(Operand::Constant(value)),
                Token::Field(fields) => command.push(Operand::Field(Start::Dot, fields)),
                Token::Variable(name, fields) => command.push(Operand::Field(Start::Variable(name), fields)),
                Token::Open => {
                    self.deeper()?;
                    let (inner, close) = self.pipeline(tokens)?;
                    let fields = close.ok_or("a `(` is not closed")?;
                    self.depth -= 1;
                    command.push(Operand::Field(Start::Group(inner), fields));
                }
                Token::Close(fields) => {
                    closed = Some(fields);
                    break;
                }
                Token::Pipe if !command.is_empty() => pipeline.push(std::mem::take(&mut command)),
                Token::Pipe | Token::Comma | Token::Set => return Err("an action makes no sense".to_owned()),
            }
        }
        if command.is_empty() {
            return Err("an action is empty".to_owned());
        }
        pipeline.push(command);
        Ok((pipeline, closed))
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err(format!("its parts are more than {DEEPEST} deep in each other")),
            false => Ok(()),
        }
    }
}
