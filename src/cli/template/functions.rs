//! The functions of templates: Go's own, and those that Docker adds.

use super::evaluate::{holds, shown};
use serde_json::Value;
use std::cmp::Ordering;

/// The widest that `printf` and `pad` make anything.
const WIDEST: usize = 10_000;

/// Calls a function.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let wrong = || format!("`{name}` can't be called with these arguments");
    let text = |at: usize| arguments.get(at).and_then(Value::as_str).ok_or_else(wrong);
    let number = |at: usize| {
        let number = arguments.get(at).and_then(Value::as_u64).ok_or_else(wrong)?;
        usize::try_from(number).map_err(|_| wrong())
    };
    let order = |wanted: &[Ordering]| {
        let [a, b] = arguments else { return Err(wrong()) };
        let order = match (a, b) {
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Number(a), Value::Number(b)) => {
                let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
                a.total_cmp(&b)
            }
            _ => return Err(wrong()),
        };
        Ok(Value::from(wanted.contains(&order)))
    };
    match name {
        "json" => Ok(json(arguments.first().ok_or_else(wrong)?).into()),
        "join" => {
            let members = arguments.first().and_then(Value::as_array).ok_or_else(wrong)?;
            let members: Vec<String> = members.iter().map(shown).collect();
            Ok(members.join(text(1)?).into())
        }
        "split" => Ok(text(0)?.split(text(1)?).map(Value::from).collect()),
        "lower" => Ok(text(0)?.to_lowercase().into()),
        "upper" => Ok(text(0)?.to_uppercase().into()),
        "title" => Ok(title(text(0)?).into()),
        "truncate" => Ok(text(0)?.chars().take(number(1)?).collect::<String>().into()),
        "pad" => {
            let pad = |count: usize| " ".repeat(count.min(WIDEST));
            let given = text(0)?;
            match given.is_empty() {
                true => Ok(given.into()),
                false => Ok(format!("{}{given}{}", pad(number(1)?), pad(number(2)?)).into()),
            }
        }
        "len" => match arguments.first().ok_or_else(wrong)? {
            Value::String(text) => Ok(text.len().into()),
            Value::Array(members) => Ok(members.len().into()),
            Value::Object(members) => Ok(members.len().into()),
            Value::Null => Ok(0.into()),
            _ => Err(wrong()),
        },
        "index" => index(arguments),
        "slice" => slice(arguments).ok_or_else(wrong),
        "print" => Ok(arguments.iter().map(shown).collect::<String>().into()),
        "println" => {
            let words: Vec<String> = arguments.iter().map(shown).collect();
            Ok(format!("{}\n", words.join(" ")).into())
        }
        "printf" => printf(text(0)?, &arguments[1..]).map(Value::from),
        "not" => Ok((!holds(arguments.first().ok_or_else(wrong)?)).into()),
        "and" => Ok(arguments
            .iter()
            .find(|it| !holds(it))
            .or(arguments.last())
            .ok_or_else(wrong)?
            .clone()),
        "or" => Ok(arguments
            .iter()
            .find(|it| holds(it))
            .or(arguments.last())
            .ok_or_else(wrong)?
            .clone()),
        "eq" => {
            let (first, rest) = arguments
                .split_first()
                .filter(|(_, rest)| !rest.is_empty())
                .ok_or_else(wrong)?;
            Ok(rest.contains(first).into())
        }
        "ne" => match arguments {
            [a, b] => Ok((a != b).into()),
            _ => Err(wrong()),
        },
        "lt" => order(&[Ordering::Less]),
        "le" => order(&[Ordering::Less, Ordering::Equal]),
        "gt" => order(&[Ordering::Greater]),
        "ge" => order(&[Ordering::Greater, Ordering::Equal]),
        _ => Err(format!("there is no function `{name}`")),
    }
}

/// JSON as Go writes it: what means something in HTML is escaped.
pub(crate) fn json(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let shown = if start { c.to_ascii_uppercase() } else { c };
            start = !c.is_alphanumeric();
            shown
        })
        .collect()
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let (first, rest) = arguments.split_first().ok_or("`index` needs something to look into")?;
    let mut value = first;
    for at in rest {
        value = match (value, at) {
            (Value::Object(members), Value::String(key)) => members.get(key).unwrap_or(&Value::Null),
            (Value::Array(members), Value::Number(number)) => number
                .as_u64()
                .and_then(|it| members.get(usize::try_from(it).ok()?))
                .ok_or_else(|| format!("the index {number} is out of range"))?,
            (Value::Null, _) => &Value::Null,
            _ => return Err(format!("`{}` has no member `{}`", shown(value), shown(at))),
        };
    }
    Ok(value.clone())
}

fn slice(arguments: &[Value]) -> Option<Value> {
    let (first, rest) = arguments.split_first()?;
    let bound = |at: usize, otherwise: usize| match rest.get(at) {
        None => Some(otherwise),
        Some(number) => usize::try_from(number.as_u64()?).ok(),
    };
    match first {
        Value::String(text) => Some(text.get(bound(0, 0)?..bound(1, text.len())?)?.into()),
        Value::Array(members) => Some(members.get(bound(0, 0)?..bound(1, members.len())?)?.to_vec().into()),
        _ => None,
    }
}

/// `%s`, `%v`, `%d`, `%q`, `%t` and `%%`, with `-`, a width and a precision.
fn printf(format: &str, arguments: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut arguments = arguments.iter();
    let mut rest = format;
    while let Some((before, verb)) = rest.split_once('%') {
        out.push_str(before);
        let end = verb
            .find(|c: char| !matches!(c, '-' | '.' | '0'..='9'))
            .unwrap_or(verb.len());
        let (flags, tail) = verb.split_at(end);
        let letter = tail.chars().next().ok_or("`printf` ends in the middle of a verb")?;
        rest = &tail[letter.len_utf8()..];
        if letter == '%' {
            out.push('%');
            continue;
        }
        if !matches!(letter, 's' | 'v' | 'd' | 'q' | 't') {
            return Err(format!("`printf` does not know `%{letter}`"));
        }
        let value = arguments.next().ok_or("`printf` has more verbs than values")?;
        let (width, precision) = flags
            .trim_start_matches('-')
            .split_once('.')
            .unwrap_or((flags.trim_start_matches('-'), ""));
        let mut text = if letter == 'q' {
            Value::from(shown(value)).to_string()
        } else {
            shown(value)
        };
        if let Ok(precision) = precision.parse::<usize>() {
            text = text.chars().take(precision).collect();
        }
        let width = width.parse::<usize>().unwrap_or_default().min(WIDEST);
        match flags.starts_with('-') {
            true => out.push_str(&format!("{text:width$}")),
            false => out.push_str(&format!("{text:>width$}")),
        }
    }
    out.push_str(rest);
    Ok(out)
}
