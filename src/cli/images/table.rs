//! Rows of a list, in the form that was asked for.

use super::super::failure::{Exit, Failure, Usage};
use super::super::print;
use super::super::template::{Template, json};
use serde_json::{Map, Value};

/// A column: the field of a row, and its heading.
pub(super) type Column = (&'static str, &'static str);

/// Prints rows: as a table with these columns, as JSON, or by a template; `headings` has a word for every field.
pub(super) fn show(
    rows: Vec<Value>,
    format: Option<&str>,
    columns: &[&str],
    headings: &[Column],
) -> Result<Exit, Failure> {
    let heading = |field: &str| {
        let known = headings.iter().find(|(it, _)| *it == field);
        known.map_or(field, |(_, heading)| heading).to_owned()
    };
    let format = format.unwrap_or_default().trim();
    match format {
        "" | "table" => {
            let cells = |row: &Value| columns.iter().map(|field| text(&row[*field])).collect();
            let mut table: Vec<Vec<String>> = vec![columns.iter().map(|field| heading(field)).collect()];
            table.extend(rows.iter().map(cells));
            print_table(&table)?;
        }
        "json" | "{{json .}}" => {
            for row in rows {
                print(&json(&row))?;
            }
        }
        _ => {
            let (is_table, format) = match format.strip_prefix("table ") {
                Some(rest) => (true, rest.trim_start()),
                None => (false, format),
            };
            // In lists, shells hand on what other programs would turn into a tab.
            let format = format.replace("\\t", "\t").replace("\\n", "\n");
            let template = Template::parse(&format).map_err(|error| wrong(&error))?;
            let fill = |row: &Value| template.fill(row).map_err(|error| wrong(&error));
            if !is_table {
                for row in &rows {
                    print(&fill(row)?)?;
                }
                return Ok(Exit::Done);
            }
            let names = |rows: Option<&Value>| -> Map<String, Value> {
                let fields = rows.and_then(Value::as_object).into_iter().flatten();
                let known = headings.iter().map(|(field, _)| (*field).to_owned());
                let fields = fields.map(|(field, _)| field.clone()).chain(known);
                fields.map(|field| (field.clone(), heading(&field).into())).collect()
            };
            let mut lines = vec![fill(&Value::Object(names(rows.first())))?];
            for row in &rows {
                lines.push(fill(row)?);
            }
            let table: Vec<Vec<String>> = lines
                .iter()
                .map(|line| line.split('\t').map(str::to_owned).collect())
                .collect();
            print_table(&table)?;
        }
    }
    Ok(Exit::Done)
}

/// A template that can't be used.
pub(super) fn wrong(error: &dyn std::fmt::Display) -> Failure {
    Usage::new(error.to_string()).into()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn print_table(table: &[Vec<String>]) -> Result<(), Failure> {
    let columns = table.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in table {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        print(cells.join("   ").trim_end())?;
    }
    Ok(())
}
