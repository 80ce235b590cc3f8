//! `varve images`: what is in the store.

use super::arguments::ImagesArguments;
use super::failure::{Exit, Failure};
use super::machine::Machine;
use super::print;
use crate::oci::Reference;
use crate::store::ImageRecord;
use std::time::SystemTime;

pub(super) fn run(arguments: &ImagesArguments) -> Result<Exit, Failure> {
    let store = Machine::store_alone(arguments.store.root.as_deref())?;
    let images = store.images().map_err(|error| Failure::caused(&error, Exit::Failed))?;
    let mut rows: Vec<Row> = images
        .iter()
        .flat_map(|(image, names)| rows(image, names, arguments.no_trunc))
        .collect();
    // The newest first, as everybody's `images` does.
    rows.sort_by(|a, b| (b.seconds, &a.name, &a.tag).cmp(&(a.seconds, &b.name, &b.tag)));
    if arguments.quiet {
        rows.dedup_by(|a, b| a.id == b.id);
        for row in rows {
            print(&row.id)?;
        }
        return Ok(Exit::Done);
    }
    if arguments.format == "json" {
        for row in rows {
            let line = serde_json::json!({
                "name": row.name, "tag": row.tag, "id": row.id, "created": row.created, "size": row.size,
            });
            print(&line.to_string())?;
        }
        return Ok(Exit::Done);
    }
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let table: Vec<[String; 5]> = std::iter::once(["NAME", "TAG", "IMAGE ID", "CREATED", "SIZE"].map(str::to_owned))
        .chain(rows.into_iter().map(|row| {
            let age = age(now - row.seconds);
            [row.name, row.tag, row.id, age, size(row.size)]
        }))
        .collect();
    let width = |column: usize| {
        table
            .iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in &table {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        print(cells.join("   ").trim_end())?;
    }
    Ok(Exit::Done)
}

struct Row {
    name: String,
    tag: String,
    id: String,
    created: String,
    seconds: i64,
    size: u64,
}

fn rows(image: &ImageRecord, names: &[String], whole_id: bool) -> Vec<Row> {
    let row = |name: String, tag: String| Row {
        name,
        tag,
        id: if whole_id {
            image.id.to_string()
        } else {
            image.id.hex()[..12].to_owned()
        },
        created: jiff::Timestamp::from_second(image.created.seconds)
            .map(|time| time.to_string())
            .unwrap_or_default(),
        seconds: image.created.seconds,
        size: image.size,
    };
    if names.is_empty() {
        return vec![row("<none>".to_owned(), "<none>".to_owned())];
    }
    names
        .iter()
        .map(|name| match name.parse::<Reference>() {
            Ok(reference) => {
                let tag = reference.tag().unwrap_or_default().to_owned();
                let whole = reference.familiar();
                let name = whole.strip_suffix(&format!(":{tag}")).unwrap_or(&whole);
                row(name.to_owned(), tag)
            }
            Err(_) => row(name.clone(), String::new()),
        })
        .collect()
}

fn age(seconds: i64) -> String {
    let count = |count: i64, unit: &str| format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" });
    match seconds {
        ..5 => "just now".to_owned(),
        5..120 => count(seconds, "second"),
        120..7_200 => count(seconds / 60, "minute"),
        7_200..172_800 => count(seconds / 3_600, "hour"),
        172_800..1_209_600 => count(seconds / 86_400, "day"),
        1_209_600..5_184_000 => count(seconds / 604_800, "week"),
        5_184_000..63_072_000 => count(seconds / 2_592_000, "month"),
        _ => count(seconds / 31_536_000, "year"),
    }
}

/// In units of 1000, as Docker shows them.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" {
                format!("{bytes}B")
            } else {
                format!("{value:.3}{unit}").replace("000", "")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1}TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let table = [
            (0, "just now"),
            (60, "60 seconds ago"),
            (7_200, "2 hours ago"),
            (200_000, "2 days ago"),
        ];
        for (seconds, text) in table {
            assert_eq!(age(seconds), text);
        }
    }
}
